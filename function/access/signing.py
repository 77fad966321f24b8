"""Signing keys: private key <-> PEM, public JWK, kid. One algorithm a kind of key, and no others (T1, T2).

Imported late (see service.py): PyJWT and cryptography cost as much as Flask does, and no probe needs them.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from function.errors import StoreError

#: RFC 7518 section 3.3 asks for 2048 or more; a key is rotated long before more is needed.
RSA_BITS = 2048


class Algorithm(NamedTuple):
    """How to make a key for it, how to tell one, and the members of a thumbprint (RFC 7638 section 3.2)."""

    make: Callable[[], Any]
    fits: Callable[[Any], bool]
    members: tuple[str, ...]


ALGORITHMS: Mapping[str, Algorithm] = {
    "ES256": Algorithm(
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda key: isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1),
        ("crv", "kty", "x", "y"),
    ),
    "EdDSA": Algorithm(
        ed25519.Ed25519PrivateKey.generate,
        lambda key: isinstance(key, ed25519.Ed25519PrivateKey),
        ("crv", "kty", "x"),
    ),
    "RS256": Algorithm(
        lambda: rsa.generate_private_key(65537, RSA_BITS),
        lambda key: isinstance(key, rsa.RSAPrivateKey) and key.key_size >= RSA_BITS,
        ("e", "kty", "n"),
    ),
}


class SigningKey(NamedTuple):
    """A key, ready for use. `alg` is by the kind of key; nothing that a token says can change it.

    Attributes:
        jwk: the public half as it is published.
        signs_from: Unix seconds.
    """

    kid: str
    alg: str
    private: Any
    jwk: Mapping[str, str]
    signs_from: int

    def sign(self, claims: Mapping[str, Any], typ: str) -> str:
        """A JWS in compact form whose header is exactly typ, alg and kid."""
        return jwt.encode(
            dict(claims), self.private, algorithm=self.alg, headers={"typ": typ, "alg": self.alg, "kid": self.kid}
        )

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        return jwt.get_algorithm_by_name(self.alg).verify(signed, self.private.public_key(), signature)


def make(alg: str) -> str:
    """A new private key as PKCS #8 PEM."""
    private = ALGORITHMS[alg].make()
    pem: bytes = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def load(pem: str, signs_from: int) -> SigningKey:
    """Read what `make` has made.

    Raises:
        StoreError: it is no key for one of the algorithms.
    """
    try:
        private: Any = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        private = None
    for alg, algorithm in ALGORITHMS.items():
        if algorithm.fits(private):
            jwk = jwt.get_algorithm_by_name(alg).to_jwk(private.public_key(), as_dict=True)
            public = {name: jwk[name] for name in algorithm.members}
            kid = thumbprint(public)
            return SigningKey(kid, alg, private, {**public, "kid": kid, "use": "sig", "alg": alg}, signs_from)
    raise StoreError(f"A signing key in the database is none for {', '.join(ALGORITHMS)}: restore it from a backup.")


def thumbprint(public: Mapping[str, str]) -> str:
    """RFC 7638: SHA-256 of the required members of a public JWK, in order, without spaces."""
    members = json.dumps(public, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")
