"""Which passwords may be set (N1, N2, N4, N5, N6). No rules of composition, and none expires.

What is guessed first is refused, whole and not by its parts (NIST SP 800-63B-4 section 3.1.1.2). Compared after NFC and
case folding, since who guesses tries both cases:

    common      in common-passwords.txt.gz (tools/common-passwords says whence), or in the file of PASSWORD_BLOCKLIST
    repeated    a piece over and over that alone would be too short: "abcabcabcabcabc"
    a sequence  nothing but runs along the keyboard, the alphabet or the digits, or of one key: "qwertyuiop12345"
    a name      hardly more than the user's name, the service's or a word that everybody takes: "alice1234567890"
"""

import functools
import os
import unicodedata
import zlib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from function.credentials.passwords import prepare
from function.errors import PolicyError, SettingsError
from function.settings import Settings

#: What is left of a password without the names in it has to be a password by the lowest setting that there is (N1).
LEAST = 8
#: Shorter names are in every other word, and shorter runs too.
_SHORTEST = 3
# Patterns are what lists of leaked passwords are full of, and they end here: nobody's first guess is 64 times the same.
_LONGEST = 32
_COMMON = Path(__file__).with_name("common-passwords.txt.gz")
_WORDS = ("password", "passwort", "welcome", "letmein", "changeme", "admin", "login", "secret")
_KEYS = (
    *("12345678901234567890", "abcdefghijklmnopqrstuvwxyz"),
    *("qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "qsdfghjklm", "zxcvbnm", "yxcvbnm", "wxcvbn"),
    *("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0"),
    *("zaq1xsw2cde3vfr4bgt5nhy6mju7", "qazwsxedcrfvtgbyhnujmikolp", "qweasdzxc"),
)
_RUNS = "\n".join(keys + "\n" + keys[::-1] for keys in _KEYS)


class Policy:
    """What a password has to be where it is set.

    Raises:
        SettingsError: the file of PASSWORD_BLOCKLIST cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._min_length = settings.password_min_length
        self._names = [settings.client_id, settings.audience, urlsplit(settings.issuer).hostname or ""]
        self._more = Path(settings.password_blocklist) if settings.password_blocklist else None
        if self._more and not os.access(self._more, os.R_OK):
            raise SettingsError(f"PASSWORD_BLOCKLIST must be a file that can be read, not {str(self._more)!r}.")

    def check(self, password: str, name: str) -> None:
        """Let a password pass that the user of this (normalised) name wants to set.

        Raises:
            PolicyError: it may not be set; the message says why, to that person.
        """
        try:
            text = prepare(password).decode()
        except ValueError as error:
            raise PolicyError(str(error)) from None
        if len(text) < self._min_length:
            raise PolicyError(f"the password is shorter than {self._min_length} characters")
        folded = unicodedata.normalize("NFC", text.casefold())
        why = self._guessable(folded) or self._named(folded, [name, name.partition("@")[0], *self._names, *_WORDS])
        if why:
            raise PolicyError(f"the password {why}, which is guessed first")

    def _guessable(self, text: str) -> str:
        if f"\n{text}\n" in _listed(_COMMON) or (self._more and f"\n{text}\n" in _listed(self._more)):
            return "is one of the commonest"
        if not text.isascii() or len(text) > _LONGEST:
            return ""
        if any(text[period:] == text[:-period] for period in self._periods(text)):
            return "repeats one short piece"
        return "is a sequence of keys" if _is_sequence(text) else ""

    def _periods(self, text: str) -> range:
        return range(1, min(self._min_length, len(text) // 2 + 1))

    def _named(self, text: str, names: Iterable[str]) -> str:
        left = text
        for name in sorted({name.casefold() for name in names}, key=len, reverse=True):
            if len(name) >= _SHORTEST:
                left = left.replace(name, "")
        weak = left != text and (len(left) < LEAST or self._guessable(left))
        return "is little more than a name or word that is expected here" if weak else ""


def _is_sequence(text: str) -> bool:
    ends = {0}  # where a run may end, and the next begin
    for start in range(len(text)):
        end = start + _SHORTEST
        while start in ends and end <= len(text) and _is_run(text[start:end]):
            ends.add(end)
            end += 1
    return len(text) in ends


def _is_run(text: str) -> bool:
    return text in _RUNS or text == text[0] * len(text)


@functools.cache
def _listed(file: Path) -> str:
    # One string to search in: a set of the same takes ten times the memory, and passwords are rarely set.
    raw = file.read_bytes()
    text = (zlib.decompress(raw, zlib.MAX_WBITS | 16) if file.suffix == ".gz" else raw).decode(errors="replace")
    return "\n" + unicodedata.normalize("NFC", text.replace("\r\n", "\n").casefold()) + "\n"
