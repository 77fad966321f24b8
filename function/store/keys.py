"""SQL on the keys that every instance shares: made in the store, never per instance (T4). See sealing.py for `secret`.

Whoever writes here writes under the one subject KEYS.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from function.access.sealing import Sealer
from function.store.base import Connection, Database

KEYS = "keys"

_ADD = "INSERT INTO keys (purpose, number, secret, created_at, signs_from) VALUES (?, ?, ?, ?, ?)"
_OF = "SELECT purpose, number, secret, created_at, signs_from FROM keys WHERE purpose = ? ORDER BY signs_from, number"
_EVERY = "SELECT purpose, number, secret, created_at, signs_from FROM keys ORDER BY purpose, number"


class Key(NamedTuple):
    """A row of `keys`; times are Unix seconds. `number` counts up within a purpose.

    Attributes:
        secret: the key as text, sealed where a key-encryption key is set.
        signs_from: when a signing key begins to sign.
    """

    purpose: str
    number: int
    secret: str
    created_at: int
    signs_from: int

    @property
    def name(self) -> str:
        """What the row is called, and what its sealed secret is bound to."""
        return name_of(self.purpose, self.number)


def name_of(purpose: str, number: int) -> str:
    return f"{purpose}/{number}"


def of(connection: Connection, purpose: str) -> Sequence[Key]:
    """Those of a purpose, in the order in which they sign."""
    return [Key(*row) for row in connection.rows(_OF, purpose)]  # type: ignore[arg-type]  # the table's types are the class's


def add(connection: Connection, key: Key) -> None:
    connection.change(_ADD, *key)


def remove(connection: Connection, key: Key) -> None:
    connection.change("DELETE FROM keys WHERE purpose = ? AND number = ?", key.purpose, key.number)


def shared(database: Database, sealer: Sealer, purpose: str, make: Callable[[], str], now: int) -> str:
    """The one key of `purpose`; where there is none, one of those who come at once makes it and all get that one."""
    found = database.read(lambda connection: of(connection, purpose))
    if not found:
        made = Key(purpose, 1, sealer.seal(make(), name_of(purpose, 1)), now, now)

        def settle(connection: Connection) -> Sequence[Key]:
            if not of(connection, purpose):
                add(connection, made)
            return of(connection, purpose)

        found = database.write(KEYS, settle)
    return sealer.open(found[0].secret, found[0].name)


def check(database: Database, sealer: Sealer) -> None:
    """See that all keys can be opened, by the names of what they are sealed with.

    Raises:
        StoreError: one can not.
    """
    for key in database.read(_every):
        sealer.check(key.secret)


def reseal(database: Database, sealer: Sealer) -> int:
    """Seal anew what is not sealed with the first key-encryption key; returns how many there were.

    Raises:
        StoreError: one cannot be opened.
    """

    def work(connection: Connection) -> int:
        stale = [key for key in _every(connection) if sealer.stale(key.secret)]
        for key in stale:
            sealed = sealer.seal(sealer.open(key.secret, key.name), key.name)
            connection.change(
                "UPDATE keys SET secret = ? WHERE purpose = ? AND number = ?", sealed, key.purpose, key.number
            )
        return len(stale)

    if not any(sealer.stale(key.secret) for key in database.read(_every)):
        return 0
    return database.write(KEYS, work)


def _every(connection: Connection) -> Sequence[Key]:
    return [Key(*row) for row in connection.rows(_EVERY)]  # type: ignore[arg-type]  # the table's types are the class's
