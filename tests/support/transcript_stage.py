"""Where transcripts are played: a whole emulator on the simulated clock, with its API's admission in front."""

from collections.abc import Callable, Iterable
from typing import Any

from simulated import Simulated

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

    def begin(self) -> None:
        maps: dict[str, Any] = {name.replace("-", "_"): data for name, data in self.config.items()}
        try:
            self.world = Simulated(start_seconds=self.start_seconds, **maps)
        except ConfigError as error:
            self.refusal = str(error)

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
