"""The login function in an emulator of its own: a folder, a database, free ports, and nothing left of it afterwards."""

import contextlib
import json
import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
import yaml

from emulator.client import Client
from loadtest.target import Target

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
MANIFEST = ROOT / "knative/service.yaml"
SECRET = ROOT / "knative/local/secret.yaml"
IMAGE = "dev.local/knative-login:latest"
SERVICE = "login"
#: An emulator or a command line that takes longer is broken, not slow.
PATIENCE = 120.0
#: Seconds for the demo's window and grace period to pass, and for instances to end.
TO_ZERO = 90.0


class DeploymentError(RuntimeError):
    """It is not as it should be; a sentence that says what to do, or what it printed."""


class Deployment:
    """A running emulator with the login function, whose people have one password: their hashes cost nothing to make.

    Attributes:
        target: where to log in.
        people: names of the accounts.
        password: of all of them.
    """

    def __init__(self, folder: Path, port: int, environ: Mapping[str, str]) -> None:
        self.target = Target(f"http://127.0.0.1:{port}", f"{SERVICE}.default.localhost:{port}")
        self.people: list[str] = []
        self.password = secrets.token_urlsafe(18)
        self._folder = folder
        self._environ = environ
        self._client = Client(folder / "state")

    def add_people(self, count: int) -> None:
        """Make accounts: one is added, the others are imported with its hash."""
        self._users("add", "first", "--password-stdin", text=self.password)
        [row] = (json.loads(line) for line in self._users("export").splitlines())
        self.people = [f"person-{number}" for number in range(count)]
        lines = (json.dumps({"name": name, "password_hash": row["password_hash"]}) + "\n" for name in self.people)
        self._users("import", "-", text="".join(lines))

    def status(self) -> Mapping[str, Any]:
        """The document of `knative-emulator status`. Raises DeploymentError where it takes too long."""
        try:
            return self._client.status()
        except requests.Timeout as error:
            raise DeploymentError("the emulator is too busy to say what runs: try fewer people") from error

    def sessions(self) -> Mapping[str, str]:
        """Session id -> name of its owner, as the database has it."""
        with contextlib.closing(sqlite3.connect(f"file:{self._folder}/login.db?mode=ro", uri=True)) as database:
            return dict(database.execute("SELECT s.id, u.name FROM sessions s JOIN users u ON u.id = s.user_id"))

    def wait_for_zero(self) -> None:
        """Wait until no instance is left. Raises DeploymentError where one stays."""
        deadline = time.monotonic() + TO_ZERO
        while any(it["instances"] for service in self.status()["services"] for it in service["revisions"]):
            if time.monotonic() > deadline:
                raise DeploymentError(f"an instance is still there after {TO_ZERO:g} s without requests")
            time.sleep(0.2)

    def _users(self, *arguments: str, text: str = "") -> str:
        command = [str(BIN / "login-function"), "users", *arguments]
        return subprocess.run(
            command, input=text, env=self._environ, stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE
        ).stdout


@contextlib.contextmanager
def deployment(hash_cost: int) -> Iterator[Deployment]:
    """Bring it up from the cluster's manifest, with another cost of hashes; take it down when the block is left.

    Raises:
        DeploymentError: the Service did not become ready; what the emulator printed says why.
    """
    with tempfile.TemporaryDirectory(prefix="loadtest-") as name:
        folder = Path(name)
        database = f"sqlite:///{folder}/login.db?shared=true"
        (folder / "knative-emulator.yaml").write_text(
            yaml.safe_dump({"images": {IMAGE: f"{BIN}/login-function serve"}})
        )
        (folder / "login.yaml").write_text(yaml.safe_dump_all(_manifests(database, hash_cost)))
        command = [str(BIN / "knative-emulator"), "up", "--demo", "--state-dir", str(folder / "state")]
        command += ["--port", "0", "--api-port", "0", "-f", "login.yaml"]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            port = _gateway(process)
            environ = {**os.environ, "DATABASE_URL": database, "HASH_COST": str(hash_cost)}
            yield Deployment(folder, port, environ)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def _manifests(database: str, hash_cost: int) -> tuple[Any, Any]:
    secret, service = (yaml.safe_load(path.read_text()) for path in (SECRET, MANIFEST))
    secret["stringData"]["url"] = database
    [container] = service["spec"]["template"]["spec"]["containers"]
    container["env"].append({"name": "HASH_COST", "value": str(hash_cost)})
    return secret, service


def _gateway(process: "subprocess.Popen[str]") -> int:
    """The port of the gateway, once the emulator says that all is ready."""
    printed = ""
    assert process.stdout is not None  # noqa: S101 # it was opened as a pipe just above
    for line in process.stdout:
        printed += line
        if line.startswith("gateway http://localhost:") and "error:" not in printed:
            return int(line.split()[1].rpartition(":")[2])
        if line.startswith("gateway "):
            break
    raise DeploymentError(f"the emulator did not come up:\n{printed}")
