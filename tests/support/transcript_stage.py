"""Where transcripts are played: a whole emulator on the simulated clock, with its API's admission in front."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from simulated import START, Simulated
from simulated_dataplane import SimulatedClient, SimulatedDataPlane

from emulator.api import kinds
from emulator.api.admission import Admission
from emulator.api.store import Object
from emulator.core.revision import RevisionKey
from emulator.core.settings import ConfigError
from emulator.errors import UserError
from emulator.revision import RevisionController
from emulator.runtimes.fake import START_SECONDS


class Stage:
    """An emulator, and what a transcript has to remember of it.

    Attributes:
        refusal: why the API refused what it was asked last; "" if it did not.
        warnings: what it warned of then.
        live: the live data plane in place of the modelled one.
        clients: those that asked it, by the word for them.
        load: a number of the load that goes on, so that the clients of an earlier one see that it is over.
        outcome: the reconciliation that was looked at last.
    """

    def __init__(self) -> None:
        self.config: dict[str, dict[str, str]] = {}
        self.start_seconds = START_SECONDS
        self.world: Simulated
        self.refusal = ""
        self.warnings: tuple[str, ...] = ()
        self.load = 0
        self.outcome: object = None
        self.is_live = False
        self.live: SimulatedDataPlane | None = None
        self.clients: dict[str, list[SimulatedClient]] = {}
        self.closing = ExitStack()

    def begin(self) -> None:
        maps: dict[str, Any] = {name.replace("-", "_"): data for name, data in self.config.items()}
        try:
            self.world = Simulated(start_seconds=self.start_seconds, **maps)
        except ConfigError as error:
            self.refusal = str(error)
            return
        if self.is_live:
            controller = self.world.controller
            self.live = SimulatedDataPlane(self.world.clock, controller.demanded)
            self.closing.enter_context(self.live.on_stage())
            controller.connect(self.live, controller._node, 80)

    def run_until(self, second: float) -> None:
        """Let time pass."""
        (self.live or self.world.clock).run_until(START + second)

    @property
    def plane(self) -> Any:
        """Where requests go."""
        return self.live or self.world.plane

    @property
    def api(self) -> Admission:
        return self.world.admission

    @property
    def now(self) -> float:
        return self.world.clock.now()

    def revision(self, name: str = "") -> RevisionController:
        """A living revision; the youngest if none is named."""
        living = self.world.controller._revisions
        return living[RevisionKey("default", name)] if name else [*living.values()][-1]

    def get(self, kind: str, name: str) -> Object:
        return self.world.get(kind_of(kind), name)

    def write(self, act: Callable[[], tuple[Object, tuple[str, ...]]]) -> None:
        """What the API is asked to; a refusal has to be the next thing that is seen."""
        try:
            self.warnings = act()[1]
        except UserError as error:
            self.refusal = str(error).partition(" denied the request: ")[2] or str(error)


def kind_of(name: str) -> kinds.Kind:
    kind = kinds.by_name(name)
    assert kind, f"there is no kind {name}"
    return kind


def pairs(words: Iterable[str]) -> dict[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in words)}
