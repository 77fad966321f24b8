"""Stored objects of a real cluster (tests/measured/objects.json.gz) as tests of statuses take them apart."""

from typing import Any

from emulator.core.conditions import TRUE, Condition
from emulator.core.revision_status import Autoscaler, Deployment, Failure, RevisionFacts, revision_status
from emulator.core.status import RouteFacts

Object = dict[str, Any]

T0 = 1795431682.0
"""2026-11-23T11:01:22Z"""

UP = RevisionFacts(
    digests={"user-container": ""},
    deployment=Deployment(1, 1, {"Progressing": Condition("True", "NewReplicaSetAvailable", "done")}),
    autoscaler=Autoscaler(TRUE, initialized=True, service_name="s", actual=1, desired=1),
)

PROGRESSING = {"Progressing": Condition("True", "ReplicaSetUpdated", "busy")}
TIMED_OUT = {"Progressing": Condition("False", "ProgressDeadlineExceeded", "timed out")}
QUEUED = Condition("Unknown", "Queued", "Requests to the target are being buffered as resources are provisioned.")
INACTIVE = Condition("False", "NoTraffic", "The target is not receiving traffic.")
CRASH = "11:14:55.897084 app start unixnano=1795432495897083934\n11:14:55.898577 crashing on purpose\n"

MADE = RevisionFacts(digests={"user-container": ""})
GIVEN_UP = RevisionFacts(
    digests={"user-container": ""},
    deployment=Deployment(0, 0, {"Progressing": Condition("True", "NewReplicaSetAvailable", "done")}),
    autoscaler=Autoscaler(INACTIVE, initialized=False, service_name="s", actual=0, desired=0),
)


def fresh(stored: Object) -> Object:
    """As it was before its first status."""
    return {key: value for key, value in stored.items() if key != "status"}


def timeless(status_: Object) -> Object:
    untimed = [{k: v for k, v in c.items() if k != "lastTransitionTime"} for c in status_["conditions"]]
    return status_ | {"conditions": untimed}


def said(stored: Object) -> list[str]:
    return [*Condition.read(stored), *([stored["severity"]] if "severity" in stored else [])]


def route_facts(route: Object, **more: Any) -> RouteFacts:
    """What the route's status says of its names and traffic."""
    name = route["metadata"]["name"]
    traffic = route["status"].get("traffic", ())
    return RouteFacts(
        url=route["status"]["url"], address=f"http://{name}.default.svc.cluster.local", traffic=traffic, **more
    )


def life(revision: Object, *steps: tuple[float, RevisionFacts]) -> Object:
    """The revision after these facts, one after the other."""
    stored = fresh(revision)
    for now, facts in steps:
        stored = stored | {"status": revision_status(stored, facts, now)}
    return stored


def starting(conditions: dict[str, Condition], failure: Failure | None = None) -> RevisionFacts:
    return RevisionFacts(
        digests={"user-container": ""},
        deployment=Deployment(1, 0, conditions),
        failure=failure,
        autoscaler=Autoscaler(QUEUED, initialized=False, service_name="s", actual=0, desired=-1),
    )
