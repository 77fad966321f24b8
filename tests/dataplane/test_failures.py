import os
import signal
import socket
import struct
import subprocess
import sys
from typing import Any

import gevent
import pytest

from emulator.dataplane import pool


def closing(request: Any, sock: Any) -> bool:
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("proxied", [True, False])
def test_an_instance_that_is_not_there(world: Any, proxied: bool) -> None:
    app = world.app()
    world.deploy(app, proxied=proxied)
    app.stop()
    answer = world.ask()
    assert answer.status == 502
    assert answer.body == f"dial tcp 127.0.0.1:{app.port}: connect: connection refused\n".encode()


@pytest.mark.parametrize("limit", [0, 1])
@pytest.mark.parametrize("proxied", [True, False])
def test_another_instance_is_tried_when_one_refuses(world: Any, proxied: bool, limit: int) -> None:
    apps = [world.app() for _ in range(4)]
    world.deploy(*apps, proxied=proxied, container_concurrency=limit)
    for app in apps[:3]:
        app.stop()
    for _ in range(20):
        assert world.ask("POST / HTTP/1.1\nContent-Length: 2", b"ab").status == 200
    assert [request.body for request in apps[3].requests] == [b"ab"] * 20


def test_an_instance_that_hangs_up_without_an_answer(world: Any) -> None:
    app = world.app(closing)
    world.deploy(app)
    sock = world.connect()
    for _ in range(2):
        world.send(sock, "GET / HTTP/1.1")
        answer = world.read(sock)
        assert (answer.status, answer.body) == (502, b"EOF\n")
    sock.close()
    assert len(app.requests) == 2  # a new connection: nothing is sent twice


def test_an_instance_that_hangs_up_within_its_head(world: Any) -> None:
    def half(request: Any, sock: Any) -> bool:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
        return False

    world.deploy(world.app(half))
    assert world.ask()[::2] == (502, b"unexpected EOF\n")


def test_an_instance_that_does_not_speak_http(world: Any) -> None:
    world.deploy(world.app(lambda request, sock: sock.sendall(b"SSH-2.0-OpenSSH\r\n")))
    answer = world.ask()
    assert answer.status == 502
    assert answer.body.startswith(b"net/http: HTTP/1.x transport connection broken: ")


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx",
    ],
)
def test_an_answer_that_breaks_off_is_no_whole_answer(world: Any, part: bytes) -> None:
    def answer(request: Any, sock: Any) -> bool:
        head, _, rest = part.partition(b"hello")
        sock.sendall(head + b"hello")
        gevent.sleep(0.05)
        sock.sendall(rest)
        return False

    world.deploy(world.app(answer))
    received = world.raw(f"GET / HTTP/1.1\r\nHost: {world.host}\r\n\r\n".encode())
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"hello" in received
    assert not received.endswith(b"0\r\n\r\n")


def test_an_answer_of_open_length_whose_connection_is_reset_is_no_whole_answer(world: Any) -> None:
    def answer(request: Any, sock: Any) -> bool:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")
        gevent.sleep(0.1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    world.deploy(world.app(answer))
    received = world.raw(f"GET / HTTP/1.1\r\nHost: {world.host}\r\n\r\n".encode())
    assert received.endswith(b"\r\n\r\n5\r\nhello\r\n")


def test_an_answer_of_open_length_that_breaks_off_is_a_reset_for_10(world: Any) -> None:
    def answer(request: Any, sock: Any) -> bool:
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        gevent.sleep(0.1)
        return False

    world.deploy(world.app(answer))
    with pytest.raises(ConnectionResetError):
        world.raw(f"GET / HTTP/1.0\r\nHost: {world.host}\r\n\r\n".encode())


class Stale:
    """Answers one request, and closes the connection when the second one comes: the race of any idle connection."""

    def __init__(self) -> None:
        self.targets: list[str] = []

    def __call__(self, request: Any, sock: Any) -> Any:
        self.targets.append(request.target)
        if request.target.startswith("/second") and self.targets.count(request.target) == 1:
            return False
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return None


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("GET /second HTTP/1.1", b"", 200),
        ("PUT /second HTTP/1.1\nContent-Length: 2", b"ab", 200),
        ("POST /second HTTP/1.1\nContent-Length: 2", b"ab", 502),
    ],
)
def test_a_kept_connection_that_was_being_closed(world: Any, head: str, body: bytes, status: int) -> None:
    stale = Stale()
    app = world.app(stale)
    world.deploy(app)
    assert world.ask("GET /first HTTP/1.1").status == 200
    answer = world.ask(head, body)
    assert (answer.status, answer.body) == ((200, b"ok") if status == 200 else (502, b"EOF\n"))
    assert stale.targets.count("/second") == (2 if status == 200 else 1)


def test_what_was_sent_in_vain_is_whole_for_the_next_instance(world: Any) -> None:
    def dies(request: Any, sock: Any) -> Any:
        if request.method == "PUT":
            first.stop()
            return False
        return world.hello(request, sock)

    first, second = world.app(dies), world.app()
    world.deploy(first, second, container_concurrency=1)
    assert world.ask().status == 200
    assert world.ask("PUT / HTTP/1.1\nContent-Length: 5", b"whole").status == 200
    assert [request.body for request in second.requests] == [b"whole"]


def test_a_kept_connection_that_was_closed_is_not_used(world: Any) -> None:
    app = world.app()
    world.deploy(app)
    for _ in range(3):
        assert world.ask("POST / HTTP/1.1\nContent-Length: 2", b"ab").status == 200
        for sock in list(app.sockets):
            sock.shutdown(2)
        gevent.sleep(0.02)
    assert app.connections == 3


def test_connections_are_not_kept_long(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE", 0.05)
    app = world.app()
    world.deploy(app)
    assert world.ask().status == 200
    world.until(lambda: not app.sockets)


SCRIPT = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
sock, _ = listener.accept()
sock.recv(1000)
if sys.argv[2] == "part":
    sock.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nhello")
print("answered", flush=True)
sock.recv(1000)
"""


@pytest.mark.parametrize("part", ["part", "nothing"])
def test_an_instance_killed_in_the_middle(world: Any, part: str) -> None:
    port = free_port()
    command = [sys.executable, "-c", SCRIPT, str(port), part]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        world.deploy()
        asked = gevent.spawn(lambda: world.raw(f"GET / HTTP/1.1\r\nHost: {world.host}\r\n\r\n".encode()))
        fake = type("Process", (), {"port": port})()
        world.back(fake)
        gevent.sleep(0.1)  # lets the request go out before this thread blocks on the pipe
        assert process.stdout.readline() == b"answered\n"
        gevent.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
        if part == "part":
            assert asked.get().endswith(b"\r\n\r\nhello")
        else:
            asked.join(0.5)
            asked.kill()
            assert world.ask().body.startswith(b"dial tcp")
