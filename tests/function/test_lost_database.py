"""A database that is lost and comes back: 503 where it is needed, and no restart."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
import requests

from tests.function.conftest import BIN, PASSWORD, PATIENCE, Served, command, environment

Serve = Callable[..., Served]
ALICE = {"username": "alice", "password": PASSWORD}


class Losable(NamedTuple):
    """A database, and how to take it away and give it back."""

    url: str
    lose: Callable[[], object]
    restore: Callable[[], object]


@pytest.fixture(params=["sqlite", "postgres"])
def losable(request: pytest.FixtureRequest, tmp_path: Path) -> Losable:
    """SQLite's folder goes away, as a volume does; PostgreSQL ends all sessions and lets nobody in."""
    if request.param == "sqlite":
        folder, away = tmp_path / "store", tmp_path / "away"
        return Losable(f"sqlite:///{folder}/login.db", lambda: folder.rename(away), lambda: away.rename(folder))
    postgres = request.getfixturevalue("engine").postgres
    url = postgres.fresh()
    name = url.rpartition("/")[2]

    def allow(connections: str) -> None:
        with psycopg.connect(postgres.fresh(), autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {connections}")
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    return Losable(url, lambda: allow("false"), lambda: allow("true"))


def until_ready(served: Served) -> None:
    end = time.monotonic() + PATIENCE
    while requests.get(f"{served.url}/readyz", timeout=PATIENCE).status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_needs_the_database_is_503_while_it_is_lost_and_goes_on_when_it_is_back(
    serve: Serve, tmp_path: Path, losable: Losable
) -> None:
    added = command(tmp_path, "users", "add", "alice", "--password-stdin", text=PASSWORD, DATABASE_URL=losable.url)
    assert added.returncode == 0, added.stderr
    served = serve(DATABASE_URL=losable.url)
    tokens = requests.post(f"{served.url}/login", json=ALICE, timeout=PATIENCE).json()
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    losable.lose()
    login = requests.post(f"{served.url}/login", json=ALICE, timeout=PATIENCE)
    assert login.status_code == 503
    assert login.headers["Content-Type"] == "application/problem+json"
    assert "database" in login.json()["detail"]
    token = requests.post(f"{served.url}/token", data=refresh, timeout=PATIENCE)
    assert token.status_code == 503
    assert token.json()["error"] == "temporarily_unavailable"
    ready = requests.get(f"{served.url}/readyz", timeout=PATIENCE)
    assert ready.status_code == 503
    for answer in (login, token, ready):
        assert int(answer.headers["Retry-After"]) > 0
    assert requests.get(f"{served.url}/livez", timeout=PATIENCE).status_code == 200
    assert "database: " in served.line("POST /login 503")["reason"]
    assert not [line for line in served.lines() if line["severity"] == "ERROR"]

    losable.restore()
    until_ready(served)
    assert requests.post(f"{served.url}/token", data=refresh, timeout=PATIENCE).status_code == 200
    assert requests.post(f"{served.url}/login", json=ALICE, timeout=PATIENCE).status_code == 200
    assert served.stop() == 0


@pytest.fixture
def waiting(tmp_path: Path, losable: Losable) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """`login-function serve` on a database that does not answer, when it has said so; and its log."""
    losable.lose()
    log = tmp_path / "waiting"
    with log.open("wb") as output:
        command = [BIN / "login-function", "serve"]
        env = environment(tmp_path, {"DATABASE_URL": losable.url})
        process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        while "waiting for the database" not in log.read_text():
            assert process.poll() is None
            time.sleep(0.02)
        yield process, log
    finally:
        process.kill()
        process.wait(PATIENCE)


AT_START = pytest.mark.parametrize("losable", ["postgres"], indirect=True)


@AT_START
def test_it_waits_at_its_start_for_a_database_that_comes_later(
    waiting: tuple[subprocess.Popen[bytes], Path], losable: Losable
) -> None:
    losable.restore()
    served = Served(*waiting)
    until_ready(served)
    assert served.stop() == 0


@AT_START
def test_s7_it_stops_while_it_waits(waiting: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, _ = waiting
    process.terminate()
    assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("arguments", [["serve"], ["users", "list"]])
def test_a_database_that_never_comes_is_one_sentence_without_the_password(
    arguments: list[str], tmp_path: Path, unused_port: int
) -> None:
    url = f"postgresql://login:hunter2@127.0.0.1:{unused_port}/login"
    ended = command(tmp_path, *arguments, DATABASE_URL=url, DATABASE_PATIENCE="1")
    assert ended.returncode == 1
    assert ended.stderr.startswith("login-function: The database does not answer (")
    assert f"port {unused_port}" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "hunter2" not in ended.stderr + ended.stdout
    assert ("waiting for the database" in ended.stdout) == (arguments == ["serve"])


@pytest.mark.parametrize("password", ["hunter2@x", "hunter2/x", "hunter2%zz"])
def test_a_url_that_is_none_is_one_sentence_without_the_password(password: str, tmp_path: Path) -> None:
    ended = command(tmp_path, "users", "list", DATABASE_URL=f"postgresql://login:{password}@db/login")
    assert ended.returncode == 1
    assert ended.stderr.startswith("login-function: DATABASE_URL must be postgresql://")
    assert "hunter2" not in ended.stderr + ended.stdout
