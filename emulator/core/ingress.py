"""What a cluster has for each Route: the Ingress that its gateway follows, and a placeholder Service for each name.

DomainMappings have an Ingress too. Follows knative/serving pkg/reconciler/{route,domainmapping}/resources. All are
shown, and rule nothing.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from emulator.core import annotations as keys
from emulator.core.domain_mapping import Host
from emulator.core.naming import RouteNames, Visibility, child_name
from emulator.core.revision_objects import NETWORKING, owned
from emulator.core.rollout import ConfigurationRollout, Rollout, Share
from emulator.core.scaler import Condition
from emulator.core.traffic import DEFAULT

Object = dict[str, Any]

INGRESS_CLASS: Final = "kourier.ingress.networking.knative.dev"
#: Kourier's own Services, as every Route of a cluster with it has them.
PRIVATE_GATEWAY: Final = "kourier-internal.kourier-system.svc.cluster.local"
#: What names a tag, and what is told to an instance that no tag led to (knative.dev/networking, pkg/http/header).
TAG_HEADER: Final = "Knative-Serving-Tag"
DEFAULT_ROUTE_HEADER: Final = "Knative-Serving-Default-Route"
PUBLIC_GATEWAY: Final = "kourier.kourier-system.svc.cluster.local"


class Way(NamedTuple):
    """Where a Route leads: the shares of each target by its tag, and from where it is reached.

    `by_header`: a request at its own host may name the tag in Knative-Serving-Tag (tag-header-based-routing).
    """

    names: RouteNames
    rollout: Rollout
    shares: Mapping[str, tuple[Share, ...]]
    visibility: Mapping[str, Visibility]
    by_header: bool = False


def ingress(route: Object, way: Way) -> Object:
    """With its status: a gateway in the same process follows at once."""
    meta, names = route["metadata"], way.names
    tags = sorted(way.shares, key=lambda tag: (tag != DEFAULT, tag))
    hosts = {tag: [names.domain(tag, each) for each in _reached(way, tag)] for tag in tags if tag != DEFAULT}
    own = {
        "networking.internal.knative.dev/rollout": _json({"configurations": [_rollout(each) for each in way.rollout]})
    }
    if hosts:
        own["networking.internal.knative.dev/tag-to-host"] = _json(hosts)
    labels = {f"{keys.SERVING_GROUP}/route": meta["name"], f"{keys.SERVING_GROUP}/routeNamespace": meta["namespace"]}
    rules = [_rule(way, tag, visibility) for tag in tags for visibility in _reached(way, tag)]
    return _ingress(route, own, labels, rules)


def mapping_ingress(mapping: Object, host: Host) -> Object:
    """The same of a DomainMapping: requests go back to the gateway, which knows the host."""
    meta = mapping["metadata"]
    split = {
        "appendHeaders": {"K-Original-Host": meta["name"]},
        "percent": 100,
        "serviceName": host.service,
        "serviceNamespace": meta["namespace"],
        "servicePort": 80,
    }
    paths = [{"rewriteHost": host.name, "splits": [split]}]
    rule = {"hosts": [meta["name"]], "http": {"paths": paths}, "visibility": Visibility.EXTERNAL.value}
    labels = {
        f"{keys.SERVING_GROUP}/domainMappingUID": meta["uid"],
        f"{keys.SERVING_GROUP}/domainMappingNamespace": meta["namespace"],
    }
    return _ingress(mapping, {}, labels, [rule])


def _ingress(owner: Object, annotations: Mapping[str, str], labels: Mapping[str, str], rules: list[Object]) -> Object:
    meta, true = owner["metadata"], Condition("True")
    own = {**annotations, f"{keys.NETWORKING_GROUP}/ingress.class": INGRESS_CLASS}
    return {
        "apiVersion": NETWORKING,
        "kind": "Ingress",
        "metadata": {
            "name": child_name(meta["name"], ""),
            "namespace": meta["namespace"],
            "annotations": _shown(meta.get("annotations")) | own,
            "labels": {**meta.get("labels", {}), **labels},
            "ownerReferences": owned(owner),
        },
        "spec": {"httpOption": "Enabled", "rules": rules},
        "status": {
            "conditions": {"LoadBalancerReady": true, "NetworkConfigured": true, "Ready": true},
            "privateLoadBalancer": {"ingress": [{"domainInternal": PRIVATE_GATEWAY}]},
            "publicLoadBalancer": {"ingress": [{"domainInternal": PUBLIC_GATEWAY}]},
        },
    }


def placeholders(route: Object, way: Way) -> Iterable[Object]:
    """One for each name, that leads to the gateway."""
    meta = route["metadata"]
    labels = {key: value for key, value in meta.get("labels", {}).items() if key != keys.VISIBILITY_LABEL}
    for tag in way.shares:
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": way.names.hostname(tag),
                "namespace": meta["namespace"],
                "annotations": _shown(meta.get("annotations")),
                "labels": labels | {f"{keys.SERVING_GROUP}/route": meta["name"]},
                "ownerReferences": owned(route),
            },
            "spec": {
                "externalName": PRIVATE_GATEWAY,
                "ports": [
                    {
                        "appProtocol": "kubernetes.io/h2c",
                        "name": "http2",
                        "port": 80,
                        "protocol": "TCP",
                        "targetPort": 80,
                    }
                ],
                "sessionAffinity": "None",
                "type": "ExternalName",
            },
            "status": {"loadBalancer": {}},
        }


def _reached(way: Way, tag: str) -> tuple[Visibility, ...]:
    external = way.visibility[tag] is Visibility.EXTERNAL
    return (Visibility.LOCAL, Visibility.EXTERNAL) if external else (Visibility.LOCAL,)


def _rule(way: Way, tag: str, visibility: Visibility) -> Object:
    path: Object = {"splits": _splits(way, tag)}
    paths = [path]
    if way.by_header and tag == DEFAULT:
        others = [
            {"headers": {TAG_HEADER: {"exact": it}}, "splits": _splits(way, it)} for it in sorted(way.shares) if it
        ]
        paths = [*others, path | {"appendHeaders": {DEFAULT_ROUTE_HEADER: "true"}}]
    elif way.by_header:
        paths = [path | {"appendHeaders": {TAG_HEADER: tag}}]
    hosts = list(way.names.hosts(tag, visibility))
    return {"hosts": hosts, "http": {"paths": paths}, "visibility": visibility.value}


def _splits(way: Way, tag: str) -> list[Object]:
    namespace = way.names.namespace
    return [
        {
            "appendHeaders": {
                "Knative-Serving-Namespace": namespace,
                "Knative-Serving-Revision": share.revision,
            },
            "percent": share.percent,
            "serviceName": share.revision,
            "serviceNamespace": namespace,
            "servicePort": 80,
        }
        for share in way.shares[tag]
    ]


def _rollout(each: ConfigurationRollout) -> Object:
    tag = {"tag": each.tag} if each.tag else {}
    revisions = [{"revisionName": share.revision, "percent": share.percent} for share in each.shares]
    of = {"configurationName": each.configuration, **tag, "percent": each.percent}
    return of | {"revisions": revisions, "stepParams": {}}


def _shown(annotations: Mapping[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (annotations or {}).items() if key != keys.LAST_APPLIED}


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
