"""Lanes: a fixed number of native threads for work that must not hold up anything else (bcrypt, the database).

Two ways to have one. `GeventLane` is for our own server: nothing is monkey-patched, the request is a greenlet, the work
runs on a thread pool of the lane's own. (Measured: through monkey-patched `threading` or `concurrent.futures` the hub
stalls for 0.5 to 4 s under load, through a gevent ThreadPool of one's own for 7 to 90 ms.) `ThreadLane` is for the
plain functions framework, where each request already is a native thread: it has to be kept from being one too many.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")


class LaneBusyError(Exception):
    """No thread of the lane became free in time."""


class Lane(Protocol):
    """Threads for one kind of work. Those who wait are served in order of arrival."""

    threads: int

    def run(self, work: Callable[[], T], timeout: float | None = None) -> T:
        """Run `work` on a thread of the lane and return its result; its exceptions pass through.

        Raises:
            LaneBusyError: none became free within `timeout` seconds; `work` was not started.
        """
        ...

    def signal(self) -> "Signal":
        """What those who come here can wait on without holding up anybody else."""
        ...


class Signal(Protocol):
    """What `threading.Event` and `gevent.event.Event` have in common."""

    def set(self) -> None: ...
    def clear(self) -> None: ...
    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...


class Turns:
    """`count` turns at a time; who is done hands over to who has waited longest.

    A semaphore, of either kind, is taken by whoever asks at the right moment: with 600 in line for gevent's, one was
    overtaken by 212 others, and near a deadline that is the difference between hashed and turned away.
    """

    def __init__(self, count: int, signal: Callable[[], Signal]) -> None:
        self._free = count
        self._waiting: deque[Signal] = deque()
        self._signal = signal
        # Held for a few instructions and never across a wait, so it is harmless under greenlets too.
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, timeout: float | None) -> Iterator[None]:
        """Wait for a turn and have it.

        Raises:
            LaneBusyError: it did not come within `timeout` seconds.
        """
        with self._lock:
            mine = None if self._free else self._signal()
            if mine is None:
                self._free -= 1
            else:
                self._waiting.append(mine)
        if mine is not None:
            self._wait(mine, timeout)
        try:
            yield
        finally:
            self._hand_over()

    def _wait(self, mine: Signal, timeout: float | None) -> None:
        came = False
        try:
            came = mine.wait(timeout)
        finally:
            # In vain, or interrupted. It may have come at this very moment, and then it is somebody else's.
            if not came:
                with self._lock:
                    late = mine.is_set()
                    if not late:
                        self._waiting.remove(mine)
                if late:
                    self._hand_over()
        if not came:
            raise LaneBusyError

    def _hand_over(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


class ThreadLane:
    """The caller's own thread, `threads` of them at a time."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._turns = Turns(threads, threading.Event)

    def run(self, work: Callable[[], T], timeout: float | None = None) -> T:
        with self._turns.turn(timeout):
            return work()

    def signal(self) -> Signal:
        return threading.Event()


class Share:
    """A lane within another: its work stands in the other's line, but never more than `threads` pieces of it at once.

    So whoever else comes to that line waits for `threads` of ours at most, however many of us there are.
    """

    def __init__(self, lane: Lane) -> None:
        self.threads = lane.threads
        self._lane = lane
        self._turns = Turns(lane.threads, lane.signal)

    def run(self, work: Callable[[], T], timeout: float | None = None) -> T:
        end = None if timeout is None else time.monotonic() + timeout
        with self._turns.turn(timeout):
            return self._lane.run(work, None if end is None else max(0.0, end - time.monotonic()))

    def signal(self) -> Signal:
        return self._lane.signal()
