"""One client's connection that speaks HTTP/1.1: what comes from it, and what is written to it."""

import struct
from contextlib import suppress
from time import monotonic

from gevent import socket

from emulator.core.timeouts import TEXT
from emulator.dataplane.client import SEND_TIMEOUT, Client, date_field, has_content, sentence_fields
from emulator.dataplane.connection import CHUNK
from emulator.dataplane.http1 import RequestReader
from emulator.dataplane.message import Request, Response
from emulator.dataplane.refusals import BadRequestError, ClientGoneError
from emulator.dataplane.waiting import Deadline, Presence, receive, send

#: Seconds from the first byte of a head to its end (nginx has 60): a slow head holds a connection for nothing.
HEAD_TIMEOUT = 10.0
#: Seconds that a connection may be open between two requests; nginx has 75.
KEEP_ALIVE = 75.0
#: Seconds and bytes that are read and thrown away after an answer that came before the request's end. Closing with
#: bytes unread would make the kernel reset the connection, and the client lose the answer.
LINGER, LINGER_BYTES = 2.0, 4 * 1024 * 1024
#: Bytes taken at a time for heads: what a waiting connection holds of a body that it may not send yet.
HEAD_CHUNK = 16 * 1024

REASONS = {
    200: b"OK",
    400: b"Bad Request",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported",
}


class Http1Client(Client):
    """A connection of a client, served by one greenlet; `busy` while a request is being answered."""

    __slots__ = ("busy", "reader", "sock")

    def __init__(self, sock: socket.socket, address: bytes) -> None:
        super().__init__(address, Deadline(), Presence(sock))
        self.sock = sock
        self.reader = RequestReader()
        self.busy = False

    def retire(self) -> None:
        """Take no request after the one in hand."""
        self.last = True
        if not self.busy:
            self.sock.close()

    def next_request(self) -> Request | None:
        """Wait for the next request's head; None when the client is done.

        Raises:
            BadRequestError: it makes no sense, or came too slowly.
        """
        reader = self.reader
        self.busy = False
        while not reader.requests:
            if reader.error:
                raise reader.error
            in_head = reader.in_head
            if in_head:
                self.deadline.set(monotonic() + HEAD_TIMEOUT, BadRequestError("The head came too slowly.", 408))
            else:
                self.deadline.set(monotonic() + KEEP_ALIVE, ClientGoneError())
            while not reader.requests and not reader.error and in_head == reader.in_head:
                try:
                    data = self.sock.recv(HEAD_CHUNK)
                except OSError:
                    return None
                if not data:
                    return None
                reader.feed(data)
        self.busy = True
        request = reader.requests.popleft()
        self.last = request.tunnel or not request.keep_alive
        return request

    def receive(self) -> None:
        if self.reader.error:
            raise self.reader.error
        try:
            data = receive(self.sock, CHUNK)
        except OSError:
            raise ClientGoneError from None
        if not data:
            raise ClientGoneError
        self.reader.feed(data)

    def send(self, data: bytes) -> None:
        """Write all of it, at the client's pace.

        Raises:
            ClientGoneError: it does not read any more.
        """
        self.sending = True  # stays so if this is interrupted: nothing can follow half a piece
        try:
            send(self.sock, data)
        except OSError:
            raise ClientGoneError from None
        self.sending = False

    def proceed(self) -> None:
        self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def answer(self, request: Request | None, status: int, body: bytes = b"") -> None:
        # Where the request is not known to its end, nothing can come after it.
        if request is None or not request.complete:
            self.last = True
        line = b"HTTP/1.1 %d %b" % (status, REASONS[status])
        fields = [*sentence_fields(status, len(body), TEXT), *self.connection_field(request)]
        head_only = request is not None and request.method == b"HEAD"
        self.deadline.set(monotonic() + SEND_TIMEOUT, ClientGoneError())
        self.send(b"\r\n".join([line, *fields, b"", b"" if head_only else body]))

    def begin(self, request: Request, response: Response, more: list[bytes]) -> None:
        if not request.complete:
            self.last = True
        head = [b"HTTP/1.1 %d %b" % (response.status, response.reason), *response.passed]
        head.append(response.line(b"date") or date_field())
        content = b""
        if not has_content(request, response):
            if response.status != 204 and (length := response.line(b"content-length")):
                head.append(length)
        else:
            head.append(self._framing(request, response))
            content = response.framed(response.take())
        head += [*more, *self.connection_field(request)]
        response.sent = len(content)
        self.send(b"\r\n".join([*filter(None, head), b"", content]))

    def _framing(self, request: Request, response: Response) -> bytes:
        """The line that says how the content ends; nothing where the connection's end does."""
        response.chunked = response.length is None and not request.http10
        if response.chunked:
            return b"Transfer-Encoding: chunked"
        if response.length is None:
            self.last = True
            return b""
        return b"Content-Length: %d" % response.length

    def carry_on(self, response: Response) -> bool:
        if content := response.framed(response.take()):
            response.sent += len(content)
            self.send(content)
        return bool(content)

    def end_late(self, response: Response, text: bytes) -> None:
        if response.chunked:
            self.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text))
        else:
            self.last = True
            self.send(text if response.length is None else text[: response.length - response.sent])

    def connection_field(self, request: Request | None) -> list[bytes]:
        """The line that says whether the connection goes on, where the version leaves it open."""
        if self.last:
            return [b"Connection: close"]
        return [b"Connection: keep-alive"] if request and request.http10 else []

    def linger(self) -> None:
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.deadline.set(monotonic() + LINGER, ClientGoneError())
            left = LINGER_BYTES
            while left > 0 and (data := self.sock.recv(CHUNK)):
                left -= len(data)
        except (OSError, ClientGoneError):
            pass

    def cut(self, response: Response | None) -> None:
        if response and response.length is None and not response.chunked:
            with suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        self.deadline.close()
        self.presence.close()
        self.reader.close()
        self.sock.close()
