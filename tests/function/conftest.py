"""Shared by the white-box tests of the function: real stores of both kinds, and real processes."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from function.credentials.engine import Engine, choose
from function.credentials.passwords import Claim, Passwords
from function.pool.lanes import ThreadLane
from function.store.base import Database
from function.store.locate import locate, opened

BIN = Path(sys.executable).parent
PATIENCE = 30.0
PASSWORD = "correct horse battery staple"


CONNECTIONS = 4


#: Those that this installation has: pyca's, and the interleaved one where it was built.
ENGINES = tuple({engine.name: engine for engine in map(choose, ("bcrypt", "auto"))}.values())


class Judged(NamedTuple):
    """What a login comes to. Attributes: ok, and `fresh`, the hash that is made instead of a stale one."""

    ok: bool
    fresh: str | None = None


def judged(passwords: Passwords, password: str, stored: str | None) -> Judged:
    [verdict] = passwords.verify([Claim(password, stored)])
    return Judged(verdict.ok, passwords.hash(password) if verdict.ok and verdict.stale else None)


def watched(engine: Engine, seen: list[bytes]) -> Engine:
    """The engine, and in `seen` every hash that it compares with."""

    def compare(pairs: list[tuple[bytes, bytes]]) -> list[bool]:
        seen.extend(hashed for _, hashed in pairs)
        return engine.compare(pairs)

    return engine._replace(compare=compare)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind; without a Docker engine those of PostgreSQL are left out by name."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/login.db"
    url: str = request.getfixturevalue("engine").postgres.fresh()
    return url


def open_database(url: str) -> Database:
    return opened(locate(url, {}), CONNECTIONS, ThreadLane)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened_database = open_database(database_url)
    yield opened_database
    opened_database.close()


class Served:
    """A running `login-function serve` (or another command that prints its readiness in the same way)."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        self.port: int = self.line("ready")["port"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[dict[str, Any]]:
        """The log so far, without a last line that is still being written."""
        text = self.log.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines() if line.startswith("{")]

    def line(self, message: str) -> dict[str, Any]:
        """The first log line with this message, once it is there."""
        end = time.monotonic() + PATIENCE
        while True:
            for line in self.lines():
                if line["message"] == message:
                    return line
            assert self.process.poll() is None or message != "ready", f"it ended: {self.log.read_text()}"
            assert time.monotonic() < end, f"no {message!r} in {self.log.read_text()}"
            time.sleep(0.01)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        "HOST": "127.0.0.1",
        "PORT": "0",
        "HASH_COST": "10",
        "DATABASE_URL": f"sqlite:///{folder}/login.db",
        **settings,
    }


def command(folder: Path, *arguments: str, text: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a `login-function` command to its end."""
    return subprocess.run(
        [BIN / "login-function", *arguments],
        input=text,
        env=environment(folder, settings),
        cwd=folder,
        text=True,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def serve(tmp_path: Path, serve_here: Callable[..., Served]) -> Callable[..., Served]:
    """As `serve_here`, with one user, "alice"."""
    added = command(tmp_path, "users", "add", "alice", "--password-stdin", text=PASSWORD)
    assert added.returncode == 0, added.stderr
    return serve_here


@pytest.fixture
def serve_here(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts `login-function serve` with the given settings; kills what is left at the end."""
    with contextlib.ExitStack() as stack:

        def start(*prefix: str, **settings: str) -> Served:
            log = tmp_path / f"log{len(list(tmp_path.glob('log*')))}"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [*prefix, str(BIN / "login-function"), "serve"],
                    env=environment(tmp_path, settings),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            stack.callback(process.wait, PATIENCE)
            stack.callback(process.kill)
            return Served(process, log)

        yield start


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
