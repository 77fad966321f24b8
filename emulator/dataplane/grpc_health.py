"""Asks a gRPC server how it is, as a kubelet does: pkg/probe/grpc/grpc.go, and the gRPC Health Checking Protocol.

What is said and heard is one message each way, with one field: the name of a service, and a number that is its status.
"""

from contextlib import ExitStack, suppress
from http.client import responses
from urllib.parse import unquote

import gevent
from gevent import Timeout, socket
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

from emulator.core.gotext import format_duration, quote
from emulator.dataplane.connection import CHUNK
from emulator.dataplane.pool import connect
from emulator.dataplane.prober import USER_AGENT
from emulator.dataplane.refusals import RefusedError

_HEAD = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/grpc.health.v1.Health/Check"),
    ("content-type", "application/grpc"),
    ("user-agent", f"{USER_AGENT} grpc-go/1.65.0"),  # the gRPC library in it adds its own name
    ("te", "trailers"),
)
#: Seconds between two tries to connect, as a kubelet waits until it can, or it is too late.
CONNECT_INTERVAL = 0.05
#: Bytes of a message beyond which it is no answer about health: it has one small number.
MAX_MESSAGE = 1024
_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
#: Codes of gRPC in the words of its Go library, by their numbers.
_CODES = (
    *("OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists"),
    *("PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented"),
    *("Internal", "Unavailable", "DataLoss", "Unauthenticated"),
)
#: What a client makes of an answer without a code of gRPC, by its status (doc/http-grpc-status-mapping.md).
_OF_HTTP = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}


def ask_health(service: str, host: str, port: int, timeout: float) -> str | None:
    """Ask once, for at most `timeout` seconds; None when it serves, else why not, in kubelet's words."""
    address, limit = f"{host}:{port}", format_duration(timeout)
    reason = f'timeout: failed to connect service "{address}" within {limit}: context deadline exceeded'
    talk: _Talk | None = None
    late = Timeout(timeout)
    late.start()
    try:
        talk = _connect(host, port)
        reason = f"timeout: health rpc did not complete within {limit}"
        return _check(service, address, talk)
    except Timeout as timed_out:
        if timed_out is not late:
            raise
        return reason
    except (OSError, H2Error) as error:
        return _failed(14, f"error reading from server: {getattr(error, 'strerror', None) or error}")
    finally:
        late.close()
        if talk:
            talk.sock.close()


class _Talk:
    """A connection on which HTTP/2 is spoken without TLS, by prior knowledge (RFC 9113 section 3.3)."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.protocol = H2Connection(H2Configuration(header_encoding="latin-1"))
        self.protocol.initiate_connection()

    def turn(self) -> list[Event]:
        """Send what is to be sent, and wait for what comes. Raises OSError, H2Error."""
        self.sock.sendall(self.protocol.data_to_send())
        data = self.sock.recv(CHUNK)
        if not data:
            raise ConnectionError("EOF")
        return self.protocol.receive_data(data)


def _connect(host: str, port: int) -> _Talk:
    """A connection on which the server has said its settings, so that it does speak HTTP/2, once there is one."""
    while True:
        with suppress(RefusedError), ExitStack() as unsettled:
            talk = _Talk(unsettled.enter_context(connect(host, port)))
            with suppress(OSError, H2Error):
                while not any(isinstance(event, RemoteSettingsChanged) for event in talk.turn()):
                    pass
                unsettled.pop_all()
                return talk
        gevent.sleep(CONNECT_INTERVAL)


def _check(service: str, authority: str, talk: _Talk) -> str | None:
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    talk.protocol.send_headers(1, [(":authority", authority), *_HEAD])
    talk.protocol.send_data(1, b"\0" + len(message).to_bytes(4, "big") + message, end_stream=True)
    fields: dict[str, str] = {}
    content, ended = b"", False
    while not ended and len(content) < MAX_MESSAGE:
        for event in talk.turn():
            match event:
                case ResponseReceived() | TrailersReceived():
                    fields |= {str(name): str(value) for name, value in event.headers or ()}
                case DataReceived():
                    content += event.data or b""
                case StreamEnded():
                    ended = True
                case StreamReset() | ConnectionTerminated():
                    code = getattr(event.error_code, "name", event.error_code)
                    return _failed(14, f"stream terminated by RST_STREAM with error code: {code}")
    status = int(fields[":status"]) if fields[":status"].isdecimal() else 0
    if status != 200:
        text = f"unexpected HTTP status code received from server: {status} ({responses.get(status, '')})"
        return _failed(_OF_HTTP.get(status, 2), text)
    told = fields.get("grpc-status", "2")
    number = int(told) if told.isdecimal() and int(told) < len(_CODES) else 2
    return _failed(number, unquote(fields.get("grpc-message", ""))) if number else _verdict(content)


def _verdict(content: bytes) -> str | None:
    """What an answer says of health: nothing where it serves."""
    length, message = int.from_bytes(content[1:5], "big"), content[5:]
    # One field with a small number, which is left out where it is 0.
    if len(content) < 5 or content[0] or length != len(message) or (message and (length, message[0]) != (2, 8)):
        return _failed(13, "grpc: failed to unmarshal the received message")
    status = message[1] if message else 0
    name = _STATUSES[status] if status < len(_STATUSES) else str(status)
    return None if name == "SERVING" else f"service unhealthy (responded with {quote(name)})"


def _failed(code: int, text: str) -> str:
    if _CODES[code] == "Unimplemented":
        return f"error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {text}"
    return f"error: health rpc probe failed: rpc error: code = {_CODES[code]} desc = {text}"


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
