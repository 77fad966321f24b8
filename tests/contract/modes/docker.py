"""A target that is a container of the function's image, with its root read-only and its port published."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from docker_engine import Engine
from testcontainers.core.container import DockerContainer


class DockerTarget:
    """A running container; `url` by the port that the engine published it on."""

    headers: Mapping[str, str] = {}

    def __init__(self, container: DockerContainer) -> None:
        self.url = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(8080)}"
        self._exec = ["docker", "exec", "--interactive", container.get_container_id()]

    def users(self, *arguments: str, text: str = "") -> str:
        return self.command("users", *arguments, text=text)

    def command(self, *arguments: str, text: str = "") -> str:
        command = [*self._exec, "login-function", *arguments]
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
        return done.stdout


class DockerMode:
    """Needs a Docker engine; tests/support has it, and says so where there is none."""

    name = "docker"

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
    def start(self, config: pytest.Config, folder: Path, settings: Mapping[str, str]) -> Iterator[DockerTarget]:
        engine = config.pluginmanager.get_plugin("engine")
        assert isinstance(engine, Engine)
        with engine.login(dict(settings), read_only=True) as container:
            yield DockerTarget(container)
            process = container.get_wrapped_container()
            process.stop(timeout=60)
            assert process.wait()["StatusCode"] == 0, "it did not end well"


MODE = DockerMode()
