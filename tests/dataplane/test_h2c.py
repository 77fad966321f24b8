"""Instances with a port named h2c: HTTP/2 by prior knowledge behind the gateway, HTTP/1.1 in front of it."""

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.server import StreamServer
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, WindowUpdated

from emulator.dataplane.door import Backend, Endpoint, Target

Answering = Callable[["H2App", H2Connection, int], None]


def greet(app: "H2App", protocol: H2Connection, stream: int) -> None:
    protocol.send_headers(stream, [(":status", "200"), ("x-from", "h2"), ("content-length", "5")])
    protocol.send_data(stream, b"hello", end_stream=True)


class H2App:
    """An instance that speaks HTTP/2 only, by the library itself; `answering` is called at the end of a request.

    The other side may send 65,535 bytes ahead of what it has taken, as HTTP/2 begins.
    """

    def __init__(self, answering: Answering = greet) -> None:
        self.answering = answering
        self.heads: list[dict[str, str]] = []
        self.body = b""
        self.early = False  # it answers a head, and takes no content
        self.connections = 0
        self.left, self.stream = b"", 0
        self.server = StreamServer(("127.0.0.1", 0), self._serve)
        self.server.start()
        self.endpoint = Endpoint("h2", "127.0.0.1", int(self.server.server_port), h2c=True)

    def _serve(self, sock: socket.socket, _: object) -> None:
        self.connections += 1
        self.sock = sock
        protocol = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        protocol.initiate_connection()
        sock.sendall(protocol.data_to_send())
        with sock:
            while data := sock.recv(65536):
                for event in protocol.receive_data(data):
                    self._take(event, protocol)
                sock.sendall(protocol.data_to_send())

    def _take(self, event: Any, protocol: H2Connection) -> None:
        match event:
            case RequestReceived():
                self.heads.append(dict(event.headers))
                if self.early:
                    self.answering(self, protocol, event.stream_id)
            case DataReceived():
                self.body += event.data
                if not self.early:
                    protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case WindowUpdated() if self.left:
                self.go_on(protocol)
            case StreamEnded() if not self.early:
                self.answering(self, protocol, event.stream_id)

    def go_on(self, protocol: H2Connection) -> None:
        """Send of what is left as much as the other side takes."""
        while self.left and (size := min(protocol.local_flow_control_window(self.stream), 10_000)):
            protocol.send_data(self.stream, self.left[:size], end_stream=size >= len(self.left))
            self.left = self.left[size:]


@pytest.fixture
def deploy(world: Any) -> Any:
    apps: list[H2App] = []

    def make(answering: Answering = greet, **backend: Any) -> H2App:
        apps.append(H2App(answering))
        world.plane.set_backend(world.key, Backend(endpoints=(apps[-1].endpoint,), **backend))
        world.plane.set_routes({world.host: (Target(world.key, 100),)})
        return apps[-1]

    yield make
    for app in apps:
        app.server.stop(timeout=0)


def test_a_request_and_its_answer(world: Any, deploy: Any) -> None:
    app = deploy()
    answer = world.ask("GET /a?b=c HTTP/1.1\nX-Mine: 1\nConnection: keep-alive, X-Hop\nX-Hop: 1\nUser-Agent: me")
    assert (answer.status, answer.body, answer.header("X-From")) == (200, b"hello", "h2")
    head = app.heads[0]
    assert (head[":method"], head[":path"], head[":authority"]) == ("GET", "/a?b=c", world.host)
    assert (head["x-mine"], head["user-agent"]) == ("1", "me")
    assert "k-proxy-request" in head
    assert not {"host", "connection", "x-hop", "te", "transfer-encoding", "content-length"} & head.keys()


def test_connections_are_used_again_one_stream_after_the_other(world: Any, deploy: Any) -> None:
    app = deploy()
    for _ in range(5):
        assert world.ask("POST / HTTP/1.1\nContent-Length: 2", b"ab").body == b"hello"
    assert (app.connections, app.body) == (1, b"ab" * 5)


def test_many_at_once(world: Any, deploy: Any) -> None:
    deploy()
    asked = world.ask_many(50)
    assert [one.get().body for one in asked] == [b"hello"] * 50


@pytest.mark.parametrize("chunked", [True, False])
def test_content_beyond_the_window_goes_as_the_instance_takes_it(world: Any, deploy: Any, chunked: bool) -> None:
    app = deploy()
    content = bytes(range(256)) * 1200
    if chunked:
        pieces = b"".join(b"%x\r\n%b\r\n" % (64, content[at : at + 64]) for at in range(0, len(content), 64))
        answer = world.ask("POST / HTTP/1.1\nTransfer-Encoding: chunked", pieces + b"0\r\n\r\n")
    else:
        answer = world.ask(f"POST / HTTP/1.1\nContent-Length: {len(content)}", content)
    assert (answer.body, app.body) == (b"hello", content)
    assert app.heads[0].get("content-length") == (None if chunked else str(len(content)))


def test_an_answer_beyond_the_window_goes_as_the_client_takes_it(world: Any, deploy: Any) -> None:
    content = bytes(range(256)) * 2000

    def much(app: H2App, protocol: H2Connection, stream: int) -> None:
        protocol.send_headers(stream, [(":status", "200")])
        app.left, app.stream = content, stream
        app.go_on(protocol)

    deploy(much)
    assert world.ask().body == content


def test_a_connection_has_its_whole_window_for_each_answer(world: Any, deploy: Any) -> None:
    def big(app: H2App, protocol: H2Connection, stream: int) -> None:
        protocol.send_headers(stream, [(":status", "200")])
        app.left, app.stream = bytes(60_000), stream
        app.go_on(protocol)

    app = deploy(big, timeout=5)
    assert [len(world.ask().body) for _ in range(5)] == [60_000] * 5
    assert app.connections == 1


def test_trailers_go_on_to_the_client(world: Any, deploy: Any) -> None:
    def told(_: H2App, protocol: H2Connection, stream: int) -> None:
        protocol.send_headers(stream, [(":status", "200")])
        protocol.send_data(stream, b"hello")
        protocol.send_headers(stream, [("grpc-status", "0"), ("content-length", "9")], end_stream=True)

    app = deploy(told)
    sent = f"POST / HTTP/1.1\r\nHost: {world.host}\r\nTE: trailers\r\nConnection: close\r\n\r\n"
    assert world.raw(sent.encode()).endswith(b"\r\n\r\n5\r\nhello\r\n0\r\nGrpc-Status: 0\r\n\r\n")
    assert app.heads[0]["te"] == "trailers"


def test_trailers_of_http1_go_on_as_well(world: Any) -> None:
    def told(_: Any, sock: socket.socket) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        sock.sendall(head + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nConnection: x\r\n\r\n")

    world.deploy(world.app(told))
    answer = world.raw(f"GET / HTTP/1.1\r\nHost: {world.host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.endswith(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")


def test_a_head_alone(world: Any, deploy: Any) -> None:
    def told(_: H2App, protocol: H2Connection, stream: int) -> None:
        protocol.send_headers(stream, [(":status", "200"), ("content-length", "5")], end_stream=True)

    deploy(told)
    answer = world.ask("HEAD / HTTP/1.1")
    assert (answer.status, answer.header("Content-Length"), answer.body) == (200, "5", b"")


def test_a_stream_that_is_reset_before_its_answer(world: Any, deploy: Any) -> None:
    def reset(_: H2App, protocol: H2Connection, stream: int) -> None:
        protocol.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)

    deploy(reset)
    answer = world.ask()
    assert (answer.status, answer.body) == (502, b"stream error: stream ID 1; INTERNAL_ERROR\n")


def test_a_stream_that_is_reset_in_its_answer_cuts_that(world: Any, deploy: Any) -> None:
    def reset(app: H2App, protocol: H2Connection, stream: int) -> None:
        protocol.send_headers(stream, [(":status", "200"), ("content-length", "5")])
        protocol.send_data(stream, b"he")
        app.sock.sendall(protocol.data_to_send())
        gevent.sleep(0.05)
        protocol.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)

    deploy(reset)
    answer = world.raw(f"GET / HTTP/1.1\r\nHost: {world.host}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\nhe")


def test_an_answer_before_the_end_of_the_content(world: Any, deploy: Any) -> None:
    def early(app: H2App, protocol: H2Connection, stream: int) -> None:
        greet(app, protocol, stream)
        protocol.reset_stream(stream, ErrorCodes.NO_ERROR)

    deploy(early).early = True
    head = f"POST / HTTP/1.1\r\nHost: {world.host}\r\nContent-Length: 1000000\r\n\r\n"
    answer = world.raw(head.encode() + bytes(500_000))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"Connection: close\r\n\r\nhello")


def test_a_connection_with_an_unfinished_upload_is_not_used_again(world: Any, deploy: Any) -> None:
    app = deploy()
    app.early = True
    content = bytes(65_535 + 1000)  # more than an instance that takes nothing lets through
    assert world.ask(f"POST / HTTP/1.1\nContent-Length: {len(content)}", content).body == b"hello"
    assert world.ask().body == b"hello"
    assert app.connections == 2


def test_an_instance_that_goes_away_is_dialled_anew(world: Any, deploy: Any) -> None:
    def bye(app: H2App, protocol: H2Connection, stream: int) -> None:
        greet(app, protocol, stream)
        protocol.close_connection()

    app = deploy(bye)
    assert [world.ask().status for _ in range(3)] == [200] * 3
    assert app.connections == 3


def test_an_instance_that_speaks_http1_is_told_so(world: Any) -> None:
    app = world.app()
    world.plane.set_backend(world.key, Backend(endpoints=(Endpoint("h2", "127.0.0.1", app.port, h2c=True),)))
    world.plane.set_routes({world.host: (Target(world.key, 100),)})
    assert world.ask().status == 502


def test_a_late_instance_is_answered_for(world: Any, deploy: Any) -> None:
    deploy(lambda *_: None, timeout=0.2)
    assert world.ask().status == 504
