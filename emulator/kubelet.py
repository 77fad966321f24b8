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
#: Seconds that an instance gets to end whose liveness probe has failed: Kubernetes' terminationGracePeriodSeconds.
RESTART_GRACE = 30.0
#: Instances that come up at a time: enough to keep the cores busy while some wait for something. Of more, each would be
#: about as late as the last one, and the emulator itself would wait for its turn on a core.
STARTS = 8 * (os.cpu_count() or 1)
#: Seconds after which one that is not ready yet makes way for the next: it rather waits than computes.
START_TURN = 2.0


class Kubelet:
    """The node of a running emulator. Each instance has a greenlet that lives as long as it does."""

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
        self._lives: dict[str, Greenlet[..., None]] = {}
        self._handles: dict[str, Handle] = {}
        self._stopping: dict[str, float] = {}
        self._preparing: set[str] = set()
        self._turns = Semaphore(starts)
        self._start_turn = start_turn
        self._having_turns: set[str] = set()

    def start(self, launch: Launch) -> None:
        self._lives[launch.instance] = gevent.spawn(self._live, launch)

    def stop(self, instance: str, grace: float) -> None:
        handle = self._handles.get(instance)
        if handle:
            handle.stop(grace)
        elif instance in self._preparing:
            self._lives[instance].kill(block=False)
        else:
            # It was told to start a moment ago: it will find this when it has.
            self._stopping[instance] = grace

    def running(self, instance: str) -> Handle | None:
        """An instance whose program runs now."""
        return self._handles.get(instance)

    def close(self) -> None:
        """End all instances and wait until they have ended."""
        for instance in list(self._lives):
            self.stop(instance, STOP_GRACE)
        gevent.joinall(list(self._lives.values()))

    def _live(self, launch: Launch) -> None:
        try:
            self._run(launch)
        finally:
            self._end_turn(launch.instance)

    def _run(self, launch: Launch) -> None:
        instance = launch.instance
        log = self._logs.open(instance)
        try:
            self._prepare(launch)
            health = self._health(launch)
            handle = self._runtime.start(launch, log)
        except LaunchError as error:
            del self._lives[instance]
            self._report(Report(instance, Signal.EXITED, message=str(error), reason=error.kind))
            return
        self._handles[instance] = handle
        if instance in self._stopping:
            handle.stop(self._stopping.pop(instance))
        watch = gevent.spawn(self._watch, instance, handle, health)
        ended = handle.wait()
        watch.kill()
        del self._handles[instance], self._lives[instance]
        self._report(Report(instance, Signal.EXITED, exit_code=ended.code, message=ended.last_lines))

    def _prepare(self, launch: Launch) -> None:
        if why := refused(launch.pod, self._runtime.name_for(launch.image)):
            raise LaunchError("CreateContainerConfigError", why)
        self._preparing.add(launch.instance)
        try:
            self._runtime.prepare(launch)
            self._turns.acquire()
            self._having_turns.add(launch.instance)
        except GreenletExit as told:
            raise LaunchError("ContainerCreating", "it was told to stop before it had its image") from told
        finally:
            self._preparing.discard(launch.instance)

    def _end_turn(self, instance: str) -> None:
        """Let the next one start."""
        if instance in self._having_turns:
            self._having_turns.remove(instance)
            self._turns.release()

    @staticmethod
    def _health(launch: Launch) -> Health:
        try:
            probes = read_probes(launch.probes, launch.container_port)
            return Health([_expanded(probe, launch) for probe in probes], time.monotonic())
        except ValueError as error:
            raise LaunchError("CreateContainerConfigError", str(error)) from error

    def _watch(self, instance: str, handle: Handle, health: Health) -> None:
        """Ask the container's probes for as long as it lives, and report what the answers come to."""
        told = ""
        late = gevent.spawn_later(self._start_turn, self._end_turn, instance)
        while True:
            probe, due = health.next()
            gevent.sleep(max(0.0, due - time.monotonic()))
            why = _ask(probe, handle)
            match health.observe(probe.kind, why is None, time.monotonic()):
                case Verdict.READY:
                    late.kill(block=False)
                    self._end_turn(instance)
                    self._report(Report(instance, Signal.PROBE_OK, *handle.address))
                case Verdict.UNREADY:
                    self._report(Report(instance, Signal.PROBE_FAILED, message=why or ""))
                case Verdict.RESTART:
                    handle.stop(RESTART_GRACE)
                case None if probe.kind is not Kind.LIVENESS and why and why != told:
                    # It is not ready yet: whoever asks why is told what the probe found last.
                    self._report(Report(instance, Signal.PROBE_FAILED, message=why))
            told = why or ""


def _expanded(probe: Probe, launch: Launch) -> Probe:
    command = tuple(expand_all(probe.check.command, launch.env))
    return replace(probe, check=probe.check._replace(command=command))


def _ask(probe: Probe, handle: Handle) -> str | None:
    """Why a probe has not passed, None if it has."""
    if probe.check.command and (
        (why := command_probe.ask(probe, handle)) is not None or probe.kind is not Kind.READINESS
    ):
        return why
    return ask(probe, *handle.address)
