"""A real HTTP server that takes events, and says what a test has it say."""

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from running import until


class Received(NamedTuple):
    """A request: its headers in lower case, and its body as JSON."""

    headers: dict[str, str]
    data: Any

    @property
    def type(self) -> str:
        return self.headers["ce-type"]

    @property
    def id(self) -> str:
        return self.headers["ce-id"]


class Sink:
    """Attributes.

    received: every request, in order, whatever it was answered.
    answers: statuses for the next requests; then `status`.
    open: while it is not set, requests are kept waiting.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = []
        self.status = 202
        self.open = threading.Event()
        self.open.set()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.received.append(Received({k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
                sink.open.wait(60)
                self.send_response(sink.answers.pop(0) if sink.answers else sink.status)
                self.send_header("Content-Length", "0")
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/events"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def of(self, user: str) -> list[Received]:
        """What came about a user, by id."""
        return [event for event in self.received if event.headers["ce-subject"] == user]

    def until(self, *types: str, user: str) -> list[Received]:
        """Wait for events of these types about a user, in this order, and for no others."""
        until(lambda: [event.type for event in self.of(user)] == list(types) or len(self.of(user)) > len(types))
        found = self.of(user)
        assert [event.type for event in found] == list(types)
        return found

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def listening(host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Sink]:
    sink = Sink(host, port, tls)
    try:
        yield sink
    finally:
        sink.close()
