"""A connection to an instance on which HTTP/1.1 is spoken."""

from contextlib import suppress

from gevent import socket
from gevent.lock import Semaphore

from emulator.dataplane.connection import CHUNK, Connection
from emulator.dataplane.http1 import ResponseReader
from emulator.dataplane.message import Request
from emulator.dataplane.waiting import peek, receive, send


class Http1Connection(Connection):
    """See `Connection`; `reader.leftover` is what came behind the head of a 101."""

    __slots__ = ("reader",)

    def __init__(self, sock: socket.socket, descriptors: Semaphore) -> None:
        super().__init__(sock, descriptors)
        self.reader = ResponseReader()

    def close(self) -> None:
        if self.open:
            self.reader.close()
        super().close()

    def alive(self) -> bool:
        """Neither closed by the instance nor with bytes that nobody asked for."""
        return peek(self.sock) is None

    def ask(self, request: Request, fields: list[bytes], pieces: list[bytes]) -> list[bytes]:
        self.reader.expect(request.method)
        self.response = self.reader.response
        line = b"%b %b HTTP/1.1" % (request.method, request.target)
        with suppress(OSError):
            send(self.sock, b"\r\n".join([line, *fields, *request.framing(), b"", request.framed(pieces)]))
        return []

    def tell(self, request: Request, pieces: list[bytes]) -> None:
        if data := request.framed(pieces):
            send(self.sock, data)

    def receive(self) -> bytes:
        return receive(self.sock, CHUNK)

    def feed(self, data: bytes) -> None:
        try:
            self.reader.feed(data)
        finally:
            self.response = self.reader.response  # another one after an interim one

    def end(self) -> None:
        self.reader.end()
