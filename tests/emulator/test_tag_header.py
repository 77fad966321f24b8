"""`tag-header-based-routing`: a tag chosen by a field, as a cluster's Ingress says it and as requests go."""

from typing import Any

from mappings import mapping
from running import PATIENCE, Emulator
from simulated import Simulated
from versions import latest, service, to

from emulator.api.kinds import INGRESS

ON = {"tag-header-based-routing": "Enabled"}
TAG, DEFAULT_ROUTE = "Knative-Serving-Tag", "Knative-Serving-Default-Route"


def paths(world: Simulated) -> dict[str, list[tuple[Any, ...]]]:
    """Of each public host: what a request has to have, what it is given, and to which revision it goes."""
    return {
        rule["hosts"][0]: [
            (
                path.get("headers", {}),
                path.get("appendHeaders", {}),
                [it["serviceName"] for it in path["splits"] if it["percent"]],
            )
            for path in rule["http"]["paths"]
        ]
        for rule in world.get(INGRESS)["spec"]["rules"]
        if rule["visibility"] == "ExternalIP"
    }


def two(world: Simulated) -> None:
    world.apply(service("1", revision="hello-one"))
    world.run(5)
    world.apply(service("2", to("hello-one", 100), latest(0, tag="next"), revision="hello-two"))
    world.run(5)


def test_the_ingress_leads_by_the_field_first() -> None:
    world = Simulated(config_features=ON)
    two(world)
    assert paths(world) == {
        "hello.default.localhost": [
            ({TAG: {"exact": "next"}}, {}, ["hello-two"]),
            ({}, {DEFAULT_ROUTE: "true"}, ["hello-one"]),
        ],
        "next-hello.default.localhost": [({}, {TAG: "next"}, ["hello-two"])],
    }


def test_it_is_off_unless_it_is_enabled() -> None:
    world = Simulated(config_features={"tag-header-based-routing": "Allowed"})
    two(world)
    assert paths(world) == {
        "hello.default.localhost": [({}, {}, ["hello-one"])],
        "next-hello.default.localhost": [({}, {}, ["hello-two"])],
    }


def test_requests_follow_their_tag(emulator: Emulator) -> None:
    claims = {"autocreate-cluster-domain-claims": "true"}
    emulator.config["config"] = {"config-features": ON, "config-network": claims}
    emulator.up(services=(service("1", revision="hello-one"),))
    changed = service("2", to("hello-one", 100), latest(0, tag="next"), revision="hello-two")
    assert emulator.apply(changed, mapping()).returncode == 0

    def answers(host: str) -> list[str]:
        url = f"http://127.0.0.1:{emulator.port}/"
        asked = [{"Host": host} | headers for headers in ({}, {TAG: "next"}, {TAG: "none"})]
        return [emulator.session.get(url, headers=each, timeout=PATIENCE).text.split()[1] for each in asked]

    for host in ("hello.default.localhost", "shop.example.org", "127.0.0.1"):
        assert answers(host) == ["1", "2", "1"], host
    assert answers("next-hello.default.localhost") == ["2", "2", "2"]
