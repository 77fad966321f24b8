"""Delivery of the outbox to K_SINK: at least once, in order for each user, by any instance (C3).

An instance claims an event for OUTBOX_LEASE seconds, sends it and removes it. One that is killed in between leaves it
to whoever looks after that time; one that goes to zero before its sink is back leaves it to the next one that starts.
Nobody looks while all instances are at zero.

What the sink's answer means is what it means to Knative's own senders (SelectiveRetry in knative.dev/eventing, package
kncloudevents):

    2xx                     delivered
    404 408 409 429 5xx     try again, as after no answer: after 1, 2, 4 ... seconds, at most BACK_OFF, with the next
                            events of that user waiting; set aside ("parked") after OUTBOX_ATTEMPTS
    3xx, other 4xx          set aside at once: it would be refused for ever

What was set aside waits for `login-function outbox`; the user's next events go on.
"""

import sys
import time
import traceback
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import NamedTuple

from function import logs
from function.errors import StoreUnavailableError
from function.metrics import Metrics
from function.pool.lanes import Signal
from function.store import outbox as rows
from function.store.base import Database
from function.store.outbox import Depth, Waiting

#: Longest pause of an event between two attempts, in seconds.
BACK_OFF = 300
#: The first pause of an instance, in seconds, after a look that found nothing or an attempt that failed; they double.
FIRST_LOOK = 0.05
#: How often, in seconds, an instance sees to OUTBOX_LIMIT, and how many events it may drop then.
TRIM_SECONDS, TRIM_MOST = 5.0, 1000
_AGAIN = {404, 408, 409, 429}


class Outcome(Enum):
    """What became of sending an event."""

    DELIVERED = "delivered"
    AGAIN = "retried"
    PARKED = "parked"


#: Of an event, and so the next can follow.
_DONE = {Outcome.DELIVERED, Outcome.PARKED}


class Sent(NamedTuple):
    """An event that was sent, and the answer: an HTTP status, or 0 and why there was none."""

    event: Waiting
    status: int
    why: str = ""


#: Sends an event; does not raise.
Sink = Callable[[Waiting], Sent]


def judge(sent: Sent, limit: int) -> Outcome:
    """Decide by the table on top of this file; `limit` is OUTBOX_ATTEMPTS."""
    if 200 <= sent.status < 300:
        return Outcome.DELIVERED
    retriable = sent.status == 0 or sent.status >= 500 or sent.status in _AGAIN
    return Outcome.AGAIN if retriable and sent.event.attempts + 1 < limit else Outcome.PARKED


def back_off(attempts: int) -> int:
    """Seconds until the next attempt, after so many that failed."""
    return min(1 << min(attempts - 1, 30), BACK_OFF)


class Delivery:
    """One instance's part in it.

    Attributes:
        depth: of the outbox, as of the last look, or TRIM_SECONDS before it.
    """

    def __init__(
        self,
        database: Callable[[], Database],
        send: Sink,
        signals: Callable[[], Signal],
        metrics: Metrics,
        holder: str,
        *,
        limit: int,
        attempts: int,
        lease: int,
        poll: float,
    ) -> None:
        """Nothing happens yet.

        Args:
            database: opens it where it is not open.
            send: to the sink.
            signals: makes what can be waited on without holding up anybody else.
            metrics: counts what becomes of the events.
            holder: this instance's name.
            limit: most events in the outbox (OUTBOX_LIMIT).
            attempts: after how many an event is set aside (OUTBOX_ATTEMPTS).
            lease: seconds for which a claim holds (OUTBOX_LEASE).
            poll: longest pause between two looks, in seconds (OUTBOX_POLL).
        """
        self.depth = Depth()
        self._database = database
        self._send = send
        self._metrics = metrics
        self._holder = holder
        self._limit, self._attempts, self._lease, self._poll = limit, attempts, lease, poll
        self._woken, self._stopped, self._ended = signals(), signals(), signals()
        self._trimmed = float("-inf")

    def wake(self) -> None:
        """Something was written, or is about to be committed. Any thread may call this."""
        self._woken.set()

    def run(self) -> None:
        """Deliver until `drain` is called. Asks the database when woken, and every OUTBOX_POLL seconds."""
        pause = FIRST_LOOK
        while not self._stopped.is_set():
            self._woken.clear()
            last = self._step()
            if last in _DONE:
                pause = FIRST_LOOK
            elif last is Outcome.AGAIN:
                # Nothing that comes meanwhile is a reason to look sooner: it is for the same sink.
                self._stopped.wait(pause)
                pause = min(2 * pause, self._poll)
            elif self._woken.wait(pause):
                # By then what it was woken for is committed, and answered: an answer takes as long with an event to
                # send as without (A1).
                pause = FIRST_LOOK
                self._stopped.wait(pause)
            else:
                pause = min(2 * pause, self._poll)
        self._ended.set()

    def drain(self, seconds: float) -> Depth:
        """Let `run` end, and go on with what is due, for so long and as long as the sink takes it; what is left."""
        end = time.monotonic() + seconds
        self._stopped.set()
        self._woken.set()
        self._ended.wait(seconds)
        while time.monotonic() < end and self._step() in _DONE:
            pass
        self._trimmed = float("-inf")
        self._guarded(self._trim)
        return self.depth

    def _step(self) -> Outcome | None:
        """Deliver one event, if one is due; None where none is."""
        self._guarded(self._trim)
        return self._guarded(self._deliver)

    def _guarded(self, work: Callable[[], Outcome | None]) -> Outcome | None:
        """What the database refuses now it may grant later; and no mistake of ours may end the delivery for good."""
        try:
            return work()
        except StoreUnavailableError as error:
            logs.line("WARNING", "the outbox waits for the database", reason=str(error))
            return Outcome.AGAIN
        except Exception:  # noqa: BLE001 - logged whole
            logs.line(
                "ERROR", "the outbox cannot be delivered", error="".join(traceback.format_exception(*sys.exc_info()))
            )
            return Outcome.AGAIN

    def _deliver(self) -> Outcome | None:
        event = self._claimed()
        if event is None:
            return None
        sent = self._send(event)
        outcome = judge(sent, self._attempts)
        why = sent.why or f"HTTP {sent.status}"
        self._metrics.add("login_events_sent_total", type=event.type, outcome=outcome.value)
        if outcome is not Outcome.DELIVERED:
            logs.line(
                "WARNING",
                "an event was not delivered",
                event=event.id,
                type=event.type,
                outcome=outcome.value,
                reason=why,
            )
        due_at, parked = _now() + back_off(event.attempts + 1), outcome is Outcome.PARKED
        self._database().write(
            "outbox",
            lambda connection: (
                rows.remove(connection, event.id, self._holder)
                if outcome is Outcome.DELIVERED
                else rows.fail(connection, event.id, self._holder, due_at, why, parked=parked)
            ),
        )
        return outcome

    def _claimed(self) -> Waiting | None:
        while (due := self._database().read(partial(rows.first, now=_now()))) is not None:
            if self._database().write(
                "outbox", partial(rows.claim, due=due, holder=self._holder, until=_now() + self._lease)
            ):
                return due.event
        return None

    def _trim(self) -> None:
        if time.monotonic() - self._trimmed < TRIM_SECONDS:
            return
        self._trimmed = time.monotonic()
        self.depth = self._database().read(rows.depth)
        if sum(self.depth) > self._limit:
            dropped = self._database().write("outbox", lambda connection: rows.trim(connection, self._limit, TRIM_MOST))
            for type_ in dropped:
                self._metrics.add("login_events_dropped_total", type=type_)
            logs.line("WARNING", "too many events for OUTBOX_LIMIT: the least were dropped", dropped=len(dropped))


def _now() -> int:
    return int(time.time())
