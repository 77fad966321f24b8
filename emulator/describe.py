"""The document behind `knative-emulator status`: what runs, how much of it, and why."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from emulator.api import kinds
from emulator.api.store import Object, Store
from emulator.core.annotations import CONFIGURATION_LABEL
from emulator.core.conditions import ready_of
from emulator.core.revision import RevisionKey
from emulator.core.status import controllers_of, is_controlled_by
from emulator.dataplane.door import Plane
from emulator.revision import RevisionController


def describe(
    store: Store, revisions: Mapping[RevisionKey, RevisionController], plane: Plane, now: float
) -> dict[str, list[dict[str, Any]]]:
    """All Services, Configurations and Routes that are no Service's, and DomainMappings, by the plurals of their kinds.

    Those that have revisions list them, newest first, each with its instances. Times are seconds.
    """
    plurals = ("services", "configurations", "routes", "domainmappings")
    described: dict[str, list[dict[str, Any]]] = {plural: [] for plural in plurals}
    for service in store.all(kinds.SERVICE):
        meta = service["metadata"]
        configuration = store.find(kinds.CONFIGURATION, meta["namespace"], meta["name"])
        own = _revisions_of(configuration, store) if configuration and is_controlled_by(configuration, service) else ()
        percents: Counter[str] = Counter()
        for target in service.get("status", {}).get("traffic", ()):
            percents[target["revisionName"]] += target.get("percent", 0)
        described["services"].append(
            _named(service)
            | {"revisions": [{"percent": percents[key.name]} | _revision(revisions[key], plane, now) for key in own]}
        )
    for configuration in _alone(store, kinds.CONFIGURATION):
        own = _revisions_of(configuration, store)
        described["configurations"].append(
            _named(configuration) | {"revisions": [_revision(revisions[key], plane, now) for key in own]}
        )
    for route in _alone(store, kinds.ROUTE):
        described["routes"].append(_named(route) | {"traffic": route.get("status", {}).get("traffic", [])})
    for mapping in store.all(kinds.DOMAIN_MAPPING):
        described["domainmappings"].append(_named(mapping) | {"ref": mapping["spec"]["ref"]})
    return described


def _alone(store: Store, kind: kinds.Kind) -> Iterable[Object]:
    return (each for each in store.all(kind) if not any(controllers_of(each)))


def _named(document: Object) -> dict[str, Any]:
    meta, ready = document["metadata"], ready_of(document)
    return {
        "namespace": meta["namespace"],
        "name": meta["name"],
        "url": document.get("status", {}).get("url"),
        "ready": ready.status if ready else "Unknown",
        "message": ready.message if ready else "",
    }


def _revisions_of(configuration: Object, store: Store) -> Iterable[RevisionKey]:
    meta = configuration["metadata"]
    found = [
        revision["metadata"]
        for revision in store.all(kinds.REVISION, meta["namespace"])
        if revision["metadata"].get("labels", {}).get(CONFIGURATION_LABEL) == meta["name"]
    ]
    newest_first = sorted(found, key=lambda m: int(m["resourceVersion"]), reverse=True)
    return [RevisionKey(meta["namespace"], m["name"]) for m in newest_first]


def _revision(revision: RevisionController, plane: Plane, now: float) -> dict[str, Any]:
    replicas = revision.replicas
    return {
        "name": replicas.key.name,
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
