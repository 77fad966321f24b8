"""From zero: who waits, in which order, for how long, and what wakes the controller."""

import gc
import re
from typing import Any

import gevent
import psutil
import pytest

from emulator.core.breaker import ACTIVATOR_QUEUE_DEPTH
from emulator.core.revision import RevisionKey
from emulator.dataplane.door import RevisionStat, Target


def slow(seconds: float) -> Any:
    def answer(request: Any, sock: Any) -> None:
        gevent.sleep(seconds)
        body = request.target.encode()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    return answer


def test_the_first_request_wakes_the_controller_and_waits(world: Any) -> None:
    world.deploy()
    waiting = world.ask_many(3)
    world.until(lambda: world.plane.waiting(world.key) == 3)
    assert world.woken == [world.key]
    world.back(world.app())
    assert [it.get().status for it in waiting] == [200, 200, 200]
    assert world.plane.waiting(world.key) == 0


def test_it_is_woken_again_after_each_return_to_zero(world: Any) -> None:
    app = world.app()
    world.deploy()
    for round_ in range(1, 4):
        first = gevent.spawn(world.ask)
        world.until(lambda: world.plane.waiting(world.key) == 1)
        assert len(world.woken) == round_
        world.back(app)
        assert first.get().status == 200
        assert world.ask().status == 200
        world.plane.report()
        world.plane.report()  # a whole period without load: it is forgotten
        world.back()
    assert len(world.woken) == 3


def test_a_cold_start_shows_in_the_answer(world: Any) -> None:
    def answer(request: Any, sock: Any) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nServer-Timing: db;dur=3\r\nContent-Length: 2\r\n\r\nok")

    app = world.app(answer)
    world.deploy()
    first = gevent.spawn(world.ask)
    world.until(lambda: world.plane.waiting(world.key) == 1)
    gevent.sleep(0.05)
    world.back(app)
    values = [value for name, value in first.get().headers if name == "Server-Timing"]
    assert values[0] == "db;dur=3"
    match = re.fullmatch(r"cold-start;dur=(\d+)", values[1])
    assert match
    assert 50 <= int(match[1]) < 20_000
    assert world.ask().header("Server-Timing") == "db;dur=3"


@pytest.mark.parametrize(("way", "count"), [("zero", 20), ("activator", 20), ("straight", 10)])
def test_first_come_first_served_at_one_at_a_time(world: Any, way: str, count: int) -> None:
    busy: list[int] = [0, 0]

    def answer(request: Any, sock: Any) -> None:
        busy[0] += 1
        busy[1] = max(busy)
        slow(0.01)(request, sock)
        busy[0] -= 1

    app = world.app(answer)
    world.deploy(*([] if way == "zero" else [app]), container_concurrency=1, proxied=way != "straight")
    arrived: list[int] = []
    done: list[int] = []

    def ask(number: int) -> None:
        sock = world.connect()
        world.send(sock, f"GET /{number} HTTP/1.1")
        arrived.append(number)
        assert world.read(sock).body == b"/%d" % number
        done.append(number)
        sock.close()

    clients = []
    for number in range(count):
        clients.append(gevent.spawn(ask, number))
        world.until(lambda n=number: n in arrived)
        gevent.sleep(0.005)
    if way == "zero":
        world.until(lambda: world.plane.waiting(world.key) == count)
        world.back(app, container_concurrency=1)
    gevent.joinall(clients, raise_error=True)
    assert done == list(range(count))
    assert busy[1] == 1


def test_a_client_that_left_is_dropped_and_never_forwarded(world: Any) -> None:
    app = world.app()
    world.deploy()
    socks = [world.connect() for _ in range(4)]
    world.send(socks[0], "GET /stays HTTP/1.1")
    world.send(socks[1], "GET /left HTTP/1.1")
    world.send(socks[2], "POST /left-while-sending HTTP/1.1\nContent-Length: 100000", b"x" * 50_000)
    world.send(socks[3], "GET /left-with-another-behind HTTP/1.1")
    world.until(lambda: world.plane.waiting(world.key) == 4)
    world.send(socks[3], "GET /behind HTTP/1.1")
    gevent.sleep(0.05)
    for sock in socks[1:]:
        sock.close()
    world.until(lambda: world.plane.waiting(world.key) == 3)
    gevent.sleep(0.05)
    world.back(app)
    assert world.read(socks[0]).status == 200
    socks[0].close()
    world.until(lambda: world.plane.waiting(world.key) == 0)
    gevent.sleep(0.05)
    assert [request.target for request in app.requests] == ["/stays"]


@pytest.mark.parametrize("size", [0, 200_000])
def test_a_client_that_leaves_takes_its_request_from_the_instance(world: Any, size: int) -> None:
    closed: list[bool] = []

    def hang(request: Any, sock: Any) -> bool:
        closed.append(sock.recv(1) == b"")
        return False

    app = world.app(hang)
    world.deploy(app)
    sock = world.connect()
    world.send(sock, f"POST / HTTP/1.1\nContent-Length: {size}", b"x" * size)
    world.until(lambda: app.requests)
    sock.close()
    world.until(lambda: closed)
    assert closed == [True]
    world.until(lambda: world.plane.in_flight(world.endpoint(app).instance) == 0)


def test_a_deleted_revision_says_so(world: Any) -> None:
    app = world.app(slow(0.2))
    world.deploy()
    waiting = world.ask_many(5)
    world.until(lambda: world.plane.waiting(world.key) == 5)
    world.plane.remove_backend(world.key)
    for answer in waiting:
        assert answer.get().status == 503
        assert answer.get().body == b"The revision hello-00001 was deleted; ask again.\n"
    assert world.ask()[::2] == (
        404,
        b'Error getting active endpoint: revision.serving.knative.dev "hello-00001" not found\n',
    )
    world.deploy(app)
    running = gevent.spawn(world.ask)
    world.until(lambda: app.requests)
    world.plane.remove_backend(world.key)
    assert running.get().status == 200


def test_a_replaced_revision_serves_what_it_was_given(world: Any) -> None:
    old, new = world.app(slow(0.1)), world.app()
    key = RevisionKey("default", "hello-00002")
    world.deploy(container_concurrency=1)
    waiting = world.ask_many(3)
    world.until(lambda: world.plane.waiting(world.key) == 3)
    world.back(new, key=key)
    world.plane.set_routes({world.host: (Target(key, 100),)})
    assert world.ask().body == b"hello"
    world.back(old, container_concurrency=1)
    assert [answer.get().body for answer in waiting] == [b"/"] * 3


def test_two_thousand_are_held_and_all_answered(world: Any) -> None:
    app = world.app()
    world.deploy()
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    socks = [world.connect() for _ in range(2000)]
    for sock in socks:
        world.send(sock, "GET / HTTP/1.1")
    world.until(lambda: world.plane.waiting(world.key) == 2000)
    each = (process.memory_info().rss - before) / 2000
    print(f"{each / 1024:.1f} KiB for each request held, its client's side included")
    assert each < 100 * 1024
    assert len(world.woken) == 1
    world.back(app)
    for sock in socks:
        assert world.read(sock).body == b"hello"
        sock.close()
    assert len(app.requests) == 2000


def test_the_queue_ends_somewhere(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ACTIVATOR_QUEUE_DEPTH == 10_000
    monkeypatch.setattr("emulator.dataplane.activator.MAX_CONCURRENCY", 0)
    monkeypatch.setattr("emulator.dataplane.activator.ACTIVATOR_QUEUE_DEPTH", 5)
    world.deploy()
    waiting = world.ask_many(8)
    world.until(lambda: sum(it.ready() for it in waiting) == 3)
    for answer in [it for it in waiting if it.ready()]:
        assert (answer.get().status, answer.get().body) == (503, b"pending request queue full\n")
        assert answer.get().header("Content-Type") == "text/plain; charset=utf-8"
        assert answer.get().header("X-Content-Type-Options") == "nosniff"
    gevent.killall(waiting)


def test_load_is_reported_with_what_waits(world_of: Any) -> None:
    class Clock:
        at = 1000.0

    world = world_of()
    world.now = lambda: Clock.at
    world.deploy()
    assert world.plane.report() == []
    waiting = world.ask_many(4)
    world.until(lambda: world.plane.waiting(world.key) == 4)
    Clock.at += 1
    # The first was told at once and is left out once.
    assert world.plane.report() == [RevisionStat(world.key, 3.0, 3)]
    Clock.at += 1
    assert world.plane.report() == [RevisionStat(world.key, 4.0, 0)]
    app = world.app(slow(0.3))
    world.back(app, container_concurrency=2)
    world.until(lambda: len(app.requests) == 2)
    Clock.at += 1
    assert world.plane.report() == [RevisionStat(world.key, 4.0, 0)]
    gevent.joinall(waiting, raise_error=True)
    Clock.at += 1
    assert world.plane.report() == [RevisionStat(world.key, 0.0, 0)]
    assert world.plane.report() == []
    app = world.app(slow(0.3))
    world.back(app, proxied=False)
    straight = world.ask_many(3)
    world.until(lambda: len(app.requests) == 3)
    Clock.at += 0.5
    assert world.plane.report() == [RevisionStat(world.key, 3.0, 3)]
    gevent.joinall(straight, raise_error=True)
    assert world.woken == [world.key]
