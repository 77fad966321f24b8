"""Slots and a bounded queue in front of them: what holds a request back, and what turns it away.

Follows pkg/queue/breaker.go. Strictly first come, first served. It never waits: every call returns at once and names
the tickets that may run now; whoever asked waits for them in its own way.
"""

from collections import OrderedDict
from collections.abc import Sequence

#: What the activator lets wait per revision (`breakerQueueDepth` of pkg/activator/net/throttler.go).
ACTIVATOR_QUEUE_DEPTH = 10_000
#: Waiting places of a queue-proxy per unit of `containerConcurrency` (pkg/queue/sharedmain/handlers.go).
QUEUE_PROXY_DEPTH_FACTOR = 10
#: "No limit", and the most that an activator lets through at a time: 2^31-1 (`revisionMaxConcurrency`).
MAX_CONCURRENCY = 2**31 - 1


class QueueFullError(Exception):
    """Every slot and every waiting place is taken."""


class Ticket:
    """One request in a breaker: it waits, it runs, or it has left."""

    __slots__ = ("left", "running")

    def __init__(self) -> None:
        self.running = False
        self.left = False


class Breaker:
    """At most `capacity` tickets run; the others wait in order.

    There are `queue_depth + max_concurrency` places in all, whatever the capacity is at the moment: at a capacity of 0
    as many may wait. Lowering the capacity does not stop what runs.

    Raises:
        ValueError: the parameters make no sense; the text is the one of the reference.
    """

    __slots__ = ("_places", "_queue", "capacity", "running")

    def __init__(self, queue_depth: int, max_concurrency: int, capacity: int) -> None:
        if queue_depth <= 0:
            raise ValueError(f"Queue depth must be greater than 0. Got {queue_depth}.")
        if max_concurrency < 0:
            raise ValueError(f"Max concurrency must be 0 or greater. Got {max_concurrency}.")
        if not 0 <= capacity <= max_concurrency:
            raise ValueError(f"Initial capacity must be between 0 and max concurrency. Got {capacity}.")
        self._places = queue_depth + max_concurrency
        self._queue: OrderedDict[Ticket, None] = OrderedDict()  # an ordered set: leaves from the middle in O(1)
        self.capacity = capacity
        self.running = 0

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._queue)

    @property
    def in_flight(self) -> int:
        """How many run or wait."""
        return self.running + len(self._queue)

    def enter(self) -> Ticket:
        """Take a place: the ticket runs already, or waits.

        Raises:
            QueueFullError: there is no place left.
        """
        if self.in_flight >= self._places:
            raise QueueFullError
        ticket = Ticket()
        if self.running < self.capacity:
            self._run(ticket)
        else:
            self._queue[ticket] = None
        return ticket

    def reserve(self) -> Ticket | None:
        """Take a slot if one is free now; never wait."""
        return self.enter() if self.running < self.capacity and self.in_flight < self._places else None

    def leave(self, ticket: Ticket) -> Sequence[Ticket]:
        """Finish or give up, whether it ran or waited (a second time does nothing).

        Returns:
            The tickets that run from now on because of it.
        """
        if ticket.left:
            return ()
        ticket.left = True
        if not ticket.running:
            del self._queue[ticket]
            return ()
        self.running -= 1
        return self._admit() if self._queue else ()

    def resize(self, capacity: int) -> Sequence[Ticket]:
        """Set the capacity.

        Returns:
            The tickets that run from now on because of it, first come first.
        """
        self.capacity = capacity
        return self._admit()

    def _admit(self) -> list[Ticket]:
        admitted = []
        while self._queue and self.running < self.capacity:
            ticket, _ = self._queue.popitem(last=False)
            self._run(ticket)
            admitted.append(ticket)
        return admitted

    def _run(self, ticket: Ticket) -> None:
        ticket.running = True
        self.running += 1
