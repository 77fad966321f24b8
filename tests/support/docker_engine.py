"""The Docker engine, and the function's image and containers in it.

A machine without an engine leaves those tests out, loudly; see tests/conftest.py.
"""

import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

# Its reaper is one more image to pull: `Engine` sweeps what is left. Testcontainers reads this when imported.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

import docker
from postgres import Postgres
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy
from testcontainers.core.waiting_utils import WaitStrategy

ROOT = Path(__file__).parents[2]
IMAGE = "knative-login:test"
IMAGE_LABEL = "knative-login.built-by=tests"
MISSING = "this machine has no "
#: Label of everything the tests start; its value names the process that owns it.
OWNER_LABEL = "knative-login.owner"
#: A cold build of the image takes 40 s on two idle cores, most of it downloads.
BUILD_SECONDS = 600
START_SECONDS = 60
READY = HttpWaitStrategy(8080, "/readyz").for_status_code(200)


def missing(what: str, remedy: str) -> NoReturn:
    """Leave the test out, loudly; in CI, where everything must run, fail it."""
    reason = f"{MISSING}{what}: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class Engine:
    """The Docker engine, with what the tests share of it; everything is made when it is first asked for.

    Attributes:
        owner: value of OWNER_LABEL. Whatever bears it is swept at the end of this process, or by the next run after it.
    """

    def __init__(self) -> None:
        self.owner = f"test-{os.getpid()}-{int(psutil.Process().create_time())}"

    @functools.cached_property
    def client(self) -> docker.DockerClient:
        # Asked by the command, which the build needs too: the library leaves a socket open where nobody answers.
        answers = ["docker", "version"]
        if not shutil.which("docker") or subprocess.run(answers, check=False, capture_output=True).returncode:
            missing("Docker engine", "start Docker, or run tools/engine as root")
        client = docker.from_env()
        _sweep(client, _is_left_over)
        return client

    @functools.cached_property
    def gateway(self) -> str:
        """This machine's address on the network that containers are in by default."""
        [config] = self.client.networks.get("bridge").attrs["IPAM"]["Config"]
        # An engine that has started for the first time does not tell it: it takes the first address for itself.
        return str(config.get("Gateway") or next(ip_network(config["Subnet"]).hosts()))

    @functools.cached_property
    def image(self) -> str:
        """Name of the function's image, built from the Dockerfile as a user would."""
        assert self.client
        command = ["docker", "build", "--tag", IMAGE, "--label", IMAGE_LABEL, "."]
        built = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS)
        if built.returncode:
            words = f"docker build failed (tools/images prepares its base):\n{built.stdout}{built.stderr}"
            pytest.fail(words, pytrace=False)
        return IMAGE

    @functools.cached_property
    def postgres(self) -> Postgres:
        """A PostgreSQL, for all who want a database in it."""
        assert self.client
        return Postgres({OWNER_LABEL: self.owner})

    def login(
        self, environment: dict[str, str] | None = None, wait_for: WaitStrategy | None = READY, **options: Any
    ) -> DockerContainer:
        """A container of the image, to be started; with what `docker run` takes for options."""
        labels = {OWNER_LABEL: self.owner}
        container = DockerContainer(self.image, ports=[8080], env=environment, labels=labels, **options)
        return container.waiting_for(wait_for.with_startup_timeout(START_SECONDS)) if wait_for else container

    def close(self) -> None:
        if "client" in vars(self):
            _sweep(self.client, self.owner.__eq__)
            # What the tag named before: every change of the function would leave an image behind.
            self.client.images.prune(filters={"dangling": True, "label": IMAGE_LABEL})
            self.client.close()


def _sweep(client: docker.DockerClient, condemned: Callable[[str], bool]) -> None:
    """Remove the containers, networks and volumes of condemned owners."""
    # Compose marks its objects with the project's name, which the tests set to the owner's.
    for label in (OWNER_LABEL, "com.docker.compose.project"):
        labelled = {"filters": {"label": label}}
        for container in client.containers.list(all=True, ignore_removed=True, **labelled):
            if condemned(container.labels[label]):
                unless_gone(functools.partial(container.remove, force=True, v=True))
        for item in (*client.networks.list(**labelled), *client.volumes.list(**labelled)):
            if condemned(item.attrs["Labels"][label]):
                unless_gone(item.remove)


def unless_gone(remove: Callable[[], None]) -> None:
    try:
        remove()
    except docker.errors.APIError as error:
        # A neighbour's sweep, or the test itself, was first, or is at it at this moment.
        if error.status_code not in {404, 409}:
            raise


def _is_left_over(owner: str) -> bool:
    match owner.split("-"):
        case ["test", pid, created]:
            try:
                return int(psutil.Process(int(pid)).create_time()) != int(created)
            except psutil.NoSuchProcess:
                return True
        case _:
            return False
