"""Connections to instances: dialled, kept open between requests, and never used again when in doubt."""

import errno
import os
from collections import deque
from time import monotonic

from gevent import socket
from gevent.lock import Semaphore

from emulator.dataplane.connection import Connection
from emulator.dataplane.door import Endpoint
from emulator.dataplane.http1_instance import Http1Connection
from emulator.dataplane.refusals import RefusedError

#: Seconds that an unused connection is kept. Below the shortest keep-alive of common servers (gunicorn 2 s, uvicorn and
#: Node 5 s): the instance would close it, and a POST that meets the closing can't be sent again.
IDLE = 1.5
#: Seconds for a connection to be made; on one machine only a full accept queue needs longer than an instant.
CONNECT_TIMEOUT = 10.0
#: Go's words for what a dial may run into.
_DIAL_ERRORS = {
    errno.ECONNREFUSED: "connect: connection refused",
    errno.EHOSTUNREACH: "connect: no route to host",
    errno.ENETUNREACH: "connect: network is unreachable",
}


class Pool:
    """The connections to one instance that are not in use, the latest used first.

    `descriptors` counts how many connections there may be to all instances; who finds none free waits for one.
    """

    __slots__ = ("_descriptors", "_endpoint", "_made", "_unused", "closed")

    def __init__(self, endpoint: Endpoint, descriptors: Semaphore) -> None:
        self._endpoint = endpoint
        self._made = _http2() if endpoint.h2c else Http1Connection
        self._descriptors = descriptors
        self._unused: deque[Connection] = deque()
        self.closed = False

    def take(self) -> Connection:
        """An open connection, used before if there is one.

        Raises:
            RefusedError: the instance can't be reached.
        """
        while self._unused:
            connection = self._unused.pop()
            if connection.alive():
                return connection
            connection.close()
        return self.dial()

    def give(self, connection: Connection) -> None:
        """Keep it for the next request, unless someone may be waiting for a descriptor."""
        if self.closed or self._descriptors.locked():
            connection.close()
        else:
            connection.reused = True
            connection.unused_since = monotonic()
            self._unused.append(connection)

    def dial(self) -> Connection:
        """A new connection. Raises as `take` does."""
        self._descriptors.acquire()
        try:
            return self._made(connect(self._endpoint.host, self._endpoint.port), self._descriptors)
        except BaseException:
            self._descriptors.release()
            raise

    def sweep(self, now: float) -> None:
        """Close what was not used for IDLE seconds. `now` is monotonic."""
        while self._unused and now - self._unused[0].unused_since > IDLE:
            self._unused.popleft().close()

    def close(self) -> None:
        """Close what is unused now, and later whatever comes back."""
        self.closed = True
        while self._unused:
            self._unused.pop().close()


def _http2() -> type[Connection]:
    from emulator.dataplane.http2_instance import Http2Connection  # noqa: PLC0415 - memory for those who speak it only

    return Http2Connection


def connect(host: str, port: int) -> socket.socket:
    """A connection to an address. Raises RefusedError, in Go's words."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(CONNECT_TIMEOUT)
        sock.connect((host, port))
        sock.settimeout(None)
    except BaseException as error:
        sock.close()
        if not isinstance(error, OSError):
            raise
        number = error.errno or 0
        words = "i/o timeout" if isinstance(error, TimeoutError) else _DIAL_ERRORS.get(number)
        raise RefusedError(f"dial tcp {host}:{port}: {words or os.strerror(number).lower()}\n") from None
    return sock
