import socket
from typing import Any

import gevent
import pytest

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
TEXTS = [(True, b"activator request timeout"), (False, b"request timeout")]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize(("proxied", "text"), TEXTS)
def test_the_whole_request(world: Any, proxied: bool, text: bytes) -> None:
    app = world.app(lambda request, sock: gevent.sleep(30))
    world.deploy(app, timeout=0.1, proxied=proxied)
    sock = world.connect()
    for _ in range(2):  # the connection goes on
        world.send(sock, "GET / HTTP/1.1")
        answer = world.read(sock)
        assert (answer.status, answer.body) == (504, text)
        assert answer.header("Content-Type") == "text/plain; charset=utf-8"
        assert answer.header("X-Content-Type-Options") is None
    sock.close()
    world.until(lambda: world.plane.in_flight(world.endpoint(app).instance) == 0)


@pytest.mark.parametrize(("proxied", "text"), TEXTS)
def test_after_the_first_byte_the_text_is_appended_and_the_end_is_clean(world: Any, proxied: bool, text: bytes) -> None:
    def part(request: Any, sock: Any) -> None:
        sock.sendall(CHUNKED + chunk(b"part1\n"))
        gevent.sleep(30)

    world.deploy(world.app(part), timeout=0.1, proxied=proxied)
    sock = world.connect()
    for _ in range(2):
        world.send(sock, "GET / HTTP/1.1")
        answer = world.read(sock)
        assert (answer.status, answer.body) == (200, b"part1\n" + text)
    sock.close()


def test_content_of_a_declared_length_gets_as_much_of_the_text_as_fits(world: Any) -> None:
    def part(request: Any, sock: Any) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        gevent.sleep(30)

    world.deploy(world.app(part), timeout=0.1, proxied=False)
    received = world.raw(f"GET / HTTP/1.1\r\nHost: {world.host}\r\n\r\n".encode())
    assert received.endswith(b"\r\n\r\nhelloreque")


def test_the_start_of_the_response(world: Any) -> None:
    def late(request: Any, sock: Any) -> None:
        if request.target == "/late":
            gevent.sleep(30)
        sock.sendall(CHUNKED)
        gevent.sleep(0.3)
        sock.sendall(chunk(b"all") + b"0\r\n\r\n")

    world.deploy(world.app(late), response_start_timeout=0.1)
    assert world.ask("GET /late HTTP/1.1").status == 504
    assert world.ask().body == b"all"


@pytest.mark.parametrize("start", [b"", CHUNKED, CHUNKED + chunk(b"one")])
def test_a_gap_between_two_bytes(world: Any, start: bytes) -> None:
    def gap(request: Any, sock: Any) -> None:
        sock.sendall(start)
        gevent.sleep(30)

    world.deploy(world.app(gap), idle_timeout=0.1)
    answer = world.ask()
    assert answer.status == (200 if start else 504)
    assert answer.body == (b"one" if start.endswith(b"one\r\n") else b"") + b"activator request timeout"


def test_bytes_that_come_in_time_keep_it_going(world: Any) -> None:
    def steady(request: Any, sock: Any) -> None:
        sock.sendall(CHUNKED)
        for _ in range(10):
            gevent.sleep(0.1)
            sock.sendall(chunk(b"x"))
        sock.sendall(b"0\r\n\r\n")

    world.deploy(world.app(steady), idle_timeout=0.8)
    assert world.ask().body == b"x" * 10


def test_waiting_counts(world: Any) -> None:
    app = world.app(lambda request, sock: gevent.sleep(30))
    world.deploy(timeout=0.1)
    answer = world.ask()
    assert (answer.status, answer.body) == (504, b"activator request timeout")
    assert world.plane.waiting(world.key) == 0
    world.deploy(app, timeout=0.1, container_concurrency=1, proxied=False)
    answers = [it.get() for it in world.ask_many(5)]
    assert {(answer.status, answer.body) for answer in answers} == {(504, b"request timeout")}
    assert world.plane.waiting(world.key) == 0


def test_an_instance_that_accepts_nobody_counts(world: Any) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        taken = []
        for _ in range(3):  # more than its queue holds: the next one hangs
            taken.append(socket.socket())
            taken[-1].setblocking(False)
            taken[-1].connect_ex(("127.0.0.1", port))
        world.deploy(type("Full", (), {"port": port}), timeout=0.1)
        assert world.ask().status == 504
        for sock in taken:
            sock.close()


def test_a_slow_upload_counts(world: Any) -> None:
    app = world.app(lambda request, sock: None)
    world.deploy(app, timeout=0.1)
    sock = world.connect()
    world.send(sock, "POST / HTTP/1.1\nContent-Length: 100000", b"x")
    answer = world.read(sock)
    assert (answer.status, answer.header("Connection")) == (504, "close")
    sock.close()
    assert app.requests == []


def test_a_client_that_does_not_read_is_cut_off(world: Any) -> None:
    def flood(request: Any, sock: Any) -> None:
        sock.sendall(CHUNKED)
        while True:
            sock.sendall(chunk(b"x" * 65536))

    app = world.app(flood)
    world.deploy(app, timeout=0.3)
    sock = world.connect()
    world.send(sock, "GET / HTTP/1.1")
    world.until(lambda: app.requests)
    world.until(lambda: world.plane.in_flight(world.endpoint(app).instance) == 0)
    received = b""
    while data := sock.recv(1 << 20):
        received = (received + data)[-100:]
    assert not received.endswith(b"0\r\n\r\n")
    sock.close()


def test_a_tunnel_is_ended_too(world: Any) -> None:
    def upgrade(request: Any, sock: Any) -> None:
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert sock.recv(1) == b""

    app = world.app(upgrade)
    world.deploy(app, timeout=0.2)
    fields = "Connection: Upgrade\r\nUpgrade: websocket"
    received = world.raw(f"GET / HTTP/1.1\r\nHost: {world.host}\r\n{fields}\r\n\r\n".encode())
    assert received.startswith(b"HTTP/1.1 101 ")
    assert received.endswith(b"\r\n\r\n")
