"""A Service's way to what runs: its Configuration and Route, a Revision for each generation, their statuses.

One pass over a Service does the work of four controllers in their order, so that each sees what the one before it made.
Passes are called for by changes: of the Service or what it owns, or of what is known of one of its revisions.
"""

from collections.abc import Iterable, Mapping

from emulator.api.kinds import CONFIGURATION, REVISION, ROUTE, SERVICE, Kind
from emulator.api.store import Change, Object, Store
from emulator.core import annotations as keys
from emulator.core import children
from emulator.core.conditions import timestamp
from emulator.core.config import GcConfig
from emulator.core.gc import Candidate, collect
from emulator.core.naming import revision_name
from emulator.core.revision import RevisionKey
from emulator.core.revision_status import revision_status
from emulator.core.settings import load
from emulator.core.status import configuration_status, name_conflict, route_status, service_status
from emulator.dataplane.door import Plane
from emulator.revision import RevisionController
from emulator.routes import RouteTables


class ServiceReconciler:
    """Reconciles Services. `revisions` are the living ones, by key."""

    def __init__(
        self,
        store: Store,
        config_maps: Mapping[str, Mapping[str, str]],
        revisions: Mapping[RevisionKey, RevisionController],
    ) -> None:
        """Raises ConfigError."""
        self._store = store
        self._revisions = revisions
        self._routes = RouteTables(config_maps)
        self._gc = load(GcConfig, config_maps.get("config-gc", {}))
        self._dirty: set[RevisionKey] = set()
        self._due: dict[RevisionKey, float] = {}

    def connect(self, plane: Plane, port: int) -> None:
        """Name the data plane and the port that URLs carry."""
        self._routes.connect(plane, port)

    def changed(self, change: Change) -> None:
        """Look again at the Service that a changed object is, or belongs to."""
        meta = change.object["metadata"]
        if change.kind in {SERVICE, CONFIGURATION, ROUTE}:
            self.look_at(meta["namespace"], meta["name"])
        elif change.kind is REVISION and (owner := meta.get("labels", {}).get(keys.SERVICE_LABEL)):
            self.look_at(meta["namespace"], owner)

    def look_at(self, namespace: str, name: str) -> None:
        """Reconcile this Service at the next pass."""
        self._dirty.add(RevisionKey(namespace, name))

    def reconcile(self, now: float) -> float:
        """One pass over all Services that have something new about them, or a rollout that goes on now.

        Returns when the next pass is due (Unix seconds).
        """
        self._dirty |= {key for key, due in self._due.items() if due <= now}
        while self._dirty:
            key = self._dirty.pop()
            service = self._store.find(SERVICE, *key)
            due = None if service is None else self._reconcile(key, service, now)
            if service is None:
                self._routes.forget(key)
            if due is None:
                self._due.pop(key, None)
            else:
                self._due[key] = due
        return min(self._due.values(), default=float("inf"))

    def _reconcile(self, key: RevisionKey, service: Object, now: float) -> float | None:
        configuration = self._put(CONFIGURATION, children.configuration(service))
        route = self._put(ROUTE, children.route(service))
        created, conflict = self._revision(configuration, now)
        revisions = [self._with_status(revision, now) for revision in self._revisions_of(configuration)]
        status = configuration_status(configuration, created, revisions, now, creation_error=conflict)
        configuration = self._store.update_status(CONFIGURATION, configuration, status)
        by_name = {revision["metadata"]["name"]: revision for revision in revisions}
        facts, due = self._routes.assign(route, configuration, by_name, now)
        route = self._store.update_status(ROUTE, route, route_status(route, facts, now))
        self._mark_routed(revisions, configuration, route, now)
        service = self._store.get(SERVICE, *key)
        status = service_status(service, configuration, route, now, name_conflict=conflict)
        self._store.update_status(SERVICE, service, status)
        self._collect(configuration, now)
        return due

    def _put(self, kind: Kind, wanted: Object) -> Object:
        meta = wanted["metadata"]
        stored = self._store.find(kind, meta["namespace"], meta["name"])
        if stored is None:
            return self._store.create(kind, wanted)
        return self._store.update(kind, children.merged(wanted, stored))

    def _revision(self, configuration: Object, now: float) -> tuple[str, str]:
        """The name of the Revision for a Configuration's generation, made if it is missing, or why it can't be."""
        meta = configuration["metadata"]
        of = configuration["spec"]["template"].get("metadata") or {}
        name = revision_name(meta["name"], meta["generation"], of.get("name") or "")
        named = self._store.find(REVISION, meta["namespace"], name)
        if named is None:
            self._store.create(REVISION, children.revision(configuration, name, timestamp(now)))
        return name, name_conflict(configuration, named)

    def _revisions_of(self, configuration: Object) -> Iterable[Object]:
        meta = configuration["metadata"]
        return [
            revision
            for revision in self._store.all(REVISION, meta["namespace"])
            if revision["metadata"].get("labels", {}).get(keys.CONFIGURATION_LABEL) == meta["name"]
        ]

    def _with_status(self, revision: Object, now: float) -> Object:
        living = self._revisions.get(RevisionKey(revision["metadata"]["namespace"], revision["metadata"]["name"]))
        if living is None:
            return revision
        return self._store.update_status(REVISION, revision, revision_status(revision, living.facts(), now))

    def _mark_routed(self, revisions: Iterable[Object], configuration: Object, route: Object, now: float) -> None:
        """Say of each revision whether the Route leads to it, or is about to: the others may go to zero."""
        entries = [*route["spec"]["traffic"], *route["status"].get("traffic", ())]
        routed = {entry.get("revisionName") for entry in entries}
        if any(entry["latestRevision"] for entry in entries):
            routed.add(configuration["status"].get("latestCreatedRevisionName"))
        for revision in revisions:
            meta = revision["metadata"]
            active = meta["name"] in routed
            marked = children.with_routing_state(revision, "active" if active else "reserve", timestamp(now))
            self._store.update(REVISION, marked)
            self._revisions[RevisionKey(meta["namespace"], meta["name"])].scaler.set_reachable(active, now)

    def _collect(self, configuration: Object, now: float) -> None:
        """Delete old revisions; what they still run ends after its requests."""
        status, namespace = configuration["status"], configuration["metadata"]["namespace"]
        candidates = [Candidate.of(revision) for revision in self._revisions_of(configuration)]
        for name in collect(candidates, status.get("latestReadyRevisionName", ""), self._gc, now):
            # The Revision of the newest generation would only be made anew.
            if name != status.get("latestCreatedRevisionName"):
                self._store.delete(REVISION, namespace, name)
