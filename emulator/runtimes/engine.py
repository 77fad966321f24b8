"""The Docker engine at arm's length: its SDK is imported when first used, and called in threads of its own.

The emulator does not patch sockets: a call of the SDK on the hub's thread would stop everything else, the data plane
too, until the engine has answered.
"""

import ipaddress
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

import psutil
from gevent.threadpool import ThreadPool

from emulator.errors import EmulatorError, LaunchError

T = TypeVar("T")
#: The SDK's DockerClient. It has no types of its own.
Client = Any

#: Calls at a time. An engine starts containers one after the other for the most part; the SDK keeps 10 connections.
THREADS = 8
#: Images that are pulled at a time: a registry that hangs must keep neither containers nor other images waiting.
PULLS = 4
#: The network that containers are in, and its bridge where the engine runs on this very machine.
NETWORK, BRIDGE = "bridge", "docker0"


class NoEngineError(LaunchError):
    """No engine answers; the text says what was tried."""

    def __init__(self, words: str) -> None:
        super().__init__("ContainerMissing", f"no Docker engine answers ({words})")


class RefusedError(EmulatorError):
    """The engine won't; the text is its own. `missing` says that what was asked for isn't there."""

    def __init__(self, words: str, *, missing: bool) -> None:
        super().__init__(words)
        self.missing = missing


class Engine:
    """The engine that the environment names (DOCKER_HOST), or the one of this machine."""

    def __init__(self) -> None:
        self._workers = ThreadPool(THREADS)
        self._pullers = ThreadPool(PULLS)
        self._connecting = threading.Lock()
        self._client: Client = None
        self.routed = False

    def call(self, ask: Callable[[Client], T]) -> T:
        """What `ask` gets from the client, in a thread, while other greenlets run. Raises NoEngineError, RefusedError.

        Once it has answered, `routed` says whether containers are reached by their own addresses: not so where the
        engine lives in a virtual machine, as on a Mac.
        """
        return self._in(self._workers, ask)

    def pull(self, image: str) -> None:
        """Get an image from its registry. Raises NoEngineError, RefusedError."""
        self._in(self._pullers, lambda client: _pull(client, image))

    def _in(self, pool: ThreadPool, ask: Callable[[Client], T]) -> T:
        # An error that leaves a thread is printed with its traceback as well, so ours come back as values.
        answer, error = pool.apply(self._attempt, (ask,))
        if error is not None:
            raise error
        return cast("T", answer)

    def _attempt(self, ask: Callable[[Client], T]) -> tuple[Any, EmulatorError | None]:
        try:
            import docker  # noqa: PLC0415 - 0.3 s that only those pay who run containers
        except ImportError as error:
            return None, NoEngineError(f"{error}: install the package docker")
        try:
            with self._connecting:
                if self._client is None:
                    client = docker.from_env()
                    self.routed = _bridge_is_here(client)
                    self._client = client
            return ask(self._client), None
        except docker.errors.APIError as error:
            return None, RefusedError(str(error.explanation or error), missing=error.status_code == 404)
        except (docker.errors.DockerException, OSError) as error:  # requests' errors are OSErrors
            return None, NoEngineError(str(error))


def _bridge_is_here(client: Client) -> bool:
    configs = client.networks.get(NETWORK).attrs["IPAM"]["Config"] or ()
    subnets = [ipaddress.ip_network(config["Subnet"]) for config in configs]
    ours = [it.address for it in psutil.net_if_addrs().get(BRIDGE, ()) if "." in it.address]
    return any(ipaddress.ip_address(address) in subnet for address in ours for subnet in subnets)


def _pull(client: Client, image: str) -> None:
    repository, tag = split_image(image)
    for line in client.api.pull(repository, tag=tag, stream=True, decode=True):
        if "error" in line:
            raise RefusedError(line["error"], missing=True)


def split_image(image: str) -> tuple[str, str]:
    """Repository, and digest or tag, of an image's name. A digest makes a tag beside it idle; no tag is `latest`."""
    name, _, digest = image.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = name, "latest"
    return repository, digest or tag
