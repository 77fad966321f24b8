"""Knative Serving's controllers: which objects have something new about them, and in what order they are looked at.

A change calls for a pass over the object and over those that depend on it. Revisions come first, then Configurations,
Routes, Services and DomainMappings: so each sees what the one before it found. What a pass changes calls for passes of
its own, until nothing changes any more.
"""

from collections.abc import Callable, Mapping

from emulator.api.kinds import (
    CLUSTER_DOMAIN_CLAIM,
    CONFIGURATION,
    CORE_SERVICE,
    DOMAIN_MAPPING,
    REVISION,
    ROUTE,
    SERVERLESS_SERVICE,
    SERVICE,
    Kind,
)
from emulator.api.store import Change, Key, Object, Store
from emulator.configurations import ConfigurationReconciler
from emulator.core.annotations import CONFIGURATION_LABEL
from emulator.core.revision import RevisionKey
from emulator.core.revision_status import RevisionFacts, revision_status
from emulator.core.traffic import Reference
from emulator.dataplane.door import Plane
from emulator.domain_mappings import DomainMappingReconciler
from emulator.events import Events, of_revision
from emulator.placeholders import Placeholders
from emulator.revision import RevisionController
from emulator.route_tables import RouteTables
from emulator.routes import RouteReconciler
from emulator.services import ServiceReconciler
from emulator.shown import Shown

#: Seconds after which an object is looked at again that couldn't be: a controller's work queue backs off like that.
RETRY_SECONDS = 1.0


class Serving:
    """Reconciles all objects of Knative Serving. `revisions` are the living ones, by key."""

    def __init__(
        self,
        store: Store,
        config_maps: Mapping[str, Mapping[str, str]],
        revisions: Mapping[RevisionKey, RevisionController],
        events: Events,
        shown: Shown,
    ) -> None:
        """Raises ConfigError."""
        self._store = store
        self._events = events
        self._revisions = revisions
        placeholders = Placeholders(store, events)
        self._tables = RouteTables(config_maps, placeholders)
        self._routes = RouteReconciler(store, self._tables, placeholders, events, shown)
        self._mappings = DomainMappingReconciler(store, config_maps, self._tables, events, shown)
        self._passes: Mapping[Kind, Callable[[Key, float], float | None]] = {
            REVISION: self._show,
            CONFIGURATION: ConfigurationReconciler(store, config_maps, events).reconcile,
            ROUTE: self._routes.reconcile,
            SERVICE: ServiceReconciler(store, events).reconcile,
            DOMAIN_MAPPING: self._mappings.reconcile,
        }
        self._dirty: dict[Kind, set[Key]] = {kind: set() for kind in self._passes}
        self._due: dict[tuple[Kind, Key], float] = {}

    def connect(self, plane: Plane, port: int) -> None:
        """Name the data plane and the port that URLs carry."""
        self._tables.connect(plane, port)

    def changed(self, change: Change) -> None:
        """Look again at an object that was stored or deleted, and at those that depend on it."""
        kind, meta = change.kind, change.object["metadata"]
        if kind is CLUSTER_DOMAIN_CLAIM:
            for mapping in self._mappings.named(meta["name"]):
                self.look_at(DOMAIN_MAPPING, *mapping)
        if kind is CORE_SERVICE:
            self._look_at_owners(change)
        if kind not in self._passes:
            return
        namespace, name = meta["namespace"], meta["name"]
        self.look_at(kind, namespace, name)
        if kind is REVISION:
            self.look_at(CONFIGURATION, namespace, meta.get("labels", {}).get(CONFIGURATION_LABEL, ""))
        if kind in {CONFIGURATION, ROUTE}:
            # Its owner, or one that can't have the name while this object does.
            self.look_at(SERVICE, namespace, name)
        for route in self._routes.interested_in(namespace, Reference(kind.name, name)):
            self.look_at(ROUTE, *route)
        if kind in {ROUTE, SERVICE}:
            for mapping in self._mappings.within(namespace):
                self.look_at(DOMAIN_MAPPING, *mapping)

    def _look_at_owners(self, change: Change) -> None:
        """Whoever keeps a Service makes it again what it should be, or reads what a user has put on it."""
        namespace = change.object["metadata"]["namespace"]
        holders = (holder["metadata"] for holder in (change.before, change.object) if holder)
        for owner in (each for meta in holders for each in meta.get("ownerReferences", ())):
            living = self._revisions.get(RevisionKey(namespace, owner["name"]))
            if owner["kind"] == ROUTE.name:
                self.look_at(ROUTE, namespace, owner["name"])
            elif owner["kind"] == SERVERLESS_SERVICE.name and living:
                living.changed = True

    def look_at(self, kind: Kind, namespace: str, name: str) -> None:
        """Reconcile this object at the next pass."""
        self._dirty[kind].add((namespace, name))

    def reconcile(self, now: float) -> float:
        """Pass over all that has something new about it, or a rollout that goes on now.

        Returns when the next pass is due (Unix seconds).
        """
        for (kind, key), due in self._due.items():
            if due <= now:
                self._dirty[kind].add(key)
        while dirty := next((each for each in self._dirty.items() if each[1]), None):
            kind, key = dirty[0], dirty[1].pop()
            # A pass that fails, as the disk is full, say, is not the last one.
            self._due[kind, key] = now + RETRY_SECONDS
            goes_on = self._passes[kind](key, now)
            if goes_on is None:
                self._due.pop((kind, key), None)
            else:
                self._due[kind, key] = goes_on
        return min(self._due.values(), default=float("inf"))

    def _show(self, key: Key, now: float) -> None:
        """Write a Revision's status."""
        stored, living = self._store.find(REVISION, *key), self._revisions.get(RevisionKey(*key))
        if stored and living:
            status = revision_status(stored, _in_order(stored, living.facts()), now)
            after = self._store.update_status(REVISION, stored, status)
            self._events.tell(after, *of_revision(stored.get("status", {}), status))


def _in_order(revision: Object, facts: RevisionFacts) -> RevisionFacts:
    """What is told of a Revision now: that its images are looked up, that it is deployed, then what became of that."""
    if "status" not in revision:
        return RevisionFacts()
    if facts.image_error or "containerStatuses" in revision["status"]:
        return facts
    return RevisionFacts(digests=facts.digests)
