"""A whole emulator on the simulated clock: admission, store, controller and data plane, with modelled instances.

All that decides is the live emulator's own code. `World` takes manifests and requests and lets time pass;
`Simulation` is a world with one Service of which nothing but its scaling is of interest.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import floor, inf
from random import Random
from typing import Any

from emulator.api import kinds
from emulator.api.admission import Admission
from emulator.api.kinds import Kind
from emulator.api.store import Object, Store
from emulator.controller import Controller
from emulator.core.clock import SimClock
from emulator.core.quantity import parse_quantity
from emulator.core.resources import revision_spec
from emulator.core.revision import RevisionKey
from emulator.revision import RevisionController
from emulator.runtimes.fake import START_SECONDS, FakeNode
from emulator.simulation.cores import Batch, Node, Processor, threads_of
from emulator.simulation.plane import ModelPlane, Work
from emulator.simulation.times import Times

#: A whole, even Unix second, far enough from 0 that times in nanoseconds are as big as real ones.
START = 1_700_000_000.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What is modelled.

    Attributes:
        start: from the start of an instance to its readiness.
        service: what a request waits for in its instance, without computing; None if nothing was said.
        cpu: core-seconds that it computes, before that; None if nothing was said.
        cores: of all instances together.
        most: instances that there may be.
        threads: requests that an instance computes at a time; None is as many as it has cores.
        batch: waiting requests that a thread takes together; None is what each kind of request says of itself.
    """

    start: Times = field(default_factory=lambda: Times(f"{START_SECONDS}s"))
    service: Times | None = None
    cpu: Times | None = None
    cores: float = inf
    most: float = inf
    threads: float | None = None
    batch: Batch | None = None


class World:
    """An emulator whose time is simulated.

    Args:
        config_maps: Knative's ConfigMaps by name.
        machine: what is modelled.
        seed: the same one gives the same run.
        start: Unix seconds at which it begins.
        shown: whether anybody looks at the objects that a cluster has of its own, and at its Events.

    Raises:
        ConfigError: a ConfigMap can't be used.
    """

    def __init__(
        self,
        config_maps: Mapping[str, Mapping[str, str]],
        machine: Machine | None = None,
        *,
        seed: int = 1,
        start: float = START,
        shown: bool = False,
    ) -> None:
        self.machine = machine = machine or Machine()
        self.clock = SimClock(start)
        self.rng = Random(seed)  # noqa: S311 - a model
        self.store = Store(self.clock)
        self.admission = Admission(self.store, config_maps)
        self._due = inf
        self.controller = Controller(
            *(self.clock, self.store, config_maps, self.wake, self.rng),
            most=machine.most,
            resolve=lambda *_: {},
            shown=shown,
        )
        self.node = Node(self.clock, machine.cores)
        self.plane = ModelPlane(self.clock, self.controller.demanded, self.rng, self._processor)
        kubelet = FakeNode(self.clock, self.controller.reported, lambda: machine.start.draw(self.rng))
        self.controller.connect(self.plane, kubelet, 80)
        self.wake()

    def apply(self, kind: Kind, document: Object) -> tuple[str, ...]:
        """Store an object, which takes effect at once; returns warnings. Raises as `Admission.apply`."""
        warnings = self.admission.apply(kind, copy.deepcopy(document))[1]
        self.clock.run_until(self.clock.now())
        return warnings

    def request(self, host: str, work: Work, done: Callable[[int], None]) -> None:
        """A request now at a cluster-local host; `done` is called with the status of its answer."""
        self.plane.request(host, work, done)

    def run(self, until: float, each: Callable[[float], None] = lambda _: None) -> None:
        """Let time pass to `until`, calling `each(now)` at every whole second on the way."""
        self.clock.run_until(self.clock.now())
        while (now := self.clock.now()) < until:
            then = min(floor(now) + 1.0, until)
            self.clock.run_until(then)
            if then.is_integer():
                each(then)

    def _processor(self, key: RevisionKey) -> Processor:
        document = self.store.get(kinds.REVISION, *key)
        machine = self.machine
        limit = cpu_of(document, "limits") or inf
        threads = threads_of(limit, machine.cores) if machine.threads is None else machine.threads
        return Processor(self.node, limit, threads)

    def wake(self) -> None:
        self._step_at(self.clock.now())

    def _step_at(self, when: float) -> None:
        if when < self._due:
            self._due = when
            self.clock.call_at(when, lambda: self._step(when))

    def _step(self, when: float) -> None:
        if when == self._due:
            self._due = inf
            self._step_at(self.controller.step())


def cpu_of(revision: Object, which: str) -> float:
    """Cores that an instance of a Revision may use (`limits`) or is promised (`requests`); 0 if nothing is said."""
    resources: Mapping[str, Any] = revision_spec(revision).serving.document.get("resources") or {}
    said = (resources.get(which) or {}).get("cpu")
    return float(parse_quantity(str(said)).value) if said is not None else 0.0


class Simulation:
    """One Service under offered load.

    Args:
        annotations: the template's (`autoscaling.knative.dev/...`).
        container_concurrency: as in the manifest.
        config_maps: Knative's ConfigMaps by name.
        start_seconds: what an instance takes from its start to readiness.
        start: Unix seconds at which the simulation begins.
    """

    #: Where its requests go.
    HOST = "simulated.default.svc.cluster.local"

    def __init__(
        self,
        annotations: Mapping[str, str],
        container_concurrency: int = 0,
        *,
        config_maps: Mapping[str, Mapping[str, str]] | None = None,
        start_seconds: float = START_SECONDS,
        start: float = START,
    ) -> None:
        self._world = World(config_maps or {}, Machine(start=Times(f"{start_seconds}s")), start=start)
        self.clock = self._world.clock
        self.run = self._world.run
        template = {
            "metadata": {"annotations": dict(annotations)},
            "spec": {"containerConcurrency": container_concurrency, "containers": [{"image": "simulated"}]},
        }
        meta = {"name": "simulated", "namespace": "default"}
        kind = kinds.SERVICE
        document = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": meta, "spec": {"template": template}}
        self._world.apply(kind, document)

    @property
    def revision(self) -> RevisionController:
        """The only one."""
        return self._world.controller.revisions[RevisionKey("default", "simulated-00001")]

    @property
    def instances(self) -> int:
        """Instances that exist and were not told to go."""
        return self.revision.replicas.alive

    def offer(self, seconds: float, done: Callable[[], None] = lambda: None) -> None:
        """A request now, that takes an instance `seconds`; `done` is called when it has been answered."""
        self._world.plane.offer(self.revision.replicas.key, Work(seconds), lambda _: done())

    def clients(self, count: int, seconds: float, until: float) -> None:
        """Closed loop: `count` clients that each ask again as soon as they are answered, until the clock says so."""

        def ask() -> None:
            if self.clock.now() < until:
                self.offer(seconds, ask)

        for _ in range(count):
            ask()
