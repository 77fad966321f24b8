"""The server's end of a websocket (RFC 6455) over a request's connection: wsproto has the protocol, this the bytes.

Messages are Kubernetes' (v4.channel.k8s.io and later): the first byte of each is its channel.
"""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import gevent
from flask import Request, Response
from gevent.lock import BoundedSemaphore
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Message, Ping
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import ProtocolError

from emulator.api.server import CONNECTION
from emulator.errors import UserError

#: Bytes that are read at a time. Messages are passed on as they come, so that their size needs no limit.
CHUNK: Final = 64 * 1024
#: Seconds after which a client that says nothing counts as gone: the kubelet's own default for a stream without traffic
#: (streamingConnectionIdleTimeout). One that reads answers a ping, one that was only stopped may go on.
IDLE_SECONDS: Final = 4 * 3600.0
#: Seconds between two looks whether the client is still there, for when nobody reads what it sends.
LOOK_SECONDS: Final = 2.0
#: Seconds that a client has to answer that it closes too; it has been told all by then.
CLOSING_SECONDS: Final = 5.0
#: What poll says of a client that has closed, though there may be something left to read (Linux).
_LEFT: Final = getattr(select, "POLLRDHUP", select.POLLHUP)


class WebSocket:
    """One greenlet may read while others write. Nothing is raised when the client goes: `watch` tells so."""

    def __init__(self, protocol: WSConnection, environ: dict[str, Any]) -> None:
        self._protocol = protocol
        self._connection: socket.socket = environ[CONNECTION]
        self._stream = environ["wsgi.input"]
        self._sending = BoundedSemaphore()
        self._heard = time.monotonic()

    def pieces(self) -> Iterator[tuple[int, bytes, bool]]:
        """Channels and pieces of messages as they come, and whether the message ends; until the client is gone."""
        channel = None
        for piece, ends in self._received():
            data = piece
            if channel is None and data:
                channel, data = data[0], data[1:]
            if channel is not None:
                yield channel, data, ends
            if ends:
                channel = None

    def _received(self) -> Iterator[tuple[bytes, bool]]:
        with contextlib.suppress(OSError, ProtocolError):
            while data := self._stream.read1(CHUNK):
                self._heard = time.monotonic()
                self._protocol.receive_data(data)
                for event in self._protocol.events():
                    match event:
                        case Message():
                            yield _bytes(event.data), event.message_finished
                        case Ping():
                            self._send(event.response())
                        case CloseConnection():
                            self._send(event.response())
                            return

    def send(self, channel: int, data: bytes) -> None:
        """Send a message; blocks while the client doesn't read."""
        self._send(BytesMessage(bytes([channel]) + data))

    def watch(self, gone: Callable[[], None]) -> None:
        """Wait until the client is gone, or hasn't been heard for IDLE_SECONDS, and tell so."""
        poll = select.poll()
        poll.register(self._connection.fileno(), _LEFT)
        while not poll.poll(0) and time.monotonic() - self._heard < IDLE_SECONDS:
            # The end of a client is behind all that is left to read, unless its machine is asked for an answer.
            self._send(Ping())
            gevent.sleep(LOOK_SECONDS)
        self._cut()
        gone()

    def close(self, reader: "gevent.Greenlet[..., None]") -> None:
        """Say that this is all, and end when the client has said so too; `reader` is who reads what it says."""
        self._send(CloseConnection(CloseReason.NORMAL_CLOSURE))
        reader.join(timeout=CLOSING_SECONDS)
        self._cut()
        reader.kill()
        self._stream.close()  # this connection has no further requests

    def _send(self, event: Event) -> None:
        # The client may be gone, or have said that it goes.
        with self._sending, contextlib.suppress(OSError, ProtocolError):
            self._connection.sendall(self._protocol.send(event))

    def _cut(self) -> None:
        """Whoever waits on the connection finds its end: closing it here would leave them waiting."""
        with contextlib.suppress(OSError), socket.fromfd(self._connection.fileno(), -1, -1) as raw:
            raw.shutdown(socket.SHUT_RDWR)


class Upgrade(Response):
    """The answer that hands the connection of its request over to `talk`, as a websocket.

    Raises UserError where the request asks for none, or for none of the `protocols`, of which the first are preferred.
    """

    def __init__(self, request: Request, protocols: tuple[str, ...], talk: Callable[[WebSocket, str], None]) -> None:
        super().__init__()
        if "upgrade" not in request.headers.get("Connection", "").lower():
            raise UserError("Upgrade request required")
        self._websocket = WSConnection(ConnectionType.SERVER)
        try:
            self._websocket.initiate_upgrade_connection(_handshake(request), b"/")
        except ProtocolError as error:
            raise UserError(f"unable to upgrade: {error}") from error
        asked = [protocol for event in self._websocket.events() for protocol in getattr(event, "subprotocols", ())]
        self._chosen = next((protocol for protocol in protocols if protocol in asked), "")
        if not self._chosen:
            raise UserError(f"unable to upgrade: ask for one of the protocols {', '.join(protocols)}, not {asked}")
        self._talk = talk

    def __call__(self, environ: Any, start_response: Any) -> tuple[()]:
        del start_response  # the head of the answer is the library's
        environ[CONNECTION].sendall(self._websocket.send(AcceptConnection(subprotocol=self._chosen)))
        self._talk(WebSocket(self._websocket, environ), self._chosen)
        return ()


def _handshake(request: Request) -> list[tuple[bytes, bytes]]:
    """The headers that a websocket is asked for with: others, and what no header may hold, are none of its business."""
    return [
        (name.encode(), value.encode())
        for name, value in request.headers
        if name in {"Host", "Connection", "Upgrade"} or name.startswith("Sec-Websocket-")
        if value.isascii() and value.isprintable()
    ]


def _bytes(data: str | bytes | bytearray) -> bytes:
    """Some clients send what they type as text."""
    return data.encode() if isinstance(data, str) else bytes(data)
