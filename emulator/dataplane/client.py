"""One client's connection: what comes from it, and what is written to it."""

import struct
from contextlib import suppress
from email.utils import formatdate
from time import monotonic, time

from gevent import socket

from emulator.core.timeouts import TEXT
from emulator.dataplane.http1 import RequestReader
from emulator.dataplane.message import Request, Response
from emulator.dataplane.pool import CHUNK
from emulator.dataplane.refusals import BadRequestError, ClientGoneError
from emulator.dataplane.waiting import Deadline, Presence, receive, send

#: Seconds from the first byte of a head to its end (nginx has 60): a slow head holds a connection for nothing.
HEAD_TIMEOUT = 10.0
#: Seconds that a connection may be open between two requests; nginx has 75.
KEEP_ALIVE = 75.0
#: Seconds for a client to take a short answer.
SEND_TIMEOUT = 10.0
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


class Client:
    """A connection of a client, served by one greenlet.

    Attributes:
        address: IP address of the other end, as text.
        deadline: raises in the greenlet that serves it.
        presence: raises there too, when the client goes away while that is watched.
        busy: a request is being answered.
        last: it is the last one of this connection.
    """

    __slots__ = ("address", "busy", "deadline", "last", "presence", "reader", "sending", "sock")

    def __init__(self, sock: socket.socket, address: bytes) -> None:
        self.sock = sock
        self.address = address
        self.reader = RequestReader()
        self.deadline = Deadline()
        self.presence = Presence(sock)
        self.busy = False
        self.last = False
        self.sending = False

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
        """Wait for more of the current request's content.

        Raises:
            ClientGoneError: there will be none.
            BadRequestError: it is framed wrongly.
        """
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

    def answer(self, request: Request | None, status: int, body: bytes = b"") -> None:
        """Answer by ourselves, in plain text. Where the request is not known to its end, this ends the connection."""
        if request is None or not request.complete:
            self.last = True
        fields = [b"HTTP/1.1 %d %b" % (status, REASONS[status]), date_field(), b"Content-Length: %d" % len(body)]
        if body:
            fields.append(b"Content-Type: %b" % TEXT.encode())
            if status != 504:  # as Go's http.Error, which the timeouts do not go through
                fields.append(b"X-Content-Type-Options: nosniff")
        fields += self.connection_field(request)
        head_only = request is not None and request.method == b"HEAD"
        self.deadline.set(monotonic() + SEND_TIMEOUT, ClientGoneError())
        self.send(b"\r\n".join([*fields, b"", b"" if head_only else body]))

    def connection_field(self, request: Request | None) -> list[bytes]:
        """The line that says whether the connection goes on, where the version leaves it open."""
        if self.last:
            return [b"Connection: close"]
        return [b"Connection: keep-alive"] if request and request.http10 else []

    def linger(self) -> None:
        """End the connection so that the last answer arrives although the request was not read to its end."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.deadline.set(monotonic() + LINGER, ClientGoneError())
            left = LINGER_BYTES
            while left > 0 and (data := self.sock.recv(CHUNK)):
                left -= len(data)
        except (OSError, ClientGoneError):
            pass

    def cut(self, response: Response | None) -> None:
        """Make the end of the connection an error where it would pass for the end of the content."""
        if response and response.length is None and not response.chunked:
            with suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        self.deadline.close()
        self.presence.close()
        self.reader.close()
        self.sock.close()


_date = (0, b"")


def date_field() -> bytes:
    """The Date field of this second."""
    global _date  # noqa: PLW0603 # made once a second
    second = int(time())
    if _date[0] != second:
        _date = (second, b"Date: " + formatdate(second, usegmt=True).encode())
    return _date[1]
