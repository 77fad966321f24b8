"""A whole emulator on simulated time, under modelled load: what takes minutes takes a test milliseconds."""

from collections.abc import Mapping
from math import inf
from pathlib import Path

from emulator.api import kinds
from emulator.api.kinds import Kind
from emulator.errors import NotReady, UserError
from emulator.manifests import AWAITED
from emulator.record.explain import tell
from emulator.record.reader import Record
from emulator.report import failure, ready
from emulator.runtimes.fake import START_SECONDS
from emulator.simulation.engine import Run, service_of
from emulator.simulation.load import Phases, parse_load
from emulator.simulation.result import Result
from emulator.simulation.times import Times
from emulator.simulation.world import Machine
from emulator.testing import looks
from emulator.testing.looks import Object, Source

#: Simulated seconds that a Service has to become Ready.
PATIENCE = 60.0
#: Simulated seconds between two looks at whether it has.
LOOK = 0.1


class SimulatedKnative:
    """Apply manifests, offer load, let time pass, and look. What decides is the emulator's own code.

    Args:
        sources: manifests to apply. See `apply`.
        service: what a request waits for in its instance, without computing: `50ms`, `exp 50ms`, `uniform 20ms..80ms`
            or `lognormal 50ms p99 200ms`; 50 ms where there is no `cpu` either.
        cpu: what it computes on a core, before that.
        start: from the start of an instance to its readiness.
        cores: of all instances together.
        instances: that there may be.
        threads: requests that an instance computes at a time; as many as it has cores if None.
        seed: the same one gives the same run.
        config_maps: Knative's ConfigMaps by name.
        folder: where relative paths of manifests begin.

    Attributes:
        namespace: of what names none.
        result: requests, seconds and decisions as of the last `run`; moments are seconds since the beginning.

    Raises:
        ConfigError: a ConfigMap can't be used.
        ValueError: one of the times is none.
    """

    namespace = "default"

    def __init__(
        self,
        *sources: Source,
        service: str | None = None,
        cpu: str | None = None,
        start: str = f"{START_SECONDS}s",
        cores: float = inf,
        instances: float = inf,
        threads: float | None = None,
        seed: int = 1,
        config_maps: Mapping[str, Mapping[str, str]] | None = None,
        folder: Path = Path(),
    ) -> None:
        machine = Machine(
            *(Times(start), Times(service) if service else None, Times(cpu) if cpu else None, cores, instances, threads)
        )
        self.result = Result("", 0.0)
        self._run = Run(machine, config_maps or {}, seed, self.result)
        self._run.begin()
        self._folder = folder
        self._documents: list[tuple[Kind, Object]] = []
        if sources:
            self.apply(*sources)

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self._run.world.clock.now() - self.result.header.started

    def apply(self, *sources: Source, wait: bool = True) -> list[str]:
        """Create or change what manifests describe, and let time pass until it is Ready; returns Knative's warnings.

        Args:
            sources: files or folders (relative ones are the root folder's), documents, or their text.
            wait: whether to let time pass.

        Raises:
            UserError: it is refused, in Knative's words.
            NotReady: it has failed or takes too long.
        """
        found = looks.manifests(sources, self.namespace, self._folder)
        warnings = [warning for kind, document in found for warning in self._run.world.apply(kind, document)]
        self._documents += found
        for kind, document in found:
            if wait and kind in AWAITED:
                self._wait(kind, document["metadata"]["namespace"], document["metadata"]["name"])
        return warnings

    def load(self, text: str, to: str | None = None, *, even: bool = False) -> None:
        """Offer load from now on: `50 rps 60s`, `ramp 0..500 rps 60s`, `clients 50 500ms 90s`, ...

        Args:
            text: as `knative-emulator simulate --load` takes it.
            to: name of the Service that it goes to, where there are several.
            even: requests come like a metronome, and not at random.

        Raises:
            UserError: it is no load, or nobody's.
        """
        try:
            phases = Phases(parse_load(text), service_of(self._documents, to), even=even)
        except ValueError as error:
            raise UserError(str(error)) from error
        self.result.load_seconds = max(self.result.load_seconds, self.now + phases.seconds)
        self._run.play(phases)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self._run.watch(self.now + seconds)

    def rest(self) -> None:
        """Let time pass until all load is over and everything is at zero, or at its least scale."""
        self._run.see_through()

    def object(self, kind: str, name: str) -> Object:
        """An object as it is stored, status and all. Raises NotFound."""
        return self._run.world.store.get(kinds.named(kind), self.namespace, name)

    def url(self, name: str) -> str:
        """What a Service's status says where it is reached."""
        return str(self._run.world.store.get(kinds.SERVICE, self.namespace, name)["status"]["url"])

    def instances(self, name: str) -> list[Object]:
        """The instances of a Service, Configuration or Revision. See `looks.instances`."""
        return looks.instances(self._run.world.controller.describe(), self.namespace, name)

    def explain(self, name: str, at: str = "-0s") -> str:
        """Why a Service or Revision had as many instances as it had: now, 30 s ago (`-30s`), at second 12 (`12s`)."""
        return tell(Record(self.result.header, self.result.rows), f"{self.namespace}/{name}", at, self.now)

    def _wait(self, kind: Kind, namespace: str, name: str) -> None:
        world, deadline = self._run.world, self.now + PATIENCE
        while (verdict := ready(document := world.store.get(kind, namespace, name))) is None and self.now < deadline:
            self.run(LOOK)
        if not verdict:
            raise NotReady(failure(document, PATIENCE, world.controller.describe()))
