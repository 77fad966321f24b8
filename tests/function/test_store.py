"""What both databases promise."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from function.access.sealing import Sealer
from function.errors import StoreError, StoreUnavailableError
from function.store import base, keys, migrations, users
from function.store.base import Connection, Database
from function.store.users import User
from tests.function.conftest import CONNECTIONS, open_database

USER = User("user-1", "alice", "old", None, 0)

#: Opens the database and takes the signing key as an instance would, and prints what it got.
INSTANCE = """
import sys
from function.pool.lanes import ThreadLane
from function import settings
from function.access.keyring import keyring
from function.access.sealing import Sealer
from function.store.locate import locate, opened
import function.store.postgres, function.store.sqlite
sys.stdin.readline()
database = opened(locate(sys.argv[1], {}), 4, ThreadLane)
print(keyring(settings.load({}), database, Sealer([])).current(0).jwks)
database.close()
"""


def test_t4_20_instances_that_start_at_once_on_nothing_get_one_schema_and_one_key(database_url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", INSTANCE, database_url]
    instances = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(20)]
    outputs = []
    for instance in instances:  # all are loaded by the time that the first is let go
        assert instance.stdin is not None
        instance.stdin.write("\n")
        instance.stdin.flush()
    for instance in instances:
        output, _ = instance.communicate(timeout=60)
        assert instance.returncode == 0
        outputs.append(output)
    assert len(set(outputs)) == 1
    assert "'alg': 'ES256'" in outputs[0]


def test_no_two_migrations_have_one_number() -> None:
    numbers = [number for number, _ in migrations.files()]
    assert numbers == sorted(set(numbers))


def test_migrations_are_applied_once(database_url: str) -> None:
    for _ in range(2):
        database = open_database(database_url)
        applied = database.read(lambda connection: connection.rows("SELECT number FROM migrations ORDER BY number"))
        assert [number for (number,) in applied] == [number for number, _ in migrations.files()]
        database.close()


def test_a_migration_that_arrives_after_a_later_one_is_applied(database: Database, database_url: str) -> None:
    def never_there(connection: base.Connection) -> None:
        connection.change("DROP TABLE password_resets")
        connection.change("DELETE FROM migrations WHERE number = 4")

    database.write("test", never_there)
    again = open_database(database_url)
    assert again.read(lambda connection: connection.rows("SELECT * FROM password_resets")) == []
    again.close()
    test_migrations_are_applied_once(database_url)


def test_a_newer_schema_is_left_alone(database: Database, database_url: str) -> None:
    database.write(
        "test", lambda connection: connection.change("INSERT INTO migrations (number, name) VALUES (9999, 'x')")
    )
    with pytest.raises(StoreError, match="newer"):
        open_database(database_url)


def test_work_that_fails_leaves_nothing_behind(database: Database) -> None:
    def work(connection: Connection) -> None:
        users.add(connection, USER)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write("test", work)
    assert database.read(users.every) == []


def test_a_statement_that_is_wrong_is_no_lost_database(database: Database) -> None:
    with pytest.raises(Exception, match="nowhere") as error:
        database.read(lambda connection: connection.rows("SELECT * FROM nowhere"))
    assert not isinstance(error.value, StoreError)
    database.check()


def test_one_at_a_time_writes_about_a_subject_and_each_sees_what_was_written_before(
    database: Database, database_url: str
) -> None:
    """Read, dawdle, write: without order, updates would be lost. Two databases open, as two instances have."""
    database.write("test", lambda connection: users.add(connection, USER._replace(created_at=0)))

    def increment(connection: Connection) -> None:
        [(count,)] = connection.rows("SELECT created_at FROM users WHERE id = ?", USER.id)
        time.sleep(0.002)
        connection.change("UPDATE users SET created_at = ? WHERE id = ?", int(count or 0) + 1, USER.id)

    other = open_database(database_url)
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit((database, other)[turn % 2].write, USER.id, increment) for turn in range(80)]:
            done.result()
    other.close()
    assert database.read(users.every)[0].created_at == 80


def test_who_finds_no_connection_in_time_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        held = threading.Semaphore(0)
        work = lambda _: (held.release(), release.wait(30))  # noqa: E731
        holders = [pool.submit(database.read, work) for _ in range(database._lane.threads)]
        for _ in holders:
            held.acquire()
        monkeypatch.setattr(base, "QUEUE_SECONDS", 0.05)
        with pytest.raises(StoreUnavailableError, match="no connection became free"):
            database.check()
        release.set()
    database.check()


def test_after_a_write_that_failed_a_check_writes(database: Database) -> None:
    def fail(_: Connection) -> None:
        raise StoreUnavailableError("the disk is full")

    with pytest.raises(StoreUnavailableError):
        database.write("test", fail)
    written: list[str] = []
    original = database._write
    database._write = lambda subject, work: (written.append(subject), original(subject, work))[1]  # type: ignore[method-assign]
    database.check()
    database.check()
    assert written == ["check"]


def test_n8_a_hash_is_swapped_only_for_the_one_that_was_verified(database: Database) -> None:
    database.write("test", lambda connection: users.add(connection, USER))
    assert not database.write("test", lambda connection: users.swap_hash(connection, USER.id, "another", "new"))
    assert database.write("test", lambda connection: users.swap_hash(connection, USER.id, "old", "new"))
    assert database.read(users.every)[0].password_hash == "new"


def test_a_key_is_made_once(database: Database) -> None:
    plain = Sealer([])
    assert keys.shared(database, plain, "k", lambda: "a", 0) == "a"
    assert keys.shared(database, plain, "k", lambda: "b", 0) == "a"
    assert keys.shared(database, plain, "other", lambda: "c", 0) == "c"
