"""Keys at rest: sealed with a key-encryption key (KEK) where KEY_ENCRYPTION_KEY is set, else as they are (T4).

    sealed = "aes256gcm$" <KEK id> "$" base64url( nonce (12) | ciphertext | tag (16) )

The name of the row is the associated data, so a sealed key that is moved to another row does not open. A random nonce
is enough: 2^32 of them are safe under one KEK (NIST SP 800-38D section 8.3), and a row is sealed a few times a year.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence

from function.errors import StoreError

_PREFIX = "aes256gcm"
_NONCE_BYTES = 12


class Sealer:
    """Seals under the first of `keks` (32 bytes each) and opens under any of them; none: leaves keys as they are.

    cryptography is imported when something is sealed or opened, and not for `check`: that is part of a cold start.
    """

    def __init__(self, keks: Sequence[bytes]) -> None:
        self._keks = {_kek_id(kek): kek for kek in keks}
        self._current = next(iter(self._keks), None)

    def seal(self, secret: str, name: str) -> str:
        if self._current is None:
            return secret
        nonce = os.urandom(_NONCE_BYTES)
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        sealed = nonce + AESGCM(self._keks[self._current]).encrypt(nonce, secret.encode(), name.encode())
        return f"{_PREFIX}${self._current}${base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, secret: str, name: str) -> str:
        """The key in a row's secret.

        Raises:
            StoreError: it is sealed with a KEK that is not ours, or was changed or moved.
        """
        kek = self.check(secret)
        if kek is None:
            return secret
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        raw = base64.urlsafe_b64decode(secret.rpartition("$")[2])
        try:
            return AESGCM(kek).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], name.encode()).decode()
        except (InvalidTag, ValueError):
            raise StoreError(
                f"The key {name} in the database was changed or moved: restore the database from a backup."
            ) from None

    def check(self, secret: str) -> bytes | None:
        """The KEK that a row's secret is sealed with; None where it is not sealed.

        Raises:
            StoreError: it is not among ours.
        """
        if not secret.startswith(f"{_PREFIX}$"):
            return None
        kek = self._keks.get(secret.split("$")[1])
        if kek is None:
            raise StoreError(
                "KEY_ENCRYPTION_KEY must list the key that the keys in the database were encrypted with: "
                + ("it lists others." if self._keks else "it is not set.")
            )
        return kek

    def stale(self, secret: str) -> bool:
        """Whether `seal` would seal it under another KEK, or at all."""
        return self._current is not None and not secret.startswith(f"{_PREFIX}${self._current}$")


def _kek_id(kek: bytes) -> str:
    # A name that the sealed text can carry, and from which the KEK cannot be had.
    return hmac.digest(kek, b"kek id", hashlib.sha256)[:4].hex()
