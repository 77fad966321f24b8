"""The annotations and labels of Knative, each with what it may be, and why it has no effect here.

Keys of ConfigMaps are told where they are read (settings rows); here are those of ConfigMaps that are not read at all.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from emulator.core import annotations as keys
from emulator.core.annotations import Key

NO_QUEUE_PROXY: Final = "queue-proxy is part of the emulator and no container"
NO_INGRESS: Final = "the gateway is part of the emulator and takes every Route, without Ingress objects"
NO_CERTIFICATES: Final = "the gateway speaks plain HTTP and no certificates are made"
NO_DEPLOYMENTS: Final = "instances are kept without a Deployment and its Services"
STREAMS: Final = "the gateway always streams both ways at once"
_SUCCEEDED: Final = "routingState has taken its place"
_NO_LOGS: Final = "each instance's output goes to `knative-emulator logs`"
_NO_EXPORT: Final = "nothing is exported: the dashboard and the API tell what happens"

ANNOTATION: Final = "annotation"
LABEL: Final = "label"
INTERNAL: Final = "annotation/label"


class Known(NamedTuple):
    """A key in all its spellings, what it is, its range and (as the end of a sentence) why it has no effect here.

    `by_user` keys are set by people, the others by the controllers.
    """

    key: Key
    kind: str
    range: str = "-"
    not_emulated: str = ""
    by_user: bool = True


def _of_system(group: str, kind: str, *names: str, not_emulated: str = "") -> tuple[Known, ...]:
    return tuple(Known(Key((f"{group}/{name}",)), kind, "-", not_emulated, by_user=False) for name in names)


KNOWN: Final[tuple[Known, ...]] = (
    Known(
        keys.CLASS,
        ANNOTATION,
        "kpa.autoscaling.knative.dev, hpa.autoscaling.knative.dev, or any text that does not end in .knative.dev",
    ),
    Known(keys.MIN_SCALE, ANNOTATION, "[0,2147483647]"),
    Known(keys.MAX_SCALE, ANNOTATION, "[0,2147483647]; 0 unbounded; not below min-scale; limited by max-scale-limit"),
    Known(keys.INITIAL_SCALE, ANNOTATION, ">= 1 (>= 0 when allowed by the cluster)"),
    Known(keys.ACTIVATION_SCALE, ANNOTATION, ">= 2, >= min-scale, <= max-scale"),
    Known(keys.SCALE_DOWN_DELAY, ANNOTATION, "[0s,1h], whole seconds"),
    Known(keys.METRIC, ANNOTATION, "KPA: concurrency, rps; HPA: any non-empty (cpu, memory, custom)"),
    Known(keys.TARGET, ANNOTATION, ">= 0.01"),
    Known(keys.TARGET_UTILIZATION_PERCENTAGE, ANNOTATION, "[1,100]"),
    Known(keys.TARGET_BURST_CAPACITY, ANNOTATION, "-1 or >= 0"),
    Known(keys.WINDOW, ANNOTATION, "[6s,1h], whole seconds"),
    Known(keys.PANIC_WINDOW_PERCENTAGE, ANNOTATION, "[1,100]"),
    Known(keys.PANIC_THRESHOLD_PERCENTAGE, ANNOTATION, "[110,1000]"),
    Known(keys.SCALE_TO_ZERO_POD_RETENTION_PERIOD, ANNOTATION, "[0s,1h]"),
    Known(
        keys.METRIC_AGGREGATION_ALGORITHM,
        ANNOTATION,
        "linear, weighted-exponential, weightedExponential, empty;"
        " only checked when the class annotation is present and is the KPA",
    ),
    Known(keys.PROGRESS_DEADLINE, ANNOTATION, ">= 0s, whole seconds"),
    Known(keys.ROLLOUT_DURATION, ANNOTATION, ">= 0s, whole seconds"),
    Known(keys.NO_GC, ANNOTATION, "true (any case)"),
    Known(Key((keys.VISIBILITY_LABEL,)), LABEL, "cluster-local"),
    Known(keys.QUEUE_RESOURCE_PERCENTAGE, ANNOTATION, "[0.1,100]; gives a deprecation warning", NO_QUEUE_PROXY),
    *(Known(key, ANNOTATION, "a quantity", NO_QUEUE_PROXY) for key in keys.QUEUE_RESOURCES),
    Known(keys.NETWORKING[0], ANNOTATION, not_emulated=NO_INGRESS),
    *(Known(key, ANNOTATION, not_emulated=NO_CERTIFICATES) for key in keys.NETWORKING[1:]),
    Known(Key(("features.knative.dev/queueproxy-podinfo",)), ANNOTATION, "enabled", NO_QUEUE_PROXY),
    Known(Key(("features.knative.dev/http-full-duplex",)), ANNOTATION, "Enabled (any case)", STREAMS),
    *_of_system(keys.SERVING_GROUP, ANNOTATION, "creator", "lastModifier", "routes", "routingStateModified"),
    *_of_system(keys.SERVING_GROUP, ANNOTATION, "lastPinned", not_emulated=_SUCCEEDED),
    *_of_system(keys.SERVING_GROUP, LABEL, "service", "serviceUID", "configuration", "configurationUID"),
    *_of_system(keys.SERVING_GROUP, LABEL, "configurationGeneration", "revision", "revisionUID"),
    *_of_system(keys.SERVING_GROUP, LABEL, "route", "routingState"),
    *_of_system(keys.SERVING_GROUP, LABEL, "routeNamespace", not_emulated=NO_INGRESS),
    *_of_system(keys.SERVING_GROUP, LABEL, "domainMappingUID", "domainMappingNamespace"),
    *_of_system(keys.SERVING_GROUP, LABEL, "deployment-hash", not_emulated=NO_DEPLOYMENTS),
    *_of_system(keys.INTERNAL_GROUP, INTERNAL, "rollout", "tag-to-host", "tag", "ingress", not_emulated=NO_INGRESS),
    *_of_system(keys.INTERNAL_GROUP, INTERNAL, "certificate-uid", not_emulated=NO_CERTIFICATES),
    *_of_system(keys.INTERNAL_GROUP, INTERNAL, "serviceType", not_emulated=NO_DEPLOYMENTS),
)

_WITHOUT_EFFECT: Final = {
    spelling: known.not_emulated for known in KNOWN if known.not_emulated and known.by_user for spelling in known.key
}

CONFIG_MAPS_NOT_READ: Final[Mapping[str, Mapping[str, str]]] = {
    "config-observability": {
        "logging.enable-var-log-collection": _NO_LOGS,
        "logging.revision-url-template": _NO_LOGS,
        "logging.request-log-template": _NO_LOGS,
        "logging.enable-request-log": _NO_LOGS,
        "logging.enable-probe-request-log": _NO_LOGS,
        "metrics-protocol": _NO_EXPORT,
        "metrics-endpoint": _NO_EXPORT,
        "metrics-export-interval": _NO_EXPORT,
        "request-metrics-protocol": _NO_EXPORT,
        "request-metrics-endpoint": _NO_EXPORT,
        "request-metrics-export-interval": _NO_EXPORT,
        "runtime-profiling": _NO_EXPORT,
        "tracing-protocol": _NO_EXPORT,
        "tracing-endpoint": _NO_EXPORT,
        "tracing-sampling-rate": _NO_EXPORT,
    },
    "config-tracing": {},
}
"""ConfigMaps that the emulator refuses, by name: their keys, and why."""


def without_effect(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """A warning for each annotation of a user that Knative would follow and the emulator does not."""
    return tuple(
        f"{key} has no effect in the emulator: {_WITHOUT_EFFECT[key]}" for key in annotations if key in _WITHOUT_EFFECT
    )
