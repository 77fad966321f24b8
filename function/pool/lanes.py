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
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

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


class _Waiting:
    """Somebody in line.

    Attributes:
        load: what another's turn may take along.
        taken: whether one has.
        came: monotonic seconds at which the turn was handed over, which is before its owner wakes up.
    """

    __slots__ = ("came", "load", "signal", "taken")

    def __init__(self, signal: Signal, load: Any) -> None:
        self.came = 0.0
        self.signal = signal
        self.load = load
        self.taken = False


class Turn:
    """A turn that has come. Attributes: came: monotonic seconds since which nobody else could have it."""

    def __init__(self, turns: "Turns", came: float) -> None:
        self.came = came
        self._turns = turns
        self._passengers: list[_Waiting] = []

    def take(self, fits: Callable[[Any], bool]) -> Any | None:
        """The load of who has waited longest with one that fits, who leaves the line for it; None where nobody does.

        What it is for has to be done in this turn: at its end its owner goes on.
        """
        found = self._turns.take(fits)
        if found is None:
            return None
        self._passengers.append(found)
        return found.load

    def end(self) -> None:
        for passenger in self._passengers:
            passenger.signal.set()


class Turns:
    """`count` turns at a time; who is done hands over to who has waited longest.

    A semaphore, of either kind, is taken by whoever asks at the right moment: with 600 in line for gevent's, one was
    overtaken by 212 others, and near a deadline that is the difference between hashed and turned away.
    """

    def __init__(self, count: int, signal: Callable[[], Signal]) -> None:
        self._free = count
        self._waiting: deque[_Waiting] = deque()
        self._signal = signal
        # Held for a few instructions and never across a wait, so it is harmless under greenlets too.
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, timeout: float | None, load: Any = None, *, first: bool = False) -> Iterator[Turn | None]:
        """Wait for a turn and have it. None: another's turn has taken `load` along, and has come to its end.

        Args:
            timeout: seconds; None waits for as long as it takes.
            load: what may be taken along; None for what has to have a turn of its own.
            first: go before all who wait.

        Raises:
            LaneBusyError: it did not come within `timeout` seconds.
        """
        with self._lock:
            mine = None if self._free else _Waiting(self._signal(), load)
            if mine is None:
                self._free -= 1
            elif first:
                self._waiting.appendleft(mine)
            else:
                self._waiting.append(mine)
        if mine is not None and not self._came(mine, timeout):
            yield None
            return
        turn = Turn(self, mine.came if mine else time.monotonic())
        try:
            yield turn
        finally:
            turn.end()
            self._hand_over()

    def take(self, fits: Callable[[Any], bool]) -> _Waiting | None:
        """See `Turn.take`."""
        with self._lock:
            found = next((one for one in self._waiting if one.load is not None and fits(one.load)), None)
            if found is not None:
                self._waiting.remove(found)
                found.taken = True
        return found

    def _came(self, mine: _Waiting, timeout: float | None) -> bool:
        """Wait for a turn; False when another's has taken our load along."""
        try:
            came = mine.signal.wait(timeout)
        except BaseException:
            self._withdraw(mine)
            raise
        if not came:
            if self._withdraw(mine):
                raise LaneBusyError
            mine.signal.wait()
        return not mine.taken

    def _withdraw(self, mine: _Waiting) -> bool:
        """Leave the line in vain; False where our load has been taken from it."""
        with self._lock:
            if mine.taken:
                return False
            late = mine.signal.is_set()
            if not late:
                self._waiting.remove(mine)
        # It has come at this very moment, and is somebody else's.
        if late:
            self._hand_over()
        return True

    def _hand_over(self) -> None:
        with self._lock:
            if self._waiting:
                following = self._waiting.popleft()
                following.came = time.monotonic()
                following.signal.set()
            else:
                self._free += 1


class ThreadLane:
    """The caller's own thread, `threads` of them at a time."""

    def __init__(self, threads: int, signal: Callable[[], Signal] = threading.Event) -> None:
        self.threads = threads
        self.signal = signal
        self._turns = Turns(threads, signal)

    def run(self, work: Callable[[], T], timeout: float | None = None, *, first: bool = False) -> T:
        with self._turns.turn(timeout, first=first):
            return self.on_thread(work)

    def turn(self, timeout: float | None, load: Any) -> AbstractContextManager[Turn | None]:
        """See `Turns.turn`; what is to be done in it is for `on_thread`."""
        return self._turns.turn(timeout, load)

    def on_thread(self, work: Callable[[], T]) -> T:
        """Run `work` on the thread of a turn that has come."""
        return work()


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
