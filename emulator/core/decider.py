"""What rules the scale of one revision: its annotations over the cluster's settings.

Follows knative/serving pkg/apis/autoscaling/v1alpha1/pa_lifecycle.go (annotations), pkg/reconciler/autoscaling/
resources (target, metric) and kpa/resources/decider.go. Annotations are taken to have passed validation; one that
cannot be read counts as not set.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from emulator.core import annotations as keys
from emulator.core.annotations import Key
from emulator.core.autoscaler import DeciderSpec
from emulator.core.config import KPA, TARGET_MIN, AutoscalerConfig
from emulator.core.config_deployment import DeploymentConfig
from emulator.core.gotext import parse_duration, parse_int32
from emulator.core.metrics import BUCKET_SECONDS, WEIGHTED, WEIGHTED_SPELLINGS, MetricSpec
from emulator.core.settings import parse_finite

MIN_ACTIVATORS: Final = 2
"""Least activators a revision is given, so that one may fail."""

ACTIVATION_TIMEOUT_BUFFER: Final = 30.0
"""Seconds after the progress deadline in which the deployment may still tell why it failed."""

RPS_UTILIZATION: Final = 0.7
"""Share of the rps it can take that an instance should get; the reference has no setting for it."""

HPA: Final = "hpa.autoscaling.knative.dev"
CONCURRENCY: Final = "concurrency"
RPS: Final = "rps"
_DEFAULT_METRIC: Final = {KPA: CONCURRENCY, HPA: "cpu"}

_IMPLEMENTED: Final = (
    keys.CLASS,
    keys.METRIC,
    keys.METRIC_AGGREGATION_ALGORITHM,
    keys.MIN_SCALE,
    keys.MAX_SCALE,
    keys.INITIAL_SCALE,
    keys.ACTIVATION_SCALE,
    keys.SCALE_DOWN_DELAY,
    keys.SCALE_TO_ZERO_POD_RETENTION_PERIOD,
    keys.TARGET,
    keys.TARGET_UTILIZATION_PERCENTAGE,
    keys.TARGET_BURST_CAPACITY,
    keys.WINDOW,
    keys.PANIC_WINDOW_PERCENTAGE,
    keys.PANIC_THRESHOLD_PERCENTAGE,
)
_SPELLINGS: Final = frozenset(spelling for key in _IMPLEMENTED for spelling in key)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ScalingSpec:
    """All that rules the scale of one revision. Times are seconds; a `max_scale` of 0 is no bound."""

    autoscaler_class: str
    decider: DeciderSpec
    metric: MetricSpec
    min_scale: int
    max_scale: int
    enable_scale_to_zero: bool
    grace_period: float
    last_pod_retention: float
    activation_timeout: float

    def active_threshold(self, *, initialized: bool) -> int:
        """Ready instances from which on the revision is active; 0 only while the initial scale of 0 is pending."""
        return max(self.min_scale, 1 if initialized else self.decider.initial_scale)

    def activators(self, ready: int) -> int:
        """How many activators the revision should be spread over with `ready` ready instances."""
        burst = self.decider.target_burst_capacity
        if burst == 0:
            return MIN_ACTIVATORS
        capacity = ready * self.decider.total_value + max(burst, 0.0)
        return max(MIN_ACTIVATORS, math.ceil(capacity / self.decider.activator_capacity))


def resolve(
    annotations: Mapping[str, str],
    autoscaler: AutoscalerConfig,
    deployment: DeploymentConfig,
    *,
    container_concurrency: int,
    reachable: bool,
) -> ScalingSpec:
    """The scaling spec of a revision with these annotations; `reachable` is whether any route leads to it."""

    def setting(key: Key, parse: Callable[[str], _T], default: _T) -> _T:
        return _parsed(key, annotations, parse, default)

    autoscaler_class = keys.CLASS.value(annotations) or autoscaler.pod_autoscaler_class
    metric = keys.METRIC.value(annotations) or _DEFAULT_METRIC.get(autoscaler_class, "")
    target, total = _target(metric, annotations, autoscaler, container_concurrency)
    window = setting(keys.WINDOW, parse_duration, autoscaler.stable_window)
    panic_percentage = setting(keys.PANIC_WINDOW_PERCENTAGE, parse_finite, autoscaler.panic_window_percentage)
    burst = setting(keys.TARGET_BURST_CAPACITY, parse_finite, autoscaler.target_burst_capacity)
    initial = setting(keys.INITIAL_SCALE, _parse_scale, autoscaler.initial_scale)
    if initial == 0 and not autoscaler.allow_zero_initial_scale:
        initial = autoscaler.initial_scale
    retention = setting(
        keys.SCALE_TO_ZERO_POD_RETENTION_PERIOD, parse_duration, autoscaler.scale_to_zero_pod_retention_period
    )
    algorithm = keys.METRIC_AGGREGATION_ALGORITHM.value(annotations)
    deadline = setting(keys.PROGRESS_DEADLINE, parse_duration, deployment.progress_deadline)
    return ScalingSpec(
        autoscaler_class=autoscaler_class,
        decider=DeciderSpec(
            max_scale_up_rate=autoscaler.max_scale_up_rate,
            max_scale_down_rate=autoscaler.max_scale_down_rate,
            scaling_metric=metric,
            target_value=target,
            total_value=total,
            target_burst_capacity=burst,
            activator_capacity=autoscaler.activator_capacity,
            panic_threshold=setting(
                keys.PANIC_THRESHOLD_PERCENTAGE, _parse_percentage, autoscaler.panic_threshold_percentage / 100
            ),
            stable_window=window,
            scale_down_delay=setting(keys.SCALE_DOWN_DELAY, parse_duration, autoscaler.scale_down_delay),
            initial_scale=initial,
            reachable=reachable,
            activation_scale=setting(keys.ACTIVATION_SCALE, _parse_scale, 0),
        ),
        metric=MetricSpec(
            stable_window=window,
            panic_window=_panic_window(window, panic_percentage),
            scraped=burst != -1,
            algorithm=WEIGHTED if algorithm in WEIGHTED_SPELLINGS else algorithm,
        ),
        min_scale=setting(keys.MIN_SCALE, _parse_scale, autoscaler.min_scale) if reachable else 0,
        max_scale=setting(keys.MAX_SCALE, _parse_scale, autoscaler.max_scale),
        enable_scale_to_zero=autoscaler.enable_scale_to_zero,
        grace_period=autoscaler.scale_to_zero_grace_period,
        last_pod_retention=retention if reachable else 0.0,
        activation_timeout=deadline + ACTIVATION_TIMEOUT_BUFFER,
    )


def not_implemented(annotations: Mapping[str, str]) -> dict[str, str]:
    """What is asked for and can't be had here: annotation -> a sentence that says what to do.

    A revision that silently scales otherwise than asked is worse than none.
    """
    refused = {}
    for key, value in filter(None, (keys.CLASS.find(annotations), keys.METRIC.find(annotations))):
        if key in keys.METRIC and value not in {CONCURRENCY, RPS}:
            refused[key] = f"{key}: {value} is not measured here; use {CONCURRENCY} or {RPS}"
        elif key in keys.CLASS and value == HPA:
            refused[key] = f"{key}: {HPA} is not implemented here; use {KPA}"
        elif key in keys.CLASS and value != KPA:
            refused[key] = f"{key}: there is no autoscaler of class {value} here; use {KPA}"
    return refused


def unknown(annotations: Mapping[str, str]) -> list[str]:
    """A sentence for each autoscaling annotation that has no effect. Knative takes them without a word."""
    return [
        f"{key} is no autoscaling annotation that Knative knows, so it has no effect; correct its spelling?"
        for key in annotations
        if key.startswith(f"{keys.AUTOSCALING_GROUP}/") and key not in _SPELLINGS
    ]


def _parsed(key: Key, annotations: Mapping[str, str], parse: Callable[[str], _T], default: _T) -> _T:
    found = key.find(annotations)
    try:
        return parse(found.value) if found else default
    except ValueError:
        return default


def _parse_scale(text: str) -> int:
    return max(0, parse_int32(text))


def _parse_percentage(text: str) -> float:
    return parse_finite(text) / 100


def _panic_window(window: float, percentage: float) -> float:
    """A share of the stable window, rounded half up to whole seconds; counted in nanoseconds, as the reference does."""
    nanoseconds = int(window * 1e9 * percentage / 100)
    return max(BUCKET_SECONDS, float((nanoseconds + 500_000_000) // 1_000_000_000))


def _target(
    metric: str, annotations: Mapping[str, str], autoscaler: AutoscalerConfig, container_concurrency: int
) -> tuple[float, float]:
    """What one instance should get of the metric, and what it can take."""
    if metric == RPS:
        total, utilization = autoscaler.rps_target_default, RPS_UTILIZATION
    else:
        total = float(container_concurrency) or autoscaler.container_concurrency_target_default
        utilization = autoscaler.container_concurrency_target_fraction
    asked = _parsed(keys.TARGET, annotations, parse_finite, total)
    if metric == CONCURRENCY and container_concurrency:
        # Asking for more than an instance lets in would never scale.
        asked = min(asked, container_concurrency)
    utilization = _parsed(keys.TARGET_UTILIZATION_PERCENTAGE, annotations, _parse_percentage, utilization)
    return max(TARGET_MIN, asked * utilization), asked
