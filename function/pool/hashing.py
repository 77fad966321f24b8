"""The hash lane with its queue.

A login takes a place, waits its turn, and is hashed only if somebody still waits for it. Whoever's turn it is takes
along those in line whose hashes have the same cost, as many as can be hashed in the time of one. Nobody waits for
others to come along.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from function.errors import Refusal
from function.pool.admission import Admission, overloaded
from function.pool.lanes import Lane, LaneBusyError, ThreadLane, Turn

T = TypeVar("T")
#: A claim, and the verdict on it.
C = TypeVar("C")
V = TypeVar("V")

#: A lane in which nothing was done for this long, and for the time of this many batches, is stuck rather than slow.
STALLED_SECONDS = 10.0
STALLED_BATCHES = 20


class Patience(NamedTuple):
    """How long, and for whom, a login is worth hashing.

    Attributes:
        deadline: monotonic seconds.
        gone: whether the client has hung up; called from any thread.
    """

    deadline: float
    gone: Callable[[], bool]

    def left(self) -> float:
        return self.deadline - time.monotonic()


class Timing(NamedTuple):
    """Seconds that a login waited for its turn, seconds that hashing took, and how many logins that was for."""

    queued: float
    hashed: float
    width: int = 1


class HashLane:
    """Runs hashing work in a lane, behind an admission queue, a piece at a time.

    Attributes:
        admission: the queue; also what it has measured.
    """

    def __init__(self, lane: Lane, admission: Admission) -> None:
        self.admission = admission
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

    def run(self, work: Callable[[], T], patience: Patience) -> T:
        """Run `work` when its turn comes; within `place`.

        Raises:
            Refusal: 503 when the deadline came first, 499 when the client has gone; `work` was not run.
        """

        def turn() -> T:
            if refusal := self._in_vain(patience):
                raise refusal
            started = time.monotonic()
            done = work()
            self.admission.measure(time.monotonic() - started)
            return done

        try:
            return self._lane.run(turn, max(0.0, patience.left()))
        except LaneBusyError:
            raise self._too_late() from None

    def stalled(self) -> bool:
        """Whether logins are waiting and none is ever done: a lane that hashes no more."""
        limit = max(STALLED_SECONDS, STALLED_BATCHES * self.admission.seconds)
        return self.admission.depth > 0 and time.monotonic() - self._last_done > limit

    def _in_vain(self, patience: Patience) -> Refusal | None:
        """Why what has its turn is not to be hashed any more (S3)."""
        if patience.gone():
            return Refusal(499, "The client has closed the connection.", reason="client gone")
        return self._too_late() if patience.left() <= 0 else None

    def _too_late(self) -> Refusal:
        return overloaded(self.admission.drained(), "deadline passed")


class _Seat(Generic[C, V]):
    """A login in line. Attributes: outcome: None until it has been dealt with."""

    __slots__ = ("arrived", "claim", "cost", "outcome", "patience")

    def __init__(self, claim: C, cost: int, patience: Patience) -> None:
        self.claim = claim
        self.cost = cost
        self.patience = patience
        self.arrived = time.monotonic()
        self.outcome: tuple[V, Timing] | Refusal | None = None


class LoginLane(HashLane, Generic[C, V]):
    """The hash lane of logins, whose turns take as many of one cost as `admission.width`.

    `verify` has a verdict for each claim, in their order.
    """

    def __init__(self, lane: ThreadLane, admission: Admission, verify: Callable[[Sequence[C]], Sequence[V]]) -> None:
        super().__init__(lane, admission)
        self._threads = lane
        self._verify = verify

    def verify(self, claim: C, cost: int, patience: Patience) -> tuple[V, Timing]:
        """Have a claim judged, in a turn of its own or along with others of its cost; within `place`.

        Raises:
            Refusal: as `run`.
        """
        seat = _Seat[C, V](claim, cost, patience)
        try:
            with self._threads.turn(max(0.0, patience.left()), seat) as turn:
                if turn is not None and (batch := list(islice(self._wanted(turn, seat), self.admission.width))):
                    self._threads.on_thread(partial(self._judge, batch))
                    # With the ways to the thread and back: the rate of the lane, not of bcrypt, is who can be let in.
                    self.admission.measure(time.monotonic() - turn.came, len(batch))
        except LaneBusyError:
            raise self._too_late() from None
        if isinstance(seat.outcome, tuple):
            return seat.outcome
        # None: whoever took it along has failed.
        raise seat.outcome or overloaded(self.admission.drained(), "hashing failed")

    def afterwards(self, work: Callable[[], T]) -> T:
        """Run what a verdict leaves to be done: alone, and before all who wait, who have come later."""

        def turn() -> T:
            started = time.monotonic()
            done = work()
            self.admission.measure_left(time.monotonic() - started)
            return done

        return self._threads.run(turn, first=True)

    def _wanted(self, turn: Turn, first: "_Seat[C, V]") -> "Iterator[_Seat[C, V]]":
        """Those in line whom somebody still waits for, the owner of the turn first; his cost is that of all."""
        seat: _Seat[C, V] | None = first
        while seat is not None:
            seat.outcome = self._in_vain(seat.patience)
            if seat.outcome is None:
                yield seat
            seat = turn.take(lambda other: other.cost == first.cost)

    def _judge(self, batch: "Sequence[_Seat[C, V]]") -> None:
        started = time.monotonic()
        verdicts = self._verify([seat.claim for seat in batch])
        hashed = time.monotonic() - started
        for seat, verdict in zip(batch, verdicts, strict=True):
            seat.outcome = verdict, Timing(started - seat.arrived, hashed, len(batch))
