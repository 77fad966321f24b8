"""A data plane of requests that only take time: the gateway, activator and queue-proxies on the simulated clock.

Each hop decides as the real one does, with the same code of core: what waits where and in what order, which instance
gets the next request, what is turned away, what comes too late, what is counted and when. Only bytes are missing.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from emulator.core.breaker import (
    ACTIVATOR_QUEUE_DEPTH,
    MAX_CONCURRENCY,
    QUEUE_PROXY_DEPTH_FACTOR,
    Breaker,
    QueueFullError,
    Ticket,
)
from emulator.core.clock import SimClock
from emulator.core.load_balancer import Policy, capacity, make_policy, random_choice_2
from emulator.core.revision import RevisionKey
from emulator.core.stats import ActivatorStats, RequestStats
from emulator.core.timeouts import Timeouts
from emulator.dataplane.door import NO_HEADERS, NO_ROUTES, Backend, ByHeader, Endpoint, RevisionStat, Routes
from emulator.dataplane.routing import RouteTable
from emulator.simulation.cores import ALONE, Batch, Job, Processor

OK, NO_SUCH_HOST, UNAVAILABLE, TOO_LATE = 200, 404, 503, 504


@dataclass(frozen=True, slots=True)
class Work:
    """What a request is to its instance: core-seconds to compute (with others of its batch), then seconds to wait."""

    seconds: float = 0.0
    cpu: float = 0.0
    batch: Batch = ALONE


class _Request:
    """One request on its way. `over` once it was answered, whatever still goes on for it."""

    __slots__ = ("deadline", "done", "instance", "job", "over", "place", "proxied", "slot", "work")

    def __init__(self, work: Work, deadline: float, done: Callable[[int], None]) -> None:
        self.work = work
        self.deadline = deadline
        self.done = done
        self.over = self.proxied = False
        self.slot: Ticket | None = None  # the activator's
        self.place: Ticket | None = None  # the queue-proxy's
        self.instance: _Instance | None = None
        self.job: Job | None = None


class _Instance:
    """A queue-proxy, and the instance behind it."""

    __slots__ = ("breaker", "in_flight", "limit", "processor", "requests", "served", "waiters")

    def __init__(self, container_concurrency: int, processor: Processor) -> None:
        self.limit = container_concurrency or MAX_CONCURRENCY
        self.processor = processor
        self.in_flight = self.served = 0
        self.breaker: Breaker | None = None
        if container_concurrency:
            depth = QUEUE_PROXY_DEPTH_FACTOR * container_concurrency
            self.breaker = Breaker(depth, container_concurrency, container_concurrency)
        self.waiters: dict[Ticket, _Request] = {}
        self.requests: dict[_Request, None] = {}


class _Revision:
    """A revision as requests meet it; see dataplane.activator.Revision."""

    def __init__(self, plane: "ModelPlane", key: RevisionKey) -> None:
        self.key = key
        self.backend = Backend()
        self.stats = RequestStats(plane.clock.now())
        self.instances: Sequence[_Instance] = ()
        self._plane = plane
        self._clock = plane.clock
        self._timeouts = Timeouts(self.backend.timeout)
        self._gate = Breaker(ACTIVATOR_QUEUE_DEPTH, MAX_CONCURRENCY, 0)
        self._waiters: dict[Ticket, _Request] = {}
        self._policy: Policy[_Instance] = make_policy(0, plane.rng)
        # A revision's requests all have the same time, so they are due in the order in which they came.
        self._deadlines: deque[_Request] = deque()

    @property
    def waiting(self) -> int:
        return self._gate.queued + sum(it.breaker.queued for it in self.instances if it.breaker)

    def update(self, backend: Backend, instances: Sequence[_Instance]) -> None:
        limit = backend.container_concurrency
        if limit != self.backend.container_concurrency:
            self._policy = make_policy(limit, self._plane.rng)
        gone = [instance for instance in self.instances if instance not in instances]
        self.backend = backend
        self._timeouts = Timeouts(backend.timeout, backend.response_start_timeout, backend.idle_timeout)
        self.instances = instances
        self._forward_all(self._gate.resize(capacity(limit, len(instances))))
        for instance in gone:
            for request in list(instance.requests):
                if request.slot:
                    self._forward_all(self._gate.leave(request.slot))
            for request in list(instance.waiters.values()):  # they ask for another one
                self._leave_instance(request)
                self._forward(request)

    def end(self) -> None:
        """The revision was deleted: what waits is sent away, what runs goes on."""
        instances, self.instances = self.instances, ()
        for waiters in (self._waiters, *(instance.waiters for instance in instances)):
            for request in list(waiters.values()):
                self._end(request, UNAVAILABLE)

    def offer(self, work: Work, done: Callable[[int], None]) -> None:
        request = _Request(work, self._timeouts.deadline(self._clock.now(), None), done)
        if not self._deadlines:
            self._clock.call_at(request.deadline, self._expire)
        self._deadlines.append(request)
        self._enter(request)

    def _enter(self, request: _Request) -> None:
        now = self._clock.now()
        request.proxied = self.backend.proxied or not self.instances
        if not request.proxied:
            self._forward(request)
            return
        if self._plane.activator.request_in(self.key, now):
            self._plane.on_demand(self.key)
        try:
            ticket = request.slot = self._gate.enter()
        except QueueFullError:
            self._end(request, UNAVAILABLE)
            return
        if ticket.running:
            self._forward(request)
        else:
            self._waiters[ticket] = request

    def _forward_all(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            self._forward(self._waiters.pop(ticket))

    def _forward(self, request: _Request) -> None:
        instances = self.instances
        if not instances:  # they left in the same moment
            self._leave_activator(request)
            self._enter(request)
            return
        picked = self._policy(instances) if request.proxied else random_choice_2(instances, self._plane.rng)
        # All can be busy where one came back that still has requests from before it left.
        instance = picked or min(instances, key=lambda it: it.in_flight)
        self.stats.request_in(self._clock.now(), proxied=request.proxied)
        request.instance = instance
        instance.in_flight += 1
        instance.requests[request] = None
        if instance.breaker:
            try:
                ticket = request.place = instance.breaker.enter()
            except QueueFullError:
                self._end(request, UNAVAILABLE)
                return
            if not ticket.running:
                instance.waiters[ticket] = request
                return
        self._run(request, instance)

    def _run(self, request: _Request, instance: _Instance) -> None:
        if request.work.cpu:
            work = request.work
            request.job = instance.processor.submit(work.cpu, lambda: self._computed(request), work.batch)
        else:
            self._clock.call_later(request.work.seconds, lambda: self._answered(request))

    def _computed(self, request: _Request) -> None:
        if request.over:
            return
        request.job = None
        if request.work.seconds:
            self._clock.call_later(request.work.seconds, lambda: self._answered(request))
        else:
            self._answered(request)

    def _answered(self, request: _Request) -> None:
        if not request.over:
            assert request.instance  # noqa: S101 - it ran there
            request.instance.served += 1
            self._end(request, OK)

    def _expire(self) -> None:
        """End what is too late, and look again when the next one would be."""
        now = self._clock.now()
        while self._deadlines and (self._deadlines[0].over or self._deadlines[0].deadline <= now):
            request = self._deadlines.popleft()
            if not request.over:
                self._end(request, TOO_LATE)
        if self._deadlines:
            self._clock.call_at(self._deadlines[0].deadline, self._expire)

    def _end(self, request: _Request, status: int) -> None:
        """The request's client has its answer; all places it took are free."""
        request.over = True
        if request.job and request.instance:
            request.instance.processor.drop(request.job)
        self._leave_instance(request)
        self._leave_activator(request)
        request.done(status)

    def _leave_instance(self, request: _Request) -> None:
        instance, request.instance = request.instance, None
        if instance is None:
            return
        instance.in_flight -= 1
        del instance.requests[request]
        self.stats.request_out(self._clock.now(), proxied=request.proxied)
        if instance.breaker and (ticket := request.place):
            request.place = None
            instance.waiters.pop(ticket, None)
            for admitted in instance.breaker.leave(ticket):
                self._run(instance.waiters.pop(admitted), instance)

    def _leave_activator(self, request: _Request) -> None:
        if request.proxied:
            request.proxied = False
            self._plane.activator.request_out(self.key, self._clock.now())
            if ticket := request.slot:
                request.slot = None
                self._waiters.pop(ticket, None)
                self._forward_all(self._gate.leave(ticket))


class ModelPlane:
    """See `door.Plane`.

    Args:
        clock: when things happen.
        on_demand: called at once with the first request of an idle revision.
        rng: picks where chance decides.
        processor: makes what computes for a new instance of a revision.
    """

    def __init__(
        self,
        clock: SimClock,
        on_demand: Callable[[RevisionKey], None],
        rng: Random,
        processor: Callable[[RevisionKey], Processor],
    ) -> None:
        self.clock = clock
        self.on_demand = on_demand
        self.rng = rng
        self.activator = ActivatorStats()
        self.public: Routes = NO_ROUTES
        self.private: Routes = NO_ROUTES
        self._table = RouteTable(rng)
        self._processor = processor
        self._revisions: dict[RevisionKey, _Revision] = {}
        self._instances: dict[str, _Instance] = {}

    def offer(self, key: RevisionKey, work: Work, done: Callable[[int], None]) -> None:
        """A request of a revision; `done` is called with the status of its answer."""
        self._revisions[key].offer(work, done)

    def request(self, host: str, work: Work, done: Callable[[int], None]) -> None:
        """A request at a host as instances ask each other (`name.namespace.svc.cluster.local`)."""
        split = self._table.find(host.encode())
        revision = self._revisions.get(split.pick()) if split else None
        if revision:
            revision.offer(work, done)
        else:
            done(NO_SUCH_HOST)

    def set_routes(
        self,
        public: Routes,
        private: Routes = NO_ROUTES,
        _mapped: Collection[str] = (),
        _by_header: Mapping[str, ByHeader] = NO_HEADERS,
    ) -> None:
        self.public, self.private = public, private
        self._table.replace(private)

    def set_backend(self, key: RevisionKey, backend: Backend) -> None:
        revision = self._revisions.get(key)
        if revision is None:
            revision = self._revisions[key] = _Revision(self, key)
        revision.update(backend, [self._instance(it, key, backend) for it in backend.endpoints])

    def remove_backend(self, key: RevisionKey) -> None:
        revision = self._revisions.pop(key, None)
        if revision:
            revision.end()

    def report(self) -> list[RevisionStat]:
        now = self.clock.now()
        through = dict(self.activator.report(now))
        stats = []
        for key, revision in self._revisions.items():
            straight = revision.stats.report(now).own
            waiting = through.get(key)
            if waiting:
                total = waiting.concurrency + straight.concurrency, waiting.requests + straight.requests
                stats.append(RevisionStat(key, *total))
            elif straight.requests or straight.concurrency:
                stats.append(RevisionStat(key, straight.concurrency, straight.requests))
        return stats

    def in_flight(self, instance: str) -> int:
        found = self._instances.get(instance)
        return found.in_flight if found else 0

    def waiting(self, key: RevisionKey) -> int:
        revision = self._revisions.get(key)
        return revision.waiting if revision else 0

    def served(self, instance: str) -> int:
        found = self._instances.get(instance)
        return found.served if found else 0

    def _instance(self, endpoint: Endpoint, key: RevisionKey, backend: Backend) -> _Instance:
        instance = self._instances.get(endpoint.instance)
        if instance is None:
            instance = _Instance(backend.container_concurrency, self._processor(key))
            self._instances[endpoint.instance] = instance
        return instance
