"""Recovery codes: what opens an account whose authenticator is lost. Shown once, stored hashed, good for once each.

Each has 120 random bits. From 112 on a plain hash protects them (NIST SP 800-63B-4 section 3.1.2.2, look-up secrets):
there is nothing to guess, so nothing that a salt or a slow hash would make harder.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence

COUNT = 10
_BYTES = 15
_GROUP = 4


def new_codes() -> Sequence[str]:
    """As a person reads them: base32 in lower case (it has no 0, 1, 8 or 9), in groups."""
    return [_grouped(base64.b32encode(secrets.token_bytes(_BYTES)).decode().lower()) for _ in range(COUNT)]


def digest(typed: str) -> str:
    """What is stored of a code; case, spaces and hyphens are as people type them."""
    return hashlib.sha256(re.sub(r"[\s-]", "", typed).lower().encode("utf-8", "surrogatepass")).hexdigest()


def _grouped(code: str) -> str:
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))
