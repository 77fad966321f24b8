"""The one small interface of a database. Work on it is a function of a connection, run in a transaction, on a lane."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from function.errors import StoreUnavailableError
from function.pool.lanes import Lane, LaneBusyError

T = TypeVar("T")
Value = str | int | None
Row = tuple[Value, ...]

#: Longest wait for a thread of the lane, and so for a connection: as long as a login may take (LOGIN_DEADLINE).
QUEUE_SECONDS = 10.0


class Connection(Protocol):
    """What the SQL in this package is written on. Parameters are `?`; rows are tuples."""

    def rows(self, sql: str, *parameters: Value) -> Sequence[Row]: ...

    def change(self, sql: str, *parameters: Value) -> int:
        """Run a statement that writes, and return how many rows it touched."""
        ...


class Database(ABC):
    """A database that was opened and has the latest schema. `work` must not wait for anything but the connection.

    A connection is held while `work` runs and no longer: never while a password is hashed (S6).

    Every method raises StoreUnavailableError while the database is lost, and goes on by itself when it is back.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._write_failed = False

    def read(self, work: Callable[[Connection], T]) -> T:
        return self._in_turn(lambda: self._read(work))

    def write(self, subject: str, work: Callable[[Connection], T]) -> T:
        """As `read`, and one at a time for each `subject` across all instances.

        What `work` reads about its subject (a session's id, a user's name ...) holds until it has written. What it does
        to others has to be right whatever they do meanwhile. It may be run more than once.

        Raises:
            StoreUnavailableError: nothing was written; lost in the very moment of the commit, nobody knows.
        """
        try:
            result = self._write(subject, work)
        except StoreUnavailableError:
            self._write_failed = True
            raise
        self._write_failed = False
        return result

    def check(self) -> None:
        """Return where it answers; after a write that failed (a full disk can be read) only where it can be written."""
        if self._write_failed:
            self.write("check", lambda connection: connection.change("UPDATE migrations SET name = name"))
        else:
            self.read(lambda connection: connection.rows("SELECT 1"))

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _read(self, work: Callable[[Connection], T]) -> T: ...

    @abstractmethod
    def _write(self, subject: str, work: Callable[[Connection], T]) -> T:
        """See `write`; it takes its turn itself."""

    def _in_turn(self, work: Callable[[], T]) -> T:
        try:
            return self._lane.run(work, timeout=QUEUE_SECONDS)
        except LaneBusyError:
            raise no_turn() from None


def no_turn() -> StoreUnavailableError:
    return StoreUnavailableError(f"no connection became free within {QUEUE_SECONDS:g} s")
