"""The objects that a Service becomes: Configuration and Route of its name, and a Revision for each generation.

Metadata rules: knative/serving pkg/reconciler/service/resources and pkg/reconciler/configuration/resources. What a
child is told is what its parent says now; keys that the parent lost are lost here too. Stored children keep their
server-set metadata and status: `merged` puts a wanted child over the stored one.
"""

import copy
from collections.abc import Mapping
from typing import Any

from emulator.core import annotations as keys
from emulator.core.labeler import routes_of

#: Labels of a Configuration that its Revisions carry under the same key.
_INHERITED = (keys.SERVICE_LABEL, keys.SERVICE_UID_LABEL)

Object = dict[str, Any]


def configuration(service: Mapping[str, Any], stored: Mapping[str, Any] | None = None) -> Object:
    """The Configuration of a stored Service; `stored` is what there is of it: other Routes may lead to it too."""
    meta = service["metadata"]
    name = meta["name"]
    routes = ",".join(sorted({name} | (routes_of(stored) if stored else set())))
    annotations = _without(meta.get("annotations"), keys.LAST_APPLIED, *keys.ROLLOUT_DURATION) | {keys.ROUTES: routes}
    labels = {**meta.get("labels", {}), keys.SERVICE_LABEL: name, keys.SERVICE_UID_LABEL: meta["uid"]}
    spec = {"template": service["spec"]["template"]}
    return _child(service, "Configuration", name, annotations=annotations, labels=labels, spec=spec)


def route(service: Mapping[str, Any]) -> Object:
    """The Route of a stored Service: its traffic, of which what names no revision follows the Configuration."""
    meta = service["metadata"]
    name = meta["name"]
    labels = {**meta.get("labels", {}), keys.SERVICE_LABEL: name}
    traffic = [
        target if target.get("revisionName") else {"configurationName": name} | target
        for target in service["spec"]["traffic"]
    ]
    annotations = _without(meta.get("annotations"), keys.LAST_APPLIED)
    return _child(service, "Route", name, annotations=annotations, labels=labels, spec={"traffic": traffic})


def revision(config: Mapping[str, Any], name: str, now: str) -> Object:
    """The Revision for a stored Configuration's generation; `now` is an RFC 3339 time.

    Labels and annotations of the Configuration itself are not passed on, those of its template are.
    """
    meta = config["metadata"]
    template = config["spec"]["template"]
    of = template.get("metadata") or {}
    routed = meta.get("annotations", {}).get(keys.ROUTES)
    annotations = {
        **(of.get("annotations") or {}),
        **_some({keys.CREATOR: meta.get("annotations", {}).get(keys.LAST_MODIFIER), keys.ROUTES: routed}),
        keys.ROUTING_STATE_MODIFIED: now,
    }
    labels = {
        **(of.get("labels") or {}),
        keys.CONFIGURATION_LABEL: meta["name"],
        keys.CONFIGURATION_GENERATION_LABEL: str(meta["generation"]),
        keys.CONFIGURATION_UID_LABEL: meta["uid"],
        keys.ROUTING_STATE_LABEL: "active" if routed else "pending",
        **_some({key: meta.get("labels", {}).get(key) for key in _INHERITED}),
    }
    return _child(config, "Revision", name, annotations=annotations, labels=labels, spec=template["spec"])


def merged(wanted: Object, stored: Mapping[str, Any]) -> Object:
    """What to store so that a stored child becomes as wanted: the server's metadata and the status stay."""
    return wanted | {"metadata": stored["metadata"] | wanted["metadata"]}


def added(wanted: Object, stored: Mapping[str, Any]) -> Object:
    """The same for what users may label: what they put on the stored child stays, as do keys that its parent lost."""
    meta = stored["metadata"]
    both = {field: meta.get(field, {}) | wanted["metadata"][field] for field in ("annotations", "labels")}
    return {**stored, "metadata": meta | both, "spec": wanted["spec"]}


def _child(
    owner: Mapping[str, Any],
    kind: str,
    name: str,
    *,
    annotations: Mapping[str, str],
    labels: Mapping[str, str],
    spec: Mapping[str, Any],
) -> Object:
    meta = owner["metadata"]
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": f"{keys.SERVING_GROUP}/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "annotations": dict(annotations),
            "labels": dict(labels),
            "ownerReferences": [reference],
        },
        "spec": copy.deepcopy(dict(spec)),
    }


def _without(annotations: Mapping[str, str] | None, *keys: str) -> dict[str, str]:
    return {key: value for key, value in (annotations or {}).items() if key not in keys}


def _some(entries: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in entries.items() if value is not None}
