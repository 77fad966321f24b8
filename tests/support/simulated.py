"""A whole emulator on the simulated clock, as tests look at it. Minutes pass in milliseconds."""

from collections.abc import Callable, Mapping
from typing import Any

from emulator.api import kinds
from emulator.core.revision import RevisionKey
from emulator.runtimes.fake import START_SECONDS
from emulator.simulation.plane import Work
from emulator.simulation.times import Times
from emulator.simulation.world import START, Machine, World
from emulator.testing.looks import instances

__all__ = ["START", "Simulated"]


class Simulated:
    """Objects go in with `apply`; `run` lets time pass."""

    def __init__(self, *, start_seconds: float = START_SECONDS, **config_maps: Mapping[str, str]) -> None:
        config = {name.replace("_", "-"): data for name, data in config_maps.items()}
        self._world = world = World(config, Machine(start=Times(f"{start_seconds}s")), start=START, shown=True)
        self.clock, self.store, self.controller, self.plane = world.clock, world.store, world.controller, world.plane
        self.admission, self.wake = world.admission, world.wake

    def apply(self, document: dict[str, Any]) -> None:
        """As `kubectl apply` in `default`."""
        kind = kinds.by_type(document["apiVersion"], document["kind"])
        assert kind
        self._world.apply(kind, document | {"metadata": document["metadata"] | {"namespace": "default"}})

    def run(self, seconds: float, each: Callable[[float], None] | None = None) -> None:
        """Let time pass; `each(seconds passed)` is called ten times a second."""
        begin = self.clock.now()
        for tenth in range(1, round(seconds * 10) + 1):
            self.clock.run_until(begin + tenth / 10)
            if each:
                each(tenth / 10)

    def get(self, kind: kinds.Kind, name: str = "hello") -> dict[str, Any]:
        return self.store.get(kind, "default", name)

    def service(self, name: str = "hello") -> dict[str, Any]:
        return self.get(kinds.SERVICE, name)

    def revisions(self) -> dict[str, dict[str, Any]]:
        return {each["metadata"]["name"]: each for each in self.store.all(kinds.REVISION)}

    def instances(self, revision: str) -> int:
        """Instances of a revision that exist and were not told to go."""
        return len(instances(self.controller.describe(), "default", revision))

    def load(self, revision: str, clients: int, seconds: float) -> None:
        """Closed loop, from now on for ever, straight at a revision."""
        key = RevisionKey("default", revision)

        def ask(_: int = 0) -> None:
            self.plane.offer(key, Work(seconds), ask)

        for _ in range(clients):
            ask()
