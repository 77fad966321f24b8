"""The document behind `knative-emulator status`: what runs, how much of it, and why."""

from collections.abc import Iterable, Mapping
from typing import Any

from emulator.api import kinds
from emulator.api.store import Object, Store
from emulator.core.annotations import CONFIGURATION_LABEL
from emulator.core.conditions import ready_of
from emulator.core.revision import RevisionKey
from emulator.dataplane.door import Plane
from emulator.revision import RevisionController


def describe(
    store: Store, revisions: Mapping[RevisionKey, RevisionController], plane: Plane, now: float
) -> list[dict[str, Any]]:
    """All Services with their revisions, newest first, and the instances of each. Times are seconds."""
    return [_service(service, store, revisions, plane, now) for service in store.all(kinds.SERVICE)]


def _service(
    service: Object, store: Store, revisions: Mapping[RevisionKey, RevisionController], plane: Plane, now: float
) -> dict[str, Any]:
    meta, status = service["metadata"], service.get("status", {})
    ready = ready_of(service)
    percents: dict[str, int] = {}
    for target in status.get("traffic", ()):
        percents[target["revisionName"]] = percents.get(target["revisionName"], 0) + target.get("percent", 0)
    names = _revisions_of(service, store)
    return {
        "namespace": meta["namespace"],
        "name": meta["name"],
        "url": status.get("url"),
        "ready": ready.status if ready else "Unknown",
        "message": ready.message if ready else "",
        "revisions": [
            _revision(name, percents.get(name, 0), revisions[RevisionKey(meta["namespace"], name)], plane, now)
            for name in names
            if RevisionKey(meta["namespace"], name) in revisions
        ],
    }


def _revisions_of(service: Object, store: Store) -> Iterable[str]:
    meta = service["metadata"]
    found = [
        revision["metadata"]
        for revision in store.all(kinds.REVISION, meta["namespace"])
        if revision["metadata"].get("labels", {}).get(CONFIGURATION_LABEL) == meta["name"]
    ]
    return [m["name"] for m in sorted(found, key=lambda m: int(m["resourceVersion"]), reverse=True)]


def _revision(name: str, percent: int, revision: RevisionController, plane: Plane, now: float) -> dict[str, Any]:
    replicas = revision.replicas
    return {
        "name": name,
        "percent": percent,
        "wanted": replicas.wanted,
        "ready": replicas.ready,
        "waiting": plane.waiting(replicas.key),
        "reason": revision.scaler.reason,
        "served_by_gone": replicas.served_by_gone,
        "instances": [
            {
                "name": instance.name,
                "phase": instance.phase.value,
                "for": now - instance.since,
                "restarts": instance.restarts,
                "in_flight": plane.in_flight(instance.name),
                "served": plane.served(instance.name),
                "message": instance.message,
            }
            for instance in replicas
        ],
    }
