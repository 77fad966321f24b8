"""What any test may ask for: the Docker engine, the function's image, a container of it, kubectl.

A machine without one of them leaves those tests out and says so, by name, in the last lines; with CI=true they fail.
"""

import contextlib
import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

# Its reaper is one more image to pull: `engine` below removes what is left. Testcontainers reads this when imported.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

import docker
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy
from testcontainers.core.waiting_utils import WaitStrategy

ROOT = Path(__file__).parent.parent
IMAGE = "knative-login:test"
MISSING = "this machine has no "
#: Label of everything the tests start; its value names the process that owns it.
OWNER_LABEL = "knative-login.owner"
OWNER = f"test-{os.getpid()}-{int(psutil.Process().create_time())}"
#: A cold build of the image takes 20 s on two idle cores, most of it downloads.
BUILD_SECONDS = 600
START_SECONDS = 60
READY = HttpWaitStrategy(8080, "/readyz").for_status_code(200)

_figures: list[str] = []


def missing(what: str, remedy: str) -> NoReturn:
    """Leave the test out, loudly; in CI, where everything must run, fail it."""
    reason = f"{MISSING}{what}: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _figures:
        terminalreporter.write_line(f"measured: {line}")
    for report in terminalreporter.getreports("skipped"):
        reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
        if MISSING in reason:
            terminalreporter.write_line(f"LEFT OUT {report.nodeid}: {reason.removeprefix('Skipped: ')}", red=True)


@pytest.fixture(scope="session")
def figure() -> Callable[[str], None]:
    """Takes a sentence with a figure, to be printed after the last test."""
    return _figures.append


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException:
        missing("Docker engine", "start Docker, or run tools/engine as root")
    _sweep(client, _is_left_over)
    yield client
    _sweep(client, OWNER.__eq__)
    client.close()


def _sweep(client: docker.DockerClient, condemned: Callable[[str], bool]) -> None:
    """Remove the containers, networks and volumes of condemned owners."""
    # Compose marks its objects with the project's name, which the tests set to the owner's.
    for label in (OWNER_LABEL, "com.docker.compose.project"):
        labelled = {"filters": {"label": label}}
        for container in client.containers.list(all=True, ignore_removed=True, **labelled):
            if condemned(container.labels[label]):
                _unless_gone(functools.partial(container.remove, force=True, v=True))
        for item in (*client.networks.list(**labelled), *client.volumes.list(**labelled)):
            if condemned(item.attrs["Labels"][label]):
                _unless_gone(item.remove)


def _unless_gone(remove: Callable[[], None]) -> None:
    with contextlib.suppress(docker.errors.NotFound):  # a neighbour's sweep was first
        remove()


def _is_left_over(owner: str) -> bool:
    match owner.split("-"):
        case ["test", pid, created]:
            try:
                return int(psutil.Process(int(pid)).create_time()) != int(created)
            except psutil.NoSuchProcess:
                return True
        case _:
            return False


@pytest.fixture(scope="session")
def login_image(engine: docker.DockerClient) -> str:
    """Name of the function's image, built from the Dockerfile as a user would."""
    command = ["docker", "build", "--tag", IMAGE, "."]
    built = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS)
    if built.returncode:
        words = f"docker build failed (tools/images prepares its base):\n{built.stdout}{built.stderr}"
        pytest.fail(words, pytrace=False)
    return IMAGE


@pytest.fixture
def start_login(login_image: str) -> Iterator[Callable[..., DockerContainer]]:
    """Starts a container of the image and waits for `wait_for`; takes what `docker run` takes."""
    started = []

    def start(
        environment: dict[str, str] | None = None, *, wait_for: WaitStrategy | None = READY, **kwargs: Any
    ) -> DockerContainer:
        labels = {OWNER_LABEL: OWNER}
        container = DockerContainer(login_image, ports=[8080], env=environment, labels=labels, **kwargs)
        if wait_for:
            container.waiting_for(wait_for.with_startup_timeout(START_SECONDS))
        started.append(container)
        return container.start()

    yield start
    for container in started:
        _unless_gone(container.stop)


@pytest.fixture(scope="session")
def owner() -> str:
    """Whoever labels its containers, networks and volumes so has them swept, also after a crash."""
    return OWNER


@pytest.fixture
def volume(engine: docker.DockerClient) -> str:
    """An empty volume, to be swept with the rest at the end."""
    return str(engine.volumes.create(labels={OWNER_LABEL: OWNER}).name)


@pytest.fixture(scope="session")
def kubectl() -> str:
    ours = ROOT / ".tools/bin/kubectl"
    found = str(ours) if ours.exists() else shutil.which("kubectl")
    return found or missing("kubectl", "run tools/kubectl")
