"""How a password becomes a stored hash, and back to a yes or no (N2, N3, N4, N7, N8, N9).

    stored = "$hs384v1$" <pepper id> <bcrypt hash of base64(HMAC-SHA-384(pepper, NFC(password)))>

The HMAC makes 64 characters of any password, so bcrypt's limit of 72 bytes never cuts one off, and 48 bytes of base64
hold no NUL. A scheme prefix names the recipe, so that a later one can stand beside it. Hashes of other systems
("$2a$", "$2b$", "$2y$" as they are) verify as those systems did it, cut off at 72 bytes, and are made anew at the
next login.
"""

import base64
import hashlib
import hmac
import re
import string
import unicodedata
from typing import NamedTuple

import bcrypt

from function.errors import BadHashError

#: Longest password in bytes of UTF-8 (N2): enough for 64 code points of any script, small enough to normalise at once.
MAX_BYTES = 1024
#: Costs that are taken over from other systems (N8): below 4 bcrypt does not go, above 15 one login is 2 s of a core.
IMPORTED_COSTS = range(4, 16)

# Controls, halves of surrogate pairs, unassigned and private code points, line and paragraph separators. An unassigned
# one might come to mean something that NFC writes in another way, and its owner would be locked out.
_REFUSED = {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}
# Set aside for emoji, assigned or not, which NFC leaves alone: phones know them years before Python's tables do.
_PICTOGRAPHS = range(0x1F000, 0x1FB00)
# HMAC key where no pepper is set: public, so it adds no secret, but it keeps these digests apart from everybody else's.
_NO_PEPPER = b"login-function hs384v1"
_NO_PEPPER_ID = "0"
_ALPHABET = "./" + string.ascii_uppercase + string.ascii_lowercase + string.digits
_STORED = re.compile(
    r"(?:\$hs384v1\$(?P<pepper>[0-9a-f]+))?(?P<bcrypt>\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53})"
)
# 22 characters of salt and 31 of digest that no password is known to have.
_NOBODY = "." * 22 + "NobodyHasThisPassword.........."


class Verdict(NamedTuple):
    """Attributes: ok, and `fresh`, the hash to store instead of one of another recipe, cost or pepper."""

    ok: bool
    fresh: str | None = None


class Passwords:
    """Hashing and verifying under one cost and list of peppers, of which the first is for new hashes."""

    def __init__(self, cost: int, peppers: tuple[str, ...] = ()) -> None:
        self.cost = cost
        keys = [pepper.encode() for pepper in peppers]
        self._keys = {_pepper_id(key): key for key in keys} | {_NO_PEPPER_ID: _NO_PEPPER}
        self._current = _pepper_id(keys[0]) if keys else _NO_PEPPER_ID
        self._nobody = f"{self._prefix}$2b${cost:02}${_NOBODY}"

    def hash(self, password: str) -> str:
        """A new stored hash, of a password that policy.py has let pass.

        Raises:
            ValueError: the password is none that may be set (N2, N4); the message says why.
        """
        digest = self._digest(self._current, prepare(password))
        return self._prefix + bcrypt.hashpw(digest, bcrypt.gensalt(self.cost)).decode()

    def verify(self, password: str, stored: str | None) -> Verdict:
        """Whether `password` is the one. Takes one hash's time whatever the reason to refuse (A1).

        Also of an imported hash of a lower cost: 2^c and the dummies of c, c + 1, ... up to our cost are 2^cost in sum.
        One of a higher cost takes as long as it takes, and so tells that it exists until its owner has logged in.

        Args:
            password: as it was typed.
            stored: the user's hash; None for a user who is unknown, disabled or has no password.

        Raises:
            BadHashError: `stored` cannot be read; after the same time.
        """
        try:
            prepared = prepare(password)
        except ValueError:
            prepared, stored = b"", None
        compared = self._nobody if stored is None else stored
        try:
            ok = self._matches(compared, password, prepared) and stored is not None
        except BadHashError:
            self._matches(self._nobody, password, b"")
            raise
        if not ok:
            for cost in range(_cost(compared), self.cost):
                bcrypt.checkpw(b"", f"$2b${cost:02}${_NOBODY}".encode())
        stale = not compared.startswith(f"{self._prefix}$2b${self.cost:02}$")
        return Verdict(ok, self.hash(password) if ok and stale else None)

    def readable(self, stored: str) -> bool:
        """Whether `verify` can make anything of a stored hash."""
        try:
            pepper, _ = recipe(stored)
        except BadHashError:
            return False
        return pepper is None or pepper in self._keys

    @property
    def _prefix(self) -> str:
        return f"$hs384v1${self._current}"

    def _matches(self, stored: str, password: str, prepared: bytes) -> bool:
        pepper, bcrypt_hash = recipe(stored)
        if pepper is None:
            return bcrypt.checkpw(password.encode()[:72], bcrypt_hash.encode())
        if pepper not in self._keys:
            raise BadHashError("the hash was made with a pepper that is not in PEPPER")
        return bcrypt.checkpw(self._digest(pepper, prepared), bcrypt_hash.encode())

    def _digest(self, pepper: str, prepared: bytes) -> bytes:
        return base64.b64encode(hmac.digest(self._keys[pepper], prepared, hashlib.sha384))


def recipe(stored: str) -> tuple[str | None, str]:
    """Read a stored or imported hash: (pepper id, bcrypt hash); the pepper id of another system's hash is None.

    Raises:
        BadHashError: the recipe is unknown or its cost out of bounds (N8); the message does not repeat the hash.
    """
    match = _STORED.fullmatch(stored)
    if match is None:
        raise BadHashError("not a bcrypt hash ($2a$, $2b$ or $2y$), nor one of ours ($hs384v1$)")
    if int(match["cost"]) not in IMPORTED_COSTS:
        raise BadHashError(f"bcrypt cost {int(match['cost'])} is outside {IMPORTED_COSTS[0]} to {IMPORTED_COSTS[-1]}")
    # The last character of the salt has four bits too many. Some systems fill them at random; bcrypt here wants zeros.
    start, last, end = match["bcrypt"][:28], match["bcrypt"][28], match["bcrypt"][29:]
    return match["pepper"], start + _ALPHABET[_ALPHABET.index(last) & 0b110000] + end


def _cost(stored: str) -> int:
    return int(stored.rpartition("$")[0][-2:])


def prepare(password: str) -> bytes:
    """The OpaqueString profile of RFC 8265 section 4.2: spaces become U+0020, then NFC; width and case stay.

    Of what RFC 8264's FreeformClass disallows, controls and their like are refused (_REFUSED). Format characters are
    not, though it disallows most of them: emoji are made of them.

    Raises:
        ValueError: it is empty, too long, or holds a character of that kind; the message is one for who typed it.
    """
    # Before any work is done on it: NFC sorts combining marks in quadratic time. Nothing becomes less than a third of
    # its bytes; Greek letters with two marks, Hangul of three parts and ideographic spaces become that much.
    if len(password.encode(errors="surrogatepass")) > 3 * MAX_BYTES:
        raise ValueError(f"the password is longer than {MAX_BYTES} bytes")
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password)
    text = unicodedata.normalize("NFC", spaced)
    if not text:
        raise ValueError("the password is empty")
    if any(unicodedata.category(char) in _REFUSED and ord(char) not in _PICTOGRAPHS for char in text):
        raise ValueError("the password holds a control character, or one that means nothing in Unicode")
    encoded = text.encode()
    if len(encoded) > MAX_BYTES:
        raise ValueError(f"the password is longer than {MAX_BYTES} bytes")
    return encoded


def _pepper_id(key: bytes) -> str:
    # A name for the pepper that the hash can carry, and from which the pepper cannot be had.
    return hmac.digest(key, b"pepper id", hashlib.sha256)[:4].hex()
