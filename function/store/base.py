"""The one small interface of a database. Work on it is a function of a connection, run in a transaction, on a lane."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
Value = str | int | None
Row = tuple[Value, ...]


class Connection(Protocol):
    """What the SQL in this package is written on. Parameters are `?`; rows are tuples."""

    def rows(self, sql: str, *parameters: Value) -> Sequence[Row]: ...

    def change(self, sql: str, *parameters: Value) -> int:
        """Run a statement that writes, and return how many rows it touched."""
        ...


class Database(Protocol):
    """A database that was opened and has the latest schema. `work` must not wait for anything but the connection.

    A connection is held while `work` runs and no longer: never while a password is hashed (S6).
    """

    def read(self, work: Callable[[Connection], T]) -> T: ...

    def write(self, subject: str, work: Callable[[Connection], T]) -> T:
        """As `read`, and one at a time for each `subject` across all instances.

        What `work` reads about its subject (a session's id, a user's name ...) holds until it has written. What it does
        to others has to be right whatever they do meanwhile. It may be run more than once.
        """
        ...

    def close(self) -> None: ...
