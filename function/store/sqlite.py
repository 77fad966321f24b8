"""SQLite: the embedded database. WAL, and one connection in a lane of one thread.

One thread, because SQLite has one writer anyway, and because on the server's hub its waiting would be everybody's
(S6). Several processes may share the file; a writer waits for another's turn up to BUSY_SECONDS.

`synchronous = NORMAL`: in WAL mode that survives a crash of the process with nothing lost, and a power cut without
corruption, but it may forget the last commits before a power cut. FULL waits for the disk at every login; who needs
that has PostgreSQL.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from function.errors import StoreError
from function.lanes import Lane
from function.store import migrations
from function.store.base import Connection, Row, Value

T = TypeVar("T")

#: Longest wait for another process's transaction; each of ours is a few milliseconds.
BUSY_SECONDS = 10.0


class SqliteConnection:
    """`Connection` over sqlite3."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *parameters: Value) -> Sequence[Row]:
        return self._connection.execute(sql, parameters).fetchall()

    def change(self, sql: str, *parameters: Value) -> int:
        return self._connection.execute(sql, parameters).rowcount


class SqliteDatabase:
    """`Database` over one SQLite file, opened and migrated in its lane.

    Raises:
        StoreError: the folder or file cannot be used; the message says what to do.
    """

    def __init__(self, path: Path, lane: Lane) -> None:
        self._path = path
        self._lane = lane
        self._connection = lane.run(self._open)

    def read(self, work: Callable[[Connection], T]) -> T:
        return self._lane.run(lambda: self._transaction("BEGIN", work))

    def write(self, subject: str, work: Callable[[Connection], T]) -> T:  # noqa: ARG002 - one writer for all subjects
        return self._lane.run(lambda: self._transaction("BEGIN IMMEDIATE", work))

    def close(self) -> None:
        self._lane.run(self._connection.close)

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # The signing key is in it: nobody else's to read. SQLite gives its other files the same mode.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            # Autocommit: transactions are begun and ended here, by name. The lane keeps to one thread at a time.
            connection = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection = connection
            self._prepare(connection)
        except (OSError, sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            raise StoreError(
                f"The database {self._path} cannot be used ({error}): make its folder writable for user id "
                f"{os.geteuid()}, or set DATABASE_URL to a file in a folder that is."
            ) from error
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        if _applied(connection) != migrations.files()[-1][0]:
            self._transaction("BEGIN IMMEDIATE", lambda locked: migrations.missing(locked, _applied(connection)))

    def _transaction(self, begin: str, work: Callable[[Connection], T]) -> T:
        connection = self._connection
        connection.execute(begin)
        try:
            result = work(SqliteConnection(connection))
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return result


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


def _applied(connection: sqlite3.Connection) -> int:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone():
        return 0
    return int(connection.execute("SELECT COALESCE(MAX(number), 0) FROM migrations").fetchone()[0])
