"""compose.yaml as it is, by Docker's own compose: instances scaled by hand behind a proxy, one database."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from docker_engine import Engine

ROOT = Path(__file__).parent.parent.parent
SOCKET = "/var/run/docker.sock"
COMMAND_SECONDS = 240
DEADLINE = 60
INSTANCES = 3

Compose = Callable[..., str]


@pytest.fixture(scope="module")
def compose(engine: Engine) -> Iterator[Compose]:
    """Runs a compose command on a project that is up with `INSTANCES` instances."""
    settings = {"PUBLISH": "127.0.0.1:0", "IMAGE": engine.image}
    command = ["docker", "compose"]
    if subprocess.run([*command, "version"], check=False, capture_output=True).returncode:
        # The client here has no compose plugin; the public image of the client does.
        here = ["--volume", f"{SOCKET}:{SOCKET}", "--volume", f"{ROOT}:{ROOT}:ro", "--workdir", str(ROOT)]
        environment = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
        command = ["docker", "run", "--rm", *here, *environment, "docker:cli", *command]

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*command, "--project-name", engine.owner, *arguments],
            cwd=ROOT,
            env={**os.environ, **settings},
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    scale(run, INSTANCES)
    yield run
    run("down", "--volumes", "--timeout", "30")


def scale(compose: Compose, instances: int) -> None:
    compose("up", "--detach", "--no-build", "--no-recreate", "--wait", "--scale", f"login={instances}")


@pytest.fixture(scope="module")
def proxy(compose: Compose) -> str:
    return "http://127.0.0.1:" + compose("port", "proxy", "8080").rpartition(":")[2]


@pytest.fixture(scope="module")
def credentials(compose: Compose) -> dict[str, str]:
    made = compose("exec", "--no-TTY", "--index", "1", "login", "login-function", "users", "add", "alice", "--generate")
    return {"username": "alice", "password": made}


def served_by(proxy: str, wanted: Callable[[set[str]], bool]) -> set[str]:
    """The instances that answer through the proxy, once they are as wanted."""
    seen: set[str] = set()
    deadline = time.monotonic() + DEADLINE
    while not wanted(seen) and time.monotonic() < deadline:
        seen = {requests.get(f"{proxy}/livez", timeout=30).headers["X-Served-By"] for _ in range(10 * INSTANCES)}
    return seen


def test_every_instance_serves_and_knows_every_user(proxy: str, credentials: dict[str, str]) -> None:
    assert len(served_by(proxy, lambda seen: len(seen) == INSTANCES)) == INSTANCES
    answers = [requests.post(f"{proxy}/login", json=credentials, timeout=30) for _ in range(4 * INSTANCES)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["X-Served-By"] for answer in answers}) > 1


def test_the_client_is_who_connected_to_the_proxy(proxy: str, compose: Compose) -> None:
    requests.post(f"{proxy}/login", data=b"{", headers={"X-Forwarded-For": "203.0.113.7"}, timeout=30)
    lines = [line for line in compose("logs", "--no-log-prefix", "login").splitlines() if '"/login"' in line]
    assert lines
    assert not [line for line in lines if "203.0.113.7" in line]


def test_instances_are_limited_and_unprivileged(engine: Engine, compose: Compose) -> None:
    for name in compose("ps", "--quiet", "login").split():
        host = engine.client.containers.get(name).attrs["HostConfig"]
        assert host["NanoCpus"] == 1_000_000_000
        assert host["Memory"] == 256 * 1024 * 1024
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]


def test_scaling_down_and_up_under_load_loses_nothing(
    compose: Compose, proxy: str, credentials: dict[str, str]
) -> None:
    answers: list[int] = []
    over = threading.Event()

    def log_in() -> None:
        while not over.is_set():
            answers.append(requests.post(f"{proxy}/login", json=credentials, timeout=60).status_code)

    clients = [threading.Thread(target=log_in) for _ in range(4)]
    for client in clients:
        client.start()
    scale(compose, 1)
    left = served_by(proxy, lambda seen: len(seen) == 1)
    scale(compose, INSTANCES)
    grown = served_by(proxy, lambda seen: len(seen) == INSTANCES)
    over.set()
    for client in clients:
        client.join()
    assert len(left) == 1
    assert len(grown) == INSTANCES
    assert len(answers) > len(clients)
    assert set(answers) == {200}, compose("logs", "proxy")
