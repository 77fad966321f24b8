"""A target that is the function as a Knative Service in the emulator, as processes of this machine."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from login import LoginInEmulator


class EmulatorTarget:
    """The emulator's gateway, with the Host that leads to the Service."""

    def __init__(self, emulator: LoginInEmulator) -> None:
        self.url = f"http://127.0.0.1:{emulator.port}"
        self.headers: Mapping[str, str] = {"Host": f"login.default.localhost:{emulator.port}"}
        self.users, self.command = emulator.users, emulator.command


class EmulatorMode:
    """Needs nothing but the installed package."""

    name = "emulator"

    def options(self, parser: pytest.Parser) -> None:
        """None."""

    def missing(self, config: pytest.Config) -> str | None:
        """Nothing."""
        return None

    def this_machine(self, config: pytest.Config) -> str | None:
        """Itself."""
        return "127.0.0.1"

    @contextlib.contextmanager
    def start(self, config: pytest.Config, folder: Path, settings: Mapping[str, str]) -> Iterator[EmulatorTarget]:
        emulator = LoginInEmulator(folder, settings)
        try:
            emulator.up(services=emulator.manifests())
            yield EmulatorTarget(emulator)
        finally:
            emulator.close()


MODE = EmulatorMode()
