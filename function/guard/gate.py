"""The way to the hash lane, one account at a time: throttle.py decides, the database remembers, this waits and refuses.

An attempt takes two short transactions, one before it is hashed and one after. In between it is a row of `evaluations`,
which every instance sees and which expires, in case that its instance is killed.

Whoever has to wait for a verdict waits within the instance in order of arrival, and only the first `limit` of them ask
the database, at intervals.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from function.errors import Refusal
from function.guard.throttle import Count, Decision, Guess, Key, Limits, Verdict, decide, fields, step
from function.pool.admission import overloaded
from function.pool.hashing import Patience
from function.pool.lanes import LaneBusyError, Signal, Turns
from function.store import throttle as rows
from function.store.base import Connection, Database
from function.store.inbox import DuplicateError

T = TypeVar("T")

#: Seconds between two looks at what other instances have come to: less than one hash takes at first, then doubling.
POLL_FIRST, POLL_LAST = 0.05, 0.4
#: A hash that is not done this long after the deadline of its login never will be: its evaluation expires.
STUCK_SECONDS = 10.0
#: How often an instance deletes what has drained, and how much at a time: a hash makes three buckets at most, so one
#: instance makes fewer than this many in that time.
FORGET_SECONDS, FORGET_BUCKETS = 60.0, 10_000
_NO_CAP = 2**62


#: Writes what a wrong guess means beside; told whether it was the one that has reached the cap.
Refused = Callable[[Connection, bool], None]


class Settled(NamedTuple):
    """What a verdict has changed.

    Attributes:
        locked: this very failure has reached the cap: from now on the account, or this device, is locked.
        headers: RateLimit fields for the answer.
    """

    locked: bool
    headers: Mapping[str, str]


class Judged(NamedTuple):
    """A decision, and the Unix ms at which it was made."""

    decision: Decision
    now: int


class Evaluation(Generic[T]):
    """A guess under evaluation.

    Attributes:
        found: what was read in the transaction that let it in.
    """

    def __init__(self, gate: "Gate", guess: Guess, found: T) -> None:
        self.found = found
        self.id = secrets.token_hex(16)
        self.settled = False
        self._gate = gate
        self._guess = guess

    def settle(self, *, ok: bool, exists: bool, refused: Refused = lambda *_: None) -> Settled:
        """Count the verdict. Until this has returned nobody may learn of it.

        Args:
            ok: the password was right.
            exists: whether there is such an account.
            refused: what else to write with a wrong one.

        Raises:
            DuplicateError: by `refused`, of a guess that was counted before: this one counts for nothing.
        """
        # Also where it fails: then the evaluation keeps its place until it expires.
        self.settled = True
        try:
            return self._gate.settle(self._guess, self.id, ok=ok, exists=exists, refused=refused)
        except DuplicateError:
            self.settled = False
            raise


class Gate:
    """Lets guesses through to be evaluated."""

    def __init__(self, database: Database, limits: Limits, signal: Callable[[], Signal]) -> None:
        self._database = database
        self._limits = limits
        self._signal = signal
        self._turns: dict[Key, tuple[Turns, int]] = {}
        self._forgot = time.monotonic()
        # Held for a few instructions and never across a wait, so it is harmless under greenlets too.
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def evaluation(self, guess: Guess, patience: Patience, look: Callable[[Connection], T]) -> Iterator[Evaluation[T]]:
        """Have a guess evaluated, once there is a place; one that is left without a verdict counts for nothing.

        Args:
            guess: on whom, from where.
            patience: how long to wait for a place.
            look: what else to read in the transaction that lets it in.

        Raises:
            Refusal: 429 when it came too early, 503 when its deadline came first, 499 when the client has gone.
        """
        arrived = _now()
        with self._turn(guess, patience):
            evaluation = self._enter(guess, patience, look, arrived)
            try:
                yield evaluation
            finally:
                if not evaluation.settled:
                    self._database.write(guess.account, lambda connection: rows.end(connection, guess, evaluation.id))

    def settle(self, guess: Guess, evaluation: str, *, ok: bool, exists: bool, refused: Refused) -> Settled:
        """See `Evaluation.settle`."""
        limits, rules, now = self._limits, guess.via.value, _now()

        def work(connection: Connection) -> Settled:
            rows.end(connection, guess, evaluation)
            if ok:
                rows.reset(connection, guess, limits.cap)
            else:
                for rule, key in zip(rules, guess.keys(), strict=True):
                    cap = limits.cap if rule.capped else _NO_CAP
                    keep = exists and rule.capped
                    rows.fail(connection, key, now, step(limits, rule), cap, keep=keep)
            buckets = guess.buckets(rows.counts(connection, guess), {})
            locked = not ok and any(rule.capped and held.total == limits.cap for rule, held, _ in buckets)
            if not ok:
                refused(connection, locked)
            return Settled(locked, fields(limits, *buckets[0][:2], now))

        settled = self._database.write(guess.account, work)
        if not ok:
            self._forget(now)
        return settled

    @contextlib.contextmanager
    def _turn(self, guess: Guess, patience: Patience) -> Iterator[None]:
        """One of `limit` turns of this account and origin in this instance."""
        key = Key(guess.account, guess.origin)
        with self._lock:
            turns, users = self._turns.get(key) or (Turns(self._limits.per_origin, self._signal), 0)
            self._turns[key] = turns, users + 1
        try:
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(turns.turn(max(0.0, patience.left())))
                except LaneBusyError:
                    raise _in_vain() from None
                yield
        finally:
            with self._lock:
                turns, users = self._turns.pop(key)
                if users > 1:
                    self._turns[key] = turns, users - 1

    def _enter(self, guess: Guess, patience: Patience, look: Callable[[Connection], T], arrived: int) -> Evaluation[T]:
        def judge(connection: Connection) -> Judged:
            now = _now()
            counts, pending = rows.counts(connection, guess), rows.pending(connection, guess.account, now)
            decision = decide(self._limits, guess.buckets(counts, pending), arrived, now)
            return Judged(decision, now)

        def enter(connection: Connection) -> Evaluation[T] | Judged:
            judged = judge(connection)
            if judged.decision.verdict is not Verdict.GO:
                return judged
            evaluation = Evaluation(self, guess, look(connection))
            rows.begin(connection, guess, evaluation.id, judged.now + int((patience.left() + STUCK_SECONDS) * 1000))
            return evaluation

        pause = POLL_FIRST
        entered = self._database.write(guess.account, enter)
        while isinstance(entered, Judged):
            self._refuse(guess, entered)
            if patience.gone():
                raise Refusal(499, "The client has closed the connection.", reason="client gone")
            if patience.left() <= 0:
                raise _in_vain()
            if entered.decision.verdict is Verdict.WAIT:
                self._signal().wait(min(pause, patience.left()))
                pause = min(2 * pause, POLL_LAST)
                # Looking takes no lock; only who has seen a place goes for it.
                entered = self._database.read(judge)
            else:
                entered = self._database.write(guess.account, enter)
        return entered

    def _refuse(self, guess: Guess, judged: Judged) -> None:
        """Raise the 429 where it is one: the same words and fields whether the name exists or not (A1)."""
        if judged.decision.verdict is Verdict.REFUSE:
            raise Refusal(
                429,
                "Too many attempts; try again after the time in Retry-After.",
                code="temporarily_unavailable",
                headers=fields(self._limits, guess.via.value[0], Count(), judged.now, judged.decision),
                reason=judged.decision.reason,
            )

    def _forget(self, now: int) -> None:
        with self._lock:
            due = time.monotonic() - self._forgot >= FORGET_SECONDS
            if due:
                self._forgot = time.monotonic()
        for statement in rows.FORGET if due else ():
            work = partial(rows.forget, statement=statement, now=now, most=FORGET_BUCKETS)
            self._database.write("throttle", work)


def _in_vain() -> Refusal:
    return overloaded(1, "no verdict in time")


def _now() -> int:
    """Unix milliseconds. Instances' clocks have to agree to a second or so, which is what NTP does."""
    return time.time_ns() // 1_000_000
