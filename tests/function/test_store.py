import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from function.errors import SettingsError, StoreError
from function.lanes import ThreadLane
from function.sealing import Sealer
from function.store import keys, migrations, users
from function.store.locate import Location, locate
from function.store.sqlite import SqliteDatabase
from function.store.users import User

USER = User("user-1", "alice", "old", None, 0)

#: Opens the database and takes the signing key as an instance would, and prints what it got.
INSTANCE = """
import sys
from pathlib import Path
from function import settings
from function.keyring import keyring
from function.lanes import ThreadLane
from function.sealing import Sealer
from function.store.sqlite import SqliteDatabase
sys.stdin.readline()
print(keyring(settings.load({}), SqliteDatabase(Path(sys.argv[1]), ThreadLane(1)), Sealer([])).current(0).jwks)
"""


def test_t4_20_instances_that_start_at_once_on_nothing_get_one_key(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", INSTANCE, str(tmp_path / "new" / "login.db")]
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


def test_migrations_are_applied_once(tmp_path: Path) -> None:
    for _ in range(2):
        database = SqliteDatabase(tmp_path / "login.db", ThreadLane(1))
        applied = database.read(lambda connection: connection.rows("SELECT number FROM migrations ORDER BY number"))
        assert [number for (number,) in applied] == [number for number, _ in migrations.files()]
        database.close()


def test_a_newer_schema_is_left_alone(database: SqliteDatabase, tmp_path: Path) -> None:
    database.write(
        "test", lambda connection: connection.change("INSERT INTO migrations (number, name) VALUES (9999, 'x')")
    )
    with pytest.raises(StoreError, match="newer"):
        SqliteDatabase(tmp_path / "login.db", ThreadLane(1))


def test_work_that_fails_leaves_nothing_behind(database: SqliteDatabase) -> None:
    def work(connection: object) -> None:
        users.add(connection, USER)  # type: ignore[arg-type]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write("test", work)
    assert database.read(users.every) == []


def test_n8_a_hash_is_swapped_only_for_the_one_that_was_verified(database: SqliteDatabase) -> None:
    database.write("test", lambda connection: users.add(connection, USER))
    assert not database.write("test", lambda connection: users.swap_hash(connection, USER.id, "another", "new"))
    assert database.write("test", lambda connection: users.swap_hash(connection, USER.id, "old", "new"))
    assert database.read(users.every)[0].password_hash == "new"


def test_a_key_is_made_once(database: SqliteDatabase) -> None:
    plain = Sealer([])
    assert keys.shared(database, plain, "k", lambda: "a", 0) == "a"
    assert keys.shared(database, plain, "k", lambda: "b", 0) == "a"
    assert keys.shared(database, plain, "other", lambda: "c", 0) == "c"


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


def test_the_file_is_readable_by_its_owner_alone(database: SqliteDatabase, tmp_path: Path) -> None:
    for file in tmp_path.glob("login.db*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("sqlite:///login.db", Location(Path("login.db"), shared=False)),
        ("sqlite:///a/b.db", Location(Path("a/b.db"), shared=False)),
        ("sqlite:////srv/login.db", Location(Path("/srv/login.db"), shared=False)),
        ("sqlite:////srv/login.db?shared=true", Location(Path("/srv/login.db"), shared=True)),
        ("sqlite:////srv/login.db?shared=false", Location(Path("/srv/login.db"), shared=False)),
        ("sqlite:///with%20space.db", Location(Path("with space.db"), shared=False)),
    ],
)
def test_database_url(url: str, location: Location) -> None:
    assert locate(url, {}) == location


@pytest.mark.parametrize(
    "url",
    [
        "mysql:///x.db",
        "sqlite:///",
        "sqlite://host/x.db",
        "sqlite:///x.db?mode=ro",
        "sqlite:///x.db?shared=yes",
        "sqlite:///x.db?shared=",
    ],
)
def test_a_database_url_that_is_none(url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        locate(url, {})


def test_without_a_url_it_is_the_data_folder_if_there_is_one_and_the_working_directory_otherwise(
    tmp_path: Path,
) -> None:
    assert locate("", {}, data=tmp_path).path == tmp_path / "login.db"
    assert locate("", {}, data=tmp_path / "none").path == Path(".data/login.db")


def test_without_a_url_a_data_folder_that_is_not_writable_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)  # root, who may run this, may write everywhere
    assert locate("", {}, data=tmp_path).path == Path(".data/login.db")


@pytest.mark.parametrize("url", ["", "sqlite:///login.db", "sqlite:///login.db?shared=false"])
def test_a_platform_that_runs_several_instances_needs_a_shared_folder(url: str) -> None:
    with pytest.raises(SettingsError, match="shared=true"):
        locate(url, {"K_SERVICE": "login"})
    assert locate("sqlite:///login.db?shared=true", {"K_SERVICE": "login"}).shared
