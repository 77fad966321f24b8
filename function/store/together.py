"""Group commit: work that waits for the one writer at the same moment shares a turn and a transaction.

In a storm several logins come to their end at once, and each transaction, and each turn on another thread, is dear: of
four that come together the first is written alone and the other three in one go. Nobody waits for company.

Each unit is atomic by itself and learns its outcome when all are committed: what was acknowledged is as durable as it
would be alone.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from function.pool.lanes import Signal
from function.store.base import Connection, no_turn

T = TypeVar("T")

#: Units in one go: a transaction stays a few milliseconds, which is what others have to wait for it.
MOST = 32


class Unit(Generic[T]):
    """A piece of work in line.

    Attributes:
        signal: set when it is done, or when its owner is to take the next turn.
        done: it has come to its result or `error`.
    """

    def __init__(self, work: Callable[[Connection], T], signal: Signal) -> None:
        self.signal = signal
        self.done = False
        self.error: BaseException | None = None
        self._work = work
        self._result: T | None = None

    def run(self, connection: Connection) -> None:
        """Do it; an error is kept, for whoever undoes what was written before it."""
        try:
            self._result = self._work(connection)
        except BaseException as error:  # noqa: BLE001 - raised again by `outcome`
            self.error = error
        self.done = True

    def fail(self, error: BaseException) -> None:
        self.done, self.error = True, error

    def outcome(self) -> T:
        if self.error is not None:
            raise self.error
        return self._result  # type: ignore[return-value]  # it is done


#: Gives the units that are to be done in a turn, when it has come.
Take = Callable[[], Sequence[Unit[Any]]]


class Together:
    """The line. Whoever comes when nobody leads leads; at the end of a turn the next who waits does.

    Attributes:
        patience: longest wait for a turn, one's own or another's, in seconds.
    """

    def __init__(self, signal: Callable[[], Signal], patience: float) -> None:
        self.patience = patience
        self._signal = signal
        self._led = False
        self._waiting: list[Unit[Any]] = []
        # Held for a few instructions and never across a wait, so it is harmless under greenlets too.
        self._lock = threading.Lock()

    def run(self, work: Callable[[Connection], T], turn: Callable[[Take], None]) -> T:
        """Have `work` done, in a turn of our own or along with others.

        Args:
            work: what a unit is made of.
            turn: waits for a turn, and has done what it is given then when it returns.

        Raises:
            StoreUnavailableError: there was no turn within `patience`; `work` was not run.
        """
        unit = Unit(work, self._signal())
        with self._lock:
            self._waiting.append(unit)
            leads = not self._led
            self._led = True
        if not leads:
            self._wait(unit)
        if not unit.done:
            self._lead(unit, turn)
        return unit.outcome()

    def _wait(self, unit: Unit[Any]) -> None:
        try:
            came = unit.signal.wait(self.patience)
        except BaseException:
            self._withdraw(unit)
            raise
        if came:
            return
        with self._lock:
            # It may have come at this very moment.
            if unit in self._waiting and not unit.signal.is_set():
                self._waiting.remove(unit)
                raise no_turn()
        # Taken along: it is being done.
        unit.signal.wait()

    def _withdraw(self, unit: Unit[Any]) -> None:
        """Leave the line, interrupted. Whoever was to lead leaves that to the next, or nobody would write again."""
        with self._lock:
            if unit in self._waiting:
                self._waiting.remove(unit)
                if unit.signal.is_set():
                    self._pass_on()

    def _pass_on(self) -> None:
        """Have the next who waits lead; within the lock."""
        following = self._waiting[:1]
        self._led = bool(following)
        for one in following:
            one.signal.set()

    def _lead(self, unit: Unit[Any], turn: Callable[[Take], None]) -> None:
        taken: list[Unit[Any]] = []

        def take() -> Sequence[Unit[Any]]:
            with self._lock:
                taken[:], self._waiting[:] = self._waiting[:MOST], self._waiting[MOST:]
            return taken

        try:
            turn(take)
        except BaseException as error:  # noqa: BLE001 - raised again by `outcome`, of each
            for one in taken or [unit]:
                one.fail(error)
        with self._lock:
            if not taken:
                self._waiting.remove(unit)
            for one in taken:
                one.signal.set()
            self._pass_on()
