"""Writes that share a transaction: as if each had its own (see function/store/together.py)."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from function.errors import StoreUnavailableError
from function.store import together
from function.store.base import Connection
from function.store.sqlite import SqliteDatabase
from tests.function.conftest import PATIENCE, open_database


class Line:
    """A database whose only thread is held until `release`, so that writes line up behind it."""

    def __init__(self, database: SqliteDatabase, pool: ThreadPoolExecutor) -> None:
        self.database = database
        self._pool = pool
        self._held, self._free = threading.Event(), threading.Event()
        self.statements: list[str] = []

    def hold(self) -> None:
        self._pool.submit(self.database.read, lambda _: (self._held.set(), self._free.wait(PATIENCE)))
        assert self._held.wait(PATIENCE)
        assert self.database._connection
        self.database._connection.set_trace_callback(self.statements.append)

    def write(self, work: Any) -> Future[Any]:
        """Have it line up; returns when it stands there."""
        waiting = len(self.database._writers._waiting)
        future = self._pool.submit(self.database.write, "test", work)
        end = time.monotonic() + PATIENCE
        while len(self.database._writers._waiting) == waiting:
            assert time.monotonic() < end
            time.sleep(0.001)
        return future

    def release(self) -> None:
        self._free.set()

    def commits(self) -> int:
        return self.statements.count("BEGIN IMMEDIATE")

    def values(self) -> list[int]:
        return [int(str(value)) for (value,) in self.database.read(lambda c: c.rows("SELECT value FROM t ORDER BY 1"))]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    database = open_database(f"sqlite:///{tmp_path}/login.db")
    assert isinstance(database, SqliteDatabase)
    database.write("test", lambda connection: connection.change("CREATE TABLE t (value BIGINT PRIMARY KEY)"))
    with ThreadPoolExecutor(60) as pool:
        made = Line(database, pool)
        try:
            yield made
        finally:
            made.release()
    database.close()


def insert(value: int) -> Any:
    def work(connection: Connection) -> int:
        connection.change("INSERT INTO t (value) VALUES (?)", value)
        return value

    return work


def failing(value: int, error: BaseException) -> Any:
    def work(connection: Connection) -> None:
        connection.change("INSERT INTO t (value) VALUES (?)", value)
        raise error

    return work


def test_those_who_wait_share_a_transaction(line: Line) -> None:
    line.hold()
    writes = [line.write(insert(value)) for value in range(20)]
    line.release()
    assert [write.result(PATIENCE) for write in writes] == list(range(20))
    assert line.commits() == 1
    assert line.values() == list(range(20))


def test_a_transaction_has_its_limit_and_the_others_go_on(line: Line) -> None:
    line.hold()
    writes = [line.write(insert(value)) for value in range(together.MOST + 5)]
    line.release()
    assert [write.result(PATIENCE) for write in writes] == list(range(together.MOST + 5))
    assert line.commits() == 2


@pytest.mark.parametrize("which", [0, 3, 9])
def test_what_fails_fails_alone_and_leaves_nothing(line: Line, which: int) -> None:
    line.hold()
    writes = [line.write(failing(value, KeyError("mine")) if value == which else insert(value)) for value in range(10)]
    line.release()
    for value, write in enumerate(writes):
        if value == which:
            with pytest.raises(KeyError, match="mine"):
                write.result(PATIENCE)
        else:
            assert write.result(PATIENCE) == value
    assert line.commits() == 1
    assert line.values() == [value for value in range(10) if value != which]


def test_a_statement_that_is_refused_fails_alone(line: Line) -> None:
    line.hold()
    writes = [line.write(insert(value)) for value in (1, 1, 2)]
    line.release()
    assert writes[0].result(PATIENCE) == 1
    with pytest.raises(sqlite3.IntegrityError):
        writes[1].result(PATIENCE)
    assert writes[2].result(PATIENCE) == 2
    assert line.values() == [1, 2]


def test_what_the_disk_refuses_is_told_to_all_who_shared_it(line: Line) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    line.hold()
    writes = [line.write(work) for work in (insert(1), failing(2, full), insert(3))]
    line.release()
    for write in writes:
        with pytest.raises(StoreUnavailableError, match="full"):
            write.result(PATIENCE)
    assert line.values() == []
    assert line.database.write("test", insert(4)) == 4
    assert line.values() == [4]


def test_nothing_is_acknowledged_before_the_commit(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """All have been run, and then the commit fails."""
    run = SqliteDatabase._run

    def lost(self: SqliteDatabase, begin: str, work: Any) -> Any:
        def then_lost(connection: Connection) -> None:
            work(connection)
            raise StoreUnavailableError("lost")

        return run(self, begin, then_lost)

    line.hold()
    writes = [line.write(insert(value)) for value in range(5)]
    monkeypatch.setattr(SqliteDatabase, "_run", lost)
    line.release()
    for write in writes:
        with pytest.raises(StoreUnavailableError, match="lost"):
            write.result(PATIENCE)
    monkeypatch.undo()
    assert line.values() == []


def test_who_waits_in_vain_leaves_the_line(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.hold()
    first = line.write(insert(1))
    monkeypatch.setattr(line.database._writers, "patience", 0.05)
    with pytest.raises(StoreUnavailableError, match="no connection became free"):
        line.database.write("test", insert(2))
    line.release()
    assert first.result(PATIENCE) == 1
    assert line.database.write("test", insert(3)) == 3
    assert line.values() == [1, 3]


def test_whoever_leads_in_vain_leaves_the_line_to_the_next(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    in_turn, tries = line.database._in_turn, iter([True])

    def once_busy(work: Any) -> Any:
        if next(tries, False):
            time.sleep(0.2)  # the others line up meanwhile
            raise StoreUnavailableError("no connection")
        return in_turn(work)

    monkeypatch.setattr(line.database, "_in_turn", once_busy)
    first = line.write(insert(1))
    second, third = line.write(insert(2)), line.write(insert(3))
    with pytest.raises(StoreUnavailableError, match="no connection"):
        first.result(PATIENCE)
    assert (second.result(PATIENCE), third.result(PATIENCE)) == (2, 3)
    assert line.values() == [2, 3]


def test_whoever_is_interrupted_when_about_to_lead_leaves_that_to_the_next(line: Line) -> None:
    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            super().wait(timeout)
            raise KeyboardInterrupt

    writers = line.database._writers
    plain = writers._signal
    line.hold()
    first = line.write(insert(1))  # leads, and takes along the next MOST
    others = [line.write(insert(value)) for value in range(2, together.MOST + 1)]
    writers._signal = Interrupted  # type: ignore[assignment]  # a thread's, as `plain` is here
    interrupted = line.write(insert(1000))
    writers._signal = plain
    last = line.write(insert(1001))
    line.release()
    assert [write.result(PATIENCE) for write in (first, *others, last)] == [*range(1, together.MOST + 1), 1001]
    with pytest.raises(KeyboardInterrupt):
        interrupted.result(PATIENCE)
    assert line.database.write("test", insert(2000)) == 2000
    assert 1000 not in line.values()


def test_a_crowd_loses_nothing_and_writes_nothing_twice(line: Line) -> None:
    """Each adds one to a row that all of them share; every seventh fails after it has."""
    line.database.write("test", insert(0))
    done: list[int] = []

    def work(number: int) -> Any:
        def add(connection: Connection) -> None:
            connection.change("UPDATE t SET value = value + 1")
            if number % 7 == 0:
                raise KeyError

        return add

    def press(start: int) -> None:
        for number in range(start, start + 100):
            with contextlib.suppress(KeyError):
                line.database.write("test", work(number))
                done.append(number)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(press, range(0, 1600, 100)))
    assert line.values() == [len(done)]
    assert len(done) == sum(number % 7 != 0 for number in range(1600))
