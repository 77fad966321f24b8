"""A lane on a gevent ThreadPool of its own; see lanes.py for why.

Apart from it, so that the plain framework never imports gevent.
"""

from collections.abc import Callable
from typing import TypeVar

from gevent.event import Event
from gevent.threadpool import ThreadPool

from function.lanes import Turns

T = TypeVar("T")


class GeventLane:
    """`threads` native threads; the greenlets that wait for one hold nothing but their place."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._turns = Turns(threads, Event)  # type: ignore[arg-type]  # the stubs have an overload a case
        self._pool = ThreadPool(threads)

    def run(self, work: Callable[[], T], timeout: float | None = None) -> T:
        with self._turns.turn(timeout):
            result: T | _Raised = self._pool.apply(_captured, (work,))
        if isinstance(result, _Raised):
            raise result.error
        return result


class _Raised:
    """An exception on its way out of the pool, which would print those that it sees."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _captured(work: Callable[[], T]) -> T | _Raised:
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 - raised again on the other side
        return _Raised(error)
