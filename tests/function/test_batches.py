"""Logins that are hashed along with others (S1, S2, S3): by a lane whose hashing is under the test's control."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import pytest

from function.errors import Refusal
from function.pool.admission import Admission
from function.pool.gevent_lane import GeventLane
from function.pool.hashing import LoginLane, Patience, Timing
from function.pool.lanes import ThreadLane
from tests.function.conftest import PATIENCE

LANES = pytest.mark.parametrize("make", [ThreadLane, GeventLane])
WIDTH = 4
#: The number of somebody whom hashing fails on.
BROKEN = 666
Claim = tuple[int, bool]  # a number, and whether it is right


class Room:
    """A lane of logins, and people who come to it one after the other. `open` lets what is held be hashed."""

    def __init__(self, make: Callable[[int], ThreadLane], threads: int = 1) -> None:
        self.lane = make(threads)
        self.hashing = LoginLane[Claim, Claim](self.lane, Admission(threads, 4, 10_000, WIDTH), self.verify)
        self.batches: list[list[int]] = []
        self.open = threading.Event()
        self._people: list[Any] = []
        self._lock = threading.Lock()

    def verify(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        with self._lock:
            self.batches.append([number for number, _ in claims])
        assert self.open.wait(PATIENCE)
        if any(number == BROKEN for number, _ in claims):
            raise MemoryError
        return claims

    def come(self, number: int, cost: int = 10, patience: Patience | None = None) -> "Person":
        """Somebody comes, and is in line, or hashed, when this returns."""
        person, line = Person(self, (number, True), cost, patience or waiting()), self.lane._turns._waiting
        before = len(line)
        self.spawn(person.log_in)
        until(lambda: len(line) > before or any(number in batch for batch in self.batches))
        return person

    def spawn(self, work: Callable[[], object]) -> None:
        """In a requester of the lane's own kind: a greenlet or a thread."""
        if isinstance(self.lane, GeventLane):
            self._people.append(gevent.spawn(work))
        else:
            self._people.append(threading.Thread(target=work))
            self._people[-1].start()

    def leave(self) -> None:
        self.open.set()
        for one in self._people:
            one.join(PATIENCE)


class Person:
    """Attributes: outcome: verdict and timing, or what was raised."""

    def __init__(self, room: Room, claim: Claim, cost: int, patience: Patience) -> None:
        self.outcome: tuple[Claim, Timing] | BaseException | None = None
        self._room, self._claim, self._cost, self._patience = room, claim, cost, patience

    def log_in(self) -> None:
        try:
            self.outcome = self._room.hashing.verify(self._claim, self._cost, self._patience)
        except (Refusal, MemoryError) as error:
            self.outcome = error

    @property
    def status(self) -> int:
        return self.outcome.status if isinstance(self.outcome, Refusal) else 200


def waiting(seconds: float = PATIENCE, gone: Callable[[], bool] = lambda: False) -> Patience:
    return Patience(time.monotonic() + seconds, gone)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        gevent.sleep(0.001)


@LANES
def test_s1_what_waits_is_hashed_four_at_a_time_in_order_of_arrival(make: Callable[[int], ThreadLane]) -> None:
    room = Room(make)
    people = [room.come(number) for number in range(10)]
    room.leave()
    # The first finds an idle thread, and waits for nobody.
    assert room.batches == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]
    widths = [person.outcome[1].width for person in people if isinstance(person.outcome, tuple)]
    assert widths == [1, 4, 4, 4, 4, 4, 4, 4, 4, 1]
    assert room.hashing.admission.batches == 4


@LANES
def test_s1_with_idle_threads_everybody_goes_alone(make: Callable[[int], ThreadLane]) -> None:
    room = Room(make, threads=3)
    for number in range(3):
        room.come(number)
    assert sorted(room.batches) == [[0], [1], [2]]
    room.leave()


@LANES
def test_s1_the_oldest_decides_the_cost_and_the_others_keep_their_places(make: Callable[[int], ThreadLane]) -> None:
    room = Room(make)
    for number, cost in enumerate((10, 12, 4, 12, 4, 12, 4, 12, 12, 10)):
        room.come(number, cost)
    room.leave()
    assert room.batches == [[0], [1, 3, 5, 7], [2, 4, 6], [8], [9]]


@LANES
def test_s1_each_has_the_verdict_on_his_own_claim(make: Callable[[int], ThreadLane]) -> None:
    """Hundreds at once, right and wrong, of several costs."""
    room = Room(make, threads=2)
    room.open.set()
    people = [Person(room, (number, number % 3 == 0), 4 + number % 7 % 3, waiting()) for number in range(400)]
    for person in people:
        room.spawn(person.log_in)
    room.leave()
    for number, person in enumerate(people):
        assert isinstance(person.outcome, tuple), person.outcome
        assert person.outcome[0] == (number, number % 3 == 0)
    assert sorted(number for batch in room.batches for number in batch) == list(range(400))
    for batch in room.batches:
        assert len({4 + number % 7 % 3 for number in batch}) == 1
        assert len(batch) <= WIDTH


@LANES
def test_s3_whoever_has_gone_is_not_taken_along(make: Callable[[int], ThreadLane]) -> None:
    room, gone = Room(make), threading.Event()
    room.come(0)
    first = room.come(1, patience=waiting(gone=gone.is_set))
    others = [room.come(number) for number in (2, 3)]
    last = room.come(4, patience=waiting(gone=gone.is_set))
    others += [room.come(number) for number in (5, 6)]
    gone.set()
    room.leave()
    assert room.batches == [[0], [2, 3, 5, 6]]
    assert [first.status, last.status] == [499, 499]
    assert {person.status for person in others} == {200}


@LANES
def test_s3_whose_deadline_has_passed_is_not_hashed(make: Callable[[int], ThreadLane]) -> None:
    room = Room(make)
    room.come(0)
    late = [room.come(number, patience=waiting(0.2)) for number in (1, 2)]
    room.come(3)
    until(lambda: all(person.outcome is not None for person in late))
    room.leave()
    assert room.batches == [[0], [3]]
    assert {person.status for person in late} == {503}


def test_s3_a_deadline_that_passes_before_it_is_noticed_holds_too() -> None:
    """The turn comes at the moment of the deadline, so that the wait was not in vain, but is too late."""
    room = Room(ThreadLane)
    room.open.set()
    seat = Person(room, (1, True), 10, Patience(time.monotonic() - 1, lambda: False))
    seat.log_in()
    assert seat.status == 503
    assert room.batches == []


@LANES
def test_s3_who_was_taken_along_in_time_gets_his_verdict_however_long_it_takes(
    make: Callable[[int], ThreadLane],
) -> None:
    room, patience = Room(make), waiting(1.0)
    room.come(0)
    room.come(1)
    along = room.come(2, patience=patience)
    held, room.open = room.open, threading.Event()
    held.set()
    until(lambda: patience.left() < -0.1)
    assert room.batches == [[0], [1, 2]]
    assert along.outcome is None
    room.leave()
    assert along.status == 200


@LANES
def test_n9_a_batch_that_fails_is_nobodys_verdict_and_the_next_goes_on(make: Callable[[int], ThreadLane]) -> None:
    room = Room(make)
    people = [room.come(number) for number in (0, 1, BROKEN, 3, 4, 5)]
    room.leave()
    assert room.batches == [[0], [1, BROKEN, 3, 4], [5]]
    assert isinstance(people[1].outcome, MemoryError)
    assert [person.status for person in people[2:]] == [503, 503, 503, 200]


@LANES
def test_n8_what_a_verdict_leaves_to_be_done_goes_alone_and_before_all_who_wait(
    make: Callable[[int], ThreadLane],
) -> None:
    room = Room(make)
    for number in range(4):
        room.come(number)
    room.spawn(lambda: room.hashing.afterwards(lambda: room.batches.append([])))
    until(lambda: len(room.lane._turns._waiting) == 4)
    room.leave()
    assert room.batches == [[0], [], [1, 2, 3]]


def test_s2_the_rate_is_that_of_turns_with_the_ways_to_and_fro() -> None:
    """A hub that has much to do wakes up late whoever is handed a turn, and no thread hashes meanwhile."""

    class Drowsy(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            came = super().wait(timeout)
            time.sleep(0.1)
            return came

    room = Room(lambda threads: ThreadLane(threads, Drowsy))
    for number in range(3):
        room.come(number)
    room.leave()
    assert room.batches == [[0], [1, 2]]
    assert room.hashing.admission.seconds >= 0.1
