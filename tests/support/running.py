"""A running emulator of a test's own, and what a person does with it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
import requests
import yaml

from emulator.runtimes.process import MARK, free_port

EMULATOR = str(Path(sys.executable).with_name("knative-emulator"))
HELLO = f"{sys.executable} {Path(__file__).with_name('hello.py')}"
#: Generous: two shared cores, and other tests beside. A test that needs it all has failed anyway.
PATIENCE = 60.0

T = TypeVar("T")


def manifest(
    name: str = "hello",
    annotations: dict[str, str] | None = None,
    env: dict[str, str] | None = None,
    *,
    image: str = "example.com/hello",
    container: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A Service like people write them."""
    variables = [{"name": key, "value": value} for key, value in (env or {}).items()]
    containers = [{"image": image, "env": variables} | (container or {})]
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "template": {"metadata": {"annotations": annotations or {}}, "spec": {"containers": containers} | spec}
        },
    }


def until(look: Callable[[], T], seconds: float = PATIENCE, every: float = 0.05) -> T:
    """Look again and again until there is something to see; the last look's value."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(every)
    return seen


def processes_of(state_dir: Path) -> list[int]:
    """Process ids of everything that runs for the emulator of a state folder, itself aside."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(state_dir) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


class Emulator:
    """A `knative-emulator up` of the test's own, and what a person does with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_dir = folder / "state"
        self.port = free_port()
        self.config: dict[str, Any] = {"images": {"example.com/hello": HELLO}}
        self.process: subprocess.Popen[str] | None = None
        self.session = requests.Session()
        self.session.trust_env = False

    def up(self, *options: str, services: tuple[dict[str, Any], ...] = ()) -> None:
        # A port that it takes itself: one that was found free may be another program's by then.
        self.start("--port", "0", *options, services=services)
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("gateway "):
                self.port = int(line.split()[1].rpartition(":")[2])
                return
        pytest.fail(f"it did not come up: exit code {self.process.wait()}, {self.process.stderr.read()}")

    def start(self, *options: str, services: tuple[dict[str, Any], ...] = ()) -> None:
        self.configure()
        files = ["-f", str(self.write(*services))] if services else []
        self._forget()
        self.process = subprocess.Popen(
            [EMULATOR, "up", *self.where(), "--port", str(self.port), "--api-port", "0", *files, *options],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def configure(self) -> None:
        (self.folder / "knative-emulator.yaml").write_text(yaml.safe_dump(self.config))

    def where(self) -> tuple[str, str]:
        return "--state-dir", str(self.state_dir)

    def write(self, *documents: dict[str, Any]) -> Path:
        path = self.folder / f"manifest-{time.monotonic_ns()}.yaml"
        path.write_text(yaml.safe_dump_all(documents))
        return path

    def cli(self, *args: str) -> "subprocess.CompletedProcess[str]":
        command = [EMULATOR, args[0], *self.where(), *args[1:]]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def apply(self, *documents: dict[str, Any], options: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
        return self.cli("apply", "-f", str(self.write(*documents)), *options)

    def status(self) -> dict[str, Any]:
        result = self.cli("status", "-o", "json")
        assert result.returncode == 0, result.stderr
        document: dict[str, Any] = json.loads(result.stdout)
        return document

    def revisions(self, service: str = "hello") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = next(s for s in self.status()["services"] if s["name"] == service)["revisions"]
        return found

    def get(self, path: str = "/", service: str = "hello", **options: Any) -> requests.Response:
        host = {"Host": f"{service}.default.localhost:{self.port}"}
        return self.session.get(f"http://127.0.0.1:{self.port}{path}", headers=host, timeout=PATIENCE, **options)

    def processes(self) -> list[int]:
        return processes_of(self.state_dir)

    def interrupt(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.session.close()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)
        self._forget()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def _forget(self) -> None:
        if self.process is not None:
            for pipe in (self.process.stdout, self.process.stderr):
                assert pipe is not None
                pipe.close()
