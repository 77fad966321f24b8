"""Where requests go over time: splits, tags, rollouts, what becomes of old revisions. All on the simulated clock."""

from itertools import pairwise
from typing import Any

import pytest
from simulated import Simulated
from versions import latest, rolling, service, to

from emulator.api import kinds
from emulator.dataplane.door import Routes
from emulator.report import failure

STATE = "serving.knative.dev/routingState"


def split(status: dict[str, Any]) -> dict[str, int]:
    return {each["revisionName"]: each["percent"] for each in status["traffic"]}


def condition(status: dict[str, Any], kind: str = "Ready") -> dict[str, str]:
    return next(each for each in status["conditions"] if each["type"] == kind)


def led(routes: Routes, host: str) -> dict[str, int]:
    return {target.revision.name: target.percent for target in routes[host]}


def states(world: Simulated) -> dict[str, str]:
    return {name: each["metadata"]["labels"][STATE] for name, each in world.revisions().items()}


def test_a_rollout_gives_the_new_revision_one_percent_and_then_the_rest_in_even_steps() -> None:
    world = Simulated()
    world.apply(service("1", meta=rolling()))
    world.run(5)
    assert split(world.service()["status"]) == {"hello-00001": 100}
    world.apply(service("2", meta=rolling()))
    seen: list[tuple[float, dict[str, int], str]] = []

    def look(passed: float) -> None:
        status = world.service()["status"]
        assert led(world.plane.public, "hello.default.localhost") == split(status)
        if not seen or seen[-1][1] != split(status):
            seen.append((passed, split(status), condition(status).get("reason", condition(status)["status"])))
            assert states(world)["hello-00001"] == ("active" if "hello-00001" in split(status) else "reserve")

    world.run(20, look)
    first = seen[0]
    assert first[1] == {"hello-00001": 100}
    # Nine seconds are left after the one that the first percent is taken to need: nine steps of eleven percent.
    steps = [{"hello-00001": 99 - 11 * n, "hello-00002": 1 + 11 * n} for n in range(9)]
    assert [shares for _, shares, _ in seen[1:]] == [*steps, {"hello-00002": 100}]
    assert {reason for _, _, reason in seen[1:-1]} == {"RolloutInProgress"}
    assert seen[-1][2] == "True"
    pauses = [later[0] - before[0] for before, later in pairwise(seen[1:])]
    assert pauses == pytest.approx([1.1, *[1.0] * 8], abs=0.11)


def test_the_length_of_rollouts_has_a_default_for_all() -> None:
    world = Simulated(config_network={"rollout-duration": "100"})
    world.apply(service("1"))
    world.run(5)
    world.apply(service("2"))
    world.run(50)
    told = failure(world.service(), 60, world.controller.describe())
    assert told.startswith(
        "hello was not ready within 60 s: A gradual rollout of the latest revision(s) is in progress"
    )
    assert 30 < split(world.service()["status"])["hello-00002"] < 70
    world.run(60)
    assert split(world.service()["status"]) == {"hello-00002": 100}


def test_an_update_in_the_middle_of_a_rollout_starts_one_from_there() -> None:
    world = Simulated()
    for version in "12":
        world.apply(service(version, meta=rolling("60s")))
        world.run(10)
    world.apply(service("3", meta=rolling("60s")))
    splits: list[dict[str, int]] = []

    def look(_: float) -> None:
        splits.append(split(world.service()["status"]))

    world.run(100, look)
    assert all(sum(shares.values()) == 100 for shares in splits)
    assert {"hello-00001", "hello-00002", "hello-00003"} in [set(shares) for shares in splits]
    thirds = [shares.get("hello-00003", 0) for shares in splits]
    assert thirds == sorted(thirds)
    assert splits[-1] == {"hello-00003": 100}


def test_a_rollout_ends_at_once_when_what_it_rolls_from_is_deleted() -> None:
    world = Simulated()
    for version in "12":
        world.apply(service(version, meta=rolling("600s")))
        world.run(5)
    assert set(split(world.service()["status"])) == {"hello-00001", "hello-00002"}
    world.store.delete(kinds.REVISION, "default", "hello-00001")
    world.run(1)
    assert split(world.service()["status"]) == {"hello-00002": 100}
    assert led(world.plane.public, "hello.default.localhost") == {"hello-00002": 100}


def test_traffic_switches_when_the_new_revision_has_its_initial_scale_and_not_before() -> None:
    world = Simulated()
    annotations = {"autoscaling.knative.dev/initial-scale": "3"}
    world.apply(service("1"))
    world.run(5)
    world.apply(service("2", annotations=annotations))
    counts: list[int] = []

    def look(_: float) -> None:
        shown = world.controller.describe()["services"][0]["revisions"]
        ready = {each["name"]: each["ready"] for each in shown}
        if led(world.plane.public, "hello.default.localhost") == {"hello-00002": 100}:
            counts.append(ready["hello-00002"])
        else:
            assert ready["hello-00001"] > 0

    world.run(3, look)
    assert counts[0] == 3


def test_revisions_that_share_the_traffic_are_scaled_each_by_its_own_load() -> None:
    world = Simulated()
    annotations = {"autoscaling.knative.dev/target": "2", "autoscaling.knative.dev/window": "6s"}
    world.apply(service("1", annotations=annotations))
    world.run(5)
    world.apply(service("2", to("hello-00001", 80), latest(20), annotations=annotations))
    world.run(5)
    assert split(world.service()["status"]) == {"hello-00001": 80, "hello-00002": 20}
    world.load("hello-00001", 16, 0.5)
    world.load("hello-00002", 4, 0.5)
    world.run(30)
    # target 2 at 70 % utilisation is how Knative reads `target` for concurrency
    assert world.instances("hello-00001") == 12
    assert world.instances("hello-00002") == 3


def test_an_old_revision_goes_to_reserve_and_to_zero_whatever_its_min_scale() -> None:
    world = Simulated()
    annotations = {"autoscaling.knative.dev/min-scale": "2"}
    world.apply(service("1", annotations=annotations))
    world.run(200)
    assert world.instances("hello-00001") == 2
    world.apply(service("2", annotations=annotations))
    world.run(200)
    assert states(world) == {"hello-00001": "reserve", "hello-00002": "active"}
    assert (world.instances("hello-00001"), world.instances("hello-00002")) == (0, 2)


def test_tags_have_hosts_of_their_own_with_or_without_a_share() -> None:
    world = Simulated()
    world.apply(service("1"))
    world.run(5)
    world.apply(service("2", to("hello-00001", 100, "old"), latest(0, "new")))
    world.run(5)
    public, private = world.plane.public, world.plane.private
    assert led(public, "hello.default.localhost") == {"hello-00001": 100, "hello-00002": 0}
    assert led(public, "old-hello.default.localhost") == {"hello-00001": 100}
    assert led(public, "new-hello.default.localhost") == {"hello-00002": 100}
    assert led(private, "new-hello.default.svc.cluster.local") == {"hello-00002": 100}
    urls = {each["tag"]: each["url"] for each in world.service()["status"]["traffic"]}
    assert urls == {tag: f"http://{tag}-hello.default.localhost" for tag in ("old", "new")}
    assert states(world) == {"hello-00001": "active", "hello-00002": "active"}


def test_pinned_traffic_stays_and_a_newer_revision_is_a_reserve() -> None:
    world = Simulated()
    world.apply(service("1"))
    world.run(5)
    world.apply(service("2", to("hello-00001", 100)))
    world.run(60)
    status = world.service()["status"]
    assert split(status) == {"hello-00001": 100}
    assert condition(status)["status"] == "True"
    assert status["latestReadyRevisionName"] == "hello-00002"
    assert states(world) == {"hello-00001": "active", "hello-00002": "reserve"}


def test_names_of_ones_own_and_back_to_an_earlier_one() -> None:
    world = Simulated()
    for revision in ("hello-blue", "hello-green"):
        world.apply(service(revision, revision=revision))
        world.run(5)
        assert split(world.service()["status"]) == {revision: 100}
    uid = world.revisions()["hello-blue"]["metadata"]["uid"]
    world.apply(service("hello-blue", revision="hello-blue"))
    world.run(5)
    status = world.service()["status"]
    assert split(status) == {"hello-blue": 100}
    assert (status["latestCreatedRevisionName"], status["latestReadyRevisionName"]) == ("hello-blue", "hello-blue")
    assert condition(status)["status"] == "True"
    assert set(world.revisions()) == {"hello-blue", "hello-green"}
    assert world.revisions()["hello-blue"]["metadata"]["uid"] == uid
    assert states(world) == {"hello-blue": "active", "hello-green": "reserve"}


def test_traffic_for_a_revision_that_is_not_there_is_told_and_what_ran_stays() -> None:
    world = Simulated()
    world.apply(service("1"))
    world.run(5)
    before = dict(world.plane.public)
    world.apply(service("1", to("hello-00007", 100)))
    world.run(5)
    status = world.service()["status"]
    said = condition(status, "RoutesReady")
    assert (said["status"], said["reason"]) == ("False", "RevisionMissing")
    assert said["message"] == 'Revision "hello-00007" referenced in traffic not found.'
    assert condition(status)["status"] == "False"
    assert world.plane.public == before
    assert states(world) == {"hello-00001": "active"}
    world.apply(service("1", latest(100)))
    world.run(5)
    assert condition(world.service()["status"])["status"] == "True"


def test_a_cluster_local_service_has_no_public_host_until_it_is_public() -> None:
    world = Simulated()
    local = {"labels": {"networking.knative.dev/visibility": "cluster-local"}}
    names = {f"hello.default{suffix}" for suffix in ("", ".svc", ".svc.cluster.local")}
    world.apply(service("1", meta=local))
    world.run(5)
    assert world.service()["status"]["url"] == "http://hello.default.svc.cluster.local"
    assert (set(world.plane.public), set(world.plane.private)) == (set(), names)
    world.apply(service("1"))
    world.run(5)
    assert world.service()["status"]["url"] == "http://hello.default.localhost"
    assert "hello.default.localhost" in world.plane.public
    assert set(world.plane.private) == names
    world.store.delete(kinds.SERVICE, "default", "hello")
    world.run(5)
    assert (world.plane.public, world.plane.private) == ({}, {})


def test_a_tag_that_makes_no_host_is_told_and_what_ran_stays() -> None:
    world = Simulated()
    world.apply(service("1"))
    world.run(5)
    before = dict(world.plane.public)
    world.apply(service("1", latest(100, "t" * 60)))
    world.run(5)
    said = condition(world.service()["status"])
    assert said["status"] == "False"
    assert "must be no more than 63 characters" in said["message"]
    assert world.plane.public == before


def test_old_revisions_are_collected_and_their_instances_with_them() -> None:
    gc = {"min-non-active-revisions": "1", "retain-since-create-time": "60s", "retain-since-last-active-time": "60s"}
    world = Simulated(config_gc=gc)
    kept = {"annotations": {"serving.knative.dev/no-gc": "true"}}
    for version in "123456":
        document = service(version)
        document["spec"]["template"]["metadata"] |= kept if version == "2" else {}
        world.apply(document)
        world.run(5)
    assert len(world.revisions()) == 6
    world.run(100)
    world.apply(service("7"))
    world.run(5)
    # 6 had its route until just now and 5 is the one to be kept; 2 asked not to be collected.
    assert set(world.revisions()) == {f"hello-0000{number}" for number in (2, 6, 7)}
    assert split(world.service()["status"]) == {"hello-00007": 100}
    pods = {pod["metadata"]["labels"]["app"] for pod in world.store.all(kinds.POD)}
    assert pods <= set(world.revisions())


def test_the_newest_revision_is_never_garbage() -> None:
    world = Simulated(config_gc={"min-non-active-revisions": "0", "max-non-active-revisions": "0"})
    world.apply(service("1"))
    world.run(5)
    annotations = {"autoscaling.knative.dev/initial-scale": "2"}
    world.apply(service("2", to("hello-00001", 100), annotations=annotations))
    world.run(60)
    assert set(world.revisions()) == {"hello-00001", "hello-00002"}
    world.apply(service("3", latest(100)))
    world.run(60)
    assert set(world.revisions()) == {"hello-00003"}


@pytest.mark.parametrize("lost", [{"labels"}, {"annotations"}, {"labels", "annotations", "ownerReferences"}])
def test_a_revision_that_somebody_took_metadata_from_stops_nobody(lost: set[str]) -> None:
    world = Simulated()
    for version in "12":
        world.apply(service(version))
        world.run(5)
    for name, revision in world.revisions().items():
        meta = {key: value for key, value in revision["metadata"].items() if key not in lost}
        # Its routing state is to be written anew, too.
        labels = {"labels": {**meta.get("labels", {}), STATE: "pending"}} if "labels" in meta else {}
        world.store.update(kinds.REVISION, revision | {"metadata": meta | labels})
        world.run(5)
        assert name in world.revisions()
    world.apply(service("3"))
    world.run(5)
    assert split(world.service()["status"]) == {"hello-00003": 100}
    assert "hello-00003" in [each["name"] for each in world.controller.describe()["services"][0]["revisions"]]
