import http.client
import io
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

import gevent
import pytest
from gevent import socket
from gevent.server import StreamServer

from emulator.core.revision import RevisionKey
from emulator.dataplane.door import Backend, Endpoint, Target
from emulator.dataplane.plane import DataPlane

KEY = RevisionKey("default", "hello-00001")
HOST = "hello.default.localhost"
#: Seconds after which something that should have happened has not; this machine is shared.
PATIENCE = 30.0


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


class Received:
    """A request as a container reads it, by the standard library and not by what is tested.

    Raises EOFError when there is none, ValueError when it is not whole.
    """

    def __init__(self, file: io.BufferedIOBase) -> None:
        self.line = file.readline().decode().strip()
        if not self.line:
            raise EOFError
        self.method, self.target, _ = self.line.split(" ")
        self.headers = http.client.parse_headers(file)
        self.body = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(file.readline(), 16):
                self.body += file.read(size)
                assert file.readline() == b"\r\n"
            assert file.readline() == b"\r\n"
        else:
            self.body = file.read(int(self.headers.get("Content-Length", 0)))


Handler = Callable[[Received, socket.socket], Any]


def hello(request: Received, sock: socket.socket) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


class App:
    """An instance: whole requests are handed to `handler`, which writes to the socket; False closes it."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.connections = 0
        self.requests: list[Received] = []
        self.sockets: set[socket.socket] = set()
        self.server = StreamServer(("127.0.0.1", 0), self._serve, backlog=4096)
        self.server.start()
        self.port = int(self.server.server_port)

    def _serve(self, sock: socket.socket, _: object) -> None:
        self.connections += 1
        self.sockets.add(sock)
        file = sock.makefile("rb")
        try:
            while True:
                request = Received(file)
                self.requests.append(request)
                if self.handler(request, sock) is False:
                    return
        except (EOFError, ValueError, OSError):
            pass
        finally:
            self.sockets.discard(sock)
            file.close()
            sock.close()

    def stop(self) -> None:
        """As a process that dies: nothing listens, every connection is closed."""
        self.server.stop(timeout=0)
        for sock in list(self.sockets):
            sock.close()


class World:
    """A data plane, its instances and clients, all in this process."""

    key = KEY
    host = HOST
    hello = staticmethod(hello)
    source = "127.0.0.1"

    def __init__(self, **options: Any) -> None:
        self.woken: list[RevisionKey] = []
        self.plane = DataPlane(self, self.woken.append, Random(1), **options)
        self.port = self.plane.listen("127.0.0.1", 0)
        self.apps: list[App] = []

    def now(self) -> float:
        return time.time()

    def app(self, handler: Handler = hello) -> App:
        app = App(handler)
        self.apps.append(app)
        return app

    def endpoint(self, app: App) -> Endpoint:
        return Endpoint(f"instance-{app.port}", "127.0.0.1", app.port)

    def back(self, *apps: App, key: RevisionKey = KEY, **backend: Any) -> None:
        """Set what the revision has."""
        endpoints = tuple(self.endpoint(app) for app in apps)
        self.plane.set_backend(key, Backend(endpoints=endpoints, **backend))

    def deploy(self, *apps: App, **backend: Any) -> None:
        """One revision with all the traffic of HOST."""
        self.back(*apps, **backend)
        self.plane.set_routes({HOST: (Target(KEY, 100),)})

    def connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), source_address=(self.source, 0))
        sock.settimeout(PATIENCE)
        return sock

    def send(self, sock: socket.socket, head: str, body: bytes = b"") -> None:
        """A request line and fields, a line each; Host is added."""
        line, *fields = head.strip().splitlines()
        sock.sendall("\r\n".join([line, f"Host: {HOST}", *map(str.strip, fields), "", ""]).encode() + body)

    def read(self, sock: socket.socket, method: str = "GET") -> Answer:
        """The next response on a connection that carries no other one behind it."""
        response = http.client.HTTPResponse(sock, method=method)  # type: ignore[arg-type]  # gevent's socket
        response.begin()
        with response:
            return Answer(response.status, response.getheaders(), response.read())

    def ask(self, head: str = "GET / HTTP/1.1", body: bytes = b"") -> Answer:
        """One request on a connection of its own."""
        sock = self.connect()
        try:
            self.send(sock, head, body)
            return self.read(sock, head.partition(" ")[0])
        finally:
            sock.close()

    def ask_many(self, count: int, head: str = "GET / HTTP/1.1") -> list["gevent.Greenlet[..., Answer]"]:
        return [gevent.spawn(self.ask, head) for _ in range(count)]

    def raw(self, data: bytes) -> bytes:
        """All that comes back for bytes sent, until the connection ends."""
        sock = self.connect()
        try:
            sock.sendall(data)
            received = b""
            while piece := sock.recv(65536):
                received += piece
        finally:
            sock.close()
        return received

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait for something to become true."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it never happened"
            gevent.sleep(0.002)

    def close(self) -> None:
        self.plane.close(0)
        for app in self.apps:
            app.stop()


@pytest.fixture
def no_errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No greenlet may end with an exception that nobody expected."""
    said = io.StringIO()
    monkeypatch.setattr(gevent.get_hub(), "exception_stream", said)
    yield
    assert said.getvalue() == ""


@pytest.fixture
def world(no_errors: None) -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture
def world_of(no_errors: None) -> Iterator[Callable[..., World]]:
    """Makes a world with options of its own."""
    worlds: list[World] = []

    def make(**options: Any) -> World:
        worlds.append(World(**options))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()
