"""SQLite: the embedded database. WAL, and one connection in a lane of one thread.

One thread, because SQLite has one writer anyway, and because on the server's hub its waiting would be everybody's
(S6). Writes that wait for it at the same moment share a transaction (together.py). Several processes may share the
file; a writer waits for another's turn up to BUSY_SECONDS.

`synchronous = NORMAL`: in WAL mode that survives a crash of the process with nothing lost, and a power cut without
corruption, but it may forget the last commits before a power cut. FULL waits for the disk at every login; who needs
that has PostgreSQL.

A full disk, a lock that nobody releases and a file that is gone are answered as such, and each next call tries again.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

from function.errors import StoreError, StoreUnavailableError
from function.pool.lanes import Lane
from function.store import migrations
from function.store.base import QUEUE_SECONDS, Connection, Database, Row, Value
from function.store.together import Take, Together, Unit

T = TypeVar("T")

#: Longest wait for another process's transaction; each of ours is a few milliseconds.
BUSY_SECONDS = 10.0
#: Primary result codes (sqlite.org/rescode.html) that speak of the disk or of other processes, and may pass. The others
#: speak of our SQL.
PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}


class SqliteConnection:
    """`Connection` over sqlite3."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *parameters: Value) -> Sequence[Row]:
        return self._connection.execute(sql, parameters).fetchall()

    def change(self, sql: str, *parameters: Value) -> int:
        return self._connection.execute(sql, parameters).rowcount


class SqliteDatabase(Database):
    """`Database` over one SQLite file, opened and migrated in its lane.

    Raises:
        StoreError: the folder or file cannot be used; the message says what to do.
    """

    def __init__(self, path: Path, lane: Lane) -> None:
        super().__init__(lane)
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._writers = Together(lane.signal, QUEUE_SECONDS)
        lane.run(lambda: self._open(os.O_CREAT))

    def close(self) -> None:
        self._lane.run(self._close)

    def _read(self, work: Callable[[Connection], T]) -> T:
        return self._run("BEGIN", work)

    def _write(self, subject: str, work: Callable[[Connection], T]) -> T:  # noqa: ARG002 - one writer for all subjects
        def turn(take: Take) -> None:
            self._in_turn(lambda: self._run("BEGIN IMMEDIATE", lambda connection: _each(connection, take())))

        return self._writers.run(work, turn)

    def _run(self, begin: str, work: Callable[[Connection], T]) -> T:
        try:
            return _transaction(self._usable(), begin, work)
        except sqlite3.Error as error:
            if not _passing(error):
                raise
            self._close()
            raise StoreUnavailableError(f"{self._path}: {error}") from error

    def _usable(self) -> sqlite3.Connection:
        """The connection to the file that is there now.

        Of a file that was removed or replaced we still hold the old one, and what we wrote to it nobody would find.
        One that is gone is not made anew: an empty folder is a volume that is not mounted, not a wish to start again.
        """
        try:
            if self._connection and self._file == _identity(self._path):
                return self._connection
            self._close()
            return self._open()
        except (OSError, StoreError) as error:
            raise StoreUnavailableError(str(error)) from error

    def _open(self, create: int = 0) -> sqlite3.Connection:
        try:
            if create:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            # The signing key is in it: nobody else's to read. SQLite gives its other files the same mode.
            os.close(os.open(self._path, os.O_RDWR | create, 0o600))
            # Autocommit: transactions are begun and ended here, by name. The lane keeps to one thread at a time.
            self._connection = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            _prepare(self._connection)
            self._file = _identity(self._path)
        except (OSError, sqlite3.DatabaseError) as error:
            self._close()
            raise StoreError(
                f"The database {self._path} cannot be used ({error}): make its folder writable for user id "
                f"{os.geteuid()}, or set DATABASE_URL to a file in a folder that is."
            ) from error
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


def _each(connection: Connection, units: Sequence[Unit[Any]]) -> None:
    """Run units of work in a transaction, each atomic by itself; what fails because of the disk fails all of them."""
    for unit in units:
        if len(units) > 1:
            connection.change("SAVEPOINT unit")
        unit.run(connection)
        if unit.error is not None and (len(units) == 1 or _passing(unit.error)):
            raise unit.error
        if unit.error is not None:
            connection.change("ROLLBACK TO unit")
        if len(units) > 1:
            connection.change("RELEASE unit")


def _passing(error: BaseException) -> bool:
    return isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF in PASSING


def _transaction(connection: sqlite3.Connection, begin: str, work: Callable[[Connection], T]) -> T:
    connection.execute(begin)
    try:
        result = work(SqliteConnection(connection))
        connection.execute("COMMIT")
    except BaseException:
        # After some errors, a full disk among them, SQLite has rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _prepare(connection: sqlite3.Connection) -> None:
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    if not migrations.complete(_applied(connection)):
        _transaction(connection, "BEGIN IMMEDIATE", lambda locked: migrations.missing(locked, _applied(connection)))


def _use_wal(connection: sqlite3.Connection) -> None:
    # The switch to WAL is remembered in the file. SQLite does not wait its turn for it, so where several processes
    # open a new file at once, those who find it locked try again.
    end = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def _applied(connection: sqlite3.Connection) -> Collection[int]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone():
        return ()
    return {number for (number,) in connection.execute("SELECT number FROM migrations")}


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
