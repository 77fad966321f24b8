"""Time as an argument's source: whoever needs `now` gets a Clock, and only the shell owns the wall's."""

import heapq
import itertools
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """What tells the time. Unix seconds, as a float, so that whole-second buckets line up with Knative's."""

    def now(self) -> float:
        """Unix time in seconds."""
        ...


class SimClock:
    """A clock that stands still until it is moved: `run_until` jumps from one scheduled call to the next.

    Calls that are due at the same instant run in the order in which they were scheduled.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []

    def now(self) -> float:
        return self._now

    def call_at(self, when: float, call: Callable[[], None]) -> None:
        """Schedule `call`; a time in the past means now."""
        heapq.heappush(self._agenda, (max(when, self._now), next(self._order), call))

    def call_later(self, delay: float, call: Callable[[], None]) -> None:
        """Schedule `call` in `delay` seconds."""
        self.call_at(self._now + delay, call)

    def run_until(self, end: float) -> None:
        """Run all that is scheduled up to and including `end`, then stand at `end`."""
        while self._agenda and self._agenda[0][0] <= end:
            self._now, _, call = heapq.heappop(self._agenda)
            call()
        self._now = max(self._now, end)
