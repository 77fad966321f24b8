"""One revision: what holds its requests until there is room, and picks the instance that gets each."""

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from time import monotonic

from emulator.core.breaker import ACTIVATOR_QUEUE_DEPTH, MAX_CONCURRENCY, Breaker, Ticket
from emulator.core.clock import Clock
from emulator.core.load_balancer import Policy, capacity, make_policy, random_choice_2
from emulator.core.revision import RevisionKey
from emulator.core.stats import ActivatorStats, RequestStats
from emulator.core.timeouts import TIMEOUT_TEXT, Timeouts
from emulator.dataplane.call import Call
from emulator.dataplane.client import Client
from emulator.dataplane.door import Backend
from emulator.dataplane.message import Request
from emulator.dataplane.queue_proxy import Instance, RetiredError
from emulator.dataplane.refusals import RefusedError, UnavailableError
from emulator.dataplane.waiting import Gate


class Activator:
    """What all revisions share in this process.

    Attributes:
        clock: dates the statistics.
        stats: load of what goes through the activator.
        on_demand: called at once, and must not wait, with the first request of an idle revision.
    """

    def __init__(self, clock: Clock, on_demand: Callable[[RevisionKey], None], rng: Random) -> None:
        self.clock = clock
        self.on_demand = on_demand
        self.rng = rng
        self.stats = ActivatorStats()


class Revision:
    """A revision as requests meet it.

    Attributes:
        stats: load of all its queue-proxies together, which is linear in each.
        answers: how its requests were answered, by class of status (2 for 2xx), refusals of the gateway included.
    """

    def __init__(self, key: RevisionKey, activator: Activator) -> None:
        self.key = key
        self.backend = Backend()
        self.stats = RequestStats(activator.clock.now())
        self.answers: Counter[int] = Counter()
        self._activator = activator
        self._timeouts = Timeouts(self.backend.timeout)
        self._gate = Gate(Breaker(ACTIVATOR_QUEUE_DEPTH, MAX_CONCURRENCY, 0))
        self._policy: Policy[Instance] = make_policy(0, activator.rng)
        self._instances: Sequence[Instance] = ()
        self._ready_since = 0.0
        self._ended = ""

    @property
    def waiting(self) -> int:
        """Requests that wait, for an instance or for room in one."""
        return self._gate.breaker.queued + sum(instance.queued for instance in self._instances)

    def update(self, backend: Backend, instances: Sequence[Instance]) -> None:
        """Take what the controller says; `instances` are those of the backend's endpoints.

        This process is the only activator, so all the instances are its own.
        """
        limit = backend.container_concurrency
        if limit != self.backend.container_concurrency:
            self._policy = make_policy(limit, self._activator.rng)
        if not self._instances:
            self._ready_since = monotonic()
        gone = [instance for instance in self._instances if instance not in instances]
        self.backend = backend
        self._timeouts = Timeouts(backend.timeout, backend.response_start_timeout, backend.idle_timeout)
        self._instances = instances
        self._gate.resize(capacity(limit, len(instances)))
        for instance in gone:
            instance.retire()
            for ticket in list(instance.slots):  # what it still does is no part of the capacity any more
                self._gate.leave(ticket)

    def end(self, why: str) -> None:
        """Send away what waits and what comes, with a sentence; what is in an instance goes on."""
        self._ended = why
        self._gate.clear(lambda: UnavailableError(why))
        for instance in self._instances:
            instance.retire()
        self._instances = ()

    def call(self, client: Client, request: Request) -> Call:
        """A call of this revision that begins now."""
        hop = "activator" if self._proxied else "queue-proxy"
        return Call(client, request, self._timeouts, TIMEOUT_TEXT[hop])

    def serve(self, call: Call) -> None:
        """Answer the call: wait for room, try instances until one takes it.

        Raises:
            QueueFullError: too many wait already.
            Exception: see `exchange`; RefusedError when every instance refused.
        """
        call.client.presence.watch()
        refused: dict[Instance, RefusedError] = {}
        while True:
            if self._ended:
                raise UnavailableError(self._ended)
            try:
                if self._proxied:
                    self._through_activator(call, refused)
                else:
                    self._forward(call, refused, None)
            except RetiredError:
                continue
            return

    @property
    def _proxied(self) -> bool:
        return self.backend.proxied or not self._instances

    def _through_activator(self, call: Call, refused: dict[Instance, RefusedError]) -> None:
        shared, key = self._activator, self.key
        if shared.stats.request_in(key, shared.clock.now()):
            shared.on_demand(key)
        try:
            cold = not self._instances
            ticket = self._gate.enter()
            try:
                if cold:
                    call.cold = self._ready_since - call.arrived
                self._forward(call, refused, ticket)
            finally:
                self._gate.leave(ticket)
        finally:
            shared.stats.request_out(key, shared.clock.now())

    def _forward(self, call: Call, refused: dict[Instance, RefusedError], ticket: Ticket | None) -> None:
        """Try instances. Raises RetiredError when none is left, RefusedError when none is left that was not tried."""
        proxied = ticket is not None
        now = self._activator.clock.now
        while True:
            instance = self._pick(refused, proxied=proxied)
            self.stats.request_in(now(), proxied=proxied)
            if ticket:
                instance.slots.add(ticket)
            try:
                instance.serve(call, proxied=proxied)
            except RefusedError as error:
                refused[instance] = error
            except RetiredError:
                pass
            else:
                return
            finally:
                if ticket:
                    instance.slots.discard(ticket)
                self.stats.request_out(now(), proxied=proxied)

    def _pick(self, refused: dict[Instance, RefusedError], *, proxied: bool) -> Instance:
        untried = [it for it in self._instances if it not in refused] if refused else self._instances
        if not untried:
            raise next((refused[it] for it in self._instances), RetiredError())
        picked = self._policy(untried) if proxied else random_choice_2(untried, self._activator.rng)
        # All can be busy where one came back that still has requests from before it left.
        return picked or min(untried, key=lambda it: it.in_flight)
