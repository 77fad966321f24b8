"""Challenges: what stands between a right password and the code that is still to come.

    challenge = "lfm1_" base64url( id (16) | expires at (8) | password (16) | user id | MAC (16) )
    MAC       = HMAC-SHA-256(key of the store, all that comes before), cut to 128 bits
    password  = SHA-256 of the hash that the password was checked against, cut to 128 bits

It says that somebody knew the password, and nothing else takes it: it is no JWT, let alone an at+jwt, and no refresh
token. Nothing is stored of it until it has led to a login, so right passwords alone write nothing. With another
password set meanwhile it is void.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import NamedTuple

from function.errors import Refusal
from function.store.users import User

_PREFIX = "lfm1_"
_MAC_BYTES = 16
_ID, _EXPIRES, _PASSWORD, _USER = slice(16), slice(16, 24), slice(24, 40), slice(40, -_MAC_BYTES)


class Challenge(NamedTuple):
    """What a challenge says, once its MAC holds. `expires_at` is in Unix seconds."""

    id: str
    user_id: str
    expires_at: int
    password: bytes

    def fits(self, user: User) -> bool:
        """Whether the user still is as when the password was right."""
        return user.disabled_at is None and self.password == _password(user)


class Challenges:
    """Makes and reads challenges. Times are Unix seconds."""

    def __init__(self, key: bytes, ttl: int) -> None:
        self._key = key
        self.ttl = ttl

    def issue(self, user: User, now: int) -> str:
        """A challenge for a user whose password, of the hash in this row, was right."""
        expires_at = (now + self.ttl).to_bytes(8, "big")
        body = secrets.token_bytes(16) + expires_at + _password(user) + user.id.encode()
        return _PREFIX + base64.urlsafe_b64encode(body + self._mac(body)).decode().rstrip("=")

    def read(self, token: str, now: int) -> Challenge:
        """What a challenge says.

        Raises:
            Refusal: 401, whatever is wrong with it; the reason is for the log.
        """
        encoded = token.removeprefix(_PREFIX)
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise invalid("malformed challenge") from None
        if not hmac.compare_digest(raw[-_MAC_BYTES:], self._mac(raw[:-_MAC_BYTES])):
            raise invalid("forged challenge")
        expires_at = int.from_bytes(raw[_EXPIRES], "big")
        if expires_at <= now:
            raise invalid("expired challenge")
        return Challenge(raw[_ID].hex(), raw[_USER].decode(), expires_at, raw[_PASSWORD])

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)[:_MAC_BYTES]


def invalid(reason: str) -> Refusal:
    """The one answer to a challenge that is none, or no more."""
    return Refusal(
        401,
        "The challenge is not valid, or not any more: log in again.",
        headers={"WWW-Authenticate": 'Bearer realm="login"'},
        reason=reason,
        members={"error": "invalid_challenge"},
    )


def _password(user: User) -> bytes:
    return hashlib.sha256((user.password_hash or "").encode()).digest()[:16]
