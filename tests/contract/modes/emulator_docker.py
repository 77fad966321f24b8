"""A target that is the function as a Knative Service in the emulator, as a container of its image.

knative/service.yaml with the image's name put in and one instance, for its SQLite file is in the image's volume, which
no other container shares. Users are added in that container, which its labels tell.
"""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from login import LoginInEmulator

from emulator.runtimes.docker import SERVICE_LABEL, STATE_LABEL

DATABASE_URL = "sqlite:////data/login.db?shared=true"


class LoginInContainer(LoginInEmulator):
    """The Service with one instance, of an image."""

    def __init__(self, folder: Path, settings: Mapping[str, str], image: str) -> None:
        super().__init__(folder, settings)
        self.database = DATABASE_URL
        self._image = image

    def manifests(self) -> tuple[dict[str, Any], dict[str, Any]]:
        secret, service = super().manifests()
        template = service["spec"]["template"]
        template["spec"]["containers"][0]["image"] = self._image
        template["metadata"]["annotations"] |= {
            "autoscaling.knative.dev/min-scale": "1",
            "autoscaling.knative.dev/max-scale": "1",
        }
        # What ten instances would take comes to one: it is to queue and refuse by its own rules. Behind a limit of 4 at
        # a time even a probe would wait for the whole storm.
        template["spec"]["containerConcurrency"] = 0
        return secret, service

    def command(self, *arguments: str, text: str = "") -> str:
        labels = (f"{STATE_LABEL}={self.state_dir}", f"{SERVICE_LABEL}=login")
        filters = [word for label in labels for word in ("--filter", f"label={label}")]
        listed = subprocess.run(["docker", "ps", "--quiet", *filters], check=True, stdout=subprocess.PIPE, text=True)
        [container] = listed.stdout.split()
        command = ["docker", "exec", "--interactive", container, "login-function", *arguments]
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
        return done.stdout


class EmulatorDockerTarget:
    """The emulator's gateway, with the Host that leads to the Service."""

    def __init__(self, emulator: LoginInContainer) -> None:
        self.url = f"http://127.0.0.1:{emulator.port}"
        self.headers: Mapping[str, str] = {"Host": f"login.default.localhost:{emulator.port}"}
        self.users, self.command = emulator.users, emulator.command


class EmulatorDockerMode:
    """Needs a Docker engine; tests/conftest.py has it, and says so where there is none."""

    name = "emulator-docker"

    def options(self, parser: pytest.Parser) -> None:
        """None."""

    def missing(self, config: pytest.Config) -> str | None:
        """Nothing as yet: a machine without an engine leaves each of these tests out by name, or fails it in CI."""
        return None

    def this_machine(self, config: pytest.Config) -> str | None:
        """The engine's end of the bridge."""
        engine = config.pluginmanager.get_plugin("engine")
        address: str = engine.gateway
        return address

    @contextlib.contextmanager
    def start(self, config: pytest.Config, folder: Path, settings: Mapping[str, str]) -> Iterator[EmulatorDockerTarget]:
        engine = config.pluginmanager.get_plugin("engine")
        emulator = LoginInContainer(folder, settings, engine.image)
        try:
            emulator.up("--runtime", "docker", services=emulator.manifests())
            yield EmulatorDockerTarget(emulator)
        finally:
            emulator.close()


MODE = EmulatorDockerMode()
