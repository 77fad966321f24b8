"""A whole emulator on the simulated clock: store, controller, modelled instances. Minutes pass in milliseconds."""

import copy
import random
from collections.abc import Callable, Mapping
from typing import Any

from emulator.api import kinds
from emulator.api.store import Store
from emulator.controller import Controller
from emulator.core.admission import AdmissionConfig, admit
from emulator.core.clock import SimClock
from emulator.core.revision import RevisionKey
from emulator.core.three_way import applied
from emulator.dataplane.door import NO_ROUTES, Routes
from emulator.runtimes.fake import START_SECONDS, FakeNode
from emulator.simulate import ModelPlane

#: A whole Unix second, far enough from 0 that times in nanoseconds are as big as real ones.
START = 1_700_000_000.0


class RecordingPlane(ModelPlane):
    """Shows the tables that the controller set last."""

    public: Routes = NO_ROUTES
    private: Routes = NO_ROUTES

    def set_routes(self, public: Routes, private: Routes = NO_ROUTES) -> None:
        self.public, self.private = public, private


class Simulated:
    """Objects go in with `apply`; `run` lets time pass."""

    def __init__(self, *, start_seconds: float = START_SECONDS, **config_maps: Mapping[str, str]) -> None:
        config = {name.replace("_", "-"): data for name, data in config_maps.items()}
        self.clock = SimClock(START)
        self._due = float("inf")
        self.store = Store(self.clock)
        self.controller = Controller(self.clock, self.store, config, self._wake, random.Random(0))
        self.plane = RecordingPlane(self.clock, self.controller.demanded)
        self.controller.connect(self.plane, FakeNode(self.clock, self.controller.reported, start_seconds), 80)
        self._admission = AdmissionConfig.load(config)
        self._wake()

    def apply(self, document: dict[str, Any]) -> None:
        """As `kubectl apply` in `default`."""
        kind = kinds.by_type(document["apiVersion"], document["kind"])
        assert kind
        document = copy.deepcopy(document)
        document["metadata"]["namespace"] = "default"
        stored = self.store.find(kind, "default", document["metadata"]["name"])
        admitted = admit(kind.name, applied(document, stored), stored, user="me", config=self._admission).object
        if stored is None:
            self.store.create(kind, admitted)
        else:
            self.store.update(kind, admitted)

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
        shown = self.controller.describe()
        owners = (*shown["services"], *shown["configurations"])
        found = [each for owner in owners for each in owner["revisions"] if each["name"] == revision]
        return sum(i["phase"] in {"Starting", "Ready", "Unready", "BackOff"} for i in found[0]["instances"])

    def load(self, revision: str, clients: int, seconds: float) -> None:
        """Closed loop, from now on for ever, straight at a revision."""
        key = RevisionKey("default", revision)

        def ask() -> None:
            self.plane.offer(key, seconds, ask)

        for _ in range(clients):
            ask()

    def _wake(self) -> None:
        self._step_at(self.clock.now())

    def _step_at(self, when: float) -> None:
        if when < self._due:
            self._due = when
            self.clock.call_at(when, lambda: self._step(when))

    def _step(self, when: float) -> None:
        if when == self._due:
            self._due = float("inf")
            self._step_at(self.controller.step())
