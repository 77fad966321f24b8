"""The core Services that stand for the names of Routes: real objects that users may label. On the simulated clock."""

from typing import Any

from simulated import Simulated
from versions import configuration, follow, latest, route, service, to

from emulator.api.kinds import CORE_SERVICE, ROUTE, SERVICE

LOCAL = {"networking.knative.dev/visibility": "cluster-local"}
MAIN, TAG = "hello.default.localhost", "next-hello.default.localhost"


def core_service(name: str, **meta: Any) -> dict[str, Any]:
    spec = {"ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name} | meta, "spec": spec}


def placeholder(world: Simulated, name: str = "hello") -> dict[str, Any]:
    return world.get(CORE_SERVICE, name)


def relabel(world: Simulated, name: str, labels: dict[str, str]) -> None:
    """As `kubectl label`: these labels are all that it has."""
    document = placeholder(world, name)
    world.admission.replace(CORE_SERVICE, document | {"metadata": document["metadata"] | {"labels": labels}})
    world.run(1)


def names(world: Simulated) -> set[str]:
    return {each["metadata"]["name"] for each in world.store.all(CORE_SERVICE)}


def ready(world: Simulated, name: str = "hello") -> tuple[str, str, str]:
    conditions = world.get(ROUTE, name)["status"]["conditions"]
    found = next(each for each in conditions if each["type"] == "Ready")
    return found["status"], found.get("reason", ""), found.get("message", "")


def hello(*traffic: dict[str, Any], **meta: dict[str, str]) -> Simulated:
    world = Simulated()
    world.apply(service("1", *traffic, meta=meta))
    world.run(5)
    assert ready(world)[0] == "True"
    return world


def test_keys_are_added_to_a_placeholder_and_never_taken_from_it() -> None:
    world = hello(labels={"a": "1"}, annotations={"b": "1"})
    relabel(world, "hello", {"mine": "1"})
    assert placeholder(world)["metadata"]["labels"].items() >= {"mine": "1", "a": "1"}.items()
    world.apply(service("1", meta={"labels": {"c": "2"}, "annotations": {"b": "2", "d": "2"}}))
    world.run(1)
    meta = placeholder(world)["metadata"]
    assert "a" not in world.get(ROUTE)["metadata"]["labels"]
    assert meta["labels"].items() >= {"mine": "1", "a": "1", "c": "2"}.items()
    assert meta["annotations"].items() >= {"b": "2", "d": "2"}.items()


def test_a_placeholder_that_is_changed_or_deleted_is_made_again_what_it_was() -> None:
    world = hello(latest(100), latest(0, "next"))
    before = {name: world.get(CORE_SERVICE, name) for name in names(world)}
    assert set(before) == {"hello", "next-hello", "hello-00001", "hello-00001-private"}
    for name, document in before.items():
        world.admission.replace(CORE_SERVICE, document | {"spec": core_service("x")["spec"]})
        world.run(1)
        assert world.get(CORE_SERVICE, name)["spec"] == document["spec"]
        world.store.delete(CORE_SERVICE, "default", name)
        world.run(1)
        made = world.get(CORE_SERVICE, name)
        assert made["spec"] == document["spec"]
        assert made["metadata"]["uid"] != document["metadata"]["uid"]


def test_placeholders_go_with_their_tag_and_with_their_route() -> None:
    world = hello(latest(100), latest(0, "next"))
    world.apply(core_service("mine"))
    world.apply(service("1", latest(100)))
    world.run(1)
    assert names(world) == {"hello", "mine", "hello-00001", "hello-00001-private"}
    world.store.delete(SERVICE, "default", "hello")
    world.run(1)
    assert names(world) == {"mine"}


def test_a_route_waits_for_a_name_that_a_users_service_has() -> None:
    world = Simulated()
    world.apply(core_service("next-hello"))
    world.apply(service("1", latest(100), latest(0, "next")))
    world.run(5)
    words = 'There is an existing placeholder Service "next-hello" that we do not own.'
    assert ready(world) == ("False", "NotOwned", words)
    assert MAIN not in world.plane.public
    assert "ownerReferences" not in placeholder(world, "next-hello")["metadata"]
    world.store.delete(CORE_SERVICE, "default", "next-hello")
    world.run(2)
    assert ready(world)[0] == "True"
    assert {MAIN, TAG} <= set(world.plane.public)


def test_of_two_routes_the_first_has_the_name() -> None:
    world = hello(latest(100), latest(0, "next"))
    world.apply(configuration("1"))
    world.apply(route(follow("conf"), name="next-hello"))
    world.run(5)
    assert ready(world, "next-hello")[1] == "NotOwned"
    world.apply(service("1", latest(100)))
    world.run(3)
    assert ready(world, "next-hello")[0] == "True"
    assert {each.revision.name for each in world.plane.public[TAG]} == {"conf-00001"}


def test_a_revisions_name_that_a_users_service_has_is_left_to_it() -> None:
    world = Simulated()
    world.apply(core_service("hello-00001"))
    mine = placeholder(world, "hello-00001")
    world.apply(service("1"))
    world.run(5)
    assert placeholder(world, "hello-00001") == mine
    assert ready(world)[0] == "True"


def test_a_label_on_the_placeholder_of_a_tag_makes_that_tag_local() -> None:
    world = hello(latest(100), latest(0, "next"))
    assert {MAIN, TAG} <= set(world.plane.public)
    relabel(world, "next-hello", LOCAL)
    assert MAIN in world.plane.public
    assert TAG not in world.plane.public
    assert "next-hello.default.svc.cluster.local" in world.plane.private
    [_, tagged] = world.service()["status"]["traffic"]
    assert tagged["url"] == "http://next-hello.default.svc.cluster.local"
    assert world.service()["status"]["url"] == f"http://{MAIN}"
    relabel(world, "next-hello", {})
    assert TAG in world.plane.public
    assert world.service()["status"]["traffic"][1]["url"] == f"http://{TAG}"


def test_a_label_on_the_main_placeholder_makes_the_main_address_local_and_no_tag() -> None:
    world = hello(latest(100), latest(0, "next"))
    relabel(world, "hello", LOCAL)
    assert world.get(ROUTE)["status"]["url"] == "http://hello.default.svc.cluster.local"
    assert world.service()["status"]["url"] == "http://hello.default.svc.cluster.local"
    assert MAIN not in world.plane.public
    assert TAG in world.plane.public
    relabel(world, "hello", {})
    assert world.service()["status"]["url"] == f"http://{MAIN}"
    assert MAIN in world.plane.public


def test_the_label_of_a_service_makes_all_local_and_is_not_put_on_the_placeholders() -> None:
    world = hello(latest(100), latest(0, "next"), labels=LOCAL)
    assert not {MAIN, TAG} & set(world.plane.public)
    assert all(
        LOCAL.items().isdisjoint(placeholder(world, each)["metadata"]["labels"].items()) for each in names(world)
    )
    world.apply(service("1", latest(100), latest(0, "next")))
    world.run(1)
    assert {MAIN, TAG} <= set(world.plane.public)


def test_a_placeholder_stays_local_when_traffic_changes() -> None:
    world = hello(latest(100), latest(0, "next"))
    relabel(world, "next-hello", LOCAL)
    world.apply(service("2", latest(100), to("hello-00001", 0, "next")))
    world.run(5)
    assert TAG not in world.plane.public
    assert {each.revision.name for each in world.plane.private["next-hello.default"]} == {"hello-00001"}
