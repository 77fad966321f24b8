"""One run: manifests in, load on, what became of it out. `simulate` is the way in for whoever builds on this."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Final

from emulator.api import kinds
from emulator.api.kinds import Kind
from emulator.api.store import Object
from emulator.core.autoscaler import UNKNOWN_SCALE
from emulator.errors import UserError
from emulator.record.decisions import since
from emulator.record.rows import AnyRow, Decision, Header, Instances
from emulator.revision import RevisionController
from emulator.simulation.cores import ALONE
from emulator.simulation.load import (
    HASH_BATCH,
    HASH_SECONDS,
    SERVICE_SECONDS,
    Arrivals,
    Clients,
    Phase,
    Phases,
    Recorded,
)
from emulator.simulation.plane import OK, Work
from emulator.simulation.result import Decided, Result, Second
from emulator.simulation.world import Machine, World, cpu_of

#: Seconds after which a client of a closed loop asks again when it was refused.
RETRY_SECONDS: Final = 1.0
#: Longest wait for rest, before the load and after it: the longest window and grace that Knative admits, and more.
PATIENCE: Final = 3 * 3600.0


def simulate(
    documents: Iterable[tuple[Kind, Object]],
    load: Phases | Recorded,
    *,
    machine: Machine | None = None,
    config_maps: Mapping[str, Mapping[str, str]] | None = None,
    seed: int = 1,
    title: str = "",
) -> Result:
    """What becomes of a load. See `start`."""
    return start(documents, load, machine=machine, config_maps=config_maps, seed=seed, title=title).result


def side_by_side(runs: Sequence["Run"]) -> list[Result]:
    """Results that were watched for the same time: whoever was at rest first has its instances until the others are."""
    longest = max(run.result.seconds for run in runs)
    for run in runs:
        run.watch(longest)
    return [run.result for run in runs]


def start(
    documents: Iterable[tuple[Kind, Object]],
    load: Phases | Recorded,
    *,
    machine: Machine | None = None,
    config_maps: Mapping[str, Mapping[str, str]] | None = None,
    seed: int = 1,
    title: str = "",
) -> "Run":
    """Run a load against what the manifests describe, and watch until all is at rest again.

    The load begins when everything that was applied is at rest: at zero, or at its least scale. Equal arguments give
    equal results, and the same seed the same requests whatever the manifests say.

    Args:
        documents: as `manifests.read_manifests` reads them.
        load: what comes.
        machine: what is modelled.
        config_maps: Knative's ConfigMaps by name.
        seed: of all that is drawn.
        title: what the result is called.

    Raises:
        InvalidObject: admission refuses a document, in its own words.
        ConfigError: a ConfigMap can't be used.
    """
    run = Run(machine or Machine(), config_maps or {}, seed, Result(title, load.seconds))
    with _without_collector():
        for kind, document in documents:
            run.result.warnings += run.world.apply(kind, document)
        run.rest()
        run.begin()
        if isinstance(load, Recorded):
            run.replay(load)
        else:
            run.play(load)
        run.see_through()
    return run


def service_of(documents: Iterable[tuple[Kind, Object]], name: str | None) -> str:
    """The Service that load goes to, as `namespace/name`: the only one, or the one of that name. Raises UserError."""
    found = [document["metadata"] for kind, document in documents if kind is kinds.SERVICE]
    names = [f"{meta['namespace']}/{meta['name']}" for meta in found]
    fitting = [each for each in names if name in {None, each, each.partition("/")[2]}]
    if len(fitting) != 1:
        there = f"there are {', '.join(names)}" if names else "there is none in the manifests"
        raise UserError(f"say with --to which Service the load goes to: {there}")
    return fitting[0]


def host_of(service: str) -> str:
    """Where the requests of `namespace/name` go."""
    namespace, name = service.split("/")
    return f"{name}.{namespace}.svc.cluster.local"


@contextmanager
def _without_collector() -> Iterator[None]:
    """Requests make no cycles, and looking for some takes as long as all the rest."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Run:
    """One run, which writes down what happens. See `start`.

    Attributes:
        result: what became of it.
    """

    def __init__(
        self, machine: Machine, config_maps: Mapping[str, Mapping[str, str]], seed: int, result: Result
    ) -> None:
        self.result = result
        self.world = World(config_maps, machine, seed=seed)
        self._config_maps = config_maps
        self._clock = self.world.clock
        self._moments = Random(f"{seed} moments")  # noqa: S311 - a model
        self._works = Random(f"{seed} works")  # noqa: S311
        self._begin = float("inf")
        self._open = 0
        self._offered = 0
        self._used = 0.0
        self._counted_at = 0.0
        self._wanted: dict[str, int] = {}
        self._existing: dict[str, int] = {}
        self._promised: dict[str, float] = {}

    def rest(self) -> None:
        """Let time pass until nothing happens any more."""
        end = self._clock.now() + PATIENCE
        while not self._at_rest() and self._clock.now() < end:
            self.world.run(self._clock.now() + 1, self._look)

    def begin(self) -> None:
        """The load begins now."""
        self._begin = self._counted_at = self._clock.now()
        self._used = self.world.node.used()
        history = self.world.controller.history
        passed = self._begin - history.header.started
        for row in history.record().rows:
            self._tell(since(row, passed))
        self.result.header = history.header = Header(started=self._begin, config=self._config_maps)
        self.result.decisions.clear()
        history.tell = self._tell

    def see_through(self) -> None:
        """Let the load pass, and what follows."""
        self.world.run(self._begin + self.result.load_seconds, self._look)
        self.world.run(float(-(-self._clock.now() // 1)), self._look)
        self.rest()
        self._sum_up()

    def watch(self, seconds: float) -> None:
        """Go on to that second of the load."""
        self.world.run(self._begin + seconds, self._look)
        self._sum_up()

    def _sum_up(self) -> None:
        self._count()
        self.result.seconds = self._clock.now() - self._begin
        self.result.offered = len(self.result.requests) + self._open
        self.result.core_seconds = self.world.node.used() - self._used + sum(s.cores for s in self.result.series)

    def play(self, load: Phases) -> None:
        """Schedule phases one after the other, from now on."""
        at, host = self._clock.now(), host_of(load.service)
        for phase in load.phases:
            work = self._work_of(phase)
            if isinstance(phase, Clients):
                start = partial(self._clients, host, phase, at + phase.seconds, work)
            else:
                moments = phase.moments(self._moments, even=load.even)
                start = partial(self._arrive, iter([(at + moment, host, work) for moment in moments]))
            self._clock.call_at(at, start)
            at += phase.seconds

    def replay(self, load: Recorded) -> None:
        """Schedule recorded requests. One that no instance had is as long as any other."""
        machine, works = self.world.machine, self._works
        known = [arrival.seconds for arrival in load.arrivals if arrival.seconds is not None]
        anything = self._work_of(Arrivals(0, 0, 0))

        def work(seconds: float | None) -> Work:
            if machine.service or machine.cpu or not known:
                return anything()
            return Work(works.choice(known) if seconds is None else seconds)

        first = load.begin
        self._arrive(
            (self._begin + it.t - first, host_of(it.service), partial(work, it.seconds))
            for it in load.arrivals
            if it.service
        )

    def _work_of(self, phase: Phase) -> Callable[[], Work]:
        """What draws the work of a phase's requests."""
        machine, rng = self.world.machine, self._works
        service = phase.times if isinstance(phase, Clients) and phase.times else machine.service
        cpu = machine.cpu
        hashed = isinstance(phase, Arrivals) and phase.hashed
        batch = machine.batch or (HASH_BATCH if hashed else ALONE)
        if service is None and cpu is None:
            fixed = Work(cpu=HASH_SECONDS, batch=batch) if hashed else Work(SERVICE_SECONDS)
            return lambda: fixed
        return lambda: Work(service.draw(rng) if service else 0.0, cpu.draw(rng) if cpu else 0.0, batch)

    def _arrive(self, coming: Iterator[tuple[float, str, Callable[[], Work]]]) -> None:
        """Offer each request when it comes; `coming` is in order."""
        clock, offer = self._clock, self._offer

        def come(host: str, work: Callable[[], Work]) -> None:
            offer(host, work(), lambda _: None)
            wait()

        def wait() -> None:
            upcoming = next(coming, None)
            if upcoming:
                clock.call_at(upcoming[0], partial(come, upcoming[1], upcoming[2]))

        wait()

    def _clients(self, host: str, phase: Clients, until: float, work: Callable[[], Work]) -> None:
        def ask() -> None:
            if self._clock.now() < until:
                self._offer(host, work(), answered)

        def answered(status: int) -> None:
            if status == OK:
                ask()
            else:
                self._clock.call_later(RETRY_SECONDS, ask)

        for _ in range(phase.count):
            ask()

    def _offer(self, host: str, work: Work, done: Callable[[int], None]) -> None:
        clock, begin, requests = self._clock, self._begin, self.result.requests
        begun = clock.now() - begin

        def ended(status: int) -> None:
            self._open -= 1
            requests.add(begun, clock.now() - begin, status)
            done(status)

        self._open += 1
        self._offered += 1
        self.world.request(host, work, ended)

    def _at_rest(self) -> bool:
        if (
            self._open
            or not self.world.node.idle
            or self._clock.now() < self._begin + self.result.load_seconds < float("inf")
        ):
            return False
        return all(map(_rests, self._all()))

    def _all(self) -> Iterable[RevisionController]:
        return self.world.controller.revisions.values()

    def _look(self, now: float) -> None:
        """Write down the second that has passed."""
        if now <= self._begin:
            return
        plane, used = self.world.plane, self.world.node.used()
        self.result.series.append(
            Second(
                now - self._begin,
                sum(it.replicas.alive for it in self._all()),
                sum(it.replicas.ready for it in self._all()),
                sum(it.replicas.wanted for it in self._all()),
                sum(plane.waiting(it.replicas.key) for it in self._all()),
                self._open,
                used - self._used,
                self._offered,
            )
        )
        self._used, self._offered = used, 0

    def _tell(self, row: AnyRow) -> None:
        """Write down what the controller has done."""
        self.result.rows.append(row)
        if isinstance(row, Decision):
            before = self._wanted.get(row.revision, row.wanted)
            self._wanted[row.revision] = row.wanted
            self.result.decisions.append(Decided(before, row))
        elif isinstance(row, Instances):
            self._count()
            self._existing[row.revision] = sum(row.phases.values())

    def _count(self) -> None:
        """Add up what the instances that there were until now have cost."""
        now = self._clock.now()
        passed, self._counted_at = now - self._counted_at, now
        for revision, existing in self._existing.items():
            self.result.instance_seconds += existing * passed
            self.result.promised_core_seconds += existing * passed * self._promised_to(revision)

    def _promised_to(self, revision: str) -> float:
        if revision not in self._promised:
            namespace, name = revision.split("/")
            self._promised[revision] = cpu_of(self.world.store.get(kinds.REVISION, namespace, name), "requests")
        return self._promised[revision]


def _rests(revision: RevisionController) -> bool:
    """Whether a revision has what it keeps without any load, and its autoscaler knows that there is none."""
    scaler, replicas = revision.scaler, revision.replicas
    least = max(scaler.spec.min_scale, not scaler.spec.enable_scale_to_zero)
    return scaler.decision.desired != UNKNOWN_SCALE and least == replicas.wanted == replicas.ready
