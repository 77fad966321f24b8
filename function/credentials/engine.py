"""What compares passwords with bcrypt hashes: two engines that give the same answers.

`bcrypt` is pyca/bcrypt, a hash at a time. `interleaved` is the extension beside this file: it takes the rounds of up to
`width` hashes of one cost in turns, in about the time that one of them takes alone, because a core has nothing to do
while one waits for its tables. It is there where a compiler was when this was installed. New hashes are pyca's under
both. Neither is loaded before it has something to do.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from function.errors import SettingsError


class Engine(NamedTuple):
    """Attributes: name, of HASH_ENGINE; width: hashes at a time; compare: see `_one_by_one`."""

    name: str
    width: int
    compare: Callable[[list[tuple[bytes, bytes]]], list[bool]]


def _one_by_one(pairs: Sequence[tuple[bytes, bytes]]) -> list[bool]:
    """Whether each (secret, bcrypt hash) belongs together: at most `width` of them, all of one cost."""
    import bcrypt  # noqa: PLC0415 - a cold start is for whoever asks something else

    def matches(secret: bytes, hashed: bytes) -> bool:
        try:
            return bcrypt.checkpw(secret, hashed)
        except ValueError:
            return False

    return [matches(*pair) for pair in pairs]


BCRYPT = Engine("bcrypt", 1, _one_by_one)


def choose(name: str) -> Engine:
    """The engine for a value of HASH_ENGINE.

    Raises:
        SettingsError: it has to be the interleaved one, and that was not built.
    """
    if name == BCRYPT.name:
        return BCRYPT
    try:
        built = importlib.import_module("function.credentials._interleaved")
    except ImportError:
        if name == "auto":
            return BCRYPT
        raise SettingsError(
            "HASH_ENGINE is interleaved, which was not built here: install again where there is a C compiler, or set "
            "HASH_ENGINE=auto."
        ) from None
    return Engine("interleaved", built.WIDTH, built.verify_many)
