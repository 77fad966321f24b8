"""Tokens that the true key has signed and that are wrong all the same."""

import base64
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import jwt

from function.access.signing import SigningKey


class Kit(NamedTuple):
    """What an attacker has, and then some: a true token in parts, and the true key."""

    key: SigningKey
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    token: str

    @classmethod
    def of(cls, token: str, key: SigningKey) -> "Kit":
        claims = jwt.decode(token, options={"verify_signature": False})
        return cls(key, jwt.get_unverified_header(token), claims, token)

    def signed(self, header: object = None, claims: object = None) -> str:
        """Any text or document as header and claims, with a true signature."""
        parts = [
            part if isinstance(part, bytes) else json.dumps(part).encode()
            for part in (self.header if header is None else header, self.claims if claims is None else claims)
        ]
        return self.raw(*(encoded(part) for part in parts))

    def raw(self, header: str, payload: str) -> str:
        signature = jwt.get_algorithm_by_name(self.key.alg).sign(f"{header}.{payload}".encode(), self.key.private)
        return f"{header}.{payload}.{encoded(signature)}"

    def with_header(self, **more: object) -> str:
        return self.signed(header={**self.header, **more})

    def with_claims(self, **more: object) -> str:
        return self.signed(claims={**self.claims, **more})

    def without(self, claim: str) -> str:
        return self.signed(claims={name: value for name, value in self.claims.items() if name != claim})


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
