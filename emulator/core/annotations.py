"""Keys of the annotations and labels that mean something to Knative, with the old spellings that it still takes.

Sources: knative/serving pkg/apis/autoscaling/register.go and pkg/apis/serving/register.go, knative.dev/networking
pkg/apis/networking/register.go.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

AUTOSCALING_GROUP: Final = "autoscaling.knative.dev"
NETWORKING_GROUP: Final = "networking.knative.dev"
SERVING_GROUP: Final = "serving.knative.dev"
_QUEUE_GROUP: Final = "queue.sidecar.serving.knative.dev"
INTERNAL_GROUP: Final = "networking.internal.knative.dev"


class Found(NamedTuple):
    """The spelling that was found, and its value."""

    key: str
    value: str


class Key(tuple[str, ...]):
    """One key in all its spellings; the first is the one of today, and wins where several are given."""

    __slots__ = ()

    def find(self, annotations: Mapping[str, str]) -> Found | None:
        return next((Found(key, annotations[key]) for key in self if key in annotations), None)

    def value(self, annotations: Mapping[str, str]) -> str:
        """The value, or "" where there is none."""
        found = self.find(annotations)
        return found.value if found else ""


def _key(group: str, *names: str) -> Key:
    return Key(f"{group}/{name}" for name in names)


CLASS = _key(AUTOSCALING_GROUP, "class")
METRIC = _key(AUTOSCALING_GROUP, "metric")
METRIC_AGGREGATION_ALGORITHM = _key(AUTOSCALING_GROUP, "metric-aggregation-algorithm", "metricAggregationAlgorithm")
MIN_SCALE = _key(AUTOSCALING_GROUP, "min-scale", "minScale")
MAX_SCALE = _key(AUTOSCALING_GROUP, "max-scale", "maxScale")
INITIAL_SCALE = _key(AUTOSCALING_GROUP, "initial-scale", "initialScale")
ACTIVATION_SCALE = _key(AUTOSCALING_GROUP, "activation-scale")
SCALE_DOWN_DELAY = _key(AUTOSCALING_GROUP, "scale-down-delay", "scaleDownDelay")
SCALE_TO_ZERO_POD_RETENTION_PERIOD = _key(
    AUTOSCALING_GROUP, "scale-to-zero-pod-retention-period", "scaleToZeroPodRetentionPeriod"
)
TARGET = _key(AUTOSCALING_GROUP, "target")
TARGET_UTILIZATION_PERCENTAGE = _key(AUTOSCALING_GROUP, "target-utilization-percentage", "targetUtilizationPercentage")
TARGET_BURST_CAPACITY = _key(AUTOSCALING_GROUP, "target-burst-capacity", "targetBurstCapacity")
WINDOW = _key(AUTOSCALING_GROUP, "window")
PANIC_WINDOW_PERCENTAGE = _key(AUTOSCALING_GROUP, "panic-window-percentage", "panicWindowPercentage")
PANIC_THRESHOLD_PERCENTAGE = _key(AUTOSCALING_GROUP, "panic-threshold-percentage", "panicThresholdPercentage")

PROGRESS_DEADLINE = _key(SERVING_GROUP, "progress-deadline")
ROLLOUT_DURATION = _key(SERVING_GROUP, "rollout-duration", "rolloutDuration")
NO_GC = _key(SERVING_GROUP, "no-gc")
CREATOR: Final = f"{SERVING_GROUP}/creator"
LAST_MODIFIER: Final = f"{SERVING_GROUP}/lastModifier"
ROUTES: Final = f"{SERVING_GROUP}/routes"
ROUTING_STATE_MODIFIED: Final = f"{SERVING_GROUP}/routingStateModified"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

SERVICE_LABEL: Final = f"{SERVING_GROUP}/service"
SERVICE_UID_LABEL: Final = f"{SERVING_GROUP}/serviceUID"
CONFIGURATION_LABEL: Final = f"{SERVING_GROUP}/configuration"
CONFIGURATION_UID_LABEL: Final = f"{SERVING_GROUP}/configurationUID"
CONFIGURATION_GENERATION_LABEL: Final = f"{SERVING_GROUP}/configurationGeneration"
ROUTE_LABEL: Final = f"{SERVING_GROUP}/route"
ROUTING_STATE_LABEL: Final = f"{SERVING_GROUP}/routingState"
VISIBILITY_LABEL: Final = f"{NETWORKING_GROUP}/visibility"

QUEUE_RESOURCE_PERCENTAGE = _key(_QUEUE_GROUP, "resource-percentage", "resourcePercentage")
QUEUE_RESOURCES = tuple(
    _key(_QUEUE_GROUP, f"{name}-resource-{kind}")
    for name in ("cpu", "memory", "ephemeral-storage")
    for kind in ("request", "limit")
)

NETWORKING = (
    _key(NETWORKING_GROUP, "ingress-class", "ingress.class"),
    _key(NETWORKING_GROUP, "certificate-class", "certificate.class"),
    _key(NETWORKING_GROUP, "disable-external-domain-tls", "disableAutoTLS", "disable-auto-tls"),
    _key(NETWORKING_GROUP, "http-protocol", "httpOption"),
)
