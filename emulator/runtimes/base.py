"""The tiny base that every runtime shares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from emulator.core.instance import Signal
from emulator.core.revision import RevisionKey
from emulator.core.support import RuntimeName
from emulator.core.volumes import Files

#: Lines of the log that an exit is reported with, as Knative quotes a container's last words.
LAST_LINES = 10
#: Bytes of one printed line that are kept; a longer one is cut, so that no program can fill our memory.
LINE_LIMIT = 16 * 1024


@dataclass(frozen=True, slots=True)
class Launch:
    """One instance to run: what a pod's serving container says, with its environment already resolved.

    `probes` are the container's, by kind (`readiness`, `liveness`, `startup`), as Kubernetes writes them. `container`
    is all of it as the manifest has it: resources, security context and the like are for a runtime that knows them.
    `pod` is the Revision's spec, which it is in; `files` tells of each of its volumes of ConfigMaps and Secrets
    what is in it now (raises UnresolvedReference).

    `sidecars` are the containers beside it, which start after it in its network: each a Launch of its own, that has no
    port (`container_port` 0), and its name in `sidecar`.
    """

    instance: str
    revision: RevisionKey
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, str]
    working_dir: str | None
    container_port: int
    probes: Mapping[str, Mapping[str, Any]]
    container: Mapping[str, Any] = field(default_factory=dict)
    pod: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Callable[[], Files]] = field(default_factory=dict)
    sidecar: str = ""
    sidecars: tuple["Launch", ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """The instance, and which container of it: "" is the serving one."""
        return self.instance, self.sidecar


class Report(NamedTuple):
    """What became of an instance: PROBE_OK with its address, PROBE_FAILED with the reason, EXITED with code and words.

    `reason` is Kubernetes' word where the instance could not even be started (`ContainerMissing`, ...). With a name in
    `sidecar` it is about that container alone.
    """

    instance: str
    signal: Signal
    host: str = ""
    port: int = 0
    exit_code: int | None = None
    message: str = ""
    reason: str = ""
    sidecar: str = ""


class Node(Protocol):
    """What keeps instances running for the controller: the kubelet, or a model of it. Nothing here blocks."""

    def start(self, launch: Launch) -> None:
        """Start an instance with all its containers, or a sidecar of it anew.

        What became of each is reported later, never assumed. The end of the serving container is that of all: it is
        reported when the others have ended too.
        """
        ...

    def stop(self, instance: str, grace: float) -> None:
        """End an instance; it is gone when it has been reported to have exited."""
        ...


class Address(NamedTuple):
    """Where the instance will listen, once it does."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Command:
    """What is to run inside an instance, beside its program: a probe's command, or that of `kubectl exec`.

    Without `stdin` it reads nothing; with `tty` it has a terminal of its own, on which both its streams are one.
    """

    words: tuple[str, ...]
    stdin: bool = False
    tty: bool = False


#: Streams of a command, as attach and exec number them in Docker and in Kubernetes.
STDOUT, STDERR = 1, 2
#: Takes what a command prints: the stream and some bytes. It may block, and then the command waits.
Output = Callable[[int, bytes], None]


class Execution(Protocol):
    """A command that runs inside an instance."""

    def write(self, data: bytes) -> None:
        """Give it something to read; blocks while it doesn't. Nothing happens once it has ended."""
        ...

    def end_input(self) -> None:
        """Let it read the end of its input."""
        ...

    def resize(self, columns: int, rows: int) -> None:
        """Tell its terminal how large it is."""
        ...

    def wait(self) -> int:
        """Block until it has ended and all of its output was taken; returns its exit code, as a shell counts."""
        ...

    def kill(self) -> None:
        """End it at once, with all that it has started. Does not block."""
        ...


class Exit(NamedTuple):
    """How an instance ended: its exit code (128+N for signal N, as a shell counts) and its last log lines."""

    code: int
    last_lines: str


class Handle(Protocol):
    """A running instance."""

    address: Address

    def wait(self) -> Exit:
        """Block this greenlet until the instance has ended."""
        ...

    def stop(self, grace: float) -> None:
        """Ask it to end (SIGTERM), and end it (SIGKILL) after `grace` seconds. Does not block."""
        ...

    def execute(self, command: Command, output: Output) -> Execution:
        """Run a command with the instance's environment, where it runs; raises CommandError.

        It ends with the instance at the latest.
        """
        ...


#: The container of an instance (by the instance's name and a sidecar's, "" for the serving one), if it runs now.
Running = Callable[[str, str], Handle | None]


class Runtime(Protocol):
    """Starts instances. All calls are made from greenlets and must let others run while they wait."""

    def name_for(self, image: str) -> RuntimeName:
        """Which one runs instances of an image: it rules what a manifest may ask for."""
        ...

    def prepare(self, launch: Launch) -> None:
        """Get what a start takes; raises LaunchError if it can't be had.

        An image may take minutes to come: a greenlet that waits here may be killed, and nothing is left of it.
        """
        ...

    def start(self, launch: Launch, log: "LogSink") -> Handle:
        """Start what is prepared; raises LaunchError."""
        ...

    def sweep(self) -> int:
        """End what an emulator that was killed left running; returns how many instances that were."""
        ...


class LogSink(Protocol):
    """Takes the lines that an instance prints."""

    def write(self, line: str) -> None: ...

    def tail(self, lines: int) -> str: ...
