"""The queue in front of the hash lane.

What can be hashed before its deadline is let in, the rest is told when to come back.

A turn of one of `threads` threads hashes a batch of up to `width` logins, in `s` seconds for a full one (measured). It
begins as soon as a thread is free, with those who are there, so the batch before a newcomer's may hold just one. With
`depth` logins let in and not yet done, the newcomer is done after so many batches of a thread:

    depth < threads     1
    else                2 + (depth - threads) // (threads x width)

which for a width of 1 is depth // threads + 1. Where that, at SLACK, is longer than until its deadline, it gets 503 at
once and Retry-After = depth x s / (threads x width): when the queue that is there now will be gone.
"""

import math
import threading

from function.errors import Refusal

#: Seconds for one batch of cost 12 on one core, until the first is measured here: pyca/bcrypt does 4.6 hashes a second,
#: and the interleaved engine as many batches.
COST_12_SECONDS = 0.22
#: What each further hash adds to the seconds of a batch, until one of full width is measured here: from 1 to 4 hashes
#: they grow by 22 %.
WIDER = 0.07
#: How much slower than measured the batches ahead may become: whoever is let in and then not hashed in time has waited
#: for nothing. An eighth of the queue is what that costs.
SLACK = 1.125
#: Weight of the newest measurement: the last ten batches or so count.
_WEIGHT = 0.2


class Admission:
    """Places in the queue. Counts and measures; waits for nothing and reads no clock.

    Attributes:
        depth: logins let in and not yet done.
        shed: logins refused a place so far.
        batches: batches hashed so far.
    """

    def __init__(self, threads: int, cost: int, places: int, width: int = 1) -> None:
        self.threads = threads
        self.width = width
        self.places = places
        self.depth = 0
        self.shed = 0
        self.batches = 0
        self._expected = COST_12_SECONDS * 2.0 ** (cost - 12)
        # Of each width; 0 until there was one.
        self._measured = [0.0] * (width + 1)
        self._left = 0.0
        # Held for a few instructions and never across a wait, so it is harmless under greenlets too.
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """Of a full batch, with what one leaves to be done: moving averages; before the first, by the widest so far."""
        for narrower in range(self.width):
            if measured := self._measured[self.width - narrower]:
                return measured * (1 + WIDER * narrower) + self._left
        return self._expected

    def enter(self, budget: float) -> None:
        """Take a place for a login that must be done within `budget` seconds; `leave` gives it back.

        Raises:
            Refusal: 503 with Retry-After; no place was taken.
        """
        with self._lock:
            if self._has_room(budget):
                self.depth += 1
                return
            raise self._turned_away()

    def refusal(self, budget: float) -> Refusal | None:
        """What `enter` would raise at this moment, counted as if it had; None where there is room."""
        with self._lock:
            return None if self._has_room(budget) else self._turned_away()

    def drained(self) -> float:
        """Seconds until those who are let in now are done."""
        return self.depth * self.seconds / (self.threads * self.width)

    def leave(self) -> None:
        with self._lock:
            self.depth -= 1

    def measure(self, seconds: float, width: int = 1) -> None:
        """Take note of what a batch of so many hashes took."""
        with self._lock:
            self.batches += 1
            known = self._measured[width] or seconds
            self._measured[width] = known + _WEIGHT * (seconds - known)
            # One after another would do. So a wide batch that took too long for wide ones to be let in again (a process
            # that was stopped, a core that was busy) is forgotten over the narrow ones that still are.
            for wider in range(width + 1, self.width + 1):
                self._measured[wider] = min(self._measured[wider], seconds * wider / width)
            self._left *= 1 - _WEIGHT

    def measure_left(self, seconds: float) -> None:
        """Take note of what a batch has left to be done, such as a new hash instead of a stale one."""
        with self._lock:
            self._left += _WEIGHT * seconds

    def _turned_away(self) -> Refusal:
        self.shed += 1
        return overloaded(self.drained())

    def _has_room(self, budget: float) -> bool:
        if self.depth < self.threads:
            return self.depth < self.places
        batches = 2 + (self.depth - self.threads) // (self.threads * self.width)
        return self.depth < self.places and batches * self.seconds * SLACK <= budget


def overloaded(seconds: float, reason: str = "queue full") -> Refusal:
    """The 503 of a login that had to be turned away; `seconds` until it is worth another try."""
    return Refusal(
        503,
        "Too many logins at the moment; try again after the time in Retry-After.",
        code="temporarily_unavailable",
        headers={"Retry-After": str(max(1, math.ceil(seconds)))},
        reason=reason,
    )
