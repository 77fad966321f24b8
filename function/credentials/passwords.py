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
from collections.abc import Sequence
from typing import NamedTuple

from function.credentials.engine import BCRYPT, Engine
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


class Claim(NamedTuple):
    """Attributes: password, as it was typed; stored, the hash: None for who is unknown, disabled or has no password."""

    password: str
    stored: str | None


class Verdict(NamedTuple):
    """Whether a password is right.

    Attributes:
        ok: it is.
        stale: the hash is of another recipe, cost or pepper than new ones (N8).
        unusable: why the hash cannot be read (N9).
    """

    ok: bool
    stale: bool = False
    unusable: str = ""


class _Trial(NamedTuple):
    """What bcrypt is asked for a claim. Attributes: counts: it is no dummy; unusable: as `Verdict`'s."""

    secret: bytes
    hashed: bytes
    counts: bool
    unusable: str


class Passwords:
    """Hashing and verifying under one cost and list of peppers, of which the first is for new hashes."""

    def __init__(self, cost: int, peppers: tuple[str, ...] = (), engine: Engine = BCRYPT) -> None:
        self.cost = cost
        self.engine = engine
        keys = [pepper.encode() for pepper in peppers]
        self._keys = {_pepper_id(key): key for key in keys} | {_NO_PEPPER_ID: _NO_PEPPER}
        self._current = _pepper_id(keys[0]) if keys else _NO_PEPPER_ID
        self._nobody = self._prefix + _nobody(cost)

    def hash(self, password: str) -> str:
        """A new stored hash, of a password that policy.py has let pass.

        Raises:
            ValueError: the password is none that may be set (N2, N4); the message says why.
        """
        import bcrypt  # noqa: PLC0415 - see engine.py

        digest = self._digest(self._current, prepare(password))
        return self._prefix + bcrypt.hashpw(digest, bcrypt.gensalt(self.cost)).decode()

    def cost_of(self, stored: str | None) -> int:
        """What `verify` goes by: claims of one cost go together. It depends on the account alone."""
        return _cost(self._recipe(stored)[1])

    def verify(self, claims: Sequence[Claim]) -> list[Verdict]:
        """Whether each password is the one, in one hash's time whatever the reasons to refuse (A1).

        Also of imported hashes of a lower cost: 2^c and the dummies of c, c + 1, ... up to our cost are 2^cost in sum.
        Those of a higher cost take as long as they take, and so tell that they exist until their owners have logged in.

        Args:
            claims: at most the engine's width of them, all of one `cost_of`.
        """
        trials = [self._trial(claim) for claim in claims]
        matched = self.engine.compare([(trial.secret, trial.hashed) for trial in trials])
        if not all(matched):
            for lower in range(_cost(trials[0].hashed), self.cost):
                # As wide as those that they make up for: width is time, too.
                self.engine.compare([(b"", _nobody(lower).encode())] * len(claims))
        return [
            Verdict(ok and trial.counts, self._stale(claim.stored), trial.unusable)
            for claim, trial, ok in zip(claims, trials, matched, strict=True)
        ]

    def readable(self, stored: str) -> bool:
        """Whether `verify` can make anything of a stored hash."""
        return not self._recipe(stored)[2]

    @property
    def _prefix(self) -> str:
        return f"$hs384v1${self._current}"

    def _stale(self, stored: str | None) -> bool:
        return stored is not None and not stored.startswith(f"{self._prefix}$2b${self.cost:02}$")

    def _recipe(self, stored: str | None) -> tuple[str | None, str, str]:
        """As `_read`, but with a dummy for nobody's hash and for one that cannot be used.

        Nothing is raised here and the dummy is read, too, so that all take as long (A1).
        """
        pepper, hashed, unusable = _read(self._nobody if stored is None else stored)
        if pepper is not None and pepper not in self._keys:
            unusable = "the hash was made with a pepper that is not in PEPPER"
        return (self._current, _nobody(self.cost), unusable) if unusable else (pepper, hashed, "")

    def _trial(self, claim: Claim) -> _Trial:
        pepper, hashed, unusable = self._recipe(claim.stored)
        counts = claim.stored is not None and not unusable
        try:
            prepared = prepare(claim.password)
        except ValueError:
            prepared, pepper, hashed, counts = b"", self._current, _nobody(_cost(hashed)), False
        secret = claim.password.encode()[:72] if pepper is None else self._digest(pepper, prepared)
        return _Trial(secret, hashed.encode(), counts, unusable)

    def _digest(self, pepper: str, prepared: bytes) -> bytes:
        return base64.b64encode(hmac.digest(self._keys[pepper], prepared, hashlib.sha384))


def recipe(stored: str) -> tuple[str | None, str]:
    """Read a stored or imported hash: (pepper id, bcrypt hash); the pepper id of another system's hash is None.

    Raises:
        BadHashError: the recipe is unknown or its cost out of bounds (N8); the message does not repeat the hash.
    """
    pepper, hashed, unusable = _read(stored)
    if unusable:
        raise BadHashError(unusable)
    return pepper, hashed


def _read(stored: str) -> tuple[str | None, str, str]:
    """As `recipe`, and why it is none instead of an error."""
    match = _STORED.fullmatch(stored)
    if match is None:
        return None, "", "not a bcrypt hash ($2a$, $2b$ or $2y$), nor one of ours ($hs384v1$)"
    if int(match["cost"]) not in IMPORTED_COSTS:
        bounds = f"{IMPORTED_COSTS[0]} to {IMPORTED_COSTS[-1]}"
        return None, "", f"bcrypt cost {int(match['cost'])} is outside {bounds}"
    # The last character of the salt has four bits too many. Some systems fill them at random; bcrypt here wants zeros.
    start, last, end = match["bcrypt"][:28], match["bcrypt"][28], match["bcrypt"][29:]
    return match["pepper"], start + _ALPHABET[_ALPHABET.index(last) & 0b110000] + end, ""


def _cost(bcrypt_hash: str | bytes) -> int:
    return int(bcrypt_hash[4:6])


def _nobody(cost: int) -> str:
    return f"$2b${cost:02}${_NOBODY}"


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
