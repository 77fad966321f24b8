"""What Configurations and Revisions are told of the Routes that lead to them.

Follows knative/serving pkg/reconciler/labeler. Both carry the names of these Routes in an annotation. A Revision has a
routing state too: `pending` until a Route has led to it, then `active`, and `reserve` when none does any more.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from emulator.core import annotations as keys

Object = Mapping[str, Any]


class Led(NamedTuple):
    """Names of what a Route leads to, or is about to."""

    configurations: frozenset[str] = frozenset()
    revisions: frozenset[str] = frozenset()


def routes_of(stored: Object) -> frozenset[str]:
    """Names of the Routes that an object says lead to it."""
    names = (stored["metadata"].get("annotations") or {}).get(keys.ROUTES, "")
    return frozenset(name for name in names.split(",") if name)


def led_to(route: Object, configurations: Mapping[str, Object], revisions: Mapping[str, Object]) -> Led:
    """What the traffic that a stored Route asks for, and the one that it has, lead to in its namespace.

    Of a Configuration that is followed, the latest revision counts before it is ready: it is to come up.
    """
    # A Service says at once that its Route leads to its Configuration; it must not be taken back from it.
    service = route["metadata"].get("labels", {}).get(keys.SERVICE_LABEL)
    led_configurations = {service} & set(configurations)
    led_revisions: set[str] = set()
    for entry in (*route["spec"]["traffic"], *(route.get("status") or {}).get("traffic", ())):
        configuration = entry.get("configurationName")
        if (name := entry.get("revisionName")) in revisions:
            led_revisions.add(name)
            configuration = revisions[name]["metadata"].get("labels", {}).get(keys.CONFIGURATION_LABEL)
        if configuration in configurations:
            led_configurations.add(configuration)
            created = (configurations[configuration].get("status") or {}).get("latestCreatedRevisionName")
            if entry["latestRevision"] and created:
                led_revisions.add(created)
    return Led(frozenset(led_configurations), frozenset(led_revisions))


def marked(stored: dict[str, Any], route: str, now: str, *, led: bool) -> dict[str, Any]:
    """A stored Configuration or Revision as a Route does or doesn't lead to it; the same object if it says so already.

    `now` is an RFC 3339 time.
    """
    before = routes_of(stored)
    routes = before | {route} if led else before - {route}
    if routes == before and not led:
        return stored
    meta = stored["metadata"]
    annotations = {key: value for key, value in meta.get("annotations", {}).items() if key != keys.ROUTES}
    if routes:
        annotations[keys.ROUTES] = ",".join(sorted(routes))
    labels, state = meta.get("labels", {}), "active" if routes else "reserve"
    if stored["kind"] == "Revision" and labels.get(keys.ROUTING_STATE_LABEL) != state:
        annotations[keys.ROUTING_STATE_MODIFIED] = now
        meta = meta | {"labels": labels | {keys.ROUTING_STATE_LABEL: state}}
    if annotations == meta.get("annotations"):
        return stored
    return {**stored, "metadata": meta | {"annotations": annotations}}
