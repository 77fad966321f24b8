"""Access tokens: signed JWTs after RFC 9068, under one ES256 key that all instances share.

Imported late (see service.py): PyJWT and cryptography cost as much as Flask does, and no probe needs them.
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from function.errors import Refusal, StoreError

#: Seconds by which clocks may differ (T1).
LEEWAY = 60
_REQUIRED = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti", "sid"]


def make_key() -> str:
    """A new P-256 private key as PKCS #8 PEM."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


class Tokens:
    """Issues and checks access tokens. The header of each is exactly typ, alg and kid.

    Attributes:
        jwks: the public key set, as /.well-known/jwks.json has it.
    """

    def __init__(self, pem: str, *, issuer: str, audience: str, client_id: str, ttl: int) -> None:
        private = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise StoreError("The signing key in the database is none for ES256: restore the database from a backup.")
        self._private, self._public = private, private.public_key()
        public = jwt.algorithms.ECAlgorithm.to_jwk(self._public, as_dict=True)
        self._kid = thumbprint(public)
        self.jwks = {"keys": [{**public, "kid": self._kid, "use": "sig", "alg": "ES256"}]}
        self._header = {"typ": "at+jwt", "alg": "ES256", "kid": self._kid}
        self._issuer, self._audience, self._client_id = issuer, audience, client_id
        self.ttl = ttl

    def issue(self, user_id: str, session_id: str, now: int) -> str:
        claims = {
            "iss": self._issuer,
            "exp": now + self.ttl,
            "aud": self._audience,
            "sub": user_id,
            "client_id": self._client_id,
            "iat": now,
            "jti": uuid.uuid4().hex,
            "sid": session_id,
        }
        return jwt.encode(claims, self._private, algorithm="ES256", headers=self._header)

    def check(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that this issuer has signed and that is valid now.

        PyJWT checks signature and claims; of the form it lets pass what RFC 8725 does not (padding in base64url,
        further headers such as jku), so the form is held to be exactly the one that `issue` writes.

        Raises:
            Refusal: 401 invalid_token (RFC 6750 section 3.1); the reason is for the log.
        """
        try:
            segments = [_decode(segment) for segment in token.split(".")]
            if sorted(json.loads(segments[0], object_pairs_hook=list)) != sorted(self._header.items()):
                raise jwt.InvalidTokenError("header")  # noqa: TRY301 - one way out for every malformed token
            return jwt.decode(
                token,
                self._public,
                algorithms=["ES256"],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"require": _REQUIRED},
            )
        except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError) as error:
            raise Refusal(
                401,
                "The access token is not valid.",
                code="invalid_token",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
                reason=f"token: {type(error).__name__}",
            ) from None


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638: SHA-256 of the required members of an EC key, in order, without spaces."""
    members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")


def _decode(segment: str) -> bytes:
    """base64url without padding, in its one canonical form (RFC 7515 section 2); ValueError otherwise."""
    raw = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != segment:
        raise ValueError(segment)
    return raw
