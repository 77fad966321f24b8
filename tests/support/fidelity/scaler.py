"""kpa_scale.json: the life of a revision's scale, reconciliation by reconciliation."""

from dataclasses import replace
from typing import Any

from emulator.core.autoscaler import DeciderSpec, first_decision
from emulator.core.scaler import Observed, Outcome, first_outcome, reconcile
from fidelity.comparison import Case, Comparison
from fidelity.scaling import scaling_spec, told


def told_outcome(outcome: Outcome, replicas_before: int, start: float) -> dict[str, Any]:
    return {
        "replicas": outcome.replicas,
        "patched": outcome.replicas != replicas_before,
        "status_desired_scale": outcome.desired_scale,
        "status_actual_scale": outcome.actual_scale,
        "sks_mode": outcome.mode,
        "num_activators": outcome.activators,
        "conditions": {name: [c.status, c.reason, c.message] for name, c in outcome.conditions.items()},
        "requeue_after_s": [] if outcome.requeue_after is None else [outcome.requeue_after],
        "sync_probe": outcome.probed,
        "async_probe": outcome.retry_probe,
        "active_since": outcome.active.since - start,
    }


def replay_scaler(case: Case) -> dict[str, Any]:
    start = case["start_unix"]
    specs = {reachable: scaling_spec(case, reachable=reachable) for reachable in (True, False)}
    undecided = first_decision(DeciderSpec(), 0, 0.0)
    outcome = first_outcome(start + case["steps"][0]["in"]["t"])
    steps = []
    for step in case["steps"]:
        seen = step["in"]
        proxied_since = seen["sks_proxy_since"]
        observed = Observed(
            replicas=seen["replicas_before"],
            ready=seen["pods"][0],
            service_known=seen["sks_private_service"],
            service_ready=seen["sks_ready"],
            proxied_since=None if proxied_since is None else start + proxied_since,
            activator_answers=seen["probe"] == "ok",
        )
        spec = specs[seen["reachability"] != "Unreachable"]
        decision = replace(undecided, desired=seen["decider_desired"], excess_burst_capacity=seen["decider_ebc"])
        outcome = reconcile(spec, decision, observed, outcome, start + seen["t"])
        steps.append(told_outcome(outcome, seen["replicas_before"], start))
    # Both are told as of the last step.
    return {"steps": steps, "decider_spec": told(spec.decider), "metric_spec": told(spec.metric)}


def expected_of_scaler(case: Case) -> dict[str, Any]:
    return {
        "steps": [step["out"] for step in case["steps"]],
        "decider_spec": case["decider_spec"],
        "metric_spec": case["metric_spec"],
    }


COMPARISONS = (
    Comparison("kpa_scale", "cases", replay_scaler, ("steps.out", "decider_spec", "metric_spec"), expected_of_scaler),
)
