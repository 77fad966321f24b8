"""Knative-Serving-Tag: a tag chosen by a field of the request, and what an instance is told of it."""

from typing import Any

import pytest

from emulator.core.revision import RevisionKey
from emulator.dataplane.door import ByHeader, Target

BLUE = RevisionKey("default", "blue")


def show(who: str) -> Any:
    def answer(request: Any, sock: Any) -> None:
        told = [
            f"{key}: {value}" for key, value in request.headers.items() if key.lower().startswith("knative-serving-")
        ]
        body = "\n".join([who, *told]).encode()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    return answer


@pytest.fixture
def tagged(world: Any) -> Any:
    """A world with a revision of its own, and another one that has a tag and a host."""
    world.back(world.app(show("main")))
    world.back(world.app(show("blue")), key=BLUE)
    blue = (Target(BLUE, 100),)
    headers = {world.host: ByHeader("", {"blue": blue}), "blue": ByHeader("blue")}
    world.plane.set_routes({world.host: (Target(world.key, 100),), "blue": blue}, by_header=headers)
    return world


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ("", ["main", "Knative-Serving-Default-Route: true"]),
        ("Knative-Serving-Default-Route: mine", ["main", "Knative-Serving-Default-Route: true"]),
        ("Knative-Serving-Tag: blue", ["blue", "Knative-Serving-Tag: blue"]),
        ("knative-serving-tag:  blue ", ["blue", "Knative-Serving-Tag: blue"]),
        ("Knative-Serving-Tag: Blue", ["main", "Knative-Serving-Tag: Blue", "Knative-Serving-Default-Route: true"]),
        ("Knative-Serving-Tag: red", ["main", "Knative-Serving-Tag: red", "Knative-Serving-Default-Route: true"]),
    ],
)
def test_a_route_of_its_own_host_follows_the_tag(tagged: Any, fields: str, seen: list[str]) -> None:
    told = tagged.ask("GET / HTTP/1.1\n" + fields).body.decode().splitlines()
    assert [line.lower() for line in told] == [line.lower() for line in seen]


@pytest.mark.parametrize("asked", ["", "Knative-Serving-Tag: red\r\n"])
def test_the_host_of_a_tag_tells_the_tag(tagged: Any, asked: str) -> None:
    answer = tagged.raw(f"GET / HTTP/1.1\r\nHost: blue\r\n{asked}Connection: close\r\n\r\n".encode())
    assert answer.endswith(b"blue\nKnative-Serving-Tag: blue")


def test_without_the_feature_the_field_is_any_other(world: Any) -> None:
    world.deploy(world.app(show("main")))
    assert world.ask("GET / HTTP/1.1\nKnative-Serving-Tag: blue").body == b"main\nKnative-Serving-Tag: blue"


def test_a_tag_may_lead_to_a_revision_that_is_gone(tagged: Any) -> None:
    tagged.plane.remove_backend(BLUE)
    assert tagged.ask("GET / HTTP/1.1\nKnative-Serving-Tag: blue").status == 404
    assert tagged.ask().status == 200
