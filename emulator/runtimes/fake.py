"""Instances that are only modelled: they take time to start and to stop on a simulated clock, and nothing else."""

from collections.abc import Callable
from functools import partial

from emulator.core.clock import SimClock
from emulator.core.instance import Signal
from emulator.runtimes.base import Launch, Report

#: Seconds from start to readiness: the median of fifteen cold starts on a real cluster.
START_SECONDS = 0.6
#: Exit code of a process that SIGTERM ended, as a shell counts.
TERMINATED = 143


class FakeNode:
    """A node whose instances become ready as many seconds after their start as `start_seconds` says for each."""

    def __init__(
        self,
        clock: SimClock,
        report: Callable[[Report], None],
        start_seconds: Callable[[], float] = lambda: START_SECONDS,
    ) -> None:
        self._clock = clock
        self._report = report
        self._start_seconds = start_seconds
        self._ports = iter(range(1, 1 << 62))

    def start(self, launch: Launch) -> None:
        seconds, port = self._start_seconds(), next(self._ports)
        for each in (launch, *launch.sidecars):
            ready = Report(launch.instance, Signal.PROBE_OK, host="sim", port=port, sidecar=each.sidecar)
            self._clock.call_later(seconds, partial(self._report, ready))

    def stop(self, instance: str, grace: float) -> None:
        del grace  # a modelled instance has nothing to finish: it was drained before it was told to stop
        self._clock.call_later(0, lambda: self._report(Report(instance, Signal.EXITED, exit_code=TERMINATED)))
