"""A Route's way to revisions: where its traffic goes, its status, and what those that it leads to are told of it."""

from collections import defaultdict
from collections.abc import Iterable

from emulator.api.kinds import CONFIGURATION, REVISION, ROUTE
from emulator.api.store import Key, Store, is_deleted
from emulator.core.conditions import timestamp
from emulator.core.labeler import Led, led_to, marked
from emulator.core.status import route_status
from emulator.core.traffic import Reference, assign
from emulator.events import Events
from emulator.finalizers import Finalizer
from emulator.placeholders import Placeholders
from emulator.route_tables import RouteTables
from emulator.shown import Shown

#: What keeps a deleted Route in the store until it has been cleaned up after.
FINALIZER = "routes.serving.knative.dev"


class RouteReconciler:
    """Reconciles Routes, those of Services and those that stand alone."""

    def __init__(
        self, store: Store, tables: RouteTables, placeholders: Placeholders, events: Events, shown: Shown
    ) -> None:
        self._store = store
        self._shown = shown
        self._placeholders = placeholders
        self._tables = tables
        self._finalizer = Finalizer(store, events, ROUTE, FINALIZER, "route-controller")
        self._tracker = Tracker()

    def interested_in(self, namespace: str, reference: Reference) -> Iterable[Key]:
        """Keys of the Routes whose traffic refers to an object, there or missing."""
        return self._tracker.interested_in(namespace, reference)

    def reconcile(self, key: Key, now: float) -> float | None:
        """One pass over a Route; returns when there is more to do (Unix seconds), None if nothing is under way."""
        namespace, name = key
        route = self._store.find(ROUTE, *key)
        if route is None:
            self._tables.forget(key)
            self._tracker.track(key, frozenset())
        if route is None or is_deleted(route):
            self._mark(namespace, name, Led(), now)
            if route is not None:
                self._finalizer.hold(route, held=False)
            return None
        route = self._finalizer.hold(route, held=True)
        revisions = {each["metadata"]["name"]: each for each in self._store.all(REVISION, namespace)}
        configurations = {each["metadata"]["name"]: each for each in self._store.all(CONFIGURATION, namespace)}
        traffic = assign(route, configurations, revisions)
        facts, due, way = self._tables.lead(route, traffic, revisions, now)
        if way:
            self._placeholders.keep(route, way)
            self._shown.route(route, way)
        route = self._store.update_status(ROUTE, route, route_status(route, facts, now))
        # What a rollout comes from is in the status alone.
        shown = {Reference("Revision", entry["revisionName"]) for entry in route["status"].get("traffic", ())}
        self._tracker.track(key, traffic.referenced | {*traffic.missing} | shown)
        self._mark(namespace, name, led_to(route, configurations, revisions), now)
        return due

    def _mark(self, namespace: str, route: str, led: Led, now: float) -> None:
        """Tell Configurations and Revisions whether the Route leads to them."""
        time = timestamp(now)
        for kind, names in ((CONFIGURATION, led.configurations), (REVISION, led.revisions)):
            for stored in list(self._store.all(kind, namespace)):
                after = marked(stored, route, time, led=stored["metadata"]["name"] in names)
                if after is not stored:
                    self._store.update(kind, after)


class Tracker:
    """Which Routes are to be looked at again when an object changes."""

    def __init__(self) -> None:
        self._of: dict[Key, frozenset[Reference]] = {}
        self._interested: defaultdict[tuple[str, Reference], set[Key]] = defaultdict(set)

    def track(self, route: Key, references: frozenset[Reference]) -> None:
        """A Route is interested in these objects of its namespace, and in no others any more."""
        for gone in self._of.pop(route, frozenset()) - references:
            self._interested[route[0], gone].discard(route)
        for reference in references:
            self._interested[route[0], reference].add(route)
        if references:
            self._of[route] = references

    def interested_in(self, namespace: str, reference: Reference) -> Iterable[Key]:
        return tuple(self._interested.get((namespace, reference), ()))
