"""PostgreSQL: the database of several machines. A few connections, each used on a native thread of the lane.

A write takes an advisory lock on its subject before its first statement. At READ COMMITTED each statement sees what was
committed before it began, so after the lock it sees what earlier holders wrote. Begin, limits and lock are one round
trip, and nothing outlives the transaction, so a pooler in between (PgBouncer in transaction mode) does no harm.

A connection that idled through a restart of the server is noticed by the first statement and replaced, once. Whatever
is lost later is answered as lost: what became of a commit without an answer, nobody here knows.

Imported late (see locate.py): psycopg costs as much as Flask does.
"""

import hashlib
import re
import time
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.numeric import Int8Dumper

from function.errors import SettingsError, StoreError, StoreUnavailableError
from function.pool.lanes import Lane
from function.store import migrations
from function.store.base import Connection, Database, Row, Value

T = TypeVar("T")

#: Longest statement, and longest wait for another instance's turn on a subject; each of ours is a few milliseconds.
STATEMENT_SECONDS = 10
#: The same while the schema is made: the others that start wait for the one who makes it.
MIGRATION_SECONDS = 300
#: How much later than the server ends a statement a server counts as gone that says nothing at all (frozen, cut off).
SILENCE_SECONDS = 2
#: How often a transaction is tried that PostgreSQL gives up for the sake of another (deadlock, serialisation).
ATTEMPTS = 5
#: After a connection could not be made, those who come within this time are told so at once: the line empties.
LOST_SECONDS = 1.0
#: libpq's options where the URL names none. A network that swallows packets is noticed within about 10 s.
OPTIONS = {
    "application_name": "login-function",
    "client_encoding": "UTF8",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "10000",
}

#: What a session that was ended while it idled says: admin_shutdown, crash_shutdown, cannot_connect_now,
#: idle_session_timeout, or nothing at all.
_ENDED = {"57P01", "57P02", "57P03", "57P05", None}
_GIVEN_UP = (errors.DeadlockDetected, errors.SerializationFailure)
#: OperationalError is lost connections, timeouts, full disks and too many connections; a server that has become a
#: standby is read-only.
_LOST = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
)
# Locks of two numbers are apart from those of one, which the subjects have.
_MIGRATION_LOCK = "SELECT pg_advisory_xact_lock(20517, 1)"


class _Session(psycopg.Connection[Row]):
    """A connection that does not wait for ever."""

    patience: float = STATEMENT_SECONDS + SILENCE_SECONDS

    def wait(self, gen: Any, interval: float = 1.0, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, self.patience if timeout is None else timeout)


class PostgresConnection:
    """`Connection` over psycopg."""

    def __init__(self, session: _Session) -> None:
        self._session = session

    def rows(self, sql: str, *parameters: Value) -> Sequence[Row]:
        return self._session.execute(numbered(sql), parameters).fetchall()

    def change(self, sql: str, *parameters: Value) -> int:
        return self._session.execute(numbered(sql), parameters).rowcount


class PostgresDatabase(Database):
    """`Database` over the server that a URL names.

    Raises:
        SettingsError: libpq cannot read the URL.
        StoreError: the database cannot be used; StoreUnavailableError where that may pass.
    """

    def __init__(self, url: str, lane: Lane) -> None:
        super().__init__(lane)
        try:
            self._conninfo = make_conninfo(
                url, **{name: value for name, value in OPTIONS.items() if name not in conninfo_to_dict(url)}
            )
        except psycopg.ProgrammingError:
            # libpq's words would repeat parts of the URL.
            raise SettingsError(
                "DATABASE_URL is none that libpq reads: check its options (sslmode=..., connect_timeout=...)."
            ) from None
        # Who is in the lane takes one and gives it back; the one that was used last is taken first.
        self._idle: list[_Session] = []
        self._lost = (0.0, "")
        try:
            lane.run(self._migrate)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._lane.run(self._close_idle)

    def _read(self, work: Callable[[Connection], T]) -> T:
        # One snapshot for all that it reads, as in SQLite.
        return self._run("REPEATABLE READ READ ONLY", "", work, STATEMENT_SECONDS)

    def _write(self, subject: str, work: Callable[[Connection], T]) -> T:
        return self._in_turn(lambda: self._locked(subject, work))

    def _locked(self, subject: str, work: Callable[[Connection], T]) -> T:
        lock = f"SELECT pg_advisory_xact_lock({lock_number(subject)})"
        return self._run("READ COMMITTED", lock, work, STATEMENT_SECONDS)

    def _migrate(self) -> None:
        try:
            if not migrations.complete(self._read(_applied)):
                self._run(
                    "READ COMMITTED",
                    _MIGRATION_LOCK,
                    lambda locked: migrations.missing(locked, _applied(locked)),
                    MIGRATION_SECONDS,
                )
        except StoreUnavailableError as error:
            raise StoreUnavailableError(
                f"The database does not answer ({error}): see that it runs and that DATABASE_URL names it."
            ) from error
        except psycopg.Error as error:
            raise StoreError(
                f"The database cannot be used ({_words(error)}): let the user of DATABASE_URL create tables in it."
            ) from error

    def _run(self, mode: str, lock: str, work: Callable[[Connection], T], limit: int) -> T:
        begin = (
            f"BEGIN ISOLATION LEVEL {mode}; SET LOCAL statement_timeout = '{limit}s';"
            # An instance that freezes with a lock in its hand lets go of it.
            f"SET LOCAL idle_in_transaction_session_timeout = '{limit}s'; {lock}"
        )
        attempts = 0
        while True:
            try:
                return self._transaction(begin, work, limit)
            except _LOST as error:
                attempts += 1
                if not isinstance(error, _GIVEN_UP) or attempts == ATTEMPTS:
                    raise StoreUnavailableError(_words(error)) from error

    def _transaction(self, begin: str, work: Callable[[Connection], T], limit: int) -> T:
        session = self._begun(begin, limit)
        try:
            result = work(PostgresConnection(session))
            # PostgreSQL answers ROLLBACK where a statement had failed and `work` went on as if nothing had.
            if session.execute("COMMIT").statusmessage != "COMMIT":
                raise errors.InFailedSqlTransaction("a statement had failed")  # noqa: TRY301 - rolled back as any other
        except BaseException as error:
            if isinstance(error, _LOST) and not isinstance(error, _GIVEN_UP):
                session.close()
            else:
                self._roll_back(session)
            raise
        self._idle.append(session)
        return result

    def _begun(self, begin: str, limit: int) -> _Session:
        """A session with a transaction begun: one that idles, or a new one where there is none or it was found dead."""
        session = self._idle_one()
        if session is not None:
            try:
                return _begin(session, begin, limit)
            except psycopg.OperationalError as error:
                if error.sqlstate not in _ENDED:
                    raise
            # The others idled through the same restart.
            self._close_idle()
        return _begin(self._connected(), begin, limit)

    def _connected(self) -> _Session:
        until, why = self._lost
        if time.monotonic() < until:
            raise StoreUnavailableError(why)
        try:
            session = _Session.connect(
                self._conninfo, autocommit=True, prepare_threshold=None, cursor_factory=psycopg.RawCursor
            )
        except psycopg.OperationalError as error:
            self._lost = time.monotonic() + LOST_SECONDS, _words(error)
            raise
        # As wide as our columns: 2 * ? must not overflow because the number happens to be a small one.
        session.adapters.register_dumper(int, Int8Dumper)
        return session

    def _roll_back(self, session: _Session) -> None:
        try:
            session.execute("ROLLBACK")
        except psycopg.Error:
            session.close()
        else:
            self._idle.append(session)

    def _close_idle(self) -> None:
        while (session := self._idle_one()) is not None:
            session.close()

    def _idle_one(self) -> _Session | None:
        # Several threads pop: whoever finds it empty must not have asked before.
        try:
            return self._idle.pop()
        except IndexError:
            return None


def _begin(session: _Session, begin: str, limit: int) -> _Session:
    session.patience = limit + SILENCE_SECONDS
    try:
        session.execute(begin)
    except psycopg.Error:
        session.close()
        raise
    return session


def _applied(connection: Connection) -> Collection[int]:
    # A query, not to_regclass: that may answer from before the wait for the lock.
    if not connection.rows("SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'migrations'"):
        return ()
    return {int(number or 0) for (number,) in connection.rows("SELECT number FROM migrations")}


def _words(error: BaseException) -> str:
    """libpq's, on one line; they name host, port and user, and never the password."""
    return " ".join(str(error).split())


def lock_number(subject: str) -> int:
    """The advisory lock of a subject: 64 bits, the same in every instance and version."""
    digest = hashlib.blake2b(subject.encode(), digest_size=8, person=b"login subject").digest()
    return int.from_bytes(digest, "big", signed=True)


@cache
def numbered(sql: str) -> str:
    """`?` as PostgreSQL has it, $1 $2 ..., outside of quotes and comments."""
    count = 0

    def place(match: re.Match[str]) -> str:
        nonlocal count
        if match[0] != "?":
            return match[0]
        count += 1
        return f"${count}"

    return re.sub(r"'[^']*'|\"[^\"]*\"|--[^\n]*|\?", place, sql)
