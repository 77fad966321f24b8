"""The controller's decisions on simulated time: instances and requests are modelled, all else is the real code.

`Simulation` runs one revision: offered requests go through a modelled data plane (a queue and instances that take as
many at a time as containerConcurrency says) to modelled instances, and RevisionScaler decides. An hour takes a moment.
"""

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emulator.core.clock import SimClock
from emulator.core.revision import RevisionKey
from emulator.core.stats import ActivatorStats
from emulator.dataplane.door import NO_ROUTES, Backend, RevisionStat, Routes
from emulator.replicas import NODE_LIMIT, Replicas
from emulator.revision import RevisionController
from emulator.runtimes.base import Launch, Report
from emulator.runtimes.fake import START_SECONDS, FakeNode
from emulator.scaling import RevisionScaler, ScalingConfig, next_report


@dataclass(slots=True)
class _Request:
    seconds: float
    done: Callable[[], None]


@dataclass(slots=True)
class _Instance:
    in_flight: int = 0
    served: int = 0


@dataclass(slots=True)
class _Load:
    """Requests of one revision that wait, and what there is for them."""

    backend: Backend = field(default_factory=Backend)
    waiting: deque[_Request] = field(default_factory=deque)


class ModelPlane:
    """A data plane of requests that only take time."""

    def __init__(self, clock: SimClock, demanded: Callable[[RevisionKey], None]) -> None:
        self._clock = clock
        self._demanded = demanded
        self._stats = ActivatorStats()
        self._loads: dict[RevisionKey, _Load] = {}
        self._instances: dict[str, _Instance] = {}

    def offer(self, key: RevisionKey, seconds: float, done: Callable[[], None]) -> None:
        """A request that takes an instance `seconds`; `done` is called when it has been answered."""
        if self._stats.request_in(key, self._clock.now()):
            self._demanded(key)
        load = self._loads[key]
        load.waiting.append(_Request(seconds, done))
        self._dispatch(key, load)

    def set_routes(self, public: Routes, private: Routes = NO_ROUTES) -> None:
        """Requests are offered to a revision, not to a host."""

    def set_backend(self, key: RevisionKey, backend: Backend) -> None:
        load = self._loads.setdefault(key, _Load())
        load.backend = backend
        self._dispatch(key, load)

    def remove_backend(self, key: RevisionKey) -> None:
        self._loads.pop(key, None)

    def report(self) -> list[RevisionStat]:
        return [
            RevisionStat(key, load.concurrency, load.requests) for key, load in self._stats.report(self._clock.now())
        ]

    def in_flight(self, instance: str) -> int:
        return self._instance(instance).in_flight

    def waiting(self, key: RevisionKey) -> int:
        return len(self._loads[key].waiting)

    def served(self, instance: str) -> int:
        return self._instance(instance).served

    def _dispatch(self, key: RevisionKey, load: _Load) -> None:
        limit = load.backend.container_concurrency or float("inf")
        while load.waiting and load.backend.endpoints:
            least = min((self._instance(e.instance) for e in load.backend.endpoints), key=lambda i: i.in_flight)
            if least.in_flight >= limit:
                return
            self._run(key, load, least, load.waiting.popleft())

    def _run(self, key: RevisionKey, load: _Load, instance: _Instance, request: _Request) -> None:
        def finish() -> None:
            self._stats.request_out(key, self._clock.now())
            instance.in_flight -= 1
            instance.served += 1
            request.done()
            self._dispatch(key, load)

        instance.in_flight += 1
        self._clock.call_later(request.seconds, finish)

    def _instance(self, name: str) -> _Instance:
        return self._instances.setdefault(name, _Instance())


class Simulation:
    """One revision under offered load, on a clock of its own.

    Args:
        annotations: the template's (`autoscaling.knative.dev/...`).
        container_concurrency: as in the manifest.
        config_maps: Knative's ConfigMaps by name.
        start_seconds: what an instance takes from its start to readiness.
        start: Unix seconds at which the simulation begins.
    """

    def __init__(
        self,
        annotations: Mapping[str, str],
        container_concurrency: int = 0,
        *,
        config_maps: Mapping[str, Mapping[str, str]] | None = None,
        start_seconds: float = START_SECONDS,
        start: float = 0.0,
    ) -> None:
        self.clock = SimClock(start)
        self.key = RevisionKey("default", "simulated-00001")
        self._plane = ModelPlane(self.clock, lambda _: self._demanded())
        node = FakeNode(self.clock, self._reported, start_seconds)
        replicas = Replicas(
            self.key,
            timeout=300.0,
            node=node,
            plane=self._plane,
            launch=self._launch,
            room=lambda: NODE_LIMIT - self.instances,
            rng=random.Random(0),  # noqa: S311 - names of modelled instances
        )
        scaler = RevisionScaler(annotations, container_concurrency, ScalingConfig.read(config_maps or {}), start)
        self.revision = RevisionController(
            {}, Backend(container_concurrency=container_concurrency), scaler, replicas, self._plane
        )
        self._due = float("inf")
        self._next_report = next_report(start)
        self._step()

    @property
    def instances(self) -> int:
        """Instances that exist and were not told to go."""
        return self.revision.replicas.alive

    def offer(self, seconds: float, done: Callable[[], None] = lambda: None) -> None:
        """A request now, that takes an instance `seconds`; `done` is called when it has been answered."""
        self._plane.offer(self.key, seconds, done)

    def clients(self, count: int, seconds: float, until: float) -> None:
        """Closed loop: `count` clients that each ask again as soon as they are answered, until the clock says so."""

        def ask() -> None:
            if self.clock.now() < until:
                self.offer(seconds, ask)

        for _ in range(count):
            ask()

    def run(self, until: float, each: Callable[[float], None] = lambda _: None) -> None:
        """Let time pass to `until`, calling `each(now)` at every whole second on the way."""
        second = self.clock.now()
        while second < until:
            second += 1
            self.clock.run_until(second)
            each(second)

    def _launch(self, instance: str) -> Launch:
        return Launch(instance, self.key, "simulated", (), (), {}, None, 8080, {})

    def _demanded(self) -> None:
        self.revision.record(RevisionStat(self.key, 1.0, 1.0), self.clock.now())
        self._step()

    def _reported(self, report: Report) -> None:
        self.revision.take(report, self.clock.now())
        self._step()

    def _step(self) -> None:
        now = self.clock.now()
        if now >= self._next_report:
            stats = {stat.revision: stat for stat in self._plane.report()}
            self.revision.record(stats.get(self.key), now)
            self._next_report = next_report(now)
        due = min(self.revision.step(now), self._next_report)
        if due < self._due or self._due <= now:
            self._due = due
            self.clock.call_at(due, self._step)
