"""Conditions as the recorded runs of Knative's own code have them."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from statuses import Object, said

from emulator.core import conditions as kinds
from emulator.core import revision_status as revisions
from emulator.core import status
from emulator.core.conditions import READY, TRUE, UNKNOWN, Condition, Conditions
from emulator.core.revision_status import Autoscaler, Deployment


class Run:
    """The status of one object in a recorded run."""

    def __init__(self, kind: str) -> None:
        self.conditions = Conditions(kind)
        self.latest = status.LatestRevisions(self.conditions)
        self.scales: dict[str, int | None] = {}

    def result(self) -> dict[str, Any]:
        """All that the results of any kind show."""
        return {
            "conditions": {c["type"]: said(c) for c in self.conditions.status(0)["conditions"]},
            "actual_replicas": self.scales.get("actualReplicas"),
            "desired_replicas": self.scales.get("desiredReplicas"),
            "latest_created": self.latest.created,
            "latest_ready": self.latest.ready,
        }


def mark(type_: str, told: Callable[[Object], Condition]) -> Callable[[Run, Object], None]:
    return lambda run, op: run.conditions.mark(type_, told(op))


def told_by(status_: str) -> Callable[[Object], Condition]:
    return lambda op: Condition(status_, op["reason"], op["message"])


def follow(type_: str) -> Callable[[Run, Object], None]:
    def propagate(run: Run, op: Object) -> None:
        ready = Condition(op["ready"], op["reason"], op["message"]) if op["ready"] else None
        status.follow_child(run.conditions, type_, ready)

    return propagate


def pod_autoscaler(run: Run, op: Object) -> None:
    if op.get("no_conditions"):
        seen = Autoscaler(None, initialized=False, service_name=op["service_name"])
    else:
        ready = Conditions("PodAutoscaler")
        ready.mark("SKSReady", TRUE if op["sks_ready"] else Condition("Unknown", "NotReady", "not ready"))
        ready.mark("ScaleTargetInitialized", TRUE if op["initialized"] else UNKNOWN)
        ready.mark("Active", Condition(op["active"], op.get("reason", ""), op.get("message", "")))
        seen = Autoscaler(ready[READY], op["initialized"], op["service_name"])
    scaled = replace(seen, actual=op["actual"], desired=op["desired"])
    run.scales = revisions.follow_autoscaler(run.conditions, scaled)


def deployment(run: Run, op: Object) -> None:
    seen = {type_: Condition(*state) for type_, state in op.items() if type_ != "op"}
    run.conditions.follow(revisions.RESOURCES, revisions.resources_of(Deployment(1, 1, seen)))


OPS: dict[str, Callable[[Run, Object], None]] = {
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


def differences(case: Object) -> list[str]:
    """Where a run of the recorded operations differs from the recorded results."""
    run = Run(case["kind"])
    found = []
    for index, (op, expected) in enumerate(zip(case["ops"], case["results"], strict=True)):
        OPS[op["op"]](run, op)
        result = run.result()
        found += [
            f"{index} {op['op']} {key}: {result[key]} != {value}"
            for key, value in expected.items()
            if result[key] != value
        ]
    return found


@pytest.fixture(autouse=True)
def _recorded_autoscaler(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs' PodAutoscaler; here its Ready is the scaler's (emulator.core.scaler.Outcome)."""
    gating = ("Active", "ScaleTargetInitialized", "SKSReady")
    monkeypatch.setattr(kinds, "GATING", {**kinds.GATING, "PodAutoscaler": gating})


@pytest.mark.vectors("status")
def test_conditions_as_recorded(case: Object) -> None:
    assert differences(case) == []


def test_a_changed_recording_is_noticed(vectors: Callable[[str], Any]) -> None:
    for kind in ("Revision", "Configuration", "Service"):
        case = copy.deepcopy(next(case for case in vectors("status")["cases"] if case["kind"] == kind))
        assert differences(case) == []
        case["results"][-1]["conditions"][READY][1] += "?"
        assert len(differences(case)) == 1


def test_ready_gives_the_reason_that_came_last() -> None:
    stored = {
        "conditions": [
            {"type": type_, "status": "Unknown", "reason": reason, "lastTransitionTime": time}
            for type_, reason, time in (
                ("AllTrafficAssigned", "Older", "2026-11-23T11:00:00Z"),
                ("IngressReady", "Newer", "2026-11-23T11:00:01Z"),
            )
        ]
    }
    conditions = Conditions("Route", stored)
    conditions.mark(status.CERTIFICATE, TRUE)
    assert conditions[READY].reason == "Newer"


def test_a_new_generation_of_what_had_failed() -> None:
    failed = {"type": "ContainerHealthy", "status": "False", "lastTransitionTime": "2026-11-23T11:00:00Z"}
    status_ = {"observedGeneration": 1, "conditions": [failed]}
    assert Conditions("Revision", status_, 2)[READY] == kinds.NEW_GENERATION._replace(status="False")
