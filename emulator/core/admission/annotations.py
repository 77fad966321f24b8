"""What the values of annotations may be: on the template, on a Revision, and on the objects above them.

Sources: knative/serving pkg/apis/autoscaling/annotation_validation.go, pkg/apis/serving/metadata_validation.go and
v1/revision_validation.go. Unless said otherwise a value that is empty is wrong, not absent.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Final, NamedTuple

from emulator.core import annotations as keys
from emulator.core.admission.field_error import (
    HERE,
    Problem,
    invalid_key_name,
    invalid_value,
    out_of_bounds,
)
from emulator.core.annotations import Key
from emulator.core.config import KPA, TARGET_MIN, WINDOW_MAX, WINDOW_MIN, AutoscalerConfig
from emulator.core.decider import HPA
from emulator.core.gotext import (
    OutOfRangeError,
    format_duration,
    format_float,
    parse_duration,
    parse_float,
    parse_int32,
    parse_int64,
)
from emulator.core.quantity import parse_quantity

Annotations = Mapping[str, str]

_MAX_INT32: Final = 2**31 - 1
_AT_MOST_SECONDS: Final = "must be specified with at most second precision"


class _Bounds(NamedTuple):
    low: float
    high: float


_PERCENTAGES: Final = {
    keys.PANIC_WINDOW_PERCENTAGE: _Bounds(1, 100),
    keys.PANIC_THRESHOLD_PERCENTAGE: _Bounds(110, 1000),
    keys.TARGET_UTILIZATION_PERCENTAGE: _Bounds(1, 100),
}

#: Key -> its range in seconds, and whether fractions of a second are wrong.
_DURATIONS: Final = {
    keys.WINDOW: (_Bounds(WINDOW_MIN, WINDOW_MAX), True),
    keys.SCALE_DOWN_DELAY: (_Bounds(0, WINDOW_MAX), True),
    keys.SCALE_TO_ZERO_POD_RETENTION_PERIOD: (_Bounds(0, WINDOW_MAX), False),
}

_METRICS: Final[Mapping[str, Callable[[str], bool]]] = {
    KPA: lambda metric: metric in {"concurrency", "rps"},
    HPA: lambda metric: metric != "",
}
_ALGORITHMS: Final = ("", "linear", "weighted-exponential", "weightedExponential")

_QUEUE_PERCENTAGE: Final = _Bounds(0.1, 100)
_QUEUE_PERCENTAGE_DEPRECATED: Final = (
    "Queue proxy resource percentage annotation is deprecated. Please use the available annotations to explicitly set"
    " resource values per service"
)


def autoscaling(annotations: Annotations, config: AutoscalerConfig) -> Iterator[Problem]:
    """What is wrong with the autoscaling annotations of a template or Revision; unknown ones are nobody's business."""
    yield from _class(annotations)
    yield from _scales(annotations, config)
    for key, bounds in _PERCENTAGES.items():
        yield from _percentage(annotations, key, bounds)
    yield from _target(annotations)
    yield from _target_burst_capacity(annotations)
    for key, (bounds, whole_seconds) in _DURATIONS.items():
        yield from _duration(annotations, key, bounds, whole_seconds=whole_seconds)
    yield from _metric(annotations, config)
    yield from _algorithm(annotations)
    yield from _initial_scale(annotations, config)


def no_autoscaling(annotations: Annotations) -> Iterator[Problem]:
    """Autoscaling annotations where they have no effect."""
    for key in annotations:
        if key.startswith(keys.AUTOSCALING_GROUP):
            advice = 'autoscaling annotations must be put under "spec.template.metadata.annotations" to work'
            yield invalid_key_name(key, HERE, advice)


def rollout_duration(annotations: Annotations) -> Iterator[Problem]:
    """Empty means unset."""
    return _positive_seconds(annotations, keys.ROLLOUT_DURATION, "rollout-duration")


def template(annotations: Annotations) -> Iterator[Problem]:
    """The annotations of a template that have nothing to do with autoscaling."""
    yield from _queue_resources(annotations)
    yield from _positive_seconds(annotations, keys.PROGRESS_DEADLINE, "progress-deadline")
    known = {spelling for key in keys.NETWORKING for spelling in key}
    for key in annotations:
        if key.startswith(keys.NETWORKING_GROUP) and key not in known:
            yield invalid_key_name(key, HERE)


def _class(annotations: Annotations) -> Iterator[Problem]:
    found = keys.CLASS.find(annotations)
    if found and found.value.endswith(".knative.dev") and found.value not in {KPA, HPA}:
        yield invalid_value(found.value, found.key)


def _scales(annotations: Annotations, config: AutoscalerConfig) -> Iterator[Problem]:
    least = yield from _scale(annotations, keys.MIN_SCALE)
    most = yield from _scale(annotations, keys.MAX_SCALE)
    if 0 < most < least:
        yield Problem(f"max-scale={most} is less than min-scale={least}", (keys.MAX_SCALE[0], keys.MIN_SCALE[0]))
    given = keys.MAX_SCALE.find(annotations)
    if given and config.max_scale_limit:
        if most > config.max_scale_limit:
            yield out_of_bounds(most, 1, config.max_scale_limit, given.key)
        if most == 0:
            yield Problem(f"max-scale=0 (unlimited), must be less than {config.max_scale_limit}", (given.key,))
    yield from _activation_scale(annotations, least, most)


def _scale(annotations: Annotations, key: Key) -> Generator[Problem, None, int]:
    """Returns the number too, 0 for what is none."""
    found = key.find(annotations)
    if not found:
        return 0
    try:
        number = parse_int32(found.value)
    except OutOfRangeError:
        number = -1
    except ValueError:
        yield invalid_value(found.value, found.key)
        return 0
    if number < 0:
        yield out_of_bounds(found.value, 0, _MAX_INT32, found.key)
        return 0
    return number


def _activation_scale(annotations: Annotations, least: int, most: int) -> Iterator[Problem]:
    found = keys.ACTIVATION_SCALE.find(annotations)
    if not found:
        return
    try:
        number = parse_int32(found.value)
    except ValueError:
        yield invalid_value(found.value, found.key)
        return
    if number < least:
        yield Problem(f"min-scale={least} is greater than activation-scale={number}", (found.key,))
    elif 0 < most < number:
        yield Problem(f"max-scale={most} is less than activation-scale={number}", (found.key,))
    elif number < 2:
        yield Problem(f"activation-scale={number} must be greater than 1", (found.key,))


def _initial_scale(annotations: Annotations, config: AutoscalerConfig) -> Iterator[Problem]:
    found = keys.INITIAL_SCALE.find(annotations)
    if not found:
        return
    try:
        number = parse_int64(found.value)
    except ValueError:
        yield invalid_value(found.value, found.key)
        return
    if number < 0:
        yield invalid_value(found.value, f"{found.key} must be greater than 0")
    elif number == 0 and not config.allow_zero_initial_scale:
        yield invalid_value(found.value, f"{found.key}=0 not allowed by cluster")


def _number(text: str) -> float | None:
    try:
        return parse_float(text)
    except ValueError:
        return None


def _percentage(annotations: Annotations, key: Key, bounds: _Bounds) -> Iterator[Problem]:
    found = key.find(annotations)
    if not found:
        return
    number = _number(found.value)
    if number is None:
        yield invalid_value(found.value, found.key)
    elif number < bounds.low or number > bounds.high:  # NaN is in every range
        yield out_of_bounds(found.value, bounds.low, bounds.high, found.key)


def _target(annotations: Annotations) -> Iterator[Problem]:
    found = keys.TARGET.find(annotations)
    if not found:
        return
    number = _number(found.value)
    if number is None:
        yield invalid_value(found.value, found.key)
    elif number < TARGET_MIN:
        yield Problem(f"target {found.value} should be at least {format_float(TARGET_MIN)}", (found.key,))


def _target_burst_capacity(annotations: Annotations) -> Iterator[Problem]:
    found = keys.TARGET_BURST_CAPACITY.find(annotations)
    if not found:
        return
    number = _number(found.value)
    if number is None or (number < 0 and number != -1):
        yield invalid_value(found.value, found.key)


def _duration(annotations: Annotations, key: Key, bounds: _Bounds, *, whole_seconds: bool) -> Iterator[Problem]:
    found = key.find(annotations)
    if not found:
        return
    try:
        seconds = parse_duration(found.value)
    except ValueError:
        yield invalid_value(found.value, found.key)
        return
    if not bounds.low <= seconds <= bounds.high:
        yield out_of_bounds(found.value, format_duration(bounds.low), format_duration(bounds.high), found.key)
    elif whole_seconds and seconds % 1:
        yield Problem(_AT_MOST_SECONDS, (found.key,))


def _metric(annotations: Annotations, config: AutoscalerConfig) -> Iterator[Problem]:
    found = keys.METRIC.find(annotations)
    class_ = keys.CLASS.find(annotations)
    is_known = _METRICS.get(class_.value if class_ else config.pod_autoscaler_class)
    if found and is_known and not is_known(found.value):
        yield invalid_value(found.value, found.key)


def _algorithm(annotations: Annotations) -> Iterator[Problem]:
    """Checked only where the class is said to be the KPA: other autoscalers may have other algorithms."""
    found = keys.METRIC_AGGREGATION_ALGORITHM.find(annotations)
    if found and keys.CLASS.value(annotations) == KPA and found.value not in _ALGORITHMS:
        yield invalid_value(found.value, found.key)


def _positive_seconds(annotations: Annotations, key: Key, name: str) -> Iterator[Problem]:
    found = key.find(annotations)
    if not found or not found.value:
        return
    try:
        seconds = parse_duration(found.value)
    except ValueError:
        yield invalid_value(found.value, found.key)
        return
    if seconds % 1:
        yield Problem(f"{name}={found.value} is not at second precision", (found.key,))
    elif seconds < 0:
        yield Problem(f"{name}={found.value} must be positive", (found.key,))


def _queue_resources(annotations: Annotations) -> Iterator[Problem]:
    if found := keys.QUEUE_RESOURCE_PERCENTAGE.find(annotations):
        yield Problem(_QUEUE_PERCENTAGE_DEPRECATED, warning=True)
        number = _number(found.value)
        if number is None:
            yield invalid_value(found.value, f"[{found.key}]")
            return
        if number < _QUEUE_PERCENTAGE.low or number > _QUEUE_PERCENTAGE.high:
            yield out_of_bounds(format_float(number), *_QUEUE_PERCENTAGE, f"[{found.key}]")
            return
    for key in keys.QUEUE_RESOURCES:
        if found := key.find(annotations):
            try:
                parse_quantity(found.value)
            except ValueError:
                yield invalid_value(found.value, f"[{found.key}]")
