"""A connection to an instance on which HTTP/2 is spoken without TLS, by prior knowledge (RFC 9113 section 3.3).

It carries one stream at a time, as one that speaks HTTP/1.1 carries one request.
"""

from contextlib import suppress
from http import HTTPStatus

from gevent import socket
from gevent.event import Event as Flag
from gevent.lock import Semaphore
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from emulator.dataplane.connection import CHUNK, Connection
from emulator.dataplane.message import RESPONSE_FIELDS, Request, Response
from emulator.dataplane.refusals import InstanceError
from emulator.dataplane.waiting import peek, receive

#: Phrases of the statuses, which HTTP/2 leaves out.
_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}


class Http2Connection(Connection):
    """See `Connection`."""

    __slots__ = ("_going_away", "_lock", "_protocol", "_room", "_stream", "_unread")

    def __init__(self, sock: socket.socket, descriptors: Semaphore) -> None:
        super().__init__(sock, descriptors)
        self._protocol = H2Connection(H2Configuration(header_encoding=None))
        self._protocol.initiate_connection()
        self._lock = Semaphore()
        self._room = Flag()
        self._stream = self._unread = 0
        self._going_away = False

    def alive(self) -> bool:
        """It may have said something since the last answer, as that it goes away."""
        try:
            while (first := peek(self.sock)) is not None:
                if not first:
                    return False
                self.feed(self.sock.recv(CHUNK))
        except (OSError, InstanceError):
            return False
        return not self._going_away

    def ask(self, request: Request, fields: list[bytes], pieces: list[bytes]) -> list[bytes]:
        self.response = Response()
        self._acknowledge()  # the end of the last answer, or the connection's window shrinks from one to the next
        self._stream = self._protocol.get_next_available_stream_id()
        ended = request.complete and not any(pieces)
        try:
            self._protocol.send_headers(self._stream, _head(request, fields), end_stream=ended)
        except ProtocolError as error:
            raise InstanceError(f"http2: {error}\n") from None
        with suppress(OSError):
            self._flush()
        return [] if ended else pieces

    def tell(self, request: Request, pieces: list[bytes]) -> None:
        try:
            for piece in pieces:
                self._send(piece)
            if request.complete:
                self._protocol.end_stream(self._stream)
                self._flush()
        except ProtocolError as error:  # the instance wants no more of this stream
            raise ConnectionError(str(error)) from None

    def _send(self, piece: bytes) -> None:
        """Send a piece of the content as the instance makes room for it."""
        left = memoryview(piece)
        while left:
            self._room.clear()
            size = min(
                len(left),
                self._protocol.local_flow_control_window(self._stream),
                self._protocol.max_outbound_frame_size,
            )
            if size > 0:
                self._protocol.send_data(self._stream, bytes(left[:size]))
                left = left[size:]
                self._flush()
            else:
                self._room.wait()

    def _flush(self) -> None:
        with self._lock:
            while data := self._protocol.data_to_send():
                self.sock.sendall(data)

    def receive(self) -> bytes:
        self._acknowledge()
        if not self._lock.locked():  # else who sends takes it along: reading must not wait for that
            self._flush()
        return receive(self.sock, CHUNK)

    def _acknowledge(self) -> None:
        """Make room for as much as was passed on."""
        if self._unread:
            self._protocol.acknowledge_received_data(self._unread, self._stream)
            self._unread = 0

    def feed(self, data: bytes) -> None:
        try:
            events = self._protocol.receive_data(data)
        except ProtocolError as error:
            raise InstanceError(f"http2: failed reading the frame payload: {error}\n") from None
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case ResponseReceived():
                self._begin([(bytes(name), bytes(value)) for name, value in event.headers or ()])
            case DataReceived():
                self._unread += event.flow_controlled_length or 0
                if event.data:
                    self.response.body.append(event.data)
            case TrailersReceived():
                for name, value in event.headers or ():
                    self.response.add_trailer(bytes(name).title(), bytes(value))
            case StreamEnded():
                self.response.complete = True
            case WindowUpdated() | RemoteSettingsChanged():
                self._room.set()
            case StreamReset():
                self._broken(event.error_code, f"stream error: stream ID {event.stream_id}; ")
            case ConnectionTerminated():
                self._broken(event.error_code, "http2: server sent GOAWAY and closed the connection; ErrCode=")

    def end(self) -> None:
        raise InstanceError("unexpected EOF\n")

    def _begin(self, headers: list[tuple[bytes, bytes]]) -> None:
        response = self.response
        for name, value in headers:
            if name == b":status":
                if not value.isdigit():
                    raise InstanceError("malformed response from server: malformed non-numeric status pseudo header\n")
                response.status = int(value)
                response.reason = _PHRASES.get(response.status, b"")
            else:
                response.add(name.title(), value, RESPONSE_FIELDS)
        response.end_head()
        length = response.fields.get(b"content-length", b"")
        response.length = int(length) if length.isdigit() else None
        response.keep_alive = True

    def _broken(self, code: ErrorCodes | int | None, text: str) -> None:
        """The stream or the connection ended; what is whole already stays so."""
        self._going_away = True
        self.response.keep_alive = False
        if self._stream and not self.response.complete:
            raise InstanceError(f"{text}{getattr(code, 'name', code)}\n")


def _head(request: Request, fields: list[bytes]) -> list[tuple[bytes, bytes]]:
    """The head of a request: its pseudo-header fields first (RFC 9113 section 8.3), names in lower case."""
    split = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in fields)]
    host = next((value for name, value in split if name == b"host"), b"")
    head = [(b":method", request.method), (b":scheme", b"http"), (b":authority", host), (b":path", request.target)]
    head += [(name, value) for name, value in split if name != b"host"]
    if request.length:
        head.append((b"content-length", b"%d" % request.length))
    if b"trailers" in request.fields.get(b"te", b"").lower():
        head.append((b"te", b"trailers"))
    return head
