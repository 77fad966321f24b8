"""PostgreSQL: what may become of a connection, and what is shown of a URL."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from docker_engine import Engine

from function.errors import SettingsError, StoreError, StoreUnavailableError
from function.pool.lanes import ThreadLane
from function.store import postgres, users
from function.store.base import Connection
from function.store.postgres import PostgresDatabase, lock_number, numbered
from function.store.users import User

USER = User("user-1", "alice", "old", None, 0)


@pytest.fixture
def url(engine: Engine) -> str:
    return engine.postgres.fresh()


@pytest.fixture
def open_url(url: str) -> Iterator[Callable[..., PostgresDatabase]]:
    opened: list[PostgresDatabase] = []

    def open_url(threads: int = 2, options: str = "") -> PostgresDatabase:
        opened.append(PostgresDatabase(url + options, ThreadLane(threads)))
        return opened[-1]

    yield open_url
    for database in opened:
        database.close()


@pytest.fixture
def database(open_url: Callable[..., PostgresDatabase]) -> PostgresDatabase:
    return open_url()


@pytest.fixture
def admin(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def cut(admin: psycopg.Connection) -> int:
    """End all other sessions of the database, as a restart does; how many there were."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    ended = admin.execute(f"{others} AND pid <> pg_backend_pid()").rowcount
    while admin.execute(f"{others} AND pid <> pg_backend_pid()").rowcount:
        time.sleep(0.01)
    return ended


def add(connection: Connection) -> bool:
    return users.add(connection, USER)


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("SELECT 1", "SELECT 1"),
        ("a = ? AND b = ? OR c LIKE '%?%'", "a = $1 AND b = $2 OR c LIKE '%?%'"),
        ("SELECT 'it''s ?', \"odd?\", ? -- why?\n, ?", "SELECT 'it''s ?', \"odd?\", $1 -- why?\n, $2"),
    ],
)
def test_parameters_are_numbered_and_question_marks_in_text_are_not(sql: str, wanted: str) -> None:
    assert numbered(sql) == wanted


def test_text_with_per_cent_and_question_mark_is_text(database: PostgresDatabase) -> None:
    assert database.read(lambda c: c.rows("SELECT '100 %s ?', ?, 7 % 4", "%s ?")) == [("100 %s ?", "%s ?", 3)]


def test_small_numbers_do_not_overflow(database: PostgresDatabase) -> None:
    assert database.read(lambda c: c.rows("SELECT ? * ?", 30_000, 30_000)) == [(900_000_000,)]


def test_the_lock_of_a_subject_is_the_same_in_every_version() -> None:
    assert lock_number("user-1") == 8151782538662009613
    assert lock_number("user-2") != lock_number("user-1")


@pytest.mark.parametrize("idle", [1, 2])
def test_sessions_that_were_cut_while_they_idled_are_replaced(
    idle: int, database: PostgresDatabase, admin: psycopg.Connection
) -> None:
    together = threading.Barrier(idle)
    with ThreadPoolExecutor(idle) as pool:
        list(pool.map(database.read, [lambda _: together.wait(30)] * idle))
    assert cut(admin) == idle
    assert database.write("test", add)
    assert database.read(users.every) == [USER]


def test_what_is_lost_in_a_transaction_is_told_as_lost_and_not_run_again(
    database: PostgresDatabase, admin: psycopg.Connection
) -> None:
    runs: list[int] = []

    def work(connection: Connection) -> None:
        runs.append(1)
        add(connection)
        cut(admin)
        connection.rows("SELECT 1")

    with pytest.raises(StoreUnavailableError, match="terminating connection"):
        database.write("test", work)
    assert len(runs) == 1
    assert database.read(users.every) == []


def test_a_commit_whose_answer_is_lost_is_not_run_again(database: PostgresDatabase, admin: psycopg.Connection) -> None:
    runs: list[int] = []

    def work(connection: Connection) -> None:
        runs.append(1)
        add(connection)
        cut(admin)

    with pytest.raises(StoreUnavailableError):
        database.write("test", work)
    assert len(runs) == 1
    assert database.write("test", add)


def test_a_statement_that_failed_is_not_committed_away(database: PostgresDatabase) -> None:
    def work(connection: Connection) -> None:
        add(connection)
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.rows("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        database.write("test", work)
    assert database.read(users.every) == []


def test_transactions_that_postgresql_gives_up_are_run_again(database: PostgresDatabase) -> None:
    """Two that take two rows in opposite order: one of them is the victim, and both are done at the end."""
    for name in ("a", "b"):
        database.write("test", lambda connection, name=name: users.add(connection, User(name, name, None, None, 0)))  # type: ignore[misc]
    first = threading.Barrier(2)
    met: dict[str, bool] = {}

    def swap(own: str, other: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            connection.change("UPDATE users SET created_at = created_at + 1 WHERE id = ?", own)
            if not met.get(own):
                met[own] = True
                first.wait(30)
            connection.change("UPDATE users SET created_at = created_at + 1 WHERE id = ?", other)

        return work

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(database.write, own, swap(own, other)) for own, other in (("a", "b"), ("b", "a"))]:
            done.result()
    assert [user.created_at for user in database.read(users.every)] == [2, 2]


def test_a_turn_that_does_not_come_is_told_as_lost(
    database: PostgresDatabase, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 1)
    admin.execute("SELECT pg_advisory_lock(%s)", [lock_number("mine")])
    with pytest.raises(StoreUnavailableError, match="timeout"):
        database.write("mine", add)
    assert database.write("another's", add)
    admin.execute("SELECT pg_advisory_unlock(%s)", [lock_number("mine")])
    assert not database.write("mine", add)


def test_an_instance_that_freezes_with_a_lock_loses_it(
    open_url: Callable[..., PostgresDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 1)
    frozen, other, held, thawed = open_url(), open_url(), threading.Event(), threading.Event()

    def freeze(connection: Connection) -> None:
        add(connection)
        held.set()
        thawed.wait(30)
        connection.rows("SELECT 1")

    with ThreadPoolExecutor(1) as pool:
        freezing = pool.submit(frozen.write, "mine", freeze)
        assert held.wait(30)
        for _ in range(30):
            try:
                assert other.write("mine", add)
                break
            except StoreUnavailableError:
                continue
        else:
            pytest.fail("the lock was never let go")
        thawed.set()
        assert isinstance(freezing.exception(), StoreUnavailableError)
    frozen.check()


def test_a_server_that_says_nothing_is_told_as_lost_and_is_used_again_when_it_speaks(
    engine: Engine, open_url: Callable[..., PostgresDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 1)
    monkeypatch.setattr(postgres, "SILENCE_SECONDS", 0)
    database = open_url(options="?connect_timeout=2")
    container = engine.postgres.container.get_wrapped_container()
    container.pause()
    try:
        for _ in range(3):
            with pytest.raises(StoreUnavailableError, match="timeout"):
                database.check()
    finally:
        container.unpause()
    while True:
        try:
            database.check()
            break
        except StoreUnavailableError:
            time.sleep(0.1)
    assert database.write("test", add)


def test_a_server_that_cannot_be_reached_is_asked_once_a_second(
    url: str, unused_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = f"{url.rpartition('@')[0]}@127.0.0.1:{unused_port}/login"
    with pytest.raises(StoreUnavailableError, match="refused"):
        PostgresDatabase(elsewhere, ThreadLane(1))
    asked: list[str] = []
    reached = PostgresDatabase(url, ThreadLane(1))
    reached.close()

    def refuse(conninfo: str, **_: object) -> None:
        asked.append(conninfo)
        raise psycopg.OperationalError("refused")

    monkeypatch.setattr(postgres._Session, "connect", refuse)
    for _ in range(5):
        with pytest.raises(StoreUnavailableError, match="refused"):
            reached.check()
    assert len(asked) == 1


def test_the_options_of_the_url_are_libpqs(url: str, open_url: Callable[..., PostgresDatabase]) -> None:
    def shown(database: PostgresDatabase) -> object:
        return database.read(lambda connection: connection.rows("SHOW application_name"))

    assert shown(open_url()) == [("login-function",)]
    assert shown(open_url(options="?application_name=mine")) == [("mine",)]
    with pytest.raises(StoreUnavailableError, match="SSL"):
        open_url(options="?sslmode=require")
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        open_url(options="?no_such_option=1")


def test_a_user_who_may_not_create_tables_is_one_sentence(url: str, admin: psycopg.Connection) -> None:
    role = f"poor_{url.rpartition('_')[2]}"
    admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'hunter2'")
    host = url.rpartition("@")[2]
    with pytest.raises(StoreError, match=r"permission denied for schema public.*create tables") as error:
        PostgresDatabase(f"postgresql://{role}:hunter2@{host}", ThreadLane(1))
    assert "hunter2" not in str(error.value)
    with pytest.raises(StoreUnavailableError, match="password authentication failed") as refused:
        PostgresDatabase(f"postgresql://{role}:hunter22@{host}", ThreadLane(1))
    assert "hunter2" not in str(refused.value)
