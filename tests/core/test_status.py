"""Statuses of whole objects, as a real cluster showed them."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from statuses import (
    CRASH,
    GIVEN_UP,
    MADE,
    PROGRESSING,
    T0,
    TIMED_OUT,
    UP,
    fresh,
    life,
    route_facts,
    said,
    starting,
    timeless,
)

from emulator.core import conditions as kinds
from emulator.core import revision_status as revisions
from emulator.core import status
from emulator.core.conditions import TRUE, Condition
from emulator.core.revision_status import Exited, Waiting


@pytest.fixture(scope="session")
def objects(measured: Callable[[str], Any]) -> Any:
    """Stored objects of a real cluster, in various states."""
    return measured("objects")


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
