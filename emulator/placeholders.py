"""The core Services that have the names of a Route's targets: made, kept, made anew and taken away.

Rules: knative/serving pkg/reconciler/route/reconcile_resources.go. Who has a name first keeps it: a Route whose name is
another's Service waits. Users may label them: the Route's keys are added, and none is ever removed.
"""

from collections.abc import Iterable, Mapping

from emulator.api.kinds import CORE_SERVICE
from emulator.api.store import Object, Store
from emulator.core.children import added
from emulator.core.ingress import Way, placeholders
from emulator.core.status import is_controlled_by
from emulator.events import Events, created


class Placeholders:
    """Keeps the placeholder Services of Routes."""

    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events

    def labels(self, route: Object) -> dict[str, Mapping[str, str]]:
        """The labels of those that there are of a Route, by their names."""
        return {
            each["metadata"]["name"]: each["metadata"].get("labels", {})
            for kind, each in self._store.owned_by(route["metadata"]["uid"])
            if kind is CORE_SERVICE and is_controlled_by(each, route)
        }

    def taken(self, route: Object, names: Iterable[str]) -> str:
        """The first of some names that a Service has which is not the Route's; "" if there is none."""
        stored = ((name, self._store.find(CORE_SERVICE, route["metadata"]["namespace"], name)) for name in names)
        return min((name for name, service in stored if service and not is_controlled_by(service, route)), default="")

    def keep(self, route: Object, way: Way) -> None:
        """Have one for each target of a Route, whose names are not taken, and no others."""
        namespace = route["metadata"]["namespace"]
        wanted = {each["metadata"]["name"]: each for each in placeholders(route, way)}
        for name, placeholder in wanted.items():
            if stored := self._store.find(CORE_SERVICE, namespace, name):
                self._store.update(CORE_SERVICE, added(placeholder, stored))
            else:
                self._store.create(CORE_SERVICE, placeholder)
                self._events.tell(route, created("placeholder service", name, "route-controller"))
        for name in self.labels(route).keys() - wanted.keys():
            self._store.delete(CORE_SERVICE, namespace, name)
