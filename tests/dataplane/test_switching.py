"""The controller may change endpoints, mode and routes at any moment: no request is lost by it."""

from collections import Counter
from random import Random
from typing import Any

import gevent
import pytest

from emulator.core.revision import RevisionKey
from emulator.dataplane.door import Target
from emulator.dataplane.routing import RouteTable


def answer_after(seconds: float) -> Any:
    def answer(request: Any, sock: Any) -> None:
        gevent.sleep(seconds)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.body), request.body))

    return answer


@pytest.mark.parametrize("limit", [0, 5])
def test_two_hundred_at_a_time_while_everything_changes(world: Any, limit: int) -> None:
    random = Random(3)
    apps = [world.app(answer_after(0.005)) for _ in range(6)]
    world.deploy(apps[0], container_concurrency=limit)
    failed: list[Any] = []
    done = [0]

    def keep_asking() -> None:
        sock = world.connect()
        for number in range(15):
            world.send(sock, "POST / HTTP/1.1\nContent-Length: 4", b"%04d" % number)
            answer = world.read(sock)
            if (answer.status, answer.body) != (200, b"%04d" % number):
                failed.append(answer)
            done[0] += 1
        sock.close()

    clients = [gevent.spawn(keep_asking) for _ in range(200)]
    changes = 0
    while not all(client.ready() for client in clients):
        chosen = random.sample(apps, random.randrange(len(apps) + 1))
        # With a limit the straight way refuses by design when its short queues are full.
        world.back(*chosen, container_concurrency=limit, proxied=limit > 0 or random.random() < 0.5)
        changes += 1
        gevent.sleep(0.01)
        if not chosen:
            world.back(random.choice(apps), container_concurrency=limit)
    gevent.joinall(clients, raise_error=True)
    assert (failed, done) == ([], [3000])
    assert changes > 10
    assert sum(len(app.requests) for app in apps) == 3000
    instances = [world.endpoint(app).instance for app in apps]
    assert sum(world.plane.served(instance) for instance in instances) == 3000
    assert sum(world.plane.answers(instance)[2] for instance in instances) == 3000


def test_an_endpoint_that_left_finishes_and_is_counted_until_it_has(world: Any) -> None:
    old, new = world.app(answer_after(0.2)), world.app()
    world.deploy(old)
    running = world.ask_many(3)
    world.until(lambda: len(old.requests) == 3)
    world.back(new)
    name = world.endpoint(old).instance
    assert world.plane.in_flight(name) == 3
    assert world.ask().body == b"hello"
    assert [it.get().status for it in running] == [200] * 3
    world.until(lambda: world.plane.in_flight(name) == 0)
    world.plane.report()
    assert world.plane.served(name) == 3
    assert len(old.requests) == 3
    world.until(lambda: not old.sockets)  # kept connections would hold up a server that drains


@pytest.mark.parametrize("proxied", [True, False])
def test_what_waits_for_an_endpoint_that_left_moves_to_the_next(world: Any, proxied: bool) -> None:
    old, new = world.app(lambda request, sock: gevent.sleep(30)), world.app()
    world.deploy(old, container_concurrency=1, proxied=proxied)
    stuck = gevent.spawn(world.ask)
    world.until(lambda: old.requests)
    waiting = world.ask_many(5)
    world.until(lambda: world.plane.waiting(world.key) == 5)
    world.back(new, container_concurrency=1, proxied=proxied)
    assert [it.get().body for it in waiting] == [b"hello"] * 5
    assert len(old.requests) == 1
    stuck.kill()


def test_an_endpoint_that_comes_back_is_still_limited(world: Any) -> None:
    most = [0, 0]

    def answer(request: Any, sock: Any) -> None:
        most[0] += 1
        most[1] = max(most)
        gevent.sleep(0.1)
        most[0] -= 1
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    app = world.app(answer)
    world.deploy(app, container_concurrency=1)
    asked = world.ask_many(4)
    world.until(lambda: app.requests)
    world.back(container_concurrency=1)
    world.back(app, container_concurrency=1)
    assert [it.get().status for it in asked] == [200] * 4
    assert most[1] == 1
    connections = app.connections
    assert [world.ask().status for _ in range(3)] == [200] * 3
    assert app.connections <= connections + 1


def test_weights(world: Any) -> None:
    keys = [RevisionKey("default", f"hello-{number:05}") for number in (1, 2)]
    for key, body in zip(keys, (b"one", b"two"), strict=True):
        text = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + body
        world.back(world.app(lambda _, sock, text=text: sock.sendall(text)), key=key)
    both = (Target(keys[0], 50), Target(keys[1], 50))
    world.plane.set_routes({world.host: both, f"new-{world.host}": (Target(keys[1], 100),)})
    sock = world.connect()
    bodies = Counter()
    for _ in range(200):
        world.send(sock, "GET / HTTP/1.1")
        bodies[world.read(sock).body] += 1
    sock.close()
    assert 75 <= bodies[b"one"] <= 125
    assert bodies[b"one"] + bodies[b"two"] == 200
    tagged = f"GET / HTTP/1.1\r\nHost: NEW-{world.host.upper()}:8080\r\nConnection: close\r\n\r\n".encode()
    assert all(world.raw(tagged).endswith(b"two") for _ in range(5))


@pytest.mark.parametrize("percents", [(50, 50), (90, 10), (1, 99), (33, 33, 34), (0, 100)])
@pytest.mark.parametrize("seed", range(5))
def test_shares_are_even_from_the_start(percents: tuple[int, ...], seed: int) -> None:
    table = RouteTable(Random(seed))
    targets = tuple(Target(RevisionKey("n", str(index)), percent) for index, percent in enumerate(percents))
    table.replace({"a": targets})
    counts: Counter[str] = Counter()
    for number in range(1000):
        if number == 500:
            table.replace({"a": targets, "b": targets[:1]})
        split = table.find(b"A:80")
        assert split
        counts[split.pick().name] += 1
    assert all(abs(counts[str(index)] - percent * 10) <= 12 for index, percent in enumerate(percents))


@pytest.mark.parametrize("host", ["nobody.default.localhost", "hello.default.svc.cluster.local", "[::1]:80", "x:y"])
def test_unknown_hosts(world: Any, host: str) -> None:
    world.deploy(world.app())
    sock = world.connect()
    sock.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = world.read(sock)
    assert (answer.status, answer.body) == (400 if host == "x:y" else 404, b"" if host != "x:y" else answer.body)
    if host != "x:y":
        world.send(sock, "GET / HTTP/1.1")
        assert world.read(sock).status == 200
    sock.close()


def test_the_address_of_a_host_in_brackets() -> None:
    table = RouteTable(Random(1))
    table.replace({"[::1]": (Target(RevisionKey("n", "a"), 100),)})
    assert table.find(b"[::1]:8080")
    assert table.find(b"[::1]")
    assert table.find(b"[::2]") is None
