from dataclasses import replace

import pytest

from emulator.core.autoscaler import DeciderSpec, Decision, decide, first_decision
from emulator.core.config import AutoscalerConfig, shipped
from emulator.core.config_deployment import DeploymentConfig
from emulator.core.decider import ScalingSpec, resolve
from emulator.core.metrics import RevisionMetrics
from emulator.core.scaler import Mode, Observed, Outcome, first_outcome, reconcile
from emulator.core.settings import load

GROUP = "autoscaling.knative.dev/"
DEPLOYMENT = load(DeploymentConfig, shipped("config-deployment", {}))
UNDECIDED = first_decision(DeciderSpec(), 0, 0.0)


def decided(desired: int, excess: int = 0) -> Decision:
    return replace(UNDECIDED, desired=desired, excess_burst_capacity=excess)


def spec_of(annotations: dict[str, str] | None = None, *, reachable: bool = True, **config: str) -> ScalingSpec:
    autoscaler = load(AutoscalerConfig, {key.replace("_", "-"): text for key, text in config.items()})
    keys = {GROUP + key: text for key, text in (annotations or {}).items()}
    return resolve(keys, autoscaler, DEPLOYMENT, container_concurrency=0, reachable=reachable)


def active(ready: int, now: float = 0.0, spec: ScalingSpec | None = None) -> Outcome:
    """A revision that has become active at `now` with `ready` instances."""
    observed = Observed(replicas=ready, ready=ready)
    outcome = reconcile(spec or spec_of(), decided(ready), observed, first_outcome(now), now)
    assert outcome.active.status == "True"
    return outcome


@pytest.mark.parametrize(
    ("spec", "desired", "replicas", "reason"),
    [
        (spec_of(), 3, 3, "from 1 to 3 as decided"),
        (spec_of(), 1, 1, "stays at 1"),
        (spec_of(), -1, 1, "no decision yet, the scale stays as it is"),
        (spec_of({"min-scale": "2"}), 1, 2, "raised to min-scale 2"),
        (spec_of({"min-scale": "5", "max-scale": "3"}), 1, 5, "raised to min-scale 5"),
        (spec_of({"max-scale": "5"}), 9, 5, "lowered to max-scale 5 from 9"),
        (spec_of({"min-scale": "2"}, reachable=False), 1, 1, "stays at 1"),
        (spec_of(enable_scale_to_zero="false"), 0, 1, "zero held back: enable-scale-to-zero is false"),
        (spec_of(), 0, 1, "zero held back: active for less than the 60 s window, 35.0 s left"),
    ],
)
def test_reasons_of_a_scale(spec: ScalingSpec, desired: int, replicas: int, reason: str) -> None:
    outcome = reconcile(spec, decided(desired), Observed(replicas=1, ready=1), active(1), 25.0)
    assert (outcome.replicas, outcome.reason) == (replicas, reason)


def test_the_initial_scale_holds_until_it_was_reached() -> None:
    spec = spec_of({"initial-scale": "3", "max-scale": "2"})
    begun = reconcile(spec, decided(0), Observed(replicas=3, ready=2), first_outcome(0.0), 1.0)
    assert (begun.replicas, begun.reason) == (3, "raised to initial-scale 3")
    assert begun.active.reason == "Queued"
    reached = reconcile(spec, decided(0), Observed(replicas=3, ready=3), begun, 2.0)
    assert (reached.active.status, reached.initialized.status) == ("True", "True")
    released = reconcile(spec, decided(1), Observed(replicas=3, ready=3), reached, 3.0)
    assert (released.replicas, released.reason) == (1, "from 3 to 1 as decided")


def test_the_way_to_zero_says_where_it_stands() -> None:
    spec = spec_of({"scale-to-zero-pod-retention-period": "50s"})
    outcome = replace(active(2), mode=Mode.SERVE)
    told = []
    for now, answers in [(60.0, False), (61.0, False), (65.0, True), (110.0, True)]:
        observed = Observed(replicas=2, ready=2, activator_answers=answers, proxied_since=65.0 if answers else None)
        outcome = reconcile(spec, decided(0), observed, outcome, now)
        told.append((outcome.replicas, outcome.requeue_after, outcome.reason))
    assert told == [
        (2, None, "inactive: no traffic for the 60 s window, the activator takes over"),
        (2, None, "zero held back: the activator is not in the path yet"),
        (2, 45.0, "zero held back: pod retention, 45.0 s left"),
        (0, None, "to zero: inactive for 50.0 s"),
    ]


def test_an_activator_that_was_in_the_path_before_makes_it_quick() -> None:
    inactive = reconcile(spec_of(), decided(0), Observed(replicas=1, ready=1), active(1), 60.0)
    waits = Observed(replicas=1, ready=1, activator_answers=True, proxied_since=50.0)
    waiting = reconcile(spec_of(), decided(0), waits, inactive, 63.0)
    assert (waiting.replicas, waiting.reason) == (1, "zero held back: grace period, 17.0 s left")
    at_once = reconcile(spec_of(), decided(0), replace(waits, proxied_since=33.0), inactive, 63.0)
    assert at_once.replicas == 0
    assert at_once.reason == "to zero: no traffic for the 60 s window and activator in path for >= 30 s grace"


def test_what_never_becomes_ready_is_given_up() -> None:
    spec = spec_of()
    observed = Observed(replicas=1, ready=0, service_ready=False)
    outcome = reconcile(spec, decided(-1, -211), observed, first_outcome(0.0), 0.0)
    assert (outcome.replicas, outcome.requeue_after) == (1, 630.0)
    assert outcome.reason == "waiting for the first instances"
    outcome = reconcile(spec, decided(-1, -211), observed, outcome, 630.0)
    assert outcome.replicas == 1
    outcome = reconcile(spec, decided(-1, -211), observed, outcome, 630.1)
    assert (outcome.replicas, outcome.active.reason) == (0, "TimedOut")
    assert outcome.reason == "to zero: not active within 630 s"


def test_a_run_of_load_goes_up_and_down_as_on_a_real_cluster() -> None:
    """50 requests at once for 90 s and then silence, target 10 per instance, instances ready after 2 s.

    The measured steps down came at 92-93, 102-103, 110-111, ... and zero at 151-152 s.
    """
    spec = spec_of({"target": "10"})
    metrics = RevisionMetrics(spec.metric)
    start = 1_795_432_224.0
    decision = replace(first_decision(spec.decider, 0, start), desired=0)
    inactive = reconcile(spec, decided(0), Observed(1, 1), active(1, start - 200, spec), start - 100)
    outcome = replace(inactive, replicas=0)
    begun = [(start - 1000, 0)]
    steps = []
    for second in range(200):
        now = start + second
        if second < 90:
            metrics.record(now, 50.0 if second else 1.0, 100.0)
        elif second < 165:
            metrics.record(now, 0.0, 0.0)
        if second % 2 == 0:
            ready = min([replicas for since, replicas in begun if since <= now - 2][-1], outcome.replicas)
            decision = decide(spec.decider, metrics.averages(now), ready, decision, now)
            observed = Observed(outcome.replicas, ready, activator_answers=True, proxied_since=start - 100)
            before, outcome = outcome, reconcile(spec, decision, observed, outcome, now)
            if outcome.replicas != before.replicas:
                begun.append((now, outcome.replicas))
                steps.append((second, outcome.replicas))
    up = [replicas for second, replicas in steps if second < 90]
    down = [(second, replicas) for second, replicas in steps if second >= 90]
    assert up[0] == 1
    assert up[-1] == 8
    assert [replicas for _, replicas in down] == [7, 6, 5, 4, 3, 2, 1, 0]
    measured = [92, 102, 110, 118, 126, 134, 144, 152]
    assert all(abs(second - real) <= 2 for (second, _), real in zip(down, measured, strict=True)), down
