"""Instances as containers of a Docker engine, from the manifest's image.

A container is reached by its own address where the engine runs on this machine: a port that Docker publishes accepts
connections before the program listens, so that asking whether it does would say yes too early. Elsewhere the serving
port is published on a random port of the loopback.

Each start is a fresh container, as a kubelet's restart is: what a crashed one wrote is gone with it. A label tells
whose a container is, so what an emulator that was killed left running is found again.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent import Greenlet, socket

from emulator.core.support import RuntimeName
from emulator.errors import LaunchError
from emulator.runtimes.base import LAST_LINES, Address, Command, Execution, Exit, Handle, Launch, LogSink, Output
from emulator.runtimes.container import container_options
from emulator.runtimes.container_command import ContainerCommand
from emulator.runtimes.engine import Client, Engine, NoEngineError, RefusedError
from emulator.runtimes.output import copy_lines
from emulator.runtimes.shared import Shared

LOOPBACK = "127.0.0.1"
#: Label of our containers; its value is the state folder of their emulator.
STATE_LABEL = "knative-emulator.state-dir"
#: The kubelet's own labels, and Knative's of a pod.
POD_LABEL, NAMESPACE_LABEL = "io.kubernetes.pod.name", "io.kubernetes.pod.namespace"
CONTAINER_LABEL = "io.kubernetes.container.name"
SERVICE_LABEL, REVISION_LABEL = "serving.knative.dev/service", "serving.knative.dev/revision"
#: Registries whose tags Knative does not resolve (config-deployment, registries-skipping-tag-resolving).
UNRESOLVED = ("kind.local/", "ko.local/", "dev.local/")
#: What an image asks to be stopped with that doesn't say.
STOP_SIGNAL = "SIGTERM"
#: Exit code of a container that nobody can ask any more, as Kubernetes counts it.
LOST = 137
#: Seconds between two looks at a container whose output has ended; most often the first look finds it ended too.
ENDING_POLL = 0.1


class DockerRuntime:
    """Runs containers, labelled with the state folder of this emulator."""

    def __init__(self, state_dir: Path) -> None:
        self._engine = Engine()
        self._owner = str(state_dir)
        # Tells the next `up` that there may be something to sweep: it need not ask the engine each time.
        self._trace = state_dir / "containers"
        self._folder = state_dir.absolute() / "volumes"
        self._shared: dict[str, Shared] = {}

    def connect(self) -> None:
        """Raise NoEngineError if no engine answers."""
        self._engine.call(lambda client: client.ping())

    def name_for(self, image: str) -> RuntimeName:
        del image
        return RuntimeName.DOCKER

    def prepare(self, launch: Launch) -> None:
        """Get the image, by its pull policy: what is here is not asked for again, unless the policy is Always."""
        image, policy = launch.image, launch.container.get("imagePullPolicy")
        if policy != "Always" and self._is_here(image):
            return
        if policy == "Never":
            why = f'Container image "{image}" is not present with pull policy of Never'
            raise LaunchError("ErrImageNeverPull", why)
        try:
            self._engine.pull(image)
        except RefusedError as error:
            raise _not_pulled(image, str(error)) from error

    def start(self, launch: Launch, log: LogSink) -> Handle:
        image = self._image(launch.image)
        labels = {
            STATE_LABEL: self._owner,
            POD_LABEL: launch.instance,
            CONTAINER_LABEL: launch.container.get("name", ""),
            NAMESPACE_LABEL: launch.revision.namespace,
            SERVICE_LABEL: launch.env.get("K_SERVICE", ""),
            REVISION_LABEL: launch.revision.name,
        }
        publish = not self._engine.routed
        folder = self._folder / launch.instance
        self._trace.touch()
        shared = self._shared.get(launch.instance) or Shared(self._engine, folder, launch)
        self._shared[launch.instance] = shared
        shared.containers += 1
        try:
            shared.make_empty_dirs({STATE_LABEL: self._owner})
            options = container_options(
                launch, image_user=image.get("User") or "", labels=labels, publish=publish, folder=folder
            )
            container = self._engine.call(lambda client: client.containers.create(**options))
        except RefusedError as error:
            self._forget(launch.instance)
            raise LaunchError("CreateContainerError", str(error)) from error
        except LaunchError:
            self._forget(launch.instance)
            raise
        try:
            output, network = self._engine.call(lambda client: _start(client, container))
        except RefusedError as error:
            _remove(self._engine, container)
            self._forget(launch.instance)
            raise LaunchError("RunContainerError", str(error)) from error
        if launch.sidecar:
            address = Address(shared.host, launch.container_port)
        else:
            address = _address(network, launch.container_port, publish=publish)
            shared.host = address.host
        return _Container(
            self._engine,
            container,
            address=address,
            stop_signal=image.get("StopSignal") or STOP_SIGNAL,
            output=output,
            log=log,
            removed=lambda: self._forget(launch.instance),
        )

    def sweep(self) -> int:
        if not self._trace.exists():
            return 0
        try:
            swept = self._engine.call(self._remove_all)
        except NoEngineError:
            return 0  # what it ran is out of reach; the trace stays
        shutil.rmtree(self._folder, ignore_errors=True)
        self._trace.unlink()
        return swept

    def _remove_all(self, client: Client) -> int:
        ours = {"label": f"{STATE_LABEL}={self._owner}"}
        left = client.containers.list(all=True, ignore_removed=True, filters=ours)
        for container in left:
            container.remove(force=True, v=True)
        for volume in client.volumes.list(filters=ours):
            volume.remove(force=True)
        return len({container.labels[POD_LABEL] for container in left})

    def _forget(self, instance: str) -> None:
        shared = self._shared[instance]
        shared.containers -= 1
        if not shared.containers:
            del self._shared[instance]
            shared.close()
        if not self._shared:
            self._trace.unlink(missing_ok=True)

    def _is_here(self, image: str) -> bool:
        try:
            self._engine.call(lambda client: client.images.get(image))
        except RefusedError as error:
            if error.missing:
                return False
            raise LaunchError("ImageInspectError", str(error)) from error
        return True

    def _image(self, image: str) -> Mapping[str, Any]:
        """The configuration of an image that is here."""
        try:
            return self._engine.call(lambda client: client.images.get(image).attrs["Config"] or {})
        except RefusedError as error:
            raise _not_pulled(image, str(error)) from error


class _Container:
    """One container, the greenlet that reads what it prints, and what is to be told when it has been removed."""

    def __init__(
        self,
        engine: Engine,
        container: Any,
        *,
        address: Address,
        stop_signal: str,
        output: int,
        log: LogSink,
        removed: Callable[[], None],
    ) -> None:
        self.address = address
        self._engine = engine
        self._container = container
        self._stop_signal = stop_signal
        self._log = log
        self._removed = removed
        self._told_to_stop = False
        self._reader: Greenlet[..., None] = gevent.spawn(_read, output, log)

    def wait(self) -> Exit:
        self._reader.join()
        code = self._exit_code()
        with contextlib.suppress(NoEngineError):
            _remove(self._engine, self._container)
            self._removed()
        return Exit(code, self._log.tail(LAST_LINES))

    def stop(self, grace: float) -> None:
        self._told_to_stop = True
        gevent.spawn(self._stop, grace)

    def execute(self, command: Command, output: Output) -> Execution:
        return ContainerCommand(self._engine, self._container.id, command, output)

    def _stop(self, grace: float) -> None:
        self._signal(self._stop_signal)
        self._reader.join(timeout=grace)
        if not self._reader.ready():
            self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        # It may have ended by itself, or the engine with it.
        with contextlib.suppress(RefusedError, NoEngineError):
            self._engine.call(lambda _: self._container.kill(signal=name))

    def _exit_code(self) -> int:
        """Its exit code once it has ended. Output ends with the container, or with the engine, or before both."""
        while True:
            try:
                state = self._engine.call(lambda client: client.api.inspect_container(self._container.id)["State"])
            except RefusedError:
                return LOST  # somebody removed it
            except NoEngineError:
                # It may well live on; one that is to end anyway is left to the next sweep.
                if self._told_to_stop:
                    return LOST
            else:
                if not state["Running"]:
                    return int(state["ExitCode"])
            gevent.sleep(ENDING_POLL)


def _start(client: Client, container: Any) -> tuple[int, Mapping[str, Any]]:
    """Start a container; gives a descriptor of what it will print from the first byte on, and its network settings."""
    attached = client.api.attach_socket(container.id, params={"stdout": 1, "stderr": 1, "stream": 1})
    try:
        container.start()
        container.reload()
        return os.dup(attached.fileno()), container.attrs["NetworkSettings"]
    finally:
        attached._response.close()  # noqa: SLF001 - the SDK has no other way to close what it has opened here


def _read(output: int, log: LogSink) -> None:
    with socket.socket(fileno=output) as connection, connection.makefile("rb") as frames:
        copy_lines(frames, log)


def _address(network: Mapping[str, Any], port: int, *, publish: bool) -> Address:
    if not publish:
        return Address(network["IPAddress"], port)
    bindings = (network["Ports"] or {}).get(f"{port}/tcp")
    return Address(LOOPBACK, int(bindings[0]["HostPort"]) if bindings else 0)


def _remove(engine: Engine, container: Any) -> None:
    with contextlib.suppress(RefusedError):  # somebody else was first
        engine.call(lambda _: container.remove(force=True, v=True))


def _not_pulled(image: str, words: str) -> LaunchError:
    """What Knative makes of an image that can't be had: tags are resolved first, except in local registries."""
    if "@" in image or image.startswith(UNRESOLVED):
        return LaunchError("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {words}')
    return LaunchError("ContainerMissing", f"failed to resolve image to digest: {words}")
