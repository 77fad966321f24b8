"""Keeps instances running as a kubelet does: starts them in a runtime, probes them, reports what becomes of them."""

import os
import time
from collections.abc import Callable
from dataclasses import replace

import gevent
from gevent import Greenlet, GreenletExit
from gevent.lock import Semaphore

from emulator import command_probe
from emulator.core.environment import expand_all
from emulator.core.instance import Signal
from emulator.core.probe import Health, Kind, Probe, Verdict, read_probes
from emulator.core.support import refused
from emulator.dataplane.prober import ask
from emulator.errors import LaunchError
from emulator.logs import Logs
from emulator.runtimes.base import Handle, Launch, Report, Runtime

#: Seconds that instances get to end when the emulator stops; what still runs then is killed.
STOP_GRACE = 10.0
#: Seconds that a container gets to end whose liveness probe has failed: Kubernetes' terminationGracePeriodSeconds.
RESTART_GRACE = 30.0
#: Instances that come up at a time: enough to keep the cores busy while some wait for something. Of more, each would be
#: about as late as the last one, and the emulator itself would wait for its turn on a core.
STARTS = 8 * (os.cpu_count() or 1)
#: Seconds after which one that is not ready yet makes way for the next: it rather waits than computes.
START_TURN = 2.0
#: Seconds that sidecars get to end whose serving container has ended by itself: its restart waits for them.
ORPHAN_GRACE = 2.0

#: Instance, and name of a sidecar or "".
Key = tuple[str, str]


class Kubelet:
    """The node of a running emulator. Each container has a greenlet that lives as long as it does.

    They are known by their instance and by their name in it: "" is the serving container.
    """

    def __init__(
        self,
        runtime: Runtime,
        logs: Logs,
        report: Callable[[Report], None],
        *,
        starts: int = STARTS,
        start_turn: float = START_TURN,
    ) -> None:
        self._runtime = runtime
        self._logs = logs
        self._report = report
        self._lives: dict[Key, Greenlet[..., None]] = {}
        self._handles: dict[Key, Handle] = {}
        self._stopping: dict[Key, float] = {}
        self._preparing: set[Key] = set()
        #: Instances that were told to end.
        self._told: set[str] = set()
        self._turns = Semaphore(starts)
        self._start_turn = start_turn
        #: Serving containers that are coming up; sidecars need no turn, since theirs came before.
        self._having_turns: set[Key] = set()

    def start(self, launch: Launch) -> None:
        # A sidecar whose serving container has just ended comes back with that one.
        if not launch.sidecar or self._serves(launch.instance):
            self._lives[launch.key] = gevent.spawn(self._live, launch)

    def stop(self, instance: str, grace: float) -> None:
        for key in self._containers_of(instance):
            self._told.add(instance)
            self._stop(key, grace)

    def running(self, instance: str, sidecar: str) -> Handle | None:
        """A container that runs now."""
        return self._handles.get((instance, sidecar))

    def close(self) -> None:
        """End all instances and wait until they have ended."""
        for instance in {instance for instance, _ in self._lives}:
            self.stop(instance, STOP_GRACE)
        gevent.joinall(list(self._lives.values()))

    def _stop(self, key: Key, grace: float) -> None:
        handle = self._handles.get(key)
        if handle:
            handle.stop(grace)
        elif key in self._preparing:
            self._lives[key].kill(block=False)
        else:
            # It was told to start a moment ago: it will find this when it has.
            self._stopping[key] = grace

    def _containers_of(self, instance: str) -> list[Key]:
        return [key for key in self._lives if key[0] == instance]

    def _serves(self, instance: str) -> bool:
        return (instance, "") in self._handles

    def _live(self, launch: Launch) -> None:
        try:
            self._run(launch)
        finally:
            self._end_turn(launch.key)

    def _run(self, launch: Launch) -> None:
        key = launch.key
        log = self._logs.open(*key)
        try:
            self._prepare(launch)
            health = self._health(launch)
            handle = self._runtime.start(launch, log)
        except LaunchError as error:
            self._ended(launch, Report(launch.instance, Signal.EXITED, message=str(error), reason=error.kind))
            return
        self._handles[key] = handle
        if key in self._stopping:
            handle.stop(self._stopping[key])
        else:
            for each in launch.sidecars:
                self.start(each)
        watch = gevent.spawn(self._watch, launch, handle, health)
        ended = handle.wait()
        watch.kill()
        del self._handles[key]
        if not launch.sidecar:
            self._end_sidecars(launch.instance)
        self._ended(launch, Report(launch.instance, Signal.EXITED, exit_code=ended.code, message=ended.last_lines))

    def _end_sidecars(self, instance: str) -> None:
        """Their network has gone with the serving container, so they can't go on."""
        left = [key for key in self._containers_of(instance) if key[1]]
        if instance not in self._told:
            for key in left:
                self._stop(key, ORPHAN_GRACE)
        gevent.joinall([self._lives[key] for key in left])

    def _ended(self, launch: Launch, report: Report) -> None:
        del self._lives[launch.key]
        self._stopping.pop(launch.key, None)
        if not launch.sidecar:
            self._told.discard(launch.instance)
            self._report(report)
        elif self._serves(launch.instance):
            self._report(report._replace(sidecar=launch.sidecar))

    def _prepare(self, launch: Launch) -> None:
        if not launch.sidecar and (why := refused(launch.pod, self._runtime.name_for(launch.image))):
            raise LaunchError("CreateContainerConfigError", why)
        self._preparing.add(launch.key)
        try:
            self._runtime.prepare(launch)
            if not launch.sidecar:
                self._turns.acquire()
                self._having_turns.add(launch.key)
        except GreenletExit as told:
            raise LaunchError("ContainerCreating", "it was told to stop before it had its image") from told
        finally:
            self._preparing.discard(launch.key)

    def _end_turn(self, key: Key) -> None:
        """Let the next one start."""
        if key in self._having_turns:
            self._having_turns.remove(key)
            self._turns.release()

    @staticmethod
    def _health(launch: Launch) -> Health:
        try:
            probes = read_probes(launch.probes, launch.container_port)
            return Health([_expanded(probe, launch) for probe in probes], time.monotonic())
        except ValueError as error:
            raise LaunchError("CreateContainerConfigError", str(error)) from error

    def _watch(self, launch: Launch, handle: Handle, health: Health) -> None:
        """Ask the container's probes for as long as it lives, and report what the answers come to."""
        ready = Report(launch.instance, Signal.PROBE_OK, *handle.address, sidecar=launch.sidecar)
        unready = Report(launch.instance, Signal.PROBE_FAILED, sidecar=launch.sidecar)
        if health.is_ready_at_once:
            self._report(ready)
        told = ""
        late = gevent.spawn_later(self._start_turn, self._end_turn, launch.key)
        while health.goes_on:
            probe, due = health.next()
            gevent.sleep(max(0.0, due - time.monotonic()))
            why = _ask(probe, handle)
            match health.observe(probe.kind, why is None, time.monotonic()):
                case Verdict.READY:
                    late.kill(block=False)
                    self._end_turn(launch.key)
                    self._report(ready)
                case Verdict.UNREADY:
                    self._report(unready._replace(message=why or ""))
                case Verdict.RESTART:
                    handle.stop(RESTART_GRACE)
                case None if probe.kind is not Kind.LIVENESS and why and why != told:
                    # It is not ready yet: whoever asks why is told what the probe found last.
                    self._report(unready._replace(message=why))
            told = why or ""


def _expanded(probe: Probe, launch: Launch) -> Probe:
    command = tuple(expand_all(probe.check.command, launch.env))
    return replace(probe, check=probe.check._replace(command=command))


def _ask(probe: Probe, handle: Handle) -> str | None:
    """Why a probe has not passed, None if it has."""
    if probe.check.command:
        why = command_probe.ask(probe, handle)
        if why is not None or probe.kind is not Kind.READINESS or not handle.address.port:
            return why
    return ask(probe, *handle.address)
