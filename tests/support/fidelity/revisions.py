"""status.json and gc.json: conditions of a Revision, a Configuration and a Service; which Revisions are collected."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from statuses import said

from emulator.core import annotations as keys
from emulator.core import revision_status as revisions
from emulator.core import status
from emulator.core.conditions import GATING, READY, TRUE, UNKNOWN, Condition, Conditions, timestamp
from emulator.core.config import GcConfig
from emulator.core.gc import Candidate, collect
from emulator.core.revision_status import Autoscaler, Deployment
from emulator.core.settings import load
from fidelity.comparison import Case, Comparison

NOW = 1_700_000_000.0

#: What the results of a kind show.
SHOWN = {
    "Revision": {"conditions", "actual_replicas", "desired_replicas"},
    "Configuration": {"conditions", "latest_created", "latest_ready"},
    "Service": {"conditions"},
}


class Run:
    """The status of one object in a recorded run."""

    def __init__(self, kind: str) -> None:
        self.conditions = Conditions(kind)
        self.latest = status.LatestRevisions(self.conditions)
        self.scales: dict[str, int | None] = {}

    def result(self) -> dict[str, Any]:
        """All that may be shown of it."""
        return {
            "conditions": {c["type"]: said(c) for c in self.conditions.status(0)["conditions"]},
            "actual_replicas": self.scales.get("actualReplicas"),
            "desired_replicas": self.scales.get("desiredReplicas"),
            "latest_created": self.latest.created,
            "latest_ready": self.latest.ready,
        }


def mark(type_: str, told: Callable[[Case], Condition]) -> Callable[[Run, Case], None]:
    return lambda run, op: run.conditions.mark(type_, told(op))


def told_by(status_: str) -> Callable[[Case], Condition]:
    return lambda op: Condition(status_, op["reason"], op["message"])


def follow(type_: str) -> Callable[[Run, Case], None]:
    def propagate(run: Run, op: Case) -> None:
        ready = Condition(op["ready"], op["reason"], op["message"]) if op["ready"] else None
        status.follow_child(run.conditions, type_, ready)

    return propagate


def pod_autoscaler(run: Run, op: Case) -> None:
    if op.get("no_conditions"):
        seen = Autoscaler(None, initialized=False, service_name=op["service_name"])
    else:
        with patch.dict(GATING, {"PodAutoscaler": ("Active", "ScaleTargetInitialized", "SKSReady")}):
            ready = Conditions("PodAutoscaler")  # here its Ready is the scaler's (emulator.core.scaler.Outcome)
        ready.mark("SKSReady", TRUE if op["sks_ready"] else Condition("Unknown", "NotReady", "not ready"))
        ready.mark("ScaleTargetInitialized", TRUE if op["initialized"] else UNKNOWN)
        ready.mark("Active", Condition(op["active"], op.get("reason", ""), op.get("message", "")))
        seen = Autoscaler(ready[READY], op["initialized"], op["service_name"])
    scaled = replace(seen, actual=op["actual"], desired=op["desired"])
    run.scales = revisions.follow_autoscaler(run.conditions, scaled)


def deployment(run: Run, op: Case) -> None:
    seen = {type_: Condition(*state) for type_, state in op.items() if type_ != "op"}
    run.conditions.follow(revisions.RESOURCES, revisions.resources_of(Deployment(1, 1, seen)))


OPS: dict[str, Callable[[Run, Case], None]] = {
    "init": lambda run, op: None,
    "pod_autoscaler": pod_autoscaler,
    "deployment": deployment,
    "container_healthy_true": mark(revisions.CONTAINER, lambda op: TRUE),
    "container_healthy_false": mark(revisions.CONTAINER, told_by("False")),
    "container_healthy_unknown": mark(revisions.CONTAINER, told_by("Unknown")),
    "resources_unavailable": mark(revisions.RESOURCES, told_by("False")),
    "latest_created": lambda run, op: run.latest.created_is(op["name"]),
    "latest_ready": lambda run, op: run.latest.ready_is(op["name"]),
    "latest_created_failed": mark(READY, lambda op: status.revision_failed(op["name"], op["message"])),
    "revision_creation_failed": mark(READY, lambda op: status.revision_creation_failed(op["message"])),
    "latest_ready_deleted": lambda run, op: run.conditions.mark(READY, status.revision_deleted(run.latest.ready)),
    "configuration": follow(status.CONFIGURATIONS),
    "configuration_out_of_date": mark(status.CONFIGURATIONS, lambda op: status.CONFIGURATION_OUT_OF_DATE),
    "route": follow(status.ROUTES),
    "route_out_of_date": mark(status.ROUTES, lambda op: status.ROUTE_OUT_OF_DATE),
    "route_not_yet_ready": mark(status.ROUTES, lambda op: status.TRAFFIC_NOT_MIGRATED),
    "revision_name_taken": mark(status.ROUTES, lambda op: status.revision_name_taken(op["name"])),
}


def replay_status(case: Case) -> dict[str, Any]:
    run = Run(case["kind"])
    results = []
    for op in case["ops"]:
        OPS[op["op"]](run, op)
        results.append({key: value for key, value in run.result().items() if key in SHOWN[case["kind"]]})
    return {"results": results}


def stored(recorded: dict[str, Any]) -> dict[str, Any]:
    """The Revision that a recorded one was."""
    modified, no_gc = recorded["routing_state_modified_s_ago"], recorded.get("no_gc")
    annotations = {} if modified is None else {keys.ROUTING_STATE_MODIFIED: timestamp(NOW - modified)}
    annotations |= {"serving.knative.dev/no-gc": no_gc} if no_gc else {}
    state = recorded["routing_state"]
    meta = {"name": recorded["name"], "creationTimestamp": timestamp(NOW - recorded["created_s_ago"])}
    labels = {keys.ROUTING_STATE_LABEL: state} if state else {}
    return {"metadata": meta | {"annotations": annotations, "labels": labels}}


def replay_collection(case: Case) -> dict[str, Any]:
    revisions_ = [Candidate.of(stored(each)) for each in case["revisions"]]
    return {"deleted": collect(revisions_, case["latest_ready"], load(GcConfig, case["config_gc"]), NOW)}


COMPARISONS = (
    Comparison("status", "cases", replay_status, ("results",)),
    Comparison("gc", "cases", replay_collection, ("deleted",)),
)
