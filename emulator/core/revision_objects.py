"""What a cluster has for each revision: Deployment and ReplicaSet, autoscaler, Services and their endpoints.

Follows knative/serving pkg/reconciler/{revision,autoscaling,serverlessservice}/resources and what Kubernetes' own
controllers make of those. They are shown, and rule nothing: what they say is what the controller came to.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from emulator.core import annotations as keys
from emulator.core.decider import ScalingSpec
from emulator.core.naming import SUFFIX_LENGTH, SUFFIX_LETTERS, RevisionNames
from emulator.core.pod_template import (
    AUTO_METRIC_PORT,
    HTTP2_PORT,
    HTTP_PORT,
    HTTPS_PORT,
    USER_METRIC_PORT,
    annotations,
    labels,
    pod_template,
)
from emulator.core.resources import revision_spec
from emulator.core.scaler import SERVICE_NOT_READY, Condition, Mode, Outcome

Object = dict[str, Any]

AUTOSCALING: Final = "autoscaling.internal.knative.dev/v1alpha1"
NETWORKING: Final = "networking.internal.knative.dev/v1alpha1"
#: Ports that Services name, and the order of all in an EndpointSlice ("" and "-istio" are HTTP/2's).
_NUMBERS: Final = {"http-autometric": AUTO_METRIC_PORT, "http-usermetric": USER_METRIC_PORT}
_PORT_ORDER: Final = ("http-usermetric", "http-autometric", "https", "http", "", "http-istio", "-istio")
_NANOSECONDS: Final = 10**9
_REACHABILITY: Final = {"active": "Reachable", "reserve": "Unreachable"}

AVAILABLE: Final = Condition("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
UNAVAILABLE: Final = Condition("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
NOT_READY: Final = Condition(*SERVICE_NOT_READY)
NO_BACKENDS: Final = Condition("Unknown", "NoHealthyBackends", "K8s Service is not ready")


class Address(NamedTuple):
    """Where a pod answers; without a name it is the activator, which is no pod here."""

    host: str
    node: str
    pod: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the controller knows of a revision now.

    `replica_set` is what its pods are named by, `ready` are those that are ready, `leaving` counts those on their
    way out. `timed_out` says that the progress deadline has passed.
    """

    outcome: Outcome
    spec: ScalingSpec
    replica_set: str
    wanted: int
    alive: int
    ready: tuple["Address", ...]
    leaving: int
    timed_out: bool


def owned(owner: Mapping[str, Any]) -> list[Object]:
    """The reference to the object that an object is made for."""
    meta = owner["metadata"]
    of = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}
    return [of | {"controller": True, "blockOwnerDeletion": True}]


def deployment(revision: Object, seen: Seen) -> Object:
    """With its status; so are all that follow."""
    meta = revision["metadata"]
    selector = {"matchLabels": {f"{keys.SERVING_GROUP}/revisionUID": meta["uid"]}}
    ready = len(seen.ready)
    if seen.timed_out:
        progressing = Condition(
            "False", "ProgressDeadlineExceeded", f'ReplicaSet "{seen.replica_set}" has timed out progressing.'
        )
    elif ready >= seen.wanted:
        words = f'ReplicaSet "{seen.replica_set}" has successfully progressed.'
        progressing = Condition("True", "NewReplicaSetAvailable", words)
    else:
        progressing = Condition("True", "ReplicaSetUpdated", f'ReplicaSet "{seen.replica_set}" is progressing.')
    counts = {
        "availableReplicas": ready,
        "readyReplicas": ready,
        "replicas": seen.alive,
        "unavailableReplicas": max(seen.wanted - ready, 0),
        "updatedReplicas": seen.alive,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": RevisionNames(meta["name"]).deployment,
            "namespace": meta["namespace"],
            "annotations": annotations(revision) | {"deployment.kubernetes.io/revision": "1"},
            "labels": labels(revision) | {f"{keys.SERVING_GROUP}/deployment-hash": _letters(meta["uid"], 6)},
            "ownerReferences": owned(revision),
        },
        "spec": {
            "progressDeadlineSeconds": int(seen.spec.activation_timeout - 30),
            "replicas": seen.wanted,
            "revisionHistoryLimit": 0,
            "selector": selector,
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}, "type": "RollingUpdate"},
            "template": pod_template(revision),
        },
        "status": {key: count for key, count in counts.items() if count}
        | {"terminatingReplicas": seen.leaving}
        | {"conditions": {"Available": AVAILABLE if ready >= seen.wanted else UNAVAILABLE, "Progressing": progressing}},
    }


def replica_set(deployment: Object, seen: Seen) -> Object:
    meta, spec = deployment["metadata"], deployment["spec"]
    template_hash = {"pod-template-hash": seen.replica_set.rpartition("-")[2]}
    template = spec["template"]
    own = template["metadata"]["labels"] | template_hash
    ready = len(seen.ready)
    counts = {
        "availableReplicas": ready,
        "fullyLabeledReplicas": seen.alive,
        "readyReplicas": ready,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": seen.replica_set,
            "namespace": meta["namespace"],
            "annotations": meta["annotations"]
            | {"deployment.kubernetes.io/desired-replicas": str(spec["replicas"])}
            | {"deployment.kubernetes.io/max-replicas": str(-(-spec["replicas"] * 5 // 4))},
            "labels": own,
            "ownerReferences": owned(deployment),
        },
        "spec": {
            "replicas": spec["replicas"],
            "selector": {"matchLabels": spec["selector"]["matchLabels"] | template_hash},
            "template": template | {"metadata": template["metadata"] | {"labels": own}},
        },
        "status": {key: count for key, count in counts.items() if count}
        | {"replicas": seen.alive, "terminatingReplicas": seen.leaving},
    }


def pod_autoscaler(revision: Object, seen: Seen) -> Object:
    meta, names, outcome = revision["metadata"], RevisionNames(revision["metadata"]["name"]), seen.outcome
    spec = revision_spec(revision)
    concurrency = {"containerConcurrency": spec.container_concurrency} if spec.container_concurrency else {}
    state = meta.get("labels", {}).get(keys.ROUTING_STATE_LABEL)
    return {
        "apiVersion": AUTOSCALING,
        "kind": "PodAutoscaler",
        "metadata": _named(names.pod_autoscaler, revision, _ruled(revision, seen, metric=True)),
        "spec": {
            **concurrency,
            "protocolType": "h2c" if spec.is_http2 else "http1",
            "reachability": _REACHABILITY.get(state or "", "Unknown"),
            "scaleTargetRef": _target(names),
        },
        "status": ({"desiredScale": outcome.desired_scale} if outcome.desired_scale >= 0 else {})
        | {
            "actualScale": outcome.actual_scale,
            "serviceName": names.serverless_service,
            "metricsServiceName": names.private_service,
            "conditions": outcome.conditions if seen.ready else {**outcome.conditions, "SKSReady": NOT_READY},
        },
    }


def metric(revision: Object, seen: Seen, owner: Object) -> Object:
    names, windows = RevisionNames(revision["metadata"]["name"]), seen.spec.metric
    return {
        "apiVersion": AUTOSCALING,
        "kind": "Metric",
        "metadata": _named(names.pod_autoscaler, revision, _ruled(revision, seen, metric=True), owner),
        "spec": {
            "panicWindow": round(windows.panic_window * _NANOSECONDS),
            "scrapeTarget": names.private_service,
            "stableWindow": round(windows.stable_window * _NANOSECONDS),
        },
        "status": {"conditions": {"Ready": Condition("True")}},
    }


def serverless_service(revision: Object, seen: Seen, owner: Object) -> Object:
    names, outcome = RevisionNames(revision["metadata"]["name"]), seen.outcome
    proxied = "True" if outcome.mode is Mode.PROXY else "False"
    populated = Condition("True") if seen.ready else NO_BACKENDS
    return {
        "apiVersion": NETWORKING,
        "kind": "ServerlessService",
        "metadata": _named(names.serverless_service, revision, _ruled(revision, seen), owner),
        "spec": {
            "mode": outcome.mode.value,
            "numActivators": outcome.activators,
            "objectRef": _target(names),
            "protocolType": "h2c" if revision_spec(revision).is_http2 else "http1",
        },
        "status": {
            "privateServiceName": names.private_service,
            "serviceName": names.serverless_service,
            "conditions": {
                "ActivatorEndpointsPopulated": Condition(
                    proxied, "ActivatorEndpointsPopulated", "Revision is backed by Activator"
                ),
                "EndpointsPopulated": populated,
                "Ready": populated,
            },
        },
    }


def services(revision: Object, seen: Seen, owner: Object) -> tuple[Object, Object]:
    """The public one, which the ingress leads to, and the private one of the instances alone."""
    names = RevisionNames(revision["metadata"]["name"])
    port = HTTP2_PORT if revision_spec(revision).is_http2 else HTTP_PORT
    name = "http2" if port == HTTP2_PORT else "http"
    both = [_port(name, 80, port), _port("https", 443, HTTPS_PORT)]
    more = [_port(of, number, of) for of, number in _NUMBERS.items()] + [_port(f"{name}-istio", port, port)]
    told = _ruled(revision, seen)
    selector = {"selector": {f"{keys.SERVING_GROUP}/revisionUID": revision["metadata"]["uid"]}}
    return (
        _service(_named(names.serverless_service, revision, told, owner), "Public", {"ports": both}),
        _service(_named(names.private_service, revision, told, owner), "Private", selector | {"ports": [*both, *more]}),
    )


def endpoint_slice(service: Object, addresses: Iterable[Address]) -> Object:
    """The endpoints of a Service, public or private."""
    meta = service["metadata"]
    public = meta["labels"][f"{keys.INTERNAL_GROUP}/serviceType"] == "Public"
    # The private one's Kubernetes makes from pods; what Knative says of the public one is mirrored.
    maker = "endpointslicemirroring-controller.k8s.io" if public else "endpointslice-controller.k8s.io"
    own = {"endpointslice.kubernetes.io/managed-by": maker, "kubernetes.io/service-name": meta["name"]}
    ports = sorted(service["spec"]["ports"], key=lambda each: _PORT_ORDER.index(each["name"].removeprefix("http2")))
    prefix = f"{meta['name']}-"
    return {
        "addressType": "IPv4",
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": prefix + _letters(meta["uid"], SUFFIX_LENGTH),
            "generateName": prefix,
            "namespace": meta["namespace"],
            **({"annotations": meta["annotations"]} if public else {}),
            "labels": meta["labels"] | own,
            "ownerReferences": owned(service),
        },
        "endpoints": [_endpoint(each, meta["namespace"], public=public) for each in addresses],
        "ports": [
            {"name": each["name"], "port": _NUMBERS.get(each["targetPort"], each["targetPort"]), "protocol": "TCP"}
            for each in ports
        ],
    }


def _endpoint(address: Address, namespace: str, *, public: bool) -> Object:
    pod = {"kind": "Pod", "name": address.pod, "namespace": namespace, "uid": address.uid}
    return {
        "addresses": [address.host],
        "conditions": {"ready": True} | ({} if public else {"serving": True, "terminating": False}),
        "nodeName": address.node,
    } | ({"targetRef": pod} if address.pod else {})


def _service(meta: Object, type_: str, spec: Object) -> Object:
    of = {
        f"{keys.INTERNAL_GROUP}/serverlessservice": meta["ownerReferences"][0]["name"],
        f"{keys.INTERNAL_GROUP}/serviceType": type_,
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta | {"labels": meta["labels"] | of},
        # There is no virtual network to have an address in.
        "spec": spec
        | {
            "clusterIP": "None",
            "clusterIPs": ["None"],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    }


def _port(name: str, port: int, target: int | str) -> Object:
    return {"name": name, "port": port, "protocol": "TCP", "targetPort": target}


def _named(name: str, revision: Object, told: Mapping[str, str], owner: Object | None = None) -> Object:
    return {
        "name": name,
        "namespace": revision["metadata"]["namespace"],
        "annotations": dict(told),
        "labels": labels(revision),
        "ownerReferences": owned(owner or revision),
    }


def _ruled(revision: Object, seen: Seen, *, metric: bool = False) -> dict[str, str]:
    """A revision's annotations, and by which rules it is scaled."""
    rules = {keys.CLASS[0]: seen.spec.autoscaler_class}
    if metric:
        rules[keys.METRIC[0]] = seen.spec.decider.scaling_metric
    return rules | annotations(revision)


def _target(names: RevisionNames) -> Object:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": names.deployment}


def _letters(uid: str, count: int) -> str:
    """What is made at random in a cluster; here an object has the same one for ever."""
    digest = hashlib.sha256(uid.encode()).digest()
    return "".join(SUFFIX_LETTERS[byte % len(SUFFIX_LETTERS)] for byte in digest[:count])
