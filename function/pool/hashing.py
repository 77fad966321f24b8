"""The hash lane with its queue.

A login takes a place, waits its turn, and is hashed only if somebody still waits for it.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from function.errors import Refusal
from function.pool.admission import Admission, overloaded
from function.pool.lanes import Lane, LaneBusyError

T = TypeVar("T")

#: A lane in which nothing was done for this long, and for the time of this many hashes, is stuck rather than slow.
STALLED_SECONDS = 10.0
STALLED_HASHES = 20


class Patience(NamedTuple):
    """How long, and for whom, a login is worth hashing.

    Attributes:
        deadline: monotonic seconds.
        gone: whether the client has hung up; called on a thread of the lane.
    """

    deadline: float
    gone: Callable[[], bool]

    def left(self) -> float:
        return self.deadline - time.monotonic()


class Timing(NamedTuple):
    """Seconds that a login waited for its turn, and that its hashing took."""

    queued: float
    hashed: float


class HashLane:
    """Runs hashing work in a lane, behind an admission queue.

    Attributes:
        admission: the queue; also what it has measured.
        abandoned: logins let in and then not hashed, for want of time or of a client.
    """

    def __init__(self, lane: Lane, admission: Admission) -> None:
        self.admission = admission
        self.abandoned = 0
        self._lane = lane
        self._last_done = time.monotonic()

    @contextlib.contextmanager
    def place(self, patience: Patience) -> Iterator[None]:
        """Hold a place in the queue; taken before anything else is done for a login, so that turning one away is cheap.

        Raises:
            Refusal: 503 with Retry-After.
        """
        if self.admission.depth == 0:
            self._last_done = time.monotonic()
        self.admission.enter(patience.left())
        try:
            yield
        finally:
            self.admission.leave()
            self._last_done = time.monotonic()

    def run(self, work: Callable[[], T], patience: Patience) -> tuple[T, Timing]:
        """Run `work` when its turn comes; within `place`.

        Raises:
            Refusal: 503 when the deadline came first, 499 when the client has gone; `work` was not run.
        """
        arrived = time.monotonic()

        def turn() -> tuple[T, float, float]:
            started = time.monotonic()
            if patience.gone():
                raise Refusal(499, "The client has closed the connection.", reason="client gone")
            return work(), started, time.monotonic()

        try:
            result, started, done = self._lane.run(turn, timeout=max(0.0, patience.left()))
        except LaneBusyError:
            self.abandoned += 1
            raise overloaded(self.admission.drained(), "deadline passed") from None
        except Refusal:
            self.abandoned += 1
            raise
        self.admission.measure(done - started)
        return result, Timing(started - arrived, done - started)

    def stalled(self) -> bool:
        """Whether logins are waiting and none is ever done: a lane that hashes no more."""
        limit = max(STALLED_SECONDS, STALLED_HASHES * self.admission.seconds)
        return self.admission.depth > 0 and time.monotonic() - self._last_done > limit
