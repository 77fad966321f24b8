"""How many instances a revision should have: Knative's own autoscaler (KPA), one decision at a time.

Follows knative/serving pkg/autoscaler/scaling/autoscaler.go and multiscaler.go. A decision holds all that the next
one has to know, so an autoscaler is a chain of values:

    decision = first_decision(spec, ready, now)
    decision = decide(spec, metrics.averages(now), ready, decision, now)  # every 2 s, or on a poke

Bounds of the scale (min, max, initial) are no part of it; scaler.py applies them.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, Self

from emulator.core import reasons
from emulator.core.limits import (
    ACTIVATION_SCALE,
    MAX_SCALE_DOWN_RATE,
    MAX_SCALE_UP_RATE,
    PANIC,
    SCALE_DOWN_DELAY,
    STABLE,
    Limit,
)
from emulator.core.metrics import Averages

TICK_SECONDS: Final = 2.0
"""Time between two decisions, and the width of a slot of scale-down-delay."""

UNKNOWN_SCALE: Final = -1
"""The desired scale before the first decision."""

CLOCK_DIGITS: Final = 6
"""Differences of Unix times are rounded to this, since a float of today's date is no finer."""


@dataclass(frozen=True, slots=True)
class DeciderSpec:
    """What rules the decisions for one revision. Windows and delays are seconds.

    `total_value` is what one instance can take of the scaling metric, `target_value` what it should get, and
    `panic_threshold` the ratio of wanted to ready instances from which on there is panic (2.0 is 200 %).
    """

    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    scaling_metric: str = "concurrency"
    target_value: float = 70.0
    total_value: float = 100.0
    target_burst_capacity: float = 211.0
    activator_capacity: float = 100.0
    panic_threshold: float = 2.0
    stable_window: float = 60.0
    scale_down_delay: float = 0.0
    initial_scale: int = 1
    reachable: bool = True
    activation_scale: int = 0


@dataclass(frozen=True, slots=True)
class SlidingMax:
    """The largest value recorded in the last `slots` slots.

    `maxima` are (slot, value) pairs of falling value: a value that a later one has reached can never count again.
    """

    slots: int
    maxima: tuple[tuple[int, int], ...] = ()

    def record(self, slot: int, value: int) -> Self:
        """Take in `value`; slots never go back."""
        maxima = tuple(m for m in self.maxima if m[1] > value and slot - m[0] < self.slots)
        if maxima and maxima[-1][0] == slot:
            return replace(self, maxima=maxima)
        return replace(self, maxima=(*maxima, (slot, value)))

    @property
    def current(self) -> int:
        """The largest value in the window; there must be one."""
        return self.maxima[0][1]


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a decision was made of. `reasons.py` puts it into words.

    Attributes:
        at: when it was made (Unix seconds).
        spec: what ruled it.
        averages: the load; None where there was no data.
        ready: ready instances.
        want_stable: instances that the stable average asks for, before any limit.
        want_panic: the same of the panic average.
        over_threshold: whether that is panic.
        limits: what they came by, in that order.
    """

    at: float
    spec: DeciderSpec
    averages: Averages | None
    ready: int
    want_stable: int = 0
    want_panic: int = 0
    over_threshold: bool = False
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the autoscaler wants, on what grounds, and what it has to remember.

    `desired` is -1 before the first decision. `valid` is False where a tick had no data to decide on: `desired` and
    `excess_burst_capacity` are then the ones from before. A negative `excess_burst_capacity` (in units of the
    metric) means that the ready instances could not take the target burst, so the activator belongs in the path.
    """

    desired: int
    excess_burst_capacity: int
    grounds: Grounds | None = None
    valid: bool = True
    panic_since: float | None = None
    max_panic_pods: int = 0
    delay: SlidingMax | None = None

    @property
    def reason(self) -> str:
        """The decision in one line."""
        return reasons.decided(self.grounds)

    def differs_from(self, before: Self) -> bool:
        """Whether the scaler has to act: the desired scale changed, or the activator has to come or go."""
        return self.desired != before.desired or (self.excess_burst_capacity < 0) != (before.excess_burst_capacity < 0)

    def poked_by(self, concurrency: float) -> bool:
        """Whether a sample of this concurrency calls for a decision at once: load for a revision at zero."""
        return self.desired == 0 and concurrency != 0


def first_decision(spec: DeciderSpec, ready: int, now: float) -> Decision:
    """What a new autoscaler stands at.

    One that finds several instances was restarted and has lost its history, so it begins in panic: it keeps what is
    there until its stable window is full.
    """
    burst = spec.target_burst_capacity
    excess = int(spec.initial_scale * spec.total_value - burst) if burst > 0 else int(burst)
    slots = math.ceil(spec.scale_down_delay / TICK_SECONDS)
    return Decision(
        desired=UNKNOWN_SCALE,
        excess_burst_capacity=excess,
        valid=False,
        panic_since=now if ready > 1 else None,
        max_panic_pods=ready,
        delay=SlidingMax(slots) if slots > 0 else None,
    )


def decide(spec: DeciderSpec, averages: Averages | None, ready: int, last: Decision, now: float) -> Decision:
    """Decide on the scale of a revision with `ready` ready instances; `now` is Unix time in seconds."""
    if averages is None:
        return replace(last, valid=False, grounds=Grounds(now, spec, None, ready))

    base = max(1, ready)
    want_stable = math.ceil(averages.stable / spec.target_value)
    want_panic = math.ceil(averages.panic / spec.target_value)
    stable, panic = _limits(spec, base, want_stable, STABLE), _limits(spec, base, want_panic, PANIC)
    desired, limits = stable[-1].after, [*stable, *panic]

    # The threshold looks at what the load asks for, not at what the rates allow.
    over_threshold = want_panic / base >= spec.panic_threshold
    panic_since, max_panic_pods = last.panic_since, last.max_panic_pods
    if over_threshold:
        panic_since = now
    elif panic_since is not None and round(now - panic_since, CLOCK_DIGITS) > spec.stable_window:
        panic_since, max_panic_pods = None, 0
    if panic_since is not None:
        most = max(panic[-1].after, max_panic_pods)
        max_panic_pods = max(desired, most)
        left = panic_since + spec.stable_window - now
        limits.append(Limit(PANIC, most, desired, max_panic_pods, left=left))
        desired = max_panic_pods

    # One slot of delay is not the same as none: of two decisions in the same slot it takes the larger.
    delay = last.delay
    if delay is not None and spec.reachable:
        delay = delay.record(int(now // TICK_SECONDS), desired)
        limits.append(Limit(SCALE_DOWN_DELAY, delay.current, desired, delay.current))
        desired = delay.current

    return Decision(
        desired=desired,
        excess_burst_capacity=_excess_burst_capacity(spec, ready, averages.panic),
        grounds=Grounds(now, spec, averages, ready, want_stable, want_panic, over_threshold, tuple(limits)),
        panic_since=panic_since,
        max_panic_pods=max_panic_pods,
        delay=delay,
    )


def _limits(spec: DeciderSpec, base: int, want: int, of: str) -> list[Limit]:
    """Bring `want` between the rates, the one for going up winning; then activation-scale, which may exceed both."""
    least = math.floor(base / spec.max_scale_down_rate) if spec.reachable else 0
    most = math.ceil(spec.max_scale_up_rate * base)
    down = Limit(MAX_SCALE_DOWN_RATE, least, want, max(want, least), of)
    up = Limit(MAX_SCALE_UP_RATE, most, down.after, min(down.after, most), of)
    begun = max(up.after, spec.activation_scale) if want > 0 else up.after
    return [down, up, Limit(ACTIVATION_SCALE, spec.activation_scale, up.after, begun, of)]


def _excess_burst_capacity(spec: DeciderSpec, ready: int, panic_average: float) -> int:
    """What is left of the ready instances' capacity after the load of now and the target burst."""
    burst = spec.target_burst_capacity
    if burst > 0:
        return math.floor(ready * spec.total_value - burst - panic_average)
    return 0 if burst == 0 else -1
