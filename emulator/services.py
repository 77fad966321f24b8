"""A Service's way to what runs: its Configuration and its Route as the Service says, and its status from theirs."""

from emulator.api.kinds import CONFIGURATION, REVISION, ROUTE, SERVICE, Kind
from emulator.api.store import Key, Object, Store, is_deleted
from emulator.core import children
from emulator.core.status import given_name, is_controlled_by, name_conflict, route_may_follow, service_status
from emulator.events import Events, created


class ServiceReconciler:
    """Reconciles Services."""

    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events

    def reconcile(self, key: Key, now: float) -> None:
        """One pass over a Service at `now` (Unix seconds)."""
        service = self._store.find(SERVICE, *key)
        if service is None or is_deleted(service):
            return
        stored = self._store.find(CONFIGURATION, *key)
        configuration = self._child(CONFIGURATION, children.configuration(service, stored), stored, service)
        named = self._store.find(REVISION, key[0], given_name(service))
        conflict = name_conflict(configuration, named) if named else ""
        route = self._store.find(ROUTE, *key)
        if route_may_follow(service, configuration, name_conflict=conflict):
            route = self._child(ROUTE, children.route(service), route, service)
        status = service_status(service, configuration, route, now, name_conflict=conflict)
        self._store.update_status(SERVICE, service, status)

    def _child(self, kind: Kind, wanted: Object, stored: Object | None, service: Object) -> Object:
        """A child as the Service says; one that is not the Service's stays as it is."""
        if stored is None:
            made = self._store.create(kind, wanted)
            self._events.tell(service, created(kind.name, made["metadata"]["name"], "service-controller"))
            return made
        if not is_controlled_by(stored, service):
            return stored
        return self._store.update(kind, children.merged(wanted, stored))
