"""The pod template of a revision's Deployment: its containers, and the queue-proxy beside them.

Follows knative/serving pkg/reconciler/revision/resources/{deploy,queue}.go. What the queue-proxy does is done here in
the emulator's own process: its container is shown, because those who read pods count it, and does not exist.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from emulator.core import annotations as keys
from emulator.core.resources import RevisionSpec, revision_spec

Object = dict[str, Any]

QUEUE: Final = "queue-proxy"
#: Annotation of a Pod that names its serving container.
DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
QUEUE_IMAGE: Final = "knative-emulator/queue-proxy"
#: Ports of the queue-proxy: requests in HTTP/1.1 and in HTTP/2, the same with TLS, its own metrics and the container's.
HTTP_PORT, HTTP2_PORT, HTTPS_PORT, AUTO_METRIC_PORT, USER_METRIC_PORT = 8012, 8013, 8112, 9090, 9091
_DRAIN_PORT: Final = 8022
_PULLED_ONCE: Final = "IfNotPresent"
#: Labels and annotations of a Revision that what is made for it does not carry: they change while it lives.
_OF_ROUTES: Final = frozenset({keys.ROUTE_LABEL, keys.ROUTING_STATE_LABEL, keys.ROUTING_STATE_MODIFIED, keys.ROUTES})

_REQUEST_LOG: Final = (
    '{"httpRequest": {"requestMethod": "{{.Request.Method}}", "requestUrl": "{{js .Request.RequestURI}}", '
    '"requestSize": "{{.Request.ContentLength}}", "status": {{.Response.Code}}, "responseSize": "{{.Response.Size}}", '
    '"userAgent": "{{js .Request.UserAgent}}", "remoteIp": "{{js .Request.RemoteAddr}}", '
    '"serverIp": "{{.Revision.PodIP}}", "referer": "{{js .Request.Referer}}", "latency": "{{.Response.Latency}}s", '
    '"protocol": "{{.Request.Proto}}"}, "traceId": "{{.TraceID}}"}'
)
_OBSERVABILITY: Final = json.dumps(
    {
        "tracing": {"protocol": "none"},
        "metrics": {"protocol": "none"},
        "runtime": {"profiling": "disabled", "exportInterval": 15_000_000_000},
        "requestMetrics": {"protocol": "none"},
        "requestLogTemplate": _REQUEST_LOG,
    },
    separators=(",", ":"),
)
_RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def labels(revision: Mapping[str, Any]) -> dict[str, str]:
    """What all objects that are made for a revision carry."""
    meta = revision["metadata"]
    own = {key: value for key, value in meta.get("labels", {}).items() if key not in _OF_ROUTES}
    return own | {
        "app": meta["name"],
        f"{keys.SERVING_GROUP}/revision": meta["name"],
        f"{keys.SERVING_GROUP}/revisionUID": meta["uid"],
    }


def annotations(revision: Mapping[str, Any]) -> dict[str, str]:
    """The same of annotations."""
    found = revision["metadata"].get("annotations", {})
    return {key: value for key, value in found.items() if key not in _OF_ROUTES}


def pod_template(revision: Mapping[str, Any]) -> Object:
    """Labels, annotations and spec of a revision's pods."""
    spec = revision_spec(dict(revision))
    document = revision["spec"]
    taken = {"containers", "containerConcurrency", "responseStartTimeoutSeconds", "idleTimeoutSeconds"}
    own = {key: value for key, value in document.items() if key not in taken and key != "timeoutSeconds"}
    name = revision["metadata"]["name"]
    near: Object = {
        "podAffinityTerm": {
            "labelSelector": {"matchLabels": {f"{keys.SERVING_GROUP}/revision": name}},
            "topologyKey": "kubernetes.io/hostname",
        },
        "weight": 100,
    }
    defaults: Object = {
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [near]}},
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": spec.timeout,
    }
    containers = [_container(each, revision, spec) for each in document["containers"]]
    shown = {DEFAULT_CONTAINER: spec.serving.name}
    return {
        "metadata": {"annotations": shown | annotations(revision), "labels": labels(revision)},
        "spec": defaults | own | {"containers": [*containers, _queue_proxy(revision, spec)]},
    }


def sidecar_in(pod: Object, container: str) -> str:
    """By what name an instance knows a container of its Pod: its own for a sidecar, "" for the serving one."""
    return "" if container == pod["metadata"]["annotations"][DEFAULT_CONTAINER] else container


def _container(document: Object, revision: Mapping[str, Any], spec: RevisionSpec) -> Object:
    meta = revision["metadata"]
    serving = document["name"] == spec.serving.name
    own = {key: value for key, value in document.items() if key not in {"readinessProbe", "ports", "env"}}
    ports = {"ports": [{"containerPort": spec.port, "name": "user-port", "protocol": "TCP"}]} if serving else {}
    env = [
        *document.get("env", ()),
        *([{"name": "PORT", "value": str(spec.port)}] if serving else []),
        {"name": "K_REVISION", "value": meta["name"]},
        {"name": "K_CONFIGURATION", "value": meta.get("labels", {}).get(keys.CONFIGURATION_LABEL, "")},
        {"name": "K_SERVICE", "value": meta.get("labels", {}).get(keys.SERVICE_LABEL, "")},
    ]
    drain = {"path": "/wait-for-drain", "port": _DRAIN_PORT, "scheme": "HTTP"}
    return {
        "env": [{key: value for key, value in each.items() if value != ""} for each in env],
        "imagePullPolicy": "Always" if _is_latest(document["image"]) else _PULLED_ONCE,
        "lifecycle": {"preStop": {"httpGet": drain}},
        **ports,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **own,
    }


def _is_latest(image: str) -> bool:
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@" not in image and tag in {"", "latest"}


def _queue_proxy(revision: Mapping[str, Any], spec: RevisionSpec) -> Object:
    meta = revision["metadata"]
    told = {
        "SERVING_NAMESPACE": meta["namespace"],
        "SERVING_SERVICE": meta.get("labels", {}).get(keys.SERVICE_LABEL, ""),
        "SERVING_CONFIGURATION": meta.get("labels", {}).get(keys.CONFIGURATION_LABEL, ""),
        "SERVING_REVISION": meta["name"],
        "QUEUE_SERVING_PORT": str(HTTP2_PORT if spec.is_http2 else HTTP_PORT),
        "QUEUE_SERVING_TLS_PORT": str(HTTPS_PORT),
        "CONTAINER_CONCURRENCY": str(spec.container_concurrency),
        "REVISION_TIMEOUT_SECONDS": str(spec.timeout),
        "REVISION_RESPONSE_START_TIMEOUT_SECONDS": str(spec.response_start_timeout),
        "REVISION_IDLE_TIMEOUT_SECONDS": str(spec.idle_timeout),
        "SERVING_POD": "=metadata.name",
        "SERVING_POD_IP": "=status.podIP",
        "SERVING_LOGGING_CONFIG": "",
        "SERVING_LOGGING_LEVEL": "",
        "USER_PORT": str(spec.port),
        "SYSTEM_NAMESPACE": "knative-serving",
        "SERVING_READINESS_PROBE": _probe(spec),
        "HOST_IP": "=status.hostIP",
        "ENABLE_HTTP2_AUTO_DETECTION": "false",
        "ENABLE_HTTP_FULL_DUPLEX": "false",
        "ROOT_CA": "",
        "QUEUE_PROXY_TLS_MIN_VERSION": "",
        "QUEUE_PROXY_TLS_MAX_VERSION": "",
        "QUEUE_PROXY_TLS_CIPHER_SUITES": "",
        "QUEUE_PROXY_TLS_CURVE_PREFERENCES": "",
        "ENABLE_MULTI_CONTAINER_PROBES": "false",
        "OBSERVABILITY_CONFIG": _OBSERVABILITY,
    }
    ports = {
        "http-autometric": AUTO_METRIC_PORT,
        "http-usermetric": USER_METRIC_PORT,
        "queue-port": HTTP2_PORT if spec.is_http2 else HTTP_PORT,
        "https-port": HTTPS_PORT,
    }
    asked = {
        "httpHeaders": [{"name": "K-Network-Probe", "value": "queue"}],
        "path": "/",
        "port": ports["queue-port"],
        "scheme": "HTTP",
    }
    return {
        "env": [_variable(name, value) for name, value in told.items()],
        "image": QUEUE_IMAGE,
        "imagePullPolicy": _PULLED_ONCE,
        "name": QUEUE,
        "ports": [{"containerPort": port, "name": name, "protocol": "TCP"} for name, port in ports.items()],
        "readinessProbe": {
            "failureThreshold": 3,
            "httpGet": asked,
            "periodSeconds": 10,
            "successThreshold": 1,
            "timeoutSeconds": 1,
        },
        "resources": {"requests": {"cpu": "25m"}},
        "securityContext": _RESTRICTED,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }


def _variable(name: str, value: str) -> Object:
    if value.startswith("="):
        return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": value[1:]}}}
    return {"name": name, "value": value} if value else {"name": name}


def _probe(spec: RevisionSpec) -> str:
    """The readiness probe that the queue-proxy asks in the container's stead, as it is told: at the local host."""
    probe = spec.serving.probes.get("readiness", {})
    told: Object = {}
    for action, fields in probe.items():
        if action in {"httpGet", "tcpSocket", "grpc"}:
            host = {} if action == "grpc" else {"host": "127.0.0.1"}
            told = {action: fields | {"port": fields.get("port") or spec.port} | host}
        elif action == "exec":
            told = {action: fields}
    order = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
    times = {key: probe[key] for key in order if probe.get(key)}
    return json.dumps(told | times, separators=(",", ":"))
