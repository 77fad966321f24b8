"""Conditions as the recorded runs have them, and whole statuses as a real cluster showed them."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from emulator.core import conditions as kinds
from emulator.core import revision_status as revisions
from emulator.core import status
from emulator.core.conditions import READY, TRUE, UNKNOWN, Condition, Conditions
from emulator.core.revision_status import Autoscaler, Deployment, Exited, RevisionFacts, Unschedulable, Waiting
from emulator.core.scaler import first_outcome
from emulator.core.status import RouteFacts

Object = dict[str, Any]


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


def said(stored: Object) -> list[str]:
    return [*Condition.read(stored), *([stored["severity"]] if "severity" in stored else [])]


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


# Statuses of whole objects, as a real cluster showed them.

T0 = 1795431682.0
"""2026-11-23T11:01:22Z"""

UP = RevisionFacts(
    digests={"user-container": ""},
    deployment=Deployment(1, 1, {"Progressing": Condition("True", "NewReplicaSetAvailable", "done")}),
    autoscaler=Autoscaler(TRUE, initialized=True, service_name="s", actual=1, desired=1),
)


@pytest.fixture(scope="session")
def objects(measured: Callable[[str], Any]) -> Any:
    """Stored objects of a real cluster, in various states."""
    return measured("objects")


def fresh(stored: Object) -> Object:
    """As it was before its first status."""
    return {key: value for key, value in stored.items() if key != "status"}


def timeless(status_: Object) -> Object:
    untimed = [{k: v for k, v in c.items() if k != "lastTransitionTime"} for c in status_["conditions"]]
    return status_ | {"conditions": untimed}


def route_facts(route: Object, **more: Any) -> RouteFacts:
    """What the route's status says of its names and traffic."""
    name = route["metadata"]["name"]
    traffic = route["status"].get("traffic", ())
    return RouteFacts(
        url=route["status"]["url"], address=f"http://{name}.default.svc.cluster.local", traffic=traffic, **more
    )


def test_a_ready_service_as_on_a_real_cluster(objects: Any) -> None:
    service, configuration, route, revision = (
        objects[f"hello-ready-{name}"] for name in ("ksvc", "configuration", "route", "revision")
    )
    up = revision | {"status": revisions.revision_status(fresh(revision), UP, T0)}
    assert up["status"] == revision["status"]
    made = status.configuration_status(fresh(configuration), "hello-00001", [up], T0)
    assert made == configuration["status"]
    routed = status.route_status(fresh(route), route_facts(route, ingress_ready=True), T0)
    assert routed == route["status"]
    assert status.service_status(fresh(service), configuration, route, T0) == service["status"]


def test_nothing_moves_when_nothing_changes(objects: Any) -> None:
    service, configuration, route, revision = (
        objects[f"hello-ready-{name}"] for name in ("ksvc", "configuration", "route", "revision")
    )
    before = copy.deepcopy((service, configuration, route, revision))
    later = T0 + 60
    assert revisions.revision_status(revision, UP, later) == revision["status"]
    assert status.configuration_status(configuration, "hello-00001", [revision], later) == configuration["status"]
    assert status.route_status(route, route_facts(route, ingress_ready=True), later) == route["status"]
    assert status.service_status(service, configuration, route, later) == service["status"]
    assert (service, configuration, route, revision) == before


def test_at_zero_a_revision_stays_ready(objects: Any) -> None:
    stored = objects["zero-revision"]
    first = revisions.revision_status(fresh(stored), UP, 1795433541.0)
    inactive = Condition("False", "NoTraffic", "The target is not receiving traffic.")
    facts = RevisionFacts(
        digests={"user-container": ""},
        deployment=Deployment(0, 0, {"Progressing": Condition("True", "NewReplicaSetAvailable", "done")}),
        autoscaler=Autoscaler(inactive, initialized=True, service_name="s", actual=0, desired=0),
    )
    assert revisions.revision_status(fresh(stored) | {"status": first}, facts, 1795433547.0) == stored["status"]
    assert first["desiredReplicas"] == 1


PROGRESSING = {"Progressing": Condition("True", "ReplicaSetUpdated", "busy")}
TIMED_OUT = {"Progressing": Condition("False", "ProgressDeadlineExceeded", "timed out")}
QUEUED = Condition("Unknown", "Queued", "Requests to the target are being buffered as resources are provisioned.")
INACTIVE = Condition("False", "NoTraffic", "The target is not receiving traffic.")
CRASH = "11:14:55.897084 app start unixnano=1795432495897083934\n11:14:55.898577 crashing on purpose\n"


def life(revision: Object, *steps: tuple[float, RevisionFacts]) -> Object:
    """The revision after these facts, one after the other."""
    stored = fresh(revision)
    for now, facts in steps:
        stored = stored | {"status": revisions.revision_status(stored, facts, now)}
    return stored


def starting(
    conditions: dict[str, Condition], failure: revisions.Failure | None = None, available: int = 0
) -> RevisionFacts:
    return RevisionFacts(
        digests={"user-container": ""},
        deployment=Deployment(1, available, conditions),
        failure=failure,
        autoscaler=Autoscaler(QUEUED, initialized=False, service_name="s", actual=0, desired=-1),
    )


MADE = RevisionFacts(digests={"user-container": ""})
GIVEN_UP = RevisionFacts(
    digests={"user-container": ""},
    deployment=Deployment(0, 0, {"Progressing": Condition("True", "NewReplicaSetAvailable", "done")}),
    autoscaler=Autoscaler(INACTIVE, initialized=False, service_name="s", actual=0, desired=0),
)


@pytest.mark.parametrize(
    ("name", "failure", "reported"),
    [
        ("bad-crash", Exited(3, CRASH), Condition("False", "ExitCode3", f"Container failed with: {CRASH}")),
        ("bad-noimage", Waiting("ImagePullBackOff", "wait"), Condition("False", "ImagePullBackOff", "wait")),
    ],
)
def test_what_never_comes_up_as_on_a_real_cluster(
    objects: Any, name: str, failure: revisions.Failure, reported: Condition
) -> None:
    expected = objects[f"{name}-revision"]
    made, timed_out, given_up = 1795432158.0, 1795432759.0, 1795432789.0
    begun = ((made, MADE), (made + 1, starting(PROGRESSING)), (timed_out, starting(TIMED_OUT, failure)))
    failed = life(expected, *begun)
    assert kinds.ready_of(failed) == reported
    stored = life(expected, *begun, (given_up, GIVEN_UP))
    assert stored["status"] == expected["status"]

    configuration, route, service = (objects[f"{name}-{kind}"] for kind in ("configuration", "route", "ksvc"))
    first = status.configuration_status(fresh(configuration), stored["metadata"]["name"], [failed], timed_out)
    followed = configuration | {"status": first}
    again = status.configuration_status(followed, stored["metadata"]["name"], [stored], given_up)
    assert timeless(again) == timeless(configuration["status"])
    problem = Condition("False", "RevisionMissing", f'Configuration "{name[4:]}" does not have any ready Revision.')
    routed = status.route_status(fresh(route), route_facts(route, problem=problem), timed_out)
    assert timeless(routed) == timeless(route["status"])
    before = fresh(service) | {"status": status.service_status(fresh(service), followed, route, timed_out)}
    assert timeless(status.service_status(before, configuration, route, given_up)) == timeless(service["status"])


def test_an_image_that_cannot_be_resolved(objects: Any) -> None:
    revision = objects["bad-noimage-revision"]
    message = revisions.unable_to_fetch("registry.example/a:v1", "no such host")
    stored = life(revision, (0.0, RevisionFacts()), (1.0, RevisionFacts(image_error=message)))
    by_type = {condition["type"]: said(condition) for condition in stored["status"]["conditions"]}
    missing = ["False", "ContainerMissing", 'Unable to fetch image "registry.example/a:v1": no such host']
    assert by_type == {
        "ContainerHealthy": missing,
        "Ready": missing,
        "ResourcesAvailable": ["Unknown", "ResolvingDigests", ""],
    }
    assert set(stored["status"]) == {"conditions", "observedGeneration"}
    found = life(stored, (2.0, RevisionFacts(digests={"user-container": "registry.example/a@sha256:0"})))
    assert kinds.ready_of(found) == Condition("Unknown", "Deploying")
    assert found["status"]["containerStatuses"] == [
        {"name": "user-container", "imageDigest": "registry.example/a@sha256:0"}
    ]


def test_init_containers_have_statuses_of_their_own(objects: Any) -> None:
    revision = copy.deepcopy(objects["hello-ready-revision"])
    revision["spec"]["initContainers"] = [{"name": "before", "image": "i"}]
    assert life(revision, (0.0, MADE))["status"]["initContainerStatuses"] == [{"name": "before"}]


def test_a_revision_that_finds_no_place(objects: Any) -> None:
    failure = Unschedulable("Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.")
    stored = life(objects["hello-ready-revision"], (0.0, MADE), (1.0, starting(PROGRESSING, failure)))
    assert kinds.ready_of(stored) == Condition("False", "Unschedulable", failure.message)


@pytest.mark.parametrize(
    ("code", "message", "words"), [(0, "", "container exited with no error"), (0, "bye", "bye"), (137, "", "")]
)
def test_last_words_of_a_container(objects: Any, code: int, message: str, words: str) -> None:
    stored = life(objects["hello-ready-revision"], (0.0, MADE), (1.0, starting(PROGRESSING, Exited(code, message))))
    assert kinds.ready_of(stored) == Condition("False", f"ExitCode{code}", f"Container failed with: {words}")


def test_waiting_is_a_failure_only_after_the_deadline(objects: Any) -> None:
    waiting = Waiting("CreateContainerConfigError", 'configmap "c" not found')
    stored = life(objects["hello-ready-revision"], (0.0, MADE), (1.0, starting(PROGRESSING, waiting)))
    assert kinds.ready_of(stored) == Condition("Unknown", "Deploying")
    stored = life(stored, (0.0, MADE), (601.0, starting(TIMED_OUT, waiting)))
    assert kinds.ready_of(stored) == Condition("False", *("CreateContainerConfigError", 'configmap "c" not found'))


def test_a_revision_recovers_from_a_crash(objects: Any) -> None:
    crashed = life(objects["hello-ready-revision"], (0.0, MADE), (1.0, starting(PROGRESSING, Exited(1, "boom"))))
    assert kinds.ready_of(crashed) == Condition("False", "ExitCode1", "Container failed with: boom")
    back = fresh(crashed) | {"status": revisions.revision_status(crashed, UP, 2.0)}
    assert kinds.ready_of(back) == TRUE


def test_a_failure_of_an_instance_that_is_not_wanted_any_more(objects: Any) -> None:
    gone = replace(GIVEN_UP, failure=Exited(1, "boom"))
    stored = life(objects["hello-ready-revision"], (0.0, MADE), (1.0, gone))
    assert kinds.ready_of(stored) == revisions.NEVER_SCALED


def test_what_the_scaler_came_to() -> None:
    seen = Autoscaler.of(first_outcome(0.0), "")
    assert seen == Autoscaler(UNKNOWN, initialized=False, service_name="", actual=0, desired=-1)


# Service, Configuration and Route among each other.


def test_a_service_before_its_children_are_there(objects: Any) -> None:
    service = fresh(objects["hello-ready-ksvc"])
    made = status.service_status(service, None, None, T0)
    assert {c["type"]: c["reason"] for c in made["conditions"]} == dict.fromkeys(
        ("ConfigurationsReady", "Ready", "RoutesReady"), "OutOfDate"
    )
    assert made["observedGeneration"] == 1
    assert set(made) == {"conditions", "observedGeneration"}


def test_a_named_revision_is_waited_for_before_the_route_is_looked_at(objects: Any) -> None:
    service = copy.deepcopy(objects["hello-ready-ksvc"])
    service["spec"]["template"]["metadata"] = {"name": "hello-named"}
    made = status.service_status(fresh(service), None, objects["hello-ready-route"], T0)
    by_type = {condition["type"]: said(condition) for condition in made["conditions"]}
    assert by_type["RoutesReady"] == ["Unknown", "", ""]
    assert "url" not in made


def test_foreign_children(objects: Any) -> None:
    service, configuration, route = (objects[f"hello-ready-{kind}"] for kind in ("ksvc", "configuration", "route"))
    foreign = copy.deepcopy((configuration, route))
    for child in foreign:
        child["metadata"]["ownerReferences"][0]["uid"] = "another"
    made = status.service_status(fresh(service), foreign[0], route, T0)
    assert kinds.ready_of({"status": made}) == status.not_owned("Configuration", "hello")
    made = status.service_status(fresh(service), configuration, foreign[1], T0)
    assert kinds.ready_of({"status": made}) == Condition(
        "False", "NotOwned", 'There is an existing Route "hello" that we do not own.'
    )


def test_an_owner_that_does_not_control(objects: Any) -> None:
    service, configuration, route = copy.deepcopy(
        [objects[f"hello-ready-{kind}"] for kind in ("ksvc", "configuration", "route")]
    )
    configuration["metadata"]["ownerReferences"][0]["controller"] = False
    made = status.service_status(fresh(service), configuration, route, T0)
    assert kinds.ready_of({"status": made}) == status.not_owned("Configuration", "hello")


def test_a_service_waits_for_its_route(objects: Any) -> None:
    service, configuration, route = (objects[f"hello-ready-{kind}"] for kind in ("ksvc", "configuration", "route"))
    behind = copy.deepcopy(route)
    behind["metadata"]["generation"] = 2
    made = status.service_status(service, configuration, behind, T0)
    assert kinds.ready_of({"status": made}) == status.ROUTE_OUT_OF_DATE
    elsewhere = copy.deepcopy(route)
    elsewhere["status"]["traffic"][0]["revisionName"] = "hello-00000"
    made = status.service_status(service, configuration, elsewhere, T0)
    assert kinds.ready_of({"status": made}) == status.TRAFFIC_NOT_MIGRATED


def test_tags_and_percents_migrate(objects: Any) -> None:
    service, route = objects["split-ksvc"], objects["split-route"]
    configuration = objects["split-byoconflict-cfg"] | {"status": {"latestReadyRevisionName": "split-00002"}}
    assert status._is_migrated(route, configuration)
    assert not status._is_migrated(route | {"status": {"traffic": []}}, configuration)
    unmarked = [{**target, "latestRevision": None} for target in route["status"]["traffic"]]
    assert status._is_migrated(route | {"status": {"traffic": unmarked}}, configuration)
    assert service["status"]["traffic"] == route["status"]["traffic"]


def test_a_name_that_is_taken_as_on_a_real_cluster(objects: Any) -> None:
    configuration, service = objects["split-byoconflict-cfg"], objects["split-byoconflict-ksvc"]
    taken = objects["split-revs"][0]
    error = status.name_conflict(configuration, taken)
    assert error == 'revisions.serving.knative.dev "split-00001" already exists'
    now = 1795433562.0
    before = configuration | {"status": configuration["status"] | {"observedGeneration": 2, "conditions": []}}
    made = status.configuration_status(before, "", objects["split-revs"], now, creation_error=error)
    assert made == configuration["status"]
    before = service | {"status": objects["split-badtraffic-ksvc"]["status"]}
    assert status.service_status(before, configuration, None, now, name_conflict=error) == service["status"]


def test_going_back_to_a_name_of_the_same_spec(objects: Any) -> None:
    """Both names of the Configuration move back, although a newer revision is ready."""
    configuration, revs = copy.deepcopy((objects["split-byoconflict-cfg"], objects["split-revs"]))
    configuration["spec"]["template"]["spec"] = revs[0]["spec"]
    assert status.name_conflict(configuration, revs[0]) == ""
    made = status.configuration_status(configuration, "split-00001", revs, T0)
    assert (made["latestCreatedRevisionName"], made["latestReadyRevisionName"]) == ("split-00001", "split-00001")
    assert kinds.ready_of({"status": made}) == TRUE


def test_a_name_that_another_configuration_has(objects: Any) -> None:
    configuration, revs = copy.deepcopy((objects["split-byoconflict-cfg"], objects["split-revs"]))
    configuration["spec"]["template"]["spec"] = revs[0]["spec"]
    revs[0]["metadata"]["ownerReferences"][0]["uid"] = "another"
    assert status.name_conflict(configuration, revs[0])


def test_the_latest_ready_revision_does_not_move_back_when_it_fails(objects: Any) -> None:
    configuration, revs = copy.deepcopy((objects["split-byoconflict-cfg"], objects["split-revs"]))
    configuration["spec"]["template"].pop("metadata")
    revs[1]["status"] = objects["bad-crash-revision"]["status"]
    made = status.configuration_status(configuration, "split-00002", revs, T0)
    assert made["latestReadyRevisionName"] == "split-00002"


def test_a_new_generation_is_not_ready_by_the_old_one(objects: Any) -> None:
    configuration = copy.deepcopy(objects["hello-ready-configuration"])
    configuration["metadata"]["generation"] = 2
    unknown = fresh(objects["hello-ready-revision"])
    made = status.configuration_status(configuration, "hello-00001", [unknown], T0)
    assert kinds.ready_of({"status": made}) == kinds.NEW_GENERATION


def test_a_new_generation_of_what_had_failed(objects: Any) -> None:
    failed = objects["bad-crash-revision"]["status"]
    assert Conditions("Revision", failed, 2)[READY] == kinds.NEW_GENERATION._replace(status="False")


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


def test_a_failing_revision_leaves_the_latest_ready_one(objects: Any) -> None:
    configuration, revs = copy.deepcopy((objects["split-byoconflict-cfg"], objects["split-revs"]))
    configuration["spec"]["template"].pop("metadata")
    newer = copy.deepcopy(objects["bad-crash-revision"])
    newer["metadata"]["name"] = "split-00003"
    newer["metadata"]["labels"]["serving.knative.dev/configurationGeneration"] = "3"
    made = status.configuration_status(configuration, "split-00003", [*revs, newer], T0)
    assert (made["latestCreatedRevisionName"], made["latestReadyRevisionName"]) == ("split-00003", "split-00002")
    assert kinds.ready_of({"status": made}) == status.revision_failed("split-00003", f"Container failed with: {CRASH}")


def test_a_deleted_latest_ready_revision(objects: Any) -> None:
    configuration = objects["hello-ready-configuration"]
    made = status.configuration_status(configuration, "hello-00001", [], T0)
    assert kinds.ready_of({"status": made}) == Condition(
        "False", "RevisionDeleted", 'Revision "hello-00001" was deleted.'
    )


def test_traffic_to_nowhere_as_on_a_real_cluster(objects: Any) -> None:
    """The old traffic stays, and with it the address; the condition of the ingress starts anew."""
    route, expected = objects["split-route"], objects["split-badtraffic-route"]
    route = route | {"metadata": expected["metadata"], "spec": expected["spec"]}
    problem = Condition("False", "RevisionMissing", 'Revision "split-00099" referenced in traffic not found.')
    assert status.route_status(route, route_facts(route, problem=problem), 1795433559.0) == expected["status"]


def test_a_host_that_cannot_be_named(objects: Any) -> None:
    route = objects["hello-ready-route"]
    problem = Condition("False", "ErrorConfig", "no host")
    facts = replace(route_facts(route, problem=problem), url="")
    assert status.route_status(route, facts, T0)["url"] == route["status"]["url"]
    assert "url" not in status.route_status(fresh(route), facts, T0)


def test_a_rollout_shows_in_the_route(objects: Any) -> None:
    route = objects["hello-ready-route"]
    made = status.route_status(route, route_facts(route, ingress_ready=True, rolling_out=True), T0)
    assert kinds.ready_of({"status": made}) == status.ROLLOUT_IN_PROGRESS
    made = status.route_status(route, route_facts(route), T0)
    assert kinds.ready_of({"status": made}) == status.INGRESS_NOT_CONFIGURED
