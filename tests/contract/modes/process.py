"""A target that is a process of this machine: `login-function serve`, on a free port, with a database of its own."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("login-function")


class ProcessTarget:
    """A running process; `url` by the port that it took."""

    headers: Mapping[str, str] = {}

    def __init__(self, port: int, environ: Mapping[str, str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._environ = environ

    def users(self, *arguments: str, text: str = "") -> str:
        return self.command("users", *arguments, text=text)

    def command(self, *arguments: str, text: str = "") -> str:
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=text,
            env=dict(self._environ),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout


class ProcessMode:
    """Needs nothing but the installed package; its database is a SQLite file in its folder."""

    name = "process"

    def options(self, parser: pytest.Parser) -> None:
        """None."""

    def missing(self, config: pytest.Config) -> str | None:
        return None if PROGRAM.exists() else f"{PROGRAM} is not there: install the package"

    def database_url(self, config: pytest.Config, folder: Path) -> str:
        return f"sqlite:///{folder}/login.db"

    def this_machine(self, config: pytest.Config) -> str | None:
        """Itself."""
        return "127.0.0.1"

    @contextlib.contextmanager
    def start(self, config: pytest.Config, folder: Path, settings: Mapping[str, str]) -> Iterator[ProcessTarget]:
        own = {"HOST": "127.0.0.1", "PORT": "0", "DATABASE_URL": self.database_url(config, folder)}
        environ = {**os.environ, **settings, **own}
        log = folder / "log"
        with log.open("w") as stdout, subprocess.Popen([PROGRAM, "serve"], env=environ, stdout=stdout) as process:
            try:
                yield ProcessTarget(_port(process, log), environ)
            finally:
                process.terminate()
                assert process.wait(60) == 0, "it did not end well"


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that its first log line tells, once it is there."""
    end = time.monotonic() + 30
    while "\n" not in (text := log.read_text()):
        assert process.poll() is None, "it ended before it was ready"
        assert time.monotonic() < end, "it did not become ready"
        time.sleep(0.01)
    port: int = json.loads(text.splitlines()[0])["port"]
    return port


MODE = ProcessMode()
