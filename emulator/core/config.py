"""config-autoscaler and config-gc: how revisions scale, and how long they stay. Durations are seconds."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from emulator.core.config_defaults import DefaultsConfig
from emulator.core.config_deployment import DeploymentConfig
from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.gotext import (
    format_duration,
    format_fixed,
    format_float,
    parse_bool,
    parse_duration,
    parse_float,
    parse_int32,
    parse_int64,
    parse_uint64,
)
from emulator.core.settings import ConfigError, load, rows, setting

TARGET_MIN: Final = 0.01
"""Least target of any metric: below it the number of instances would be noise."""

WINDOW_MIN: Final = 6.0
WINDOW_MAX: Final = 3600.0
"""Range of the stable window, in seconds: shorter than a few samples or longer than an hour decides on nothing."""

KPA: Final = "kpa.autoscaling.knative.dev"

_BOOL: Final = "Go bool text: 1 t T true TRUE True / 0 f F false FALSE False; anything else is refused"


def _parse_fraction(text: str) -> float:
    value = parse_float(text)
    return value / 100 if value > 1 else value


@dataclass(frozen=True, slots=True)
class AutoscalerConfig:
    """config-autoscaler (knative/serving pkg/autoscaler/config/config.go)."""

    PARSE_ERROR_PREFIX: ClassVar[str] = "failed to parse data: "

    pod_autoscaler_class: str = setting(
        "pod-autoscaler-class", KPA, str, "any", "autoscaler class of templates that name none"
    )
    enable_scale_to_zero: bool = setting(
        "enable-scale-to-zero", "true", parse_bool, _BOOL, "when false, the last instance is kept"
    )
    allow_zero_initial_scale: bool = setting(
        "allow-zero-initial-scale", "false", parse_bool, _BOOL, "whether an initial scale of 0 is accepted"
    )
    max_scale_up_rate: float = setting(
        "max-scale-up-rate",
        "1000",
        parse_float,
        "> 1",
        "largest multiple of the ready instances one decision may want",
    )
    max_scale_down_rate: float = setting(
        "max-scale-down-rate", "2", parse_float, "> 1", "largest divisor of the ready instances in one decision"
    )
    container_concurrency_target_fraction: float = setting(
        "container-concurrency-target-percentage",
        "70",
        _parse_fraction,
        "(0,100]; a value <= 1 is a fraction, a value > 1 a percentage",
        "share of containerConcurrency (or of the default target) to aim for",
    )
    container_concurrency_target_default: float = setting(
        "container-concurrency-target-default",
        "100",
        parse_float,
        "percentage*default must be >= 0.01",
        "concurrency one instance is taken to bear when containerConcurrency is 0",
    )
    rps_target_default: float = setting(
        "requests-per-second-target-default", "200", parse_float, ">= 0.01", "the same for the rps metric"
    )
    target_burst_capacity: float = setting(
        "target-burst-capacity",
        "211",
        parse_float,
        "-1 or >= 0",
        "burst that must fit into instances without queueing, else the activator stays in the path;"
        " 0 takes it out whenever there is an instance, -1 keeps it in for ever",
    )
    panic_window_percentage: float = setting(
        "panic-window-percentage", "10", parse_float, "[1,100]", "panic window as a percentage of the stable window"
    )
    activator_capacity: float = setting(
        "activator-capacity", "100", parse_float, ">= 1", "concurrent requests one activator is taken to bear"
    )
    panic_threshold_percentage: float = setting(
        "panic-threshold-percentage",
        "200",
        parse_float,
        "no check in the ConfigMap (annotation: [110,1000])",
        "wanted / ready instances from which on there is panic",
    )
    initial_scale: int = setting(
        "initial-scale",
        "1",
        parse_int32,
        ">= 1, or >= 0 when allow-zero-initial-scale is true",
        "instances a new revision must reach before it counts as initialised",
    )
    min_scale: int = setting("min-scale", "0", parse_int32, ">= 0; <= max-scale unless that is 0", "least instances")
    max_scale: int = setting(
        "max-scale", "0", parse_int32, ">= 0; [1,max-scale-limit] when a limit is set", "most instances; 0: no bound"
    )
    max_scale_limit: int = setting(
        "max-scale-limit", "0", parse_int32, ">= 0", "largest max-scale a revision may ask for; 0: no limit"
    )
    stable_window: float = setting(
        "stable-window", "60s", parse_duration, "[6s,1h], whole seconds", "averaging window outside of panic"
    )
    scale_down_delay: float = setting(
        "scale-down-delay",
        "0s",
        parse_duration,
        ">= 0, whole seconds",
        "how long less must be wanted before it is done",
    )
    scale_to_zero_grace_period: float = setting(
        "scale-to-zero-grace-period",
        "30s",
        parse_duration,
        "> 0",
        "longest wait for the activator to be in the path before the last instance goes",
    )
    scale_to_zero_pod_retention_period: float = setting(
        "scale-to-zero-pod-retention-period",
        "0s",
        parse_duration,
        ">= 0",
        "least time the last instance is kept after the decision for zero",
    )

    def __post_init__(self) -> None:
        # In the order in which the reference looks; it tells the first fault only.
        for faults in (_delay_faults, _target_faults, _rate_and_window_faults, _scale_faults):
            for fault in faults(self):
                raise ConfigError(fault)
        for name, row in rows(type(self)):
            value = getattr(self, name)
            if isinstance(value, float) and not math.isfinite(value):
                # Knative takes some of them, and nothing can be counted with them.
                raise ConfigError(f"{row.key} = {format_float(value)} is not a finite number")


def _delay_faults(c: AutoscalerConfig) -> Iterator[str]:
    delay, grace = format_duration(c.scale_down_delay), format_duration(c.scale_to_zero_grace_period)
    retention = format_duration(c.scale_to_zero_pod_retention_period)
    if c.scale_to_zero_grace_period <= 0:
        yield f"scale-to-zero-grace-period must be positive, was: {grace}"
    if c.scale_down_delay < 0:
        yield f"scale-down-delay cannot be negative, was: {delay}"
    if c.scale_down_delay % 1:
        yield f"scale-down-delay = {delay}, must be specified with at most second precision"
    if c.scale_to_zero_pod_retention_period < 0:
        yield f"scale-to-zero-pod-retention-period cannot be negative, was: {retention}"


def _target_faults(c: AutoscalerConfig) -> Iterator[str]:
    fraction = c.container_concurrency_target_fraction
    target = fraction * c.container_concurrency_target_default
    least = format_float(TARGET_MIN)
    if c.target_burst_capacity < 0 and c.target_burst_capacity != -1:
        yield (
            "target-burst-capacity must be either non-negative or -1 (for unlimited),"
            f" was: {format_fixed(c.target_burst_capacity)}"
        )
    if fraction <= 0 or fraction > 1:
        percentage = format_fixed(fraction)
        yield f"container-concurrency-target-percentage = {percentage} is outside of valid range of (0, 100]"
    if target < TARGET_MIN:
        yield (
            "container-concurrency-target-percentage and container-concurrency-target-default yield target"
            f" concurrency of {format_float(target)}, can't be less than {least}"
        )
    if c.rps_target_default < TARGET_MIN:
        yield (
            f"requests-per-second-target-default must be at least {least}, was: {format_float(c.rps_target_default)}"
        )
    if c.activator_capacity < 1:
        yield f"activator-capacity = {format_float(c.activator_capacity)}, must be at least 1"


def _rate_and_window_faults(c: AutoscalerConfig) -> Iterator[str]:
    window, bounds = format_duration(c.stable_window), (format_duration(WINDOW_MIN), format_duration(WINDOW_MAX))
    if c.max_scale_up_rate <= 1:
        yield f"max-scale-up-rate = {format_float(c.max_scale_up_rate)}, must be greater than 1.0"
    if c.max_scale_down_rate <= 1:
        yield f"max-scale-down-rate = {format_float(c.max_scale_down_rate)}, must be greater than 1.0"
    if not WINDOW_MIN <= c.stable_window <= WINDOW_MAX:
        yield f"stable-window = {window}, must be in [{bounds[0]}; {bounds[1]}] range"
    if c.stable_window % 1:
        yield f"stable-window = {window}, must be specified with at most second precision"
    if not 1 <= c.panic_window_percentage <= 100:
        yield f"panic-window-percentage = {format_float(c.panic_window_percentage)}, must be in [1, 100] interval"


def _scale_faults(c: AutoscalerConfig) -> Iterator[str]:
    least_max = 1 if c.max_scale_limit > 0 else 0
    if c.initial_scale < (0 if c.allow_zero_initial_scale else 1):
        yield (
            f"initial-scale = {c.initial_scale}, must be at least 0"
            " (or at least 1 when allow-zero-initial-scale is false)"
        )
    if c.max_scale_limit < 0:
        yield f"max-scale-limit = {c.max_scale_limit}, must be at least 0"
    if c.max_scale < least_max or 0 < c.max_scale_limit < c.max_scale:
        yield f"max-scale = {c.max_scale}, must be in [{least_max}, max-scale-limit({c.max_scale_limit})] range"
    if c.min_scale < 0:
        yield f"min-scale = {c.min_scale}, must be at least 0"
    if 0 < c.max_scale < c.min_scale:
        yield f"min-scale ({c.min_scale}) must be less than max-scale ({c.max_scale})"


DISABLED: Final = -1
"""What "disabled" reads as in config-gc: the rule does not count."""


def _unless_disabled(key: str, default: str, parse: Callable[[str], Any], range_: str, help_: str) -> Any:
    """A row that "disabled" switches off; its faults are told in words of its own, and no text is the default."""

    def parse_row(text: str) -> Any:
        if text.lower() == "disabled":
            return DISABLED
        try:
            value = parse(text or default)
        except ValueError as error:
            raise ConfigError(f"failed to parse {key}: {error}") from error
        if value < 0:
            raise ConfigError(f"failed to parse {key}: must be non-negative")
        return value

    return setting(key, default, parse_row, range_, help_)


@dataclass(frozen=True, slots=True)
class GcConfig:
    """config-gc (knative/serving pkg/gc/config.go)."""

    PARSE_ERROR_PREFIX: ClassVar[str] = "failed to parse data: "

    min_non_active_revisions: int = setting(
        "min-non-active-revisions",
        "20",
        parse_int64,
        ">= 0, <= max-non-active-revisions",
        "revisions without traffic that are always kept",
    )
    retain_since_create_time: float = _unless_disabled(
        "retain-since-create-time", "48h", parse_duration, ">= 0", "a younger revision is not stale"
    )
    retain_since_last_active_time: float = _unless_disabled(
        "retain-since-last-active-time",
        "15h",
        parse_duration,
        ">= 0",
        "a revision that had a route more recently is not stale",
    )
    max_non_active_revisions: int = _unless_disabled(
        "max-non-active-revisions",
        "1000",
        parse_uint64,
        "-",
        "revisions without traffic above this are deleted, stale or not",
    )

    def __post_init__(self) -> None:
        least, most = self.min_non_active_revisions, self.max_non_active_revisions
        if least < 0:
            raise ConfigError(f"min-non-active-revisions must be non-negative, was: {least}")
        if DISABLED != most < least:
            raise ConfigError(f"min-non-active-revisions({least}) must be <= max-non-active-revisions({most})")


SETTINGS: Final = {
    "config-autoscaler": AutoscalerConfig,
    "config-defaults": DefaultsConfig,
    "config-deployment": DeploymentConfig,
    "config-gc": GcConfig,
    "config-network": NetworkConfig,
}
"""The ConfigMaps with rows. The keys of config-features are flags (FEATURES), those of config-domain domains."""

CONFIG_MAPS: Final[Mapping[str, Callable[[Mapping[str, str]], Any]]] = {
    "config-autoscaler": partial(load, AutoscalerConfig),
    "config-deployment": partial(load, DeploymentConfig),
    "config-gc": partial(load, GcConfig),
    "config-network": partial(load, NetworkConfig),
    "config-domain": DomainConfig.parse,
}
"""What reads the data of each ConfigMap that has an effect; all raise ConfigError."""

SHIPPED: Final[Mapping[str, Mapping[str, str]]] = {
    "config-deployment": {"queue-sidecar-image": "gcr.io/knative-releases/knative.dev/serving/cmd/queue"}
}
"""What an installation puts into ConfigMaps that must not be empty."""


def shipped(name: str, data: Mapping[str, str]) -> Mapping[str, str]:
    """The data of a ConfigMap, over what an installation brings."""
    return {**SHIPPED.get(name, {}), **data}
