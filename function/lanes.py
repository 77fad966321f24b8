"""Lanes: a fixed number of native threads for work that must not hold up anything else (bcrypt, SQLite).

Two ways to have one. `GeventLane` is for our own server: nothing is monkey-patched, the request is a greenlet, the
work runs on a thread pool of the lane's own. (Measured: through monkey-patched `threading` or `concurrent.futures`
the hub stalls for 0.5 to 4 s under load, through a gevent ThreadPool of one's own for 7 to 90 ms.) `ThreadLane` is
for the plain functions framework, where each request already is a native thread: it only has to be kept from being
one too many.
"""

import threading
from collections.abc import Callable
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


class ThreadLane:
    """The caller's own thread, `threads` of them at a time."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._slots = threading.BoundedSemaphore(threads)

    def run(self, work: Callable[[], T], timeout: float | None = None) -> T:
        if not self._slots.acquire(timeout=timeout):
            raise LaneBusyError
        try:
            return work()
        finally:
            self._slots.release()
