"""Access tokens: signed JWTs after RFC 9068, checked as RFC 8725 asks.

Imported late (see service.py): PyJWT and cryptography cost as much as Flask does, and no probe needs them.
"""

import base64
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from function.access.keyring import Keyring
from function.access.rotation import LEEWAY
from function.errors import invalid_token
from function.web import strict_json

TYP = "at+jwt"
#: Ours have about 600 characters (RS256: 850). What is longer is none, and is not looked at.
MAX_LENGTH = 4096
#: The claims that `issue` writes, and their types; `type(x) is`, for True is an int to Python.
CLAIMS: Mapping[str, type] = {
    "iss": str,
    "exp": int,
    "aud": str,
    "sub": str,
    "client_id": str,
    "iat": int,
    "jti": str,
    "sid": str,
}


class Tokens:
    """Issues and checks access tokens. The header of each is exactly typ, alg and kid.

    Attributes:
        keyring: the keys that sign them.
        ttl: their life in seconds.
    """

    def __init__(self, keyring: Keyring, *, issuer: str, audience: str, client_id: str, ttl: int) -> None:
        self.keyring = keyring
        self.ttl = ttl
        self._issuer, self._audience, self._client_id = issuer, audience, client_id

    def issue(self, user_id: str, session_id: str, now: int, amr: Sequence[str] = ("pwd",)) -> str:
        """A token for a session of the user; `now` in Unix seconds.

        `amr`: how the user proved to be the user when the session began (RFC 8176; RFC 9068 section 2.2.1).
        """
        claims = {
            "iss": self._issuer,
            "exp": now + self.ttl,
            "aud": self._audience,
            "sub": user_id,
            "client_id": self._client_id,
            "iat": now,
            "jti": uuid.uuid4().hex,
            "sid": session_id,
            "amr": list(amr),
        }
        return self.keyring.current(now).signer(now).sign(claims, TYP)

    def check(self, token: str, now: int) -> Mapping[str, Any]:
        """The claims of a token that this issuer has signed and that is valid now.

        The form is held to be the one that `issue` writes, so there is nothing that a token could say about how to
        check it: the header names a key of ours, and has nothing else to choose (no jku, jwk, x5u, crit, zip ...); the
        key has one algorithm; each segment is base64url in its one canonical form; JSON members are there once.

        Raises:
            Refusal: 401 invalid_token (RFC 6750 section 3.1); the reason is for the log.
        """
        try:
            return self._checked(token, now)
        except (ValueError, RecursionError) as error:
            why = str(error) if type(error) is ValueError else type(error).__name__
            raise invalid_token(f"token: {why}") from None

    def _checked(self, token: str, now: int) -> Mapping[str, Any]:
        if len(token) > MAX_LENGTH or token.count(".") != 2:
            raise ValueError("not in the form of a token")
        signed, _, signature = token.rpartition(".")
        header, payload = (strict_json.parse(_decode(segment).decode()) for segment in signed.split("."))
        kid = header.get("kid") if isinstance(header, dict) else None
        key = self.keyring.find(kid, now) if isinstance(kid, str) else None
        if key is None:
            raise ValueError("a key that is not ours")
        if header != {"typ": TYP, "alg": key.alg, "kid": key.kid}:
            raise ValueError("another header")
        if not key.verifies(signed.encode(), _decode(signature)):
            raise ValueError("signature")
        if not isinstance(payload, dict) or any(type(payload.get(name)) is not kind for name, kind in CLAIMS.items()):
            raise ValueError("claims")
        if (payload["iss"], payload["aud"]) != (self._issuer, self._audience):
            raise ValueError("another issuer or audience")
        if payload["exp"] + LEEWAY <= now:
            raise ValueError("expired")
        not_before = payload.get("nbf", payload["iat"])
        if type(not_before) is not int or max(payload["iat"], not_before) - LEEWAY > now:
            raise ValueError("not yet valid")
        return payload


def _decode(segment: str) -> bytes:
    """base64url without padding, in its one canonical form (RFC 7515 section 2); ValueError otherwise."""
    raw = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != segment:
        raise ValueError("base64url")
    return raw
