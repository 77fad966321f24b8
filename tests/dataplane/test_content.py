import hashlib
import os
from typing import Any

import gevent
import psutil
import pytest


def echo(request: Any, sock: Any) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.body), request.body))


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
