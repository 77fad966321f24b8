"""SQLite: the file, and what becomes of it."""

import contextlib
import resource
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from function.errors import StoreError, StoreUnavailableError
from function.pool.lanes import ThreadLane
from function.store import sqlite, users
from function.store.sqlite import SqliteDatabase
from function.store.users import User

USER = User("user-1", "alice", "old", None, 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "login.db"


@pytest.fixture
def database(file: Path) -> Iterator[SqliteDatabase]:
    opened = SqliteDatabase(file, ThreadLane(1))
    yield opened
    opened.close()


def add(database: SqliteDatabase, name: str) -> bool:
    return database.write("test", lambda connection: users.add(connection, User(name, name, "x" * 1000, None, 0)))


def test_an_unusable_file_is_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "login.db"
    file.write_text("this is no database" * 100)
    with pytest.raises(StoreError, match="make its folder writable for user id") as error:
        SqliteDatabase(file, ThreadLane(1))
    assert isinstance(error.value.__cause__, sqlite3.DatabaseError)


def test_a_folder_that_cannot_be_made_is_the_same_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        SqliteDatabase(tmp_path / "file" / "login.db", ThreadLane(1))


def test_the_file_is_readable_by_its_owner_alone(database: SqliteDatabase, file: Path) -> None:
    add(database, "alice")
    for each in file.parent.glob("login.db*"):
        assert stat.S_IMODE(each.stat().st_mode) & 0o077 == 0, each


@contextlib.contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """The kernel refuses to write behind `size` bytes of any file (Python ignores the signal that comes with it)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_loses_nothing_that_was_acknowledged(database: SqliteDatabase, file: Path) -> None:
    added, failed = set[str](), set[str]()
    with files_limited_to(2 * max(each.stat().st_size for each in file.parent.iterdir())):
        for number in range(300):
            try:
                add(database, f"user-{number}")
                added.add(f"user-{number}")
            except StoreUnavailableError:
                failed.add(f"user-{number}")
        assert {user.name for user in database.read(users.every)} == added
    assert len(added) > 10
    assert len(failed) > 10
    assert add(database, "after")
    assert {user.name for user in database.read(users.every)} == {*added, "after"}


def test_a_full_disk_is_told_as_such_and_forgotten(database: SqliteDatabase) -> None:
    add(database, "before")
    with files_limited_to(0):
        database.check()  # nobody has tried to write yet
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match=r"login\.db"):
                add(database, "alice")
            with pytest.raises(StoreUnavailableError):
                database.check()
    database.check()
    assert add(database, "alice")
    assert [user.name for user in database.read(users.every)] == ["alice", "before"]


def test_a_lock_that_nobody_releases_is_told_as_such(
    database: SqliteDatabase, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    impatient = SqliteDatabase(file, ThreadLane(1))
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="locked"):
        add(impatient, "alice")
    assert impatient.read(users.every) == []
    holder.execute("ROLLBACK")
    holder.close()
    assert add(impatient, "alice")
    impatient.close()


def test_a_folder_that_is_gone_is_told_as_such_and_not_made_anew(database: SqliteDatabase, file: Path) -> None:
    add(database, "alice")
    away = file.parent.with_name("away")
    file.parent.rename(away)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="No such file"):
            add(database, "bob")
    # As a volume that is not mounted leaves it.
    file.parent.mkdir()
    with pytest.raises(StoreUnavailableError, match="No such file"):
        database.check()
    assert list(file.parent.iterdir()) == []
    file.parent.rmdir()
    away.rename(file.parent)
    assert add(database, "bob")
    assert [user.name for user in database.read(users.every)] == ["alice", "bob"]


def test_a_file_that_was_replaced_is_the_one_that_is_used(database: SqliteDatabase, file: Path, tmp_path: Path) -> None:
    other = SqliteDatabase(tmp_path / "other.db", ThreadLane(1))
    add(other, "carol")
    other.close()
    add(database, "alice")
    for each in file.parent.iterdir():
        each.unlink()
    shutil.copy(tmp_path / "other.db", file)
    assert [user.name for user in database.read(users.every)] == ["carol"]


def test_a_file_that_became_rubbish_is_told_as_such(database: SqliteDatabase, file: Path) -> None:
    for each in file.parent.iterdir():
        each.unlink()
    file.write_text("this is no database" * 100)
    with pytest.raises(StoreUnavailableError, match="not a database"):
        database.check()
