"""OIDC tokens of senders of events: what Knative Eventing sends along where its feature `authentication-oidc` is on.

They are a cluster's service account tokens: JWTs that the API server signs for one audience. Knative says how
(pkg/auth/verifier.go in knative.dev/eventing); here as there issuer, audience and signature have to be right, and who
may send is a list, for every pod can have a token for any audience. Supported are RS256, which API servers sign with,
and ES256; the keys come from a URL or a file, so a token is never sent anywhere to be reviewed.

Imported late (see service.py): PyJWT and cryptography cost as much as Flask does.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from function import logs
from function.access.rotation import LEEWAY
from function.errors import Refusal, invalid_token
from function.eventing.event_settings import EventSettings
from function.pool.lanes import Lane
from function.web.strict_json import parse

#: How old the keys may be, and how soon after a look a key that was not among them is worth another, in seconds.
KEYS_MAX_AGE, KEYS_AGAIN = 300.0, 10.0
#: Longest wait for the keys in seconds, and most bytes of them: an API server has two or three keys of 500.
FETCH_SECONDS, FETCH_BYTES = 5.0, 262_144
#: RSA keys shorter than this can be broken (NIST SP 800-131A).
MIN_RSA_BITS = 2048
_REQUIRED = ["iss", "aud", "exp", "iat", "sub"]


class Key(NamedTuple):
    """A public key, and the one algorithm that it is for."""

    algorithm: str
    public: Any


class Senders:
    """Checks tokens against the settings; fetches and keeps the keys."""

    def __init__(self, settings: EventSettings, lane: Lane) -> None:
        self._settings = settings
        self._lane = lane
        self._keys: Mapping[str, Key] = {}
        self._looked = float("-inf")
        self._lost = ""

    def check(self, token: str) -> str:
        """The sender (`sub`) of a token.

        Raises:
            Refusal: 401 for whatever is wrong with it, 503 where the keys cannot be had.
        """
        settings = self._settings
        try:
            header = jwt.get_unverified_header(token)
            key = self._key(str(header.get("kid", "")))
            claims = jwt.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                audience=settings.events_audience,
                issuer=settings.events_issuer,
                leeway=LEEWAY,
                options={"require": _REQUIRED},
            )
        except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError) as error:
            raise invalid_token(f"sender's token: {type(error).__name__}") from None
        sender = str(claims["sub"])
        if not any(allows(pattern, sender) for pattern in settings.events_senders):
            raise invalid_token("sender is not in EVENTS_SENDERS")
        return sender

    def _key(self, kid: str) -> Key:
        if self._due(kid):
            self._lane.run(lambda: self._look(kid))
        if not self._keys:
            raise Refusal(
                503,
                "The sender's token cannot be checked at the moment.",
                headers={"Retry-After": str(int(KEYS_AGAIN))},
                reason=f"EVENTS_KEYS: {self._lost}",
            )
        if kid not in self._keys:
            raise jwt.InvalidTokenError("kid")
        return self._keys[kid]

    def _due(self, kid: str) -> bool:
        return time.monotonic() - self._looked > (KEYS_MAX_AGE if kid in self._keys else KEYS_AGAIN)

    def _look(self, kid: str) -> None:
        if not self._due(kid):
            return  # another request has looked, while this one waited for the lane
        try:
            self._keys = usable(parse(self._fetched().decode()))
            self._lost = "no usable key"
        except (OSError, ValueError, RecursionError) as error:
            # What was good until now stays; and nobody who sends nonsense has us try again at once.
            self._lost = str(error)
            logs.line("WARNING", "EVENTS_KEYS cannot be had", reason=self._lost)
        self._looked = time.monotonic()

    def _fetched(self) -> bytes:
        from function.web.outbound import authorities, exchange  # noqa: PLC0415 - for those who fetch

        where = self._settings.events_keys
        if where.startswith("/"):
            return Path(where).read_bytes()
        trusted = authorities(file=self._settings.events_authorities)
        headers = {}
        if self._settings.events_keys_token_file:
            headers["Authorization"] = f"Bearer {Path(self._settings.events_keys_token_file).read_text().strip()}"
        answer = exchange(where, headers, seconds=FETCH_SECONDS, most=FETCH_BYTES, trusted=trusted)
        if answer.status != 200:
            raise OSError(f"HTTP {answer.status}")
        return answer.body


def allows(pattern: str, sender: str) -> bool:
    """A word of EVENTS_SENDERS: a `sub`, or how it begins."""
    return sender.startswith(pattern[:-1]) if pattern.endswith("*") else sender == pattern


def usable(document: Any) -> dict[str, Key]:
    """The keys of a JWK Set (RFC 7517) that may verify a signature here, by kid; others are passed over.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("not a JWK Set")  # noqa: TRY004 - as malformed as any other
    found = {}
    for jwk in document["keys"]:
        key = _usable(jwk) if isinstance(jwk, dict) else None
        if key is not None:
            found[str(jwk.get("kid", ""))] = key
    return found


def _usable(jwk: Mapping[str, Any]) -> Key | None:
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]) or "d" in jwk:
        return None
    try:
        if jwk.get("kty") == "RSA" and jwk.get("alg", "RS256") == "RS256":
            rsa_key = jwt.algorithms.RSAAlgorithm.from_jwk(json.dumps(jwk))
            good = isinstance(rsa_key, rsa.RSAPublicKey) and rsa_key.key_size >= MIN_RSA_BITS
            return Key("RS256", rsa_key) if good else None
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256" and jwk.get("alg", "ES256") == "ES256":
            ec_key = jwt.algorithms.ECAlgorithm.from_jwk(json.dumps(jwk))
            return Key("ES256", ec_key) if isinstance(ec_key, ec.EllipticCurvePublicKey) else None
    except (jwt.InvalidKeyError, ValueError, TypeError):
        return None
    return None
