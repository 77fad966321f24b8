"""Which runtime runs an instance, by the word of `--runtime`.

auto      an image with a line under `images:` is a process, any other a container
process   only what `images:` has a line for
docker    everything is a container
"""

from pathlib import Path

from emulator.core.support import RuntimeName
from emulator.errors import LaunchError, MachineError
from emulator.runtimes.base import Handle, Launch, LogSink, Runtime
from emulator.runtimes.docker import DockerRuntime
from emulator.runtimes.engine import NoEngineError
from emulator.runtimes.process import ProcessRuntime
from emulator.settings import LiveImages, Settings

#: Kinds of a LaunchError that say that there is no image.
_NO_IMAGE = frozenset({"ContainerMissing", "ImagePullBackOff", "ErrImageNeverPull"})


def choose(word: str, settings: Settings, state_dir: Path) -> Runtime:
    """The runtime for one of these words. Raises MachineError where only containers will do and no engine answers."""
    process = ProcessRuntime(LiveImages(settings), state_dir, settings.file, settings.folder)
    if word == "process":
        return process
    docker = DockerRuntime(state_dir)
    if word == "auto":
        return _Auto(process, docker)
    try:
        docker.connect()
    except NoEngineError as error:
        raise MachineError(f"{error}: start Docker, or leave out `--runtime docker`") from error
    return docker


class _Auto:
    """Processes where there is a command for the image, containers elsewhere; says both ways out where neither can."""

    def __init__(self, process: ProcessRuntime, docker: DockerRuntime) -> None:
        self._process = process
        self._docker = docker

    def name_for(self, image: str) -> RuntimeName:
        return (self._process if self._process.knows(image) else self._docker).name_for(image)

    def prepare(self, launch: Launch) -> None:
        """Raise LaunchError, with both ways out, where there is neither a command nor an image."""
        if self._of(launch) is self._process:
            return
        try:
            self._docker.prepare(launch)
        except NoEngineError as error:
            remedy = (
                f"{self._process.remedy(launch.image)}, or start Docker, which could run the image itself ({error})"
            )
            raise LaunchError(error.kind, remedy) from error
        except LaunchError as error:
            if error.kind not in _NO_IMAGE:
                raise
            raise LaunchError(
                error.kind, f"{error}; to run a process instead, {self._process.remedy(launch.image)}"
            ) from error

    def start(self, launch: Launch, log: LogSink) -> Handle:
        return self._of(launch).start(launch, log)

    def _of(self, launch: Launch) -> Runtime:
        # A sidecar shares the network of a container, so it is one too.
        return self._process if not launch.sidecar and self._process.knows(launch.image) else self._docker

    def sweep(self) -> int:
        return self._process.sweep() + self._docker.sweep()
