import hashlib
import os
from typing import Any

import gevent
import psutil
import pytest


def echo(request: Any, sock: Any) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.body), request.body))


def show(request: Any, sock: Any) -> None:
    text = "\n".join([request.line, *(f"{k}: {v}" for k, v in request.headers.items())]).encode()
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))


def test_a_request_and_its_answer(world: Any) -> None:
    world.deploy(world.app(show))
    answer = world.ask("GET /a/b?c=d HTTP/1.1\nX-Custom: v1\ntraceparent: 00-abc-def-01")
    assert answer.status == 200
    lines = answer.body.decode().splitlines()
    assert lines[0] == "GET /a/b?c=d HTTP/1.1"
    assert {f"Host: {world.host}", "X-Custom: v1", "traceparent: 00-abc-def-01"} < set(lines)


@pytest.mark.parametrize("proxied", [True, False])
def test_fields_at_the_container(world: Any, proxied: bool) -> None:
    world.deploy(world.app(show), proxied=proxied)
    world.source = "127.0.0.2"
    body = world.ask("GET / HTTP/1.1\nK-Proxy-Request: activator").body.decode()
    seen = dict(line.split(": ", 1) for line in body.splitlines()[1:])
    assert len(seen.pop("X-Request-Id")) == 36
    assert seen.pop("Host") == world.host
    through = {
        "Forwarded": "for=127.0.0.2;proto=http",
        "X-Forwarded-For": "127.0.0.2, 127.0.0.1",
        "X-Forwarded-Proto": "http",
        "K-Proxy-Request": "activator",
    }
    straight = {"Forwarded": "proto=http", "X-Forwarded-For": "127.0.0.2", "X-Forwarded-Proto": "http"}
    assert seen == (through if proxied else straight)


def test_forwarding_fields_of_the_client_are_kept(world: Any) -> None:
    world.deploy(world.app(show))
    sent = "X-Forwarded-For: 10.1.1.1\nX-Forwarded-For: 2001:db8::1\nX-Forwarded-Proto: https\nX-Request-Id: mine"
    body = world.ask(f"GET / HTTP/1.1\n{sent}").body.decode().splitlines()
    assert "X-Forwarded-For: 10.1.1.1, 2001:db8::1, 127.0.0.1, 127.0.0.1" in body
    assert 'Forwarded: for=10.1.1.1;proto=https, for="[2001:db8::1]", for=127.0.0.1' in body
    assert "X-Request-Id: mine" in body
    assert "Forwarded: host=a.b;proto=http" in (
        world.ask("GET / HTTP/1.1\nX-Forwarded-Host: a.b").body.decode().replace("for=127.0.0.1;", "")
    )
    assert "Forwarded: for=_x" in world.ask("GET / HTTP/1.1\nForwarded: for=_x").body.decode()


def test_fields_between_neighbours_go_no_further(world: Any) -> None:
    def answer(request: Any, sock: Any) -> None:
        text = "\n".join(request.headers.keys()).encode()
        sock.sendall(
            b"HTTP/1.1 200 OK\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: no\r\n"
            b"X-Other: 2\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
        )

    world.deploy(world.app(answer))
    hops = "Connection: X-Hop, Host, Content-Length\nX-Hop: 1\nKeep-Alive: 5\nTE: trailers\nProxy-Authorization: x"
    got = world.ask(f"POST / HTTP/1.1\n{hops}\nX-End: 1\nContent-Length: 1", b"x")
    assert got.body.decode().splitlines() == [
        "Host",
        "X-End",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Request-Id",
        "K-Proxy-Request",
        "Content-Length",
    ]
    assert [name for name, _ in got.headers] == ["X-Other", "Date", "Content-Length"]


def test_connections_are_kept_and_used_again_on_both_sides(world: Any) -> None:
    app = world.app()
    world.deploy(app)
    sock = world.connect()
    for _ in range(20):
        world.send(sock, "GET / HTTP/1.1")
        assert world.read(sock).body == b"hello"
    sock.close()
    assert (app.connections, len(app.requests)) == (1, 20)


def test_pipelined_requests_are_answered_in_order(world: Any) -> None:
    world.deploy(world.app(echo))
    one = f"POST / HTTP/1.1\r\nHost: {world.host}\r\nContent-Length: 1\r\n"
    data = "".join(f"{one}\r\n{digit}" for digit in "123456789") + f"{one}Connection: close\r\n\r\n0"
    received = world.raw(data.encode())
    assert received.count(b"HTTP/1.1 200 OK") == 10
    assert [part[:1] for part in received.split(b"\r\n\r\n")[1:]] == [digit.encode() for digit in "1234567890"]


def test_what_is_not_for_anyone_here_leaves_the_connection_open(world: Any) -> None:
    world.deploy(world.app())
    sock = world.connect()
    for _ in range(2):
        sock.sendall(b"POST / HTTP/1.1\r\nHost: nobody\r\nContent-Length: 3\r\n\r\nabc")
        answer = world.read(sock)
        assert (answer.status, answer.body, answer.header("Content-Length")) == (404, b"", "0")
    world.send(sock, "GET / HTTP/1.1")
    assert world.read(sock).status == 200
    sock.close()


def test_content_for_nobody_is_thrown_away_and_not_kept(world: Any) -> None:
    sock = world.connect()
    sock.sendall(b"POST / HTTP/1.1\r\nHost: nobody\r\nContent-Length: 3000000\r\n\r\n")
    sock.sendall(b"x" * 2_000_000)
    answer = world.read(sock)
    assert (answer.status, answer.header("Connection")) == (404, "close")
    sock.sendall(b"x" * 1_000_000)
    sock.shutdown(1)
    assert sock.recv(1) == b""
    sock.close()


def test_chunks_both_ways(world: Any) -> None:
    def answer(request: Any, sock: Any) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        sock.sendall(head + b"".join(b"2;x=y\r\n%b%b\r\n" % (b"<", bytes([byte])) for byte in request.body))
        sock.sendall(b"0\r\nX-Trailer: 1\r\n\r\n")

    app = world.app(answer)
    world.deploy(app)
    sock = world.connect()
    for body in (b"abc", b"de"):
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\nX-Trailer: 1\r\n\r\n"
        world.send(sock, "POST / HTTP/1.1\nTransfer-Encoding: chunked", chunks)
        answer_ = world.read(sock)
        assert answer_.body == b"".join(b"<%c" % byte for byte in body)
        assert answer_.header("Transfer-Encoding") == "chunked"
    sock.close()
    assert [request.body for request in app.requests] == [b"abc", b"de"]


def test_content_that_ends_with_the_connection_becomes_chunks(world: Any) -> None:
    def answer(request: Any, sock: Any) -> bool:
        sock.sendall(b"HTTP/1.0 200 OK\r\n\r\nall of it")
        return False

    world.deploy(world.app(answer))
    sock = world.connect()
    for _ in range(2):
        world.send(sock, "GET / HTTP/1.1")
        got = world.read(sock)
        assert (got.body, got.header("Transfer-Encoding")) == (b"all of it", "chunked")
    sock.close()


def test_http_10_clients(world: Any) -> None:
    def chunks(request: Any, sock: Any) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")

    world.deploy(world.app(chunks))
    received = world.raw(f"GET / HTTP/1.0\r\nHost: {world.host}\r\n\r\n".encode())
    assert received.endswith(b"\r\nConnection: close\r\n\r\nhello")
    world.deploy(world.app())
    sock = world.connect()
    for _ in range(2):
        world.send(sock, "GET / HTTP/1.0\nConnection: keep-alive")
        answer = world.read(sock)
        assert (answer.body, answer.header("Connection")) == (b"hello", "keep-alive")
    sock.close()
    assert world.raw(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("method", "head", "length"),
    [
        ("HEAD", b"200 OK\r\nContent-Length: 5", "5"),
        ("GET", b"204 No Content", None),
        ("GET", b"304 Not Modified\r\nContent-Length: 5", "5"),
    ],
)
def test_answers_without_content(world: Any, method: str, head: bytes, length: str | None) -> None:
    app = world.app(lambda request, sock: sock.sendall(b"HTTP/1.1 %b\r\nX: y\r\n\r\n" % head))
    world.deploy(app)
    sock = world.connect()
    for _ in range(3):
        world.send(sock, f"{method} / HTTP/1.1")
        answer = world.read(sock, method)
        assert (answer.body, answer.header("Content-Length"), answer.header("X")) == (b"", length, "y")
        assert answer.header("Transfer-Encoding") is None
    sock.close()
    assert app.connections == 1


def test_interim_answers_are_not_taken_for_the_final_one(world: Any) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    world.deploy(world.app(lambda _, sock: sock.sendall(early + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")))
    sock = world.connect()
    for _ in range(2):
        world.send(sock, "GET / HTTP/1.1")
        answer = world.read(sock)
        assert (answer.status, answer.body, answer.header("Link")) == (200, b"ok", None)
    sock.close()


def test_continue_is_said_when_there_is_room_for_the_content(world: Any) -> None:
    app = world.app(echo)
    world.deploy()
    sock = world.connect()
    world.send(sock, "POST / HTTP/1.1\nContent-Length: 5\nExpect: 100-continue")
    world.until(lambda: world.plane.waiting(world.key) == 1)
    sock.settimeout(0.05)
    with pytest.raises(TimeoutError):
        sock.recv(1)
    sock.settimeout(30)
    world.back(app)
    assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    sock.sendall(b"12345")
    assert world.read(sock).body == b"12345"
    assert "Expect" not in app.requests[0].headers
    sock.close()


def test_no_continue_for_a_host_that_is_not_there(world: Any) -> None:
    sock = world.connect()
    sock.sendall(b"POST / HTTP/1.1\r\nHost: nobody\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    answer = world.read(sock)
    assert (answer.status, answer.header("Connection")) == (404, "close")
    sock.close()


def test_an_answer_before_the_end_of_the_request_arrives(world: Any) -> None:
    def refuse(sock: Any, _: object) -> None:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        sock.close()

    app = world.app()
    app.server.set_handle(refuse)
    world.deploy(app)
    sock = world.connect()
    world.send(sock, "POST / HTTP/1.1\nContent-Length: 1000000", b"x" * 50_000)
    answer = world.read(sock)
    assert (answer.status, answer.body, answer.header("Connection")) == (413, b"big", "close")
    sock.close()


def test_big_bodies_stream_through_flat_memory(world: Any) -> None:
    size, piece = 50 * 1024 * 1024, os.urandom(1024 * 1024)
    count = size // len(piece)

    def receive(sock: Any, _: object) -> None:
        """Takes its time, then sends as much back to a client that takes its time too."""
        buffer = b""
        while b"\r\n\r\n" not in buffer:
            buffer += sock.recv(4096)
        body = buffer.split(b"\r\n\r\n", 1)[1]
        digest, got = hashlib.sha256(body), len(body)
        while got < size:
            data = sock.recv(65536)
            digest.update(data)
            got += len(data)
        digests.append(digest.hexdigest())
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size)
        for _ in range(count):
            sock.sendall(piece)
        sock.close()

    digests: list[str] = []
    app = world.app()
    app.server.set_handle(receive)
    world.deploy(app)
    sock = world.connect()
    process = psutil.Process()
    before = process.memory_info().rss
    world.send(sock, f"POST / HTTP/1.1\nContent-Length: {size}\nConnection: close")

    def upload() -> None:
        for _ in range(count):
            sock.sendall(piece)

    sender = gevent.spawn(upload)
    received, most = 0, 0
    head = b""
    while b"\r\n\r\n" not in head:
        head += sock.recv(4096)
    digest = hashlib.sha256(head.split(b"\r\n\r\n", 1)[1])
    received = len(head.split(b"\r\n\r\n", 1)[1])
    while data := sock.recv(65536):
        received += len(data)
        digest.update(data)
        most = max(most, process.memory_info().rss)
    sender.get()
    sock.close()
    assert received == size
    assert digest.hexdigest() == digests[0] == hashlib.sha256(piece * count).hexdigest()
    assert most - before < 20 * 1024 * 1024


def test_a_client_that_reads_slowly_holds_the_instance_back(world: Any) -> None:
    sent: list[int] = [0]

    def flood(request: Any, sock: Any) -> bool:
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(2000):
            sock.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent[0] += 65536
        return False

    world.deploy(world.app(flood))
    sock = world.connect()
    world.send(sock, "GET / HTTP/1.1")
    stable = -1
    while stable != sent[0]:
        stable = sent[0]
        gevent.sleep(0.3)
    assert 0 < stable < 60 * 1024 * 1024  # socket buffers, not the whole of 125 MB
    sock.close()
    world.until(lambda: world.plane.in_flight(world.endpoint(world.apps[0]).instance) == 0)


def test_websocket_tunnel(world: Any) -> None:
    def upgrade(request: Any, sock: Any) -> bool:
        assert request.headers["Upgrade"] == "websocket"
        assert request.headers["Connection"] == "Upgrade"
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: y\r\n\r\nhi")
        while data := sock.recv(1000):
            sock.sendall(data.upper())
        sock.sendall(b"bye")
        return False

    app = world.app(upgrade)
    world.deploy(app)
    sock = world.connect()
    world.send(sock, "GET /ws HTTP/1.1\nConnection: keep-alive, Upgrade\nUpgrade: websocket", b"early ")
    received = b""
    while not received.endswith(b"EARLY "):
        received += sock.recv(1000)
    head, _, rest = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"X: y" in head
    assert rest == b"hiEARLY "
    for word in (b"one", b"two"):
        sock.sendall(word)
        assert sock.recv(100) == word.upper()
    assert world.plane.in_flight(world.endpoint(app).instance) == 1
    sock.shutdown(1)
    assert sock.recv(100) == b"bye"
    assert sock.recv(100) == b""
    sock.close()
    world.until(lambda: world.plane.in_flight(world.endpoint(app).instance) == 0)


def test_a_tunnel_that_is_refused_ends_the_connection(world: Any) -> None:
    app = world.app()
    world.deploy(app)
    head = f"GET / HTTP/1.1\r\nHost: {world.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    received = world.raw(f"{head}GET /hidden HTTP/1.1\r\nHost: {world.host}\r\n\r\n".encode())
    assert received.count(b"HTTP/1.1 200 OK") == 1
    assert b"\r\nConnection: close\r\n" in received
    assert [request.target for request in app.requests] == ["/"]


def test_an_offer_to_upgrade_may_be_declined(world: Any) -> None:
    app = world.app(echo)
    world.deploy(app)
    offers = "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__"
    sock = world.connect()
    for number in range(3):
        body = b"GET /evil HTTP/1.1\r\nHost: x\r\n\r\n%d" % number
        world.send(sock, f"POST / HTTP/1.1\n{offers}\nContent-Length: {len(body)}", body)
        assert world.read(sock).body == body
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        world.send(sock, f"POST / HTTP/1.1\n{offers}\nTransfer-Encoding: chunked", chunked)
        assert world.read(sock).body == body
        world.send(sock, f"GET / HTTP/1.1\n{offers}")
        assert world.read(sock).body == b""
    sock.close()
    assert {request.method for request in app.requests} == {"POST", "GET"}
    assert "Upgrade" not in app.requests[0].headers
    assert app.connections == 1


def test_switching_without_being_asked_is_an_error(world: Any) -> None:
    app = world.app(lambda _, sock: sock.sendall(b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"))
    world.deploy(app)
    assert world.ask().status == 502


def test_absolute_targets(world: Any) -> None:
    world.deploy(world.app(show))
    sock = world.connect()
    sock.sendall(f"GET http://{world.host}:8080/x?y HTTP/1.1\r\nHost: other\r\n\r\n".encode())
    lines = world.read(sock).body.decode().splitlines()
    sock.close()
    assert lines[:2] == ["GET /x?y HTTP/1.1", f"Host: {world.host}:8080"]
