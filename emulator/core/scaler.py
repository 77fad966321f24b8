"""From what the autoscaler wants to what is done: bounds, activation, the way to zero, and who serves the requests.

Follows knative/serving pkg/reconciler/autoscaling/kpa/{scaler,kpa}.go and pkg/apis/autoscaling/v1alpha1/
pa_lifecycle.go. An outcome holds all that the next reconciliation has to know:

    outcome = first_outcome(now)
    outcome = reconcile(spec, decision, observed, outcome, now)

Call it when the decision differs, when what is observed changes, and `requeue_after` seconds later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from emulator.core.autoscaler import CLOCK_DIGITS, UNKNOWN_SCALE, Decision
from emulator.core.decider import MIN_ACTIVATORS, ScalingSpec
from emulator.core.limits import (
    ENABLE_SCALE_TO_ZERO,
    GRACE_PERIOD,
    INITIAL_SCALE,
    MAX_SCALE,
    MIN_SCALE,
    POD_RETENTION,
    PROGRESS_DEADLINE,
    STABLE_WINDOW,
    Limit,
)

REENQUEUE_PERIOD: Final = 3.0
"""Seconds until a revision is looked at again that was marked inactive without any other thing changing."""


class Mode(StrEnum):
    """Whose endpoints serve the revision: its instances', or the activator's."""

    SERVE = "Serve"
    PROXY = "Proxy"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of the PodAutoscaler; `since` is the Unix time at which anything of it changed last."""

    status: str
    reason: str = ""
    message: str = ""
    since: float = 0.0

    def changed(self, status: str, reason: str, message: str, now: float) -> "Condition":
        """The condition from `now` on; the same object if it says the same."""
        if (self.status, self.reason, self.message) == (status, reason, message):
            return self
        return Condition(status, reason, message, now)


TRUE: Final = ("True", "", "")
QUEUED: Final = (
    "Unknown",
    "Queued",
    "Requests to the target are being buffered as resources are provisioned.",
)
NO_TRAFFIC: Final = ("False", "NoTraffic", "The target is not receiving traffic.")
TIMED_OUT: Final = ("False", "TimedOut", "The target could not be activated.")
NO_SERVICE: Final = ("Unknown", "NotReady", "No Private Service Name")
SERVICE_NOT_READY: Final = ("Unknown", "NotReady", "K8s Service is not ready")


@dataclass(frozen=True, slots=True)
class Observed:
    """What one reconciliation sees of a revision.

    `replicas` is the scale target as it stands, `ready` counts the ready instances. `service_known` and
    `service_ready` tell whether the revision's service has got its names, and endpoints. `proxied_since` is the Unix
    time since which those endpoints are the activator's, None if they are not. `activator_answers` is what a probe
    of the service finds out; it is looked at only when it matters (see Outcome.probed).
    """

    replicas: int
    ready: int
    service_known: bool = True
    service_ready: bool = True
    proxied_since: float | None = None
    activator_answers: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to do, the PodAutoscaler's status, and why.

    `replicas` is the scale target to set; `want` is what was aimed at (-1: nothing known). `requeue_after` seconds
    later the revision has to be looked at again. `retry_probe` asks for probing the activator in the background
    (the reference does so every second for 45 s), with a reconciliation at the end. `limits` are what the desired scale
    came by, in that order.
    """

    replicas: int
    want: int
    mode: Mode
    activators: int
    desired_scale: int
    actual_scale: int
    active: Condition
    service: Condition
    initialized: Condition
    ready: Condition
    requeue_after: float | None
    probed: bool
    retry_probe: bool
    reason: str
    limits: tuple[Limit, ...] = ()

    @property
    def conditions(self) -> Mapping[str, Condition]:
        """The PodAutoscaler's conditions by their Knative types."""
        return {
            "Active": self.active,
            "Ready": self.ready,
            "SKSReady": self.service,
            "ScaleTargetInitialized": self.initialized,
        }


@dataclass(frozen=True, slots=True)
class _Step:
    """What the way to `want` is; without `apply` the scale target stays as it is."""

    want: int
    reason: str
    apply: bool = True
    requeue_after: float | None = None
    probed: bool = False
    retry_probe: bool = False
    limits: tuple[Limit, ...] = ()


def first_outcome(now: float) -> Outcome:
    """Where a new revision stands: nothing is known, all conditions are open."""
    unknown = Condition("Unknown", since=now)
    return Outcome(
        replicas=0,
        want=UNKNOWN_SCALE,
        mode=Mode.PROXY,
        activators=MIN_ACTIVATORS,
        desired_scale=UNKNOWN_SCALE,
        actual_scale=0,
        active=unknown,
        service=unknown,
        initialized=unknown,
        ready=unknown,
        requeue_after=None,
        probed=False,
        retry_probe=False,
        reason="new",
    )


def resumed_outcome(spec: ScalingSpec, *, initialized: bool, now: float) -> Outcome:
    """Where a revision stands whose instances have gone with the machine: inactive, or at the least that it may have.

    In a cluster the PodAutoscaler keeps what it said while its autoscaler restarts, and the Deployment its scale. Here
    both end at once, so nothing runs: what may be at zero stays there, with the activator in its path.
    """
    first = first_outcome(now)
    known = Condition(*TRUE, since=now) if initialized else first.initialized
    least = max(spec.min_scale, 0 if spec.enable_scale_to_zero else 1)
    if least > 0:
        return replace(first, replicas=least, initialized=known, reason=f"resumed at {least}")
    idle = Condition(*NO_TRAFFIC, since=now)
    return replace(first, desired_scale=0, active=idle, ready=idle, initialized=known, reason="resumed at zero")


def reconcile(spec: ScalingSpec, decision: Decision, observed: Observed, last: Outcome, now: float) -> Outcome:
    """Bring a revision one step further to what its autoscaler decided; `now` is Unix time in seconds."""
    if observed.service_known:
        step = _scale(spec, decision.desired, observed, last, now)
        serve = step.want > 0 and decision.excess_burst_capacity >= 0
        mode = Mode.SERVE if serve else Mode.PROXY
        ready, activators = observed.ready, spec.activators(observed.ready)
        service = TRUE if observed.service_ready else SERVICE_NOT_READY
    else:
        step = _Step(UNKNOWN_SCALE, "waiting for the revision's service to get its names", apply=False)
        # Instances are not counted before they could be asked for.
        ready, activators, mode, service = 0, MIN_ACTIVATORS, Mode.PROXY, NO_SERVICE

    threshold = spec.active_threshold(initialized=last.initialized.status == "True")
    initialized = last.initialized
    if observed.service_known and ready >= threshold:
        initialized = initialized.changed(*TRUE, now)
    active = last.active.changed(*_active(step.want, ready, threshold, last.active), now)
    unhappy = next((state for state in (active, Condition(*service)) if state.status != "True"), Condition(*TRUE))
    return Outcome(
        replicas=step.want if step.apply else observed.replicas,
        want=step.want,
        mode=mode,
        activators=activators,
        # After a restart nothing is known for a moment; the status keeps what it said.
        desired_scale=last.desired_scale if step.want == UNKNOWN_SCALE else step.want,
        actual_scale=ready,
        active=active,
        service=last.service.changed(*service, now),
        initialized=initialized,
        ready=last.ready.changed(unhappy.status, unhappy.reason, unhappy.message, now),
        requeue_after=step.requeue_after,
        probed=step.probed,
        retry_probe=step.retry_probe,
        reason=step.reason,
        limits=step.limits,
    )


def _active(want: int, ready: int, threshold: int, before: Condition) -> tuple[str, str, str]:
    """What the Active condition says next.

    A threshold of 0 is an initial scale of 0: the revision begins inactive, although nothing is known of its load.
    """
    inactive = before.status == "False"
    if want == 0 and threshold > 0 and before.status == "Unknown":
        return TIMED_OUT
    if want == 0 or threshold == 0:
        return NO_TRAFFIC
    if want < 0 and inactive:
        return NO_TRAFFIC if ready < threshold else (before.status, before.reason, before.message)
    return TRUE if ready >= threshold else QUEUED


def _scale(spec: ScalingSpec, desired: int, observed: Observed, last: Outcome, now: float) -> _Step:
    """Put the desired scale between its bounds, and see whether zero may be done."""
    activating = last.active.status == "Unknown"
    if desired < 0 and not activating:
        return _Step(desired, "no decision yet, the scale stays as it is", apply=False)

    least, bound = spec.min_scale, MIN_SCALE
    initial = spec.decider.initial_scale
    if initial > 1 and initial > least and spec.decider.reachable and last.initialized.status != "True":
        least, bound = initial, INITIAL_SCALE
    if desired < least:
        want, reason = least, f"raised to {bound} {least}" if desired >= 0 else f"{bound} {least}"
    elif 0 < spec.max_scale < desired:
        want, reason = spec.max_scale, f"lowered to max-scale {spec.max_scale} from {desired}"
    else:
        want = max(desired, 0)
        reason = f"stays at {want}" if want == observed.replicas else f"from {observed.replicas} to {want} as decided"
    raised = max(desired, least)
    bounds = Limit(bound, least, max(desired, 0), raised), Limit(MAX_SCALE, spec.max_scale, raised, want)
    step = _Step(want, reason) if want > 0 else _to_zero(spec, observed, last, now)
    return replace(step, limits=(*bounds, *step.limits))


def _to_zero(spec: ScalingSpec, observed: Observed, last: Outcome, now: float) -> _Step:
    if not spec.enable_scale_to_zero:
        held = Limit(ENABLE_SCALE_TO_ZERO, 0, 0, 1)
        return _Step(1, "zero held back: enable-scale-to-zero is false", limits=(held,))
    if last.active.status == "Unknown":
        return _give_up_activation(spec, observed, last, now)
    if last.ready.status == "True":
        return _become_inactive(spec, last, now)
    return _remove_last(spec, observed, last, now)


def _give_up_activation(spec: ScalingSpec, observed: Observed, last: Outcome, now: float) -> _Step:
    timeout = spec.activation_timeout
    activating = _elapsed(last.active.since, now)
    if activating > timeout:
        return _Step(0, f"to zero: not active within {timeout:g} s")
    return _Step(
        UNKNOWN_SCALE,
        "waiting for the first instances",
        apply=False,
        requeue_after=timeout,
        limits=(Limit(PROGRESS_DEADLINE, timeout, 0, observed.replicas, left=_elapsed(activating, timeout)),),
    )


def _become_inactive(spec: ScalingSpec, last: Outcome, now: float) -> _Step:
    """Zero is wanted of an active revision: first let the activator take over, with all instances still there."""
    window = spec.decider.stable_window
    active_for = _elapsed(last.active.since, now)
    if active_for < window:
        left = _elapsed(active_for, window)
        return _Step(
            1,
            f"zero held back: active for less than the {window:g} s window, {left:.1f} s left",
            requeue_after=left,
            limits=(Limit(STABLE_WINDOW, window, 0, 1, left=left),),
        )
    return _Step(
        0,
        f"inactive: no traffic for the {window:g} s window, the activator takes over",
        apply=False,
        requeue_after=REENQUEUE_PERIOD if last.mode is Mode.PROXY else None,
    )


def _remove_last(spec: ScalingSpec, observed: Observed, last: Outcome, now: float) -> _Step:
    """Zero is wanted of an inactive revision: it is done once the activator is in the path for sure."""
    probed = spec.decider.target_burst_capacity != -1
    if probed and not observed.activator_answers:
        return _Step(
            0, "zero held back: the activator is not in the path yet", apply=False, probed=True, retry_probe=True
        )

    grace, retention, window = spec.grace_period, spec.last_pod_retention, spec.decider.stable_window
    inactive_for = _elapsed(last.active.since, now) if last.active.status == "False" else 0.0
    if inactive_for >= max(grace, retention):
        return _Step(0, f"to zero: inactive for {inactive_for:.1f} s", probed=probed)
    if inactive_for < retention:
        held, left = "pod retention", _elapsed(inactive_for, retention)
        limit = Limit(POD_RETENTION, retention, 0, observed.replicas, left=left)
    else:
        proxied_for = 0.0 if observed.proxied_since is None else _elapsed(observed.proxied_since, now)
        held, left = "grace period", _elapsed(proxied_for, grace)
        limit = Limit(GRACE_PERIOD, grace, 0, observed.replicas, left=left)
    if left <= 0:
        return _Step(
            0,
            f"to zero: no traffic for the {window:g} s window and activator in path for >= {grace:g} s grace",
            probed=probed,
        )
    why = f"zero held back: {held}, {left:.1f} s left"
    return _Step(0, why, apply=False, requeue_after=left, probed=probed, limits=(limit,))


def _elapsed(since: float, until: float) -> float:
    return round(until - since, CLOCK_DIGITS)
