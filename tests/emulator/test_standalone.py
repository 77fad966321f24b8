"""Configurations and Routes that are no Service's, on the simulated clock."""

from typing import Any

import pytest
from simulated import Simulated
from versions import configuration, follow, latest, rolling, route, service, to

from emulator.api.kinds import CONFIGURATION, POD, REVISION, ROUTE, SERVICE, Kind
from emulator.dataplane.door import Routes
from emulator.errors import InvalidObject

GROUP = "serving.knative.dev"
STATE = f"{GROUP}/routingState"


def said(world: Simulated, kind: Kind, name: str, of: str = "Ready") -> tuple[str, str, str]:
    status = world.get(kind, name)["status"]
    found = next(each for each in status["conditions"] if each["type"] == of)
    return found["status"], found.get("reason", ""), found.get("message", "")


def split(world: Simulated, name: str = "web") -> dict[str, int]:
    return {each["revisionName"]: each["percent"] for each in world.get(ROUTE, name)["status"]["traffic"]}


def led(routes: Routes, host: str) -> dict[str, int]:
    return {target.revision.name: target.percent for target in routes[host]}


def routes_of(world: Simulated, kind: Kind, name: str) -> str | None:
    found: str | None = world.get(kind, name)["metadata"].get("annotations", {}).get(f"{GROUP}/routes")
    return found


def states(world: Simulated) -> dict[str, str]:
    return {name: each["metadata"]["labels"][STATE] for name, each in world.revisions().items()}


READY = ("True", "", "")


def test_a_configuration_makes_a_revision_of_each_generation_that_waits_for_a_route() -> None:
    world = Simulated()
    world.apply(configuration("1"))
    world.run(5)
    assert said(world, CONFIGURATION, "conf") == READY
    config = world.get(CONFIGURATION, "conf")
    creator = {f"{GROUP}/creator": "kubernetes-admin", f"{GROUP}/lastModifier": "kubernetes-admin"}
    assert config["metadata"]["annotations"].items() >= creator.items()
    assert "labels" not in config["metadata"]
    assert config["status"]["observedGeneration"] == 1
    [revision] = world.revisions().values()
    meta = revision["metadata"]
    assert meta["name"] == "conf-00001"
    assert meta["labels"] == {
        f"{GROUP}/configuration": "conf",
        f"{GROUP}/configurationGeneration": "1",
        f"{GROUP}/configurationUID": config["metadata"]["uid"],
        STATE: "pending",
    }
    assert set(meta["annotations"]) == {f"{GROUP}/creator", f"{GROUP}/routingStateModified"}
    [owner] = meta["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Configuration", "conf", True)
    world.apply(configuration("2"))
    world.run(5)
    status = world.get(CONFIGURATION, "conf")["status"]
    assert status["latestCreatedRevisionName"] == status["latestReadyRevisionName"] == "conf-00002"
    assert states(world) == {"conf-00001": "pending", "conf-00002": "pending"}
    assert world.plane.public == world.plane.private == {}
    assert [each["name"] for each in world.controller.describe()["configurations"]] == ["conf"]


def test_a_revision_that_no_route_has_led_to_keeps_its_min_scale() -> None:
    """Knative calls it neither reachable nor unreachable, and takes it for reachable."""
    world = Simulated()
    world.apply(configuration("1", annotations={"autoscaling.knative.dev/min-scale": "2"}))
    world.run(200)
    assert world.instances("conf-00001") == 2
    world.apply(configuration("2"))
    world.run(200)
    assert (world.instances("conf-00001"), world.instances("conf-00002")) == (2, 0)


def test_a_route_follows_the_latest_ready_revision() -> None:
    world = Simulated()
    world.apply(route(follow("conf")))
    world.run(1)
    missing = ("False", "ConfigurationMissing", 'Configuration "conf" referenced in traffic not found.')
    assert said(world, ROUTE, "web") == said(world, ROUTE, "web", "AllTrafficAssigned") == missing
    world.apply(configuration("1"))
    world.run(0.1)
    waiting = ("Unknown", "RevisionMissing", 'Configuration "conf" is waiting for a Revision to become ready.')
    assert said(world, ROUTE, "web", "AllTrafficAssigned") == waiting
    assert states(world) == {"conf-00001": "active"}
    world.run(5)
    assert said(world, ROUTE, "web") == READY
    status = world.get(ROUTE, "web")["status"]
    assert status["url"] == "http://web.default.localhost"
    assert status["address"] == {"url": "http://web.default.svc.cluster.local"}
    assert status["traffic"] == [{"latestRevision": True, "percent": 100, "revisionName": "conf-00001"}]
    assert led(world.plane.public, "web.default.localhost") == {"conf-00001": 100}
    assert led(world.plane.private, "web.default.svc.cluster.local") == {"conf-00001": 100}
    assert routes_of(world, CONFIGURATION, "conf") == routes_of(world, REVISION, "conf-00001") == "web"
    world.apply(configuration("2"))
    world.run(5)
    assert split(world) == {"conf-00002": 100}
    assert states(world) == {"conf-00001": "reserve", "conf-00002": "active"}
    assert routes_of(world, REVISION, "conf-00001") is None
    [shown] = world.controller.describe()["routes"]
    assert (shown["name"], shown["traffic"]) == ("web", world.get(ROUTE, "web")["status"]["traffic"])


def test_traffic_to_a_revision_that_is_missing_or_not_ready() -> None:
    world = Simulated()
    world.apply(route(to("conf-00001", 100)))
    world.run(1)
    missing = ("False", "RevisionMissing", 'Revision "conf-00001" referenced in traffic not found.')
    assert said(world, ROUTE, "web") == missing
    world.apply(configuration("1"))
    world.run(0.1)
    waiting = ("Unknown", "RevisionMissing", 'Revision "conf-00001" is not yet ready.')
    assert said(world, ROUTE, "web", "AllTrafficAssigned") == waiting
    world.run(5)
    assert said(world, ROUTE, "web") == READY
    assert world.get(ROUTE, "web")["status"]["traffic"] == [
        {"latestRevision": False, "percent": 100, "revisionName": "conf-00001"}
    ]
    assert routes_of(world, CONFIGURATION, "conf") == "web"
    world.apply(configuration("2"))
    world.run(5)
    assert split(world) == {"conf-00001": 100}
    assert states(world) == {"conf-00001": "active", "conf-00002": "reserve"}


def test_percents_and_tags_over_two_configurations() -> None:
    world = Simulated()
    for name in ("a", "b"):
        world.apply(configuration("1", name=name))
    world.apply(route(follow("a", 70), follow("b", 30, "beta"), to("a-00001", 0, "old")))
    world.run(5)
    public = world.plane.public
    assert led(public, "web.default.localhost") == {"a-00001": 70, "b-00001": 30}
    assert led(public, "beta-web.default.localhost") == {"b-00001": 100}
    assert led(public, "old-web.default.localhost") == {"a-00001": 100}
    urls = {each["tag"]: each["url"] for each in world.get(ROUTE, "web")["status"]["traffic"] if "tag" in each}
    assert urls == {tag: f"http://{tag}-web.default.localhost" for tag in ("beta", "old")}


def test_two_routes_at_one_configuration() -> None:
    world = Simulated()
    world.apply(configuration("1"))
    for name in ("one", "two"):
        world.apply(route(follow("conf"), name=name))
    world.run(5)
    assert routes_of(world, CONFIGURATION, "conf") == routes_of(world, REVISION, "conf-00001") == "one,two"
    world.store.delete(ROUTE, "default", "one")
    world.run(1)
    assert routes_of(world, CONFIGURATION, "conf") == routes_of(world, REVISION, "conf-00001") == "two"
    assert states(world) == {"conf-00001": "active"}
    assert "one.default.localhost" not in world.plane.public
    assert led(world.plane.public, "two.default.localhost") == {"conf-00001": 100}
    world.store.delete(ROUTE, "default", "two")
    world.run(1)
    assert world.plane.public == world.plane.private == {}
    assert routes_of(world, CONFIGURATION, "conf") is None
    assert states(world) == {"conf-00001": "reserve"}
    assert said(world, CONFIGURATION, "conf") == READY


def test_a_route_that_leads_to_what_a_service_owns() -> None:
    world = Simulated()
    world.apply(service("1"))
    world.apply(route(follow("hello", 100), to("hello-00001", 0, "first")))
    world.run(5)
    assert led(world.plane.public, "web.default.localhost") == {"hello-00001": 100}
    assert routes_of(world, CONFIGURATION, "hello") == routes_of(world, REVISION, "hello-00001") == "hello,web"
    world.apply(service("2", meta={"labels": {"a": "b"}}))
    world.run(5)
    assert led(world.plane.public, "web.default.localhost") == {"hello-00002": 100, "hello-00001": 0}
    assert led(world.plane.public, "first-web.default.localhost") == {"hello-00001": 100}
    assert routes_of(world, CONFIGURATION, "hello") == "hello,web"
    assert states(world) == {"hello-00001": "active", "hello-00002": "active"}
    assert said(world, SERVICE, "hello") == READY
    world.store.delete(SERVICE, "default", "hello")
    world.run(5)
    assert said(world, ROUTE, "web")[:2] == ("False", "RevisionMissing")
    assert world.revisions() == {}


def test_a_services_route_may_not_lead_to_a_revision_of_another_owner() -> None:
    world = Simulated()
    world.apply(configuration("1"))
    world.apply(service("1", to("conf-00001", 100)))
    world.run(5)
    words = 'Revision "conf-00001" does not belong to Service "hello".'
    assert said(world, SERVICE, "hello", "RoutesReady") == ("False", "RevisionNotOwned", words)
    assert said(world, ROUTE, "hello") == ("False", "RevisionNotOwned", words)
    assert said(world, SERVICE, "hello", "ConfigurationsReady") == READY


def test_a_deleted_configuration_takes_its_revisions_along_and_the_route_tells() -> None:
    world = Simulated()
    world.apply(configuration("1", annotations={"autoscaling.knative.dev/min-scale": "1"}))
    world.apply(route(follow("conf")))
    world.run(5)
    world.store.delete(CONFIGURATION, "default", "conf")
    world.run(60)
    assert world.revisions() == {}
    assert not list(world.store.all(POD))
    missing = ("False", "ConfigurationMissing", 'Configuration "conf" referenced in traffic not found.')
    assert said(world, ROUTE, "web") == missing
    assert split(world) == {"conf-00001": 100}
    world.apply(configuration("2"))
    world.run(5)
    assert said(world, ROUTE, "web") == READY
    assert world.instances("conf-00001") == 1


def test_a_service_does_not_take_a_route_that_is_not_its_own() -> None:
    world = Simulated()
    world.apply(configuration("1"))
    world.apply(route(follow("conf"), name="hello"))
    world.run(5)
    world.apply(service("1"))
    world.run(5)
    not_owned = ("False", "NotOwned", 'There is an existing Route "hello" that we do not own.')
    assert said(world, SERVICE, "hello") == said(world, SERVICE, "hello", "RoutesReady") == not_owned
    assert said(world, SERVICE, "hello", "ConfigurationsReady") == READY
    assert led(world.plane.public, "hello.default.localhost") == {"conf-00001": 100}
    world.store.delete(ROUTE, "default", "hello")
    world.run(5)
    assert said(world, SERVICE, "hello") == READY
    assert led(world.plane.public, "hello.default.localhost") == {"hello-00001": 100}


def test_a_service_does_not_take_a_configuration_that_is_not_its_own() -> None:
    world = Simulated()
    world.apply(configuration("1", name="hello"))
    world.run(5)
    world.apply(service("2"))
    world.run(5)
    not_owned = ("False", "NotOwned", 'There is an existing Configuration "hello" that we do not own.')
    assert said(world, SERVICE, "hello") == said(world, SERVICE, "hello", "ConfigurationsReady") == not_owned
    assert world.store.find(ROUTE, "default", "hello") is None
    shown = world.controller.describe()
    assert [each["revisions"] for each in shown["services"]] == [[]]
    assert [each["name"] for each in shown["configurations"][0]["revisions"]] == ["hello-00001"]
    world.store.delete(CONFIGURATION, "default", "hello")
    world.run(5)
    assert said(world, SERVICE, "hello") == READY


def test_a_name_of_ones_own_that_another_configuration_has() -> None:
    world = Simulated()
    world.apply(configuration("1", name="conf-blue"))
    world.run(5)
    world.apply(configuration("2", revision="conf-blue-00001"))
    world.run(5)
    words = 'Revision creation failed with message: revisions.serving.knative.dev "conf-blue-00001" already exists.'
    assert said(world, CONFIGURATION, "conf") == ("False", "RevisionFailed", words)
    assert "latestCreatedRevisionName" not in world.get(CONFIGURATION, "conf")["status"]
    assert said(world, CONFIGURATION, "conf-blue") == READY
    world.apply(configuration("2", revision="conf-green"))
    world.run(5)
    assert said(world, CONFIGURATION, "conf") == READY
    assert "changes without a name change" in refused(world, configuration("3", revision="conf-green"))


def refused(world: Simulated, document: dict[str, Any]) -> str:
    with pytest.raises(InvalidObject) as error:
        world.apply(document)
    return str(error.value)


def test_a_name_made_from_the_generation_that_is_taken_leaves_the_generation_unobserved() -> None:
    world = Simulated()
    world.apply(configuration("1", revision="conf-00002"))
    world.run(5)
    bare = configuration("2")
    stored = world.get(CONFIGURATION, "conf")
    world.store.update(CONFIGURATION, stored | {"spec": {"template": {"spec": stored["spec"]["template"]["spec"]}}})
    world.run(5)
    assert said(world, CONFIGURATION, "conf")[:2] == ("Unknown", "NewObservedGenFailure")
    world.apply(bare)
    world.run(5)
    assert said(world, CONFIGURATION, "conf") == READY
    assert world.get(CONFIGURATION, "conf")["status"]["latestReadyRevisionName"] == "conf-00003"


def test_a_route_rolls_out_gradually() -> None:
    world = Simulated()
    world.apply(configuration("1"))
    world.apply(route(follow("conf"), meta=rolling("10s")))
    world.run(5)
    world.apply(configuration("2"))
    world.run(5)
    assert said(world, ROUTE, "web")[:2] == ("Unknown", "RolloutInProgress")
    assert set(split(world)) == {"conf-00001", "conf-00002"}
    assert led(world.plane.public, "web.default.localhost") == split(world)
    assert routes_of(world, REVISION, "conf-00001") == "web"
    world.run(10)
    assert split(world) == {"conf-00002": 100}
    assert said(world, ROUTE, "web") == READY


def test_old_revisions_of_a_configuration_are_collected_once_a_route_has_left_them() -> None:
    world = Simulated(config_gc={"min-non-active-revisions": "0", "max-non-active-revisions": "1"})
    for version in "123":
        world.apply(configuration(version))
        world.run(5)
    assert len(world.revisions()) == 3
    world.apply(route(follow("conf")))
    world.run(5)
    for version in "456":
        world.apply(configuration(version))
        world.run(5)
    # No route has ever led to the first two: they are pending, and no garbage.
    assert set(world.revisions()) == {f"conf-0000{number}" for number in (1, 2, 5, 6)}


def test_children_of_a_service_are_what_the_service_says() -> None:
    world = Simulated()
    world.apply(service("1", latest(100)))
    world.run(5)
    config = world.get(CONFIGURATION, "hello")
    drifted = config["spec"]["template"]["spec"] | {"timeoutSeconds": 7}
    world.store.update(CONFIGURATION, config | {"spec": {"template": {"spec": drifted}}})
    there = world.get(ROUTE, "hello")
    world.store.update(ROUTE, there | {"spec": {"traffic": [{**there["spec"]["traffic"][0], "tag": "mine"}]}})
    world.run(5)
    config = world.get(CONFIGURATION, "hello")
    assert config["spec"]["template"]["spec"]["timeoutSeconds"] == 300
    # As in a cluster, the way there and back are two generations.
    assert (config["metadata"]["generation"], config["status"]["latestReadyRevisionName"]) == (3, "hello-00003")
    assert "tag" not in world.get(ROUTE, "hello")["spec"]["traffic"][0]
    assert said(world, SERVICE, "hello") == READY
    assert led(world.plane.public, "hello.default.localhost") == {"hello-00003": 100}


@pytest.mark.parametrize("kind", [CONFIGURATION, ROUTE, REVISION])
def test_a_deleted_child_of_a_service_is_made_anew(kind: Kind) -> None:
    world = Simulated()
    world.apply(service("1"))
    world.run(5)
    name = "hello-00001" if kind is REVISION else "hello"
    uid = world.get(kind, name)["metadata"]["uid"]
    world.store.delete(kind, "default", name)
    world.run(5)
    assert world.get(kind, name)["metadata"]["uid"] != uid
    assert said(world, SERVICE, "hello") == READY
    assert led(world.plane.public, "hello.default.localhost") == {"hello-00001": 100}
    assert world.instances("hello-00001") == 1


def test_a_service_that_begins_with_traffic_to_nowhere() -> None:
    world = Simulated()
    world.apply(service("1", to("hello-00009", 100)))
    world.run(5)
    assert said(world, SERVICE, "hello", "RoutesReady")[:2] == ("False", "RevisionMissing")
    assert routes_of(world, CONFIGURATION, "hello") == "hello"


def test_what_an_owner_leaves_behind_stands_alone() -> None:
    world = Simulated()
    world.apply(service("1"))
    world.run(5)
    world.store.delete(SERVICE, "default", "hello", orphan=True)
    world.run(5)
    assert all("ownerReferences" not in world.get(kind)["metadata"] for kind in (CONFIGURATION, ROUTE))
    assert led(world.plane.public, "hello.default.localhost") == {"hello-00001": 100}
    shown = world.controller.describe()
    assert [len(shown[plural]) for plural in ("services", "configurations", "routes")] == [0, 1, 1]
    world.apply(service("2"))
    world.run(5)
    assert said(world, SERVICE, "hello")[:2] == ("False", "NotOwned")
    world.store.delete(SERVICE, "default", "hello")
    world.store.delete(CONFIGURATION, "default", "hello", orphan=True)
    world.run(5)
    assert "ownerReferences" not in world.get(REVISION, "hello-00001")["metadata"]
    assert said(world, ROUTE, "hello")[:2] == ("False", "ConfigurationMissing")
    assert led(world.plane.public, "hello.default.localhost") == {"hello-00001": 100}
    # By its labels a Configuration of the same name knows it again.
    world.apply(configuration("1", name="hello"))
    world.run(5)
    assert said(world, ROUTE, "hello") == READY
    assert list(world.revisions()) == ["hello-00001"]


def test_what_is_on_its_way_out_is_not_changed_any_more() -> None:
    world = Simulated()
    world.apply(configuration("1"))
    world.apply(route(follow("conf")))
    world.run(5)
    for kind, name in ((CONFIGURATION, "conf"), (ROUTE, "web")):
        stored = world.get(kind, name)
        world.store.update(kind, stored | {"metadata": stored["metadata"] | {"finalizers": ["example.com/a"]}})
        world.store.delete(kind, "default", name)
    world.apply(configuration("2"))
    world.run(5)
    assert list(world.revisions()) == ["conf-00001"]
    assert world.get(CONFIGURATION, "conf")["status"]["observedGeneration"] == 1
    assert states(world) == {"conf-00001": "reserve"}
    # Its hosts are a Route's until it is gone.
    assert led(world.plane.public, "web.default.localhost") == {"conf-00001": 100}
    for kind, name in ((ROUTE, "web"), (CONFIGURATION, "conf")):
        stored = world.get(kind, name)
        world.store.update(kind, stored | {"metadata": stored["metadata"] | {"finalizers": []}})
        world.run(1)
    assert world.plane.public == {}
    assert world.revisions() == {}


def test_a_host_is_the_first_routes_that_asked_for_it() -> None:
    world = Simulated()
    for name in ("one", "two"):
        world.apply(configuration("1", name=name))
    world.apply(route(follow("one", 100, "my"), name="shop"))
    world.run(5)
    world.apply(route(follow("two"), name="my-shop"))
    world.run(5)
    taken = ("False", "NotOwned", 'There is an existing placeholder Service "my-shop" that we do not own.')
    assert said(world, ROUTE, "my-shop") == said(world, ROUTE, "my-shop", "IngressReady") == taken
    assert said(world, ROUTE, "my-shop", "AllTrafficAssigned") == READY
    assert led(world.plane.public, "my-shop.default.localhost") == {"one-00001": 100}
    assert said(world, ROUTE, "shop") == READY
    world.apply(route(follow("one"), name="shop"))
    world.run(5)
    assert said(world, ROUTE, "my-shop") == READY
    assert led(world.plane.public, "my-shop.default.localhost") == {"two-00001": 100}
    world.apply(route(follow("one", 100, "my"), name="shop"))
    world.run(5)
    assert said(world, ROUTE, "shop") == taken
    assert led(world.plane.public, "shop.default.localhost") == {"one-00001": 100}
    world.store.delete(ROUTE, "default", "my-shop")
    world.run(5)
    assert said(world, ROUTE, "shop") == READY
    assert led(world.plane.public, "my-shop.default.localhost") == {"one-00001": 100}
