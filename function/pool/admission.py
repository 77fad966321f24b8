"""The queue in front of the hash lane.

What can be hashed before its deadline is let in, the rest is told when to come back.

With `depth` logins let in and not yet done, `threads` threads and `s` seconds per hash (measured), a newcomer is done
after (depth // threads + 1) x s. Over its deadline, it gets 503 at once and Retry-After = depth x s / threads: when
the queue that is there now will be gone.
"""

import math
import threading

from function.errors import Refusal

#: Seconds for one bcrypt hash of cost 12 on one core, until the first is measured here: pyca/bcrypt does 4.6 a second.
COST_12_SECONDS = 0.22
#: Weight of the newest measurement: the last ten hashes or so count.
_WEIGHT = 0.2


class Admission:
    """Places in the queue. Counts and measures; waits for nothing and reads no clock.

    Attributes:
        depth: logins let in and not yet done.
        shed: logins refused a place so far.
        seconds: moving average of the seconds that one hash takes.
    """

    def __init__(self, threads: int, cost: int, places: int) -> None:
        self.threads = threads
        self.places = places
        self.depth = 0
        self.shed = 0
        self.seconds = COST_12_SECONDS * 2.0 ** (cost - 12)
        self._measured = False
        # Held for a few instructions and never across a wait, so it is harmless under greenlets too.
        self._lock = threading.Lock()

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
        return self.depth * self.seconds / self.threads

    def leave(self) -> None:
        with self._lock:
            self.depth -= 1

    def measure(self, seconds: float) -> None:
        """Take note of what one hash took."""
        with self._lock:
            self.seconds += (seconds - self.seconds) * (_WEIGHT if self._measured else 1.0)
            self._measured = True

    def _turned_away(self) -> Refusal:
        self.shed += 1
        return overloaded(self.drained())

    def _has_room(self, budget: float) -> bool:
        return self.depth < self.places and (self.depth // self.threads + 1) * self.seconds <= max(budget, self.seconds)


def overloaded(seconds: float, reason: str = "queue full") -> Refusal:
    """The 503 of a login that had to be turned away; `seconds` until it is worth another try."""
    return Refusal(
        503,
        "Too many logins at the moment; try again after the time in Retry-After.",
        code="temporarily_unavailable",
        headers={"Retry-After": str(max(1, math.ceil(seconds)))},
        reason=reason,
    )
