"""`portforward` of a pod as the Python client asks for it: a pair of channels a port, for bytes and for an error.

The protocol is kubelet's for websockets (pkg/kubelet/cri/streaming/portforward, websocket.go). kubectl speaks SPDY, in
a websocket or without one, and is told instead where the instance listens.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import gevent
from flask import Request, Response
from gevent import socket

from emulator.api.store import Object
from emulator.api.websocket import CHUNK, Upgrade, WebSocket
from emulator.errors import UserError
from emulator.runtimes.base import Address

PROTOCOL: Final = "v4.channel.k8s.io"
#: Ports at a time: a channel is a byte, and a port has two.
PORTS_LIMIT: Final = 128
#: Seconds that an instance has to accept a connection; it is on this machine.
CONNECT_SECONDS: Final = 5.0


class _Port(NamedTuple):
    """A port as the client knows it, and what is behind it."""

    number: int
    address: Address


def forward(request: Request, pod: Object, address: Address) -> Response:
    """Lead the ports of a request to a pod's instance, which serves at an address. Raises UserError."""
    if PROTOCOL not in request.headers.get("Sec-WebSocket-Protocol", ""):
        raise UserError(
            f"port-forward is not served to kubectl, and not needed: this machine reaches {pod['metadata']['name']} at "
            f"http://{address.host}:{address.port}, and its Service at the URL that `kubectl get ksvc` shows"
        )
    numbers = [_number(text) for each in request.args.getlist("ports") for text in each.split(",")]
    if not 0 < len(numbers) <= PORTS_LIMIT:
        raise UserError(f"you must specify at least 1 port, and at most {PORTS_LIMIT}")
    declared = {port["containerPort"] for each in pod["spec"]["containers"][:1] for port in each.get("ports", ())}
    # The port of the manifest is where the runtime has it; what listens beside it is on the same host.
    ports = [_Port(it, address if it in declared else address._replace(port=it)) for it in numbers]
    return Upgrade(request, (PROTOCOL,), lambda websocket, _: _talk(websocket, ports))


def _talk(websocket: WebSocket, ports: Sequence[_Port]) -> None:
    """Carry bytes until the instance has closed all connections, or the client goes."""
    connections: dict[int, Any] = {}

    def stop() -> None:
        gevent.killall(carriers, block=False)

    for channel, port in enumerate(ports):
        for each in (2 * channel, 2 * channel + 1):
            websocket.send(each, port.number.to_bytes(2, "little"))
        try:
            connections[2 * channel] = socket.create_connection(port.address, CONNECT_SECONDS)
            connections[2 * channel].settimeout(None)
        except OSError as error:
            why = f"failed to connect to port {port.number}: {error.strerror or error}"
            websocket.send(2 * channel + 1, why.encode())
    carriers = [gevent.spawn(_carry, websocket, *each) for each in connections.items()]
    reader = gevent.spawn(_feed, websocket, connections)
    reader.link(lambda _: stop())
    guard = gevent.spawn(websocket.watch, stop)
    gevent.joinall(carriers)
    guard.kill()
    websocket.close(reader)


def _carry(websocket: WebSocket, channel: int, connection: Any) -> None:
    with connection:
        while data := _received(connection):
            websocket.send(channel, data)


def _received(connection: Any) -> bytes:
    try:
        data: bytes = connection.recv(CHUNK)
    except OSError:
        return b""
    return data


def _feed(websocket: WebSocket, connections: dict[int, Any]) -> None:
    for channel, data, _ in websocket.pieces():
        if connection := connections.get(channel):
            try:
                connection.sendall(data)
            except OSError:
                del connections[channel]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise UserError(f'unable to parse "{text}" as a port: give a number from 1 to 65535')
    return int(text)
