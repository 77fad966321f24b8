"""A lane on a gevent ThreadPool of its own; see lanes.py for why.

Apart from it, so that the plain framework never imports gevent.
"""

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from gevent.event import Event
from gevent.threadpool import ThreadPool

from function.pool.lanes import ThreadLane

T = TypeVar("T")


class GeventLane(ThreadLane):
    """`threads` native threads; the greenlets that wait for one hold nothing but their place.

    `niceness` is added to the threads' own: work that fills the cores must leave the hub its turn.
    """

    def __init__(self, threads: int, niceness: int = 0) -> None:
        super().__init__(threads, Event)  # type: ignore[arg-type]  # the stubs have an overload a case
        self._priority = os.getpriority(os.PRIO_PROCESS, 0) + niceness
        self._pool = ThreadPool(threads)

    def on_thread(self, work: Callable[[], T]) -> T:
        result: T | _Raised = self._pool.apply(_captured, (work, self._priority))
        if isinstance(result, _Raised):
            raise result.error
        return result


class _Raised:
    """An exception on its way out of the pool, which would print those that it sees."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _captured(work: Callable[[], T], priority: int) -> T | _Raised:
    # On Linux each thread has its own; the pool has no hook for a new thread, and a microsecond a call is nothing.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), priority)
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 - raised again on the other side
        return _Raised(error)
