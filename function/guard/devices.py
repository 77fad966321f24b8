"""Device tokens: what tells a client that has logged in before from a stranger (A3), after OWASP's device cookies.

    token = "lfd1_" base64url( device (16) | issued at (8) | MAC (16) )
    MAC   = HMAC-SHA-256(key of the store, account | all that comes before), cut to 128 bits

It logs nobody in. An attempt with one is counted by the device's own bucket, so that floods from elsewhere do not shut
it out; a token that was stolen is good for as many guesses as a stranger has, and for none at another account. A new
password ends all that were issued before it: whoever knew the old one could have any number of devices made known.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import NamedTuple

#: The cookie's name. Clients without a cookie jar send it back as `Cookie: login_device=...`.
COOKIE = "login_device"
_PREFIX = "lfd1_"
_MAC_BYTES = 16
_BODY_BYTES = 16 + 8


class Device(NamedTuple):
    """What a token says. `id` is 32 hex digits, `issued_at` in Unix seconds."""

    id: str
    issued_at: int


class Devices:
    """Makes and reads device tokens. Times are Unix seconds."""

    def __init__(self, key: bytes, lifetime: int) -> None:
        self._key = key
        self.lifetime = lifetime

    def token(self, account: str, device: str, now: int) -> str:
        """A token for a device (32 hex digits; empty: a new one) at which somebody has just logged in."""
        body = (bytes.fromhex(device) or secrets.token_bytes(16)) + now.to_bytes(8, "big")
        return _PREFIX + base64.urlsafe_b64encode(body + self._mac(account, body)).decode().rstrip("=")

    def device(self, account: str, token: str, now: int) -> Device | None:
        """The device that the token is for; None where it is none, of another account, or too old."""
        encoded = token.removeprefix(_PREFIX)
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        body, mac = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
        if not hmac.compare_digest(mac, self._mac(account, body)):
            return None
        issued = int.from_bytes(body[16:], "big")
        return Device(body[:16].hex(), issued) if now - issued < self.lifetime else None

    def _mac(self, account: str, body: bytes) -> bytes:
        return hmac.digest(self._key, account.encode() + body, hashlib.sha256)[:_MAC_BYTES]
