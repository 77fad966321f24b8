import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from statuses import GIVEN_UP, MADE, PROGRESSING, TIMED_OUT, UP, fresh, life, said, starting

from emulator.core import conditions as kinds
from emulator.core import revision_status as revisions
from emulator.core.conditions import TRUE, UNKNOWN, Condition
from emulator.core.revision_status import Autoscaler, Deployment, Exited, RevisionFacts, Unschedulable, Waiting
from emulator.core.scaler import first_outcome


@pytest.fixture(scope="session")
def objects(measured: Callable[[str], Any]) -> Any:
    """Stored objects of a real cluster, in various states."""
    return measured("objects")


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
