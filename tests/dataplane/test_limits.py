from collections import Counter
from typing import Any

import gevent
import pytest

from emulator.dataplane import http1_client, plane, pool


def slow(request: Any, sock: Any) -> None:
    gevent.sleep(0.05)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def test_twenty_at_once_at_one_at_a_time_through_the_activator(world: Any) -> None:
    world.deploy(world.app(slow), container_concurrency=1)
    answers = [it.get() for it in world.ask_many(20)]
    assert Counter(answer.status for answer in answers) == {200: 20}


def test_twenty_at_once_at_one_at_a_time_straight(world: Any) -> None:
    app = world.app(slow)
    world.deploy(app, container_concurrency=1, proxied=False)
    asked = world.ask_many(20)
    world.until(lambda: sum(it.ready() for it in asked) >= 9)
    early = [it.get() for it in asked if it.ready()]
    assert {(answer.status, answer.body) for answer in early} >= {(503, b"pending request queue full\n")}
    assert Counter(it.get().status for it in asked) == {200: 11, 503: 9}
    assert len(app.requests) == 11
    assert world.plane.answers_of(world.key) == Counter({2: 11, 5: 9})
    assert world.plane.answers(world.endpoint(app).instance) == Counter({2: 11})


def test_straight_requests_spread_over_the_instances(world: Any) -> None:
    apps = [world.app(slow) for _ in range(4)]
    world.deploy(*apps, proxied=False)
    assert {it.get().status for it in world.ask_many(100)} == {200}
    counts = [len(app.requests) for app in apps]
    assert sum(counts) == 100
    assert min(counts) >= 15
    assert [world.plane.served(world.endpoint(app).instance) for app in apps] == counts


def test_no_instance_gets_more_than_its_limit(world: Any) -> None:
    most: list[int] = []

    def counted(request: Any, sock: Any) -> None:
        busy[0] += 1
        most.append(busy[0])
        slow(request, sock)
        busy[0] -= 1

    busy = [0]
    apps = [world.app(), world.app()]
    for app in apps:
        app.handler = counted
    world.deploy(*apps, container_concurrency=3)
    assert {it.get().status for it in world.ask_many(50)} == {200}
    assert max(most) == 6
    assert min(len(app.requests) for app in apps) >= 10


@pytest.mark.parametrize("start", ["", "GET / HTTP/1.1\r\nHost: "])
def test_a_slow_head_is_not_waited_for(world: Any, monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    monkeypatch.setattr(http1_client, "HEAD_TIMEOUT", 0.1)
    monkeypatch.setattr(http1_client, "KEEP_ALIVE", 0.1)
    received = world.raw(start.encode())
    assert received.startswith(b"HTTP/1.1 408 ") if start else received == b""


def test_an_unused_connection_is_closed_after_a_while(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1_client, "KEEP_ALIVE", 0.1)
    world.deploy(world.app(slow))
    sock = world.connect()
    for _ in range(3):
        world.send(sock, "GET / HTTP/1.1")
        assert world.read(sock).status == 200
    assert sock.recv(1) == b""
    sock.close()


def test_more_clients_than_descriptors_are_told(world_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE", 1000.0)  # kept connections make room for those that are needed
    world = world_of(descriptors=40)
    world.deploy()
    limit = int(40 * plane.CLIENT_SHARE)
    waiting = world.ask_many(limit)
    world.until(lambda: world.plane.waiting(world.key) == limit)
    refused = world.ask()
    assert refused.status == 503
    assert f"The gateway holds {limit} connections".encode() in refused.body
    at_once: list[int] = []

    def counted(request: Any, sock: Any) -> None:
        at_once.append(len(app.sockets))
        slow(request, sock)

    app = world.app(counted)
    world.back(app)
    assert Counter(it.get().status for it in waiting) == {200: limit}
    assert max(at_once) == 40 - limit  # the others waited for a descriptor
    world.until(lambda: world.ask().status == 200)


def test_closing_lets_what_is_in_hand_finish(world: Any) -> None:
    app = world.app(slow)
    world.deploy(app)
    idle = world.connect()
    world.send(idle, "GET / HTTP/1.1")
    assert world.read(idle).status == 200
    running = world.ask_many(5)
    world.until(lambda: len(app.requests) == 6)
    world.plane.close(10)
    assert [it.get().status for it in running] == [200] * 5
    assert idle.recv(1) == b""
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        world.connect()


def test_an_answer_given_while_closing_says_so(world: Any) -> None:
    def answer(request: Any, sock: Any) -> None:
        closing.append(gevent.spawn(world.plane.close, 10))
        gevent.sleep(0.01)
        slow(request, sock)

    closing: list[Any] = []
    world.deploy(world.app(answer))
    assert world.ask().header("Connection") == "close"
    closing[0].get()


def test_closing_does_not_wait_longer_than_it_may(world: Any) -> None:
    app = world.app(lambda request, sock: gevent.sleep(30))
    world.deploy(app, container_concurrency=1)
    request = f"GET / HTTP/1.1\r\nHost: {world.host}\r\n\r\n".encode()
    running = gevent.spawn(world.raw, request)
    world.until(lambda: app.requests)
    waiting = [gevent.spawn(world.raw, request) for _ in range(3)]
    world.until(lambda: world.plane.waiting(world.key) == 3)
    world.plane.close(0.1)
    assert running.get() == b""
    for it in waiting:
        assert it.get().startswith(b"HTTP/1.1 503 ")
        assert it.get().endswith(b"\r\n\r\nThe gateway is closing; ask again.\n")


def test_a_taken_port_is_an_error(world: Any) -> None:
    with pytest.raises(OSError, match="Address already in use"):
        world.plane.listen("127.0.0.1", world.port)
