"""What the containers of one instance share: the address of the serving one, and their volumes.

An emptyDir is a volume of the engine that is held in memory: it is there for as long as any container has it mounted.
"""

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from emulator.core.environment import UnresolvedReference
from emulator.core.quantity import parse_quantity
from emulator.errors import LaunchError
from emulator.runtimes.base import Launch
from emulator.runtimes.container import empty_dir
from emulator.runtimes.engine import Client, Engine, RefusedError
from emulator.runtimes.volumes import Volumes

#: Permissions of an empty folder that any user may write to.
EMPTY_DIR_MODE = 0o1777


class Shared:
    """From the start of an instance's first container to the end of its last.

    `containers` counts them; `host` is where the serving one is reached.
    """

    def __init__(self, engine: Engine, folder: Path, launch: Launch) -> None:
        """Write the files of the volumes that have some. Raises LaunchError."""
        self.containers = 0
        self.host = ""
        self._engine = engine
        self._launch = launch
        self._made: list[str] = []
        try:
            self._volumes = Volumes(folder, launch.files)
        except (UnresolvedReference, OSError) as error:
            raise LaunchError("CreateContainerConfigError", str(error)) from error

    def make_empty_dirs(self, labels: Mapping[str, str]) -> None:
        """Make those that are missing. Raises RefusedError, NoEngineError."""
        for options in _empty_dirs(self._launch):
            if options["name"] not in self._made:
                self._made.append(options["name"])
                self._engine.call(partial(_make, options | {"labels": dict(labels)}))

    def close(self) -> None:
        """Nobody looks at them any more. Raises NoEngineError."""
        self._volumes.close()
        for name in self._made:
            with contextlib.suppress(RefusedError):
                self._engine.call(partial(_remove, name))


def _make(options: Mapping[str, Any], client: Client) -> None:
    client.volumes.create(**options)


def _remove(name: str, client: Client) -> None:
    client.api.remove_volume(name, force=True)


def _empty_dirs(launch: Launch) -> Iterator[dict[str, Any]]:
    """Arguments for `volumes.create`."""
    for volume in launch.pod.get("volumes") or ():
        if "emptyDir" in volume:
            limit = volume["emptyDir"].get("sizeLimit")
            size = f",size={int(parse_quantity(limit).value)}" if limit else ""
            mount = {"type": "tmpfs", "device": "tmpfs", "o": f"mode={EMPTY_DIR_MODE:o}{size}"}
            yield {"name": empty_dir(launch.instance, volume["name"]), "driver": "local", "driver_opts": mount}
