import os
from pathlib import Path

import pytest

from function.errors import SettingsError
from function.store.locate import PostgresServer, SqliteFile, locate

PASSWORD = "hunter2"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("sqlite:///login.db", SqliteFile(Path("login.db"), shared=False)),
        ("sqlite:///a/b.db", SqliteFile(Path("a/b.db"), shared=False)),
        ("sqlite:////srv/login.db", SqliteFile(Path("/srv/login.db"), shared=False)),
        ("sqlite:////srv/login.db?shared=true", SqliteFile(Path("/srv/login.db"), shared=True)),
        ("sqlite:////srv/login.db?shared=false", SqliteFile(Path("/srv/login.db"), shared=False)),
        ("sqlite:///with%20space.db", SqliteFile(Path("with space.db"), shared=False)),
    ],
)
def test_database_url(url: str, location: SqliteFile) -> None:
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
    assert locate("", {}, data=tmp_path) == SqliteFile(tmp_path / "login.db", shared=False)
    assert locate("", {}, data=tmp_path / "none") == SqliteFile(Path(".data/login.db"), shared=False)


def test_without_a_url_a_data_folder_that_is_not_writable_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)  # root, who may run this, may write everywhere
    assert locate("", {}, data=tmp_path) == SqliteFile(Path(".data/login.db"), shared=False)


@pytest.mark.parametrize("url", ["", "sqlite:///login.db", "sqlite:///login.db?shared=false"])
def test_a_platform_that_runs_several_instances_needs_a_shared_folder(url: str) -> None:
    with pytest.raises(SettingsError, match="shared=true"):
        locate(url, {"K_SERVICE": "login"})
    assert locate("sqlite:///login.db?shared=true", {"K_SERVICE": "login"}) == SqliteFile(Path("login.db"), shared=True)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://login:hunter2@db/login",
        "postgres://login:hunter2@db:5433/login?sslmode=require",
        "postgresql://login:p%40ss%2Fw%25rd!$&'()*+,;=@db/login",
        "postgresql://login@db1:5432,db2:5432/login?target_session_attrs=read-write",
        "postgresql://db/login?user=login&password=hunter2",
        "postgresql://%2Fvar%2Frun%2Fpostgresql/login",
        "postgresql://login:hunter2@[::1]:5432/login",
    ],
)
def test_a_postgresql_url_is_taken_as_it_is_and_never_shown(url: str) -> None:
    location = locate(url, {"K_SERVICE": "login"})
    assert location == PostgresServer(url)
    assert PASSWORD not in repr(location)


@pytest.mark.parametrize("password", ["hunter2@x", "hunter2/x", "hunter2?x", "hunter2#x", "hunter2%zz", "hunter2 x"])
def test_a_password_that_libpq_would_tear_apart_is_refused_without_being_repeated(password: str) -> None:
    with pytest.raises(SettingsError, match="percent-encoded") as error:
        locate(f"postgresql://login:{password}@db/login", {})
    assert PASSWORD not in str(error.value)
