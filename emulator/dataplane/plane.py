"""The data plane as the controller holds it: routes and capacity in, statistics out."""

import resource
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping
from random import Random
from time import monotonic

from gevent import Greenlet, sleep, spawn
from gevent.lock import Semaphore

from emulator.core.clock import Clock
from emulator.core.revision import RevisionKey
from emulator.dataplane.activator import Activator, Revision
from emulator.dataplane.door import NO_HEADERS, NO_ROUTES, Backend, ByHeader, Endpoint, Finished, RevisionStat, Routes
from emulator.dataplane.gateway import Gateway
from emulator.dataplane.outbound import Outbound
from emulator.dataplane.queue_proxy import Instance
from emulator.dataplane.routing import RouteTable

#: Descriptors left to the rest of the process: the API, its watches, pipes of instances.
RESERVED = 512
#: Part of the rest that clients may have open: more than half, as those that wait have no connection to an instance. Of
#: 20,000 descriptors it is 12,180 clients, more than the 10,000 that may wait for one revision.
CLIENT_SHARE = 0.625
#: Seconds between two looks for unused connections to instances that are too old.
SWEEP = 0.5
#: Instances whose counts are kept after they are gone, until whoever shows them has read them.
GONE_KEPT = 1000


class DataPlane:
    """Gateway, activator and queue-proxies in this process. See `door.Plane`.

    Args:
        clock: dates the statistics.
        on_demand: called with the revision at once when it gets its first request while idle; it must not wait. That
            request is concurrency 1 and count 1 to be recorded now; the next report leaves it out.
        rng: picks where chance decides.
        descriptors: files that may be open for connections; by default what `ulimit -n` leaves.
    """

    def __init__(
        self,
        clock: Clock,
        on_demand: Callable[[RevisionKey], None],
        rng: Random | None = None,
        descriptors: int | None = None,
    ) -> None:
        rng = rng or Random()  # noqa: S311 # no secret depends on which instance gets a request
        self._activator = Activator(clock, on_demand, rng)
        files = descriptors or resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVED
        clients = int(files * CLIENT_SHARE)
        self._descriptors = Semaphore(files - clients)
        self._public, self._private = RouteTable(rng), RouteTable(rng)
        self._revisions: dict[RevisionKey, Revision] = {}
        self._instances: dict[Endpoint, Instance] = {}
        self._gone: OrderedDict[str, Counter[int]] = OrderedDict()
        self._gateway = Gateway(self._public, self._revisions, clients)
        self._proxy = Gateway(self._private, self._revisions, clients, Outbound(self._descriptors).forward)
        self._sweeper: Greenlet[..., None] | None = None

    def listen(self, host: str, port: int) -> int:
        """Accept connections; may be called for several addresses.

        Returns:
            The port, which is a free one for 0.

        Raises:
            OSError: EADDRINUSE and its like.
        """
        port = self._gateway.listen(host, port)
        if self._sweeper is None:
            self._sweeper = spawn(self._sweep)
        return port

    def listen_private(self, host: str, port: int) -> int:
        """The same for instances: cluster-local hosts, and requests in absolute form for any other."""
        return self._proxy.listen(host, port)

    def tell(self, finished: Callable[[Finished], None]) -> None:
        """Call `finished` with each request that has ended from now on; it must not wait."""
        self._gateway.finished = self._proxy.finished = finished

    def close(self, grace: float) -> None:
        """Accept no more, let what is in hand finish for `grace` seconds, then end it."""
        self._gateway.stop(grace)
        self._proxy.stop(0)  # what instances ask each other is part of what was in hand
        for revision in self._revisions.values():
            revision.end("The gateway is closing; ask again.\n")
        self._gateway.close()
        self._proxy.close()
        if self._sweeper:
            self._sweeper.kill()

    def set_routes(
        self,
        public: Routes,
        private: Routes = NO_ROUTES,
        mapped: Collection[str] = (),
        by_header: Mapping[str, ByHeader] = NO_HEADERS,
    ) -> None:
        """Replace the tables of hosts. A revision must have a backend before it gets traffic: without one, 404."""
        self._public.replace(public, mapped, by_header)
        self._private.replace(private, (), by_header)

    def set_backend(self, key: RevisionKey, backend: Backend) -> None:
        """Say what a revision has now; a waiting request goes at once."""
        revision = self._revisions.get(key)
        if revision is None:
            revision = self._revisions[key] = Revision(key, self._activator)
        instances = [self._instance(endpoint, backend.container_concurrency) for endpoint in backend.endpoints]
        revision.update(backend, instances)
        self._forget_idle()

    def remove_backend(self, key: RevisionKey) -> None:
        """Forget a revision: what waits for it is answered 503, what is in its instances goes on."""
        revision = self._revisions.pop(key, None)
        if revision:
            revision.end(f"The revision {key.name} was deleted; ask again.\n")
            self._forget_idle()

    def report(self) -> list[RevisionStat]:
        """Load of each revision that had any since the last report."""
        self._forget_idle()
        now = self._activator.clock.now()
        waiting = dict(self._activator.stats.report(now))
        stats = []
        for key, revision in self._revisions.items():
            straight = revision.stats.report(now).own
            through = waiting.get(key)
            if through:
                total = (through.concurrency + straight.concurrency, through.requests + straight.requests)
                stats.append(RevisionStat(key, *total))
            elif straight.requests or straight.concurrency:
                stats.append(RevisionStat(key, straight.concurrency, straight.requests))
        return stats

    def in_flight(self, instance: str) -> int:
        """Requests that an instance has, its queue included, whether or not it still gets new ones."""
        return sum(it.in_flight for it in self._named(instance))

    def waiting(self, key: RevisionKey) -> int:
        """Requests of a revision that wait, for an instance or for room in one."""
        revision = self._revisions.get(key)
        return revision.waiting if revision else 0

    def answers_of(self, key: RevisionKey) -> Counter[int]:
        """How a revision's requests were answered, by class of status, refusals of the gateway included."""
        revision = self._revisions.get(key)
        return Counter(revision.answers if revision else ())

    def answers(self, instance: str) -> Counter[int]:
        """How many requests an instance answered, by class of status (2 for 2xx)."""
        counts = Counter(self._gone.get(instance, ()))
        for it in self._named(instance):
            counts += it.answers
        return counts

    def served(self, instance: str) -> int:
        """How many requests an instance answered."""
        return self.answers(instance).total()

    def _named(self, instance: str) -> list[Instance]:
        return [it for endpoint, it in self._instances.items() if endpoint.instance == instance]

    def _instance(self, endpoint: Endpoint, container_concurrency: int) -> Instance:
        instance = self._instances.get(endpoint)
        if instance is None:
            instance = self._instances[endpoint] = Instance(endpoint, container_concurrency, self._descriptors)
        instance.resume()
        return instance

    def _forget_idle(self) -> None:
        """Drop the instances that left and have nothing in hand, but for their counts."""
        for endpoint, instance in list(self._instances.items()):
            if instance.retired and not instance.in_flight:
                del self._instances[endpoint]
                self._gone[endpoint.instance] = self._gone.pop(endpoint.instance, Counter()) + instance.answers
        while len(self._gone) > GONE_KEPT:
            self._gone.popitem(last=False)

    def _sweep(self) -> None:
        while True:
            sleep(SWEEP)
            now = monotonic()
            for instance in self._instances.values():
                instance.pool.sweep(now)
