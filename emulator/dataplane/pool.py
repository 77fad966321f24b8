"""Connections to instances: dialled, kept open between requests, and never used again when in doubt."""

import errno
import os
from collections import deque
from time import monotonic

from gevent import socket

from emulator.dataplane.door import Endpoint
from emulator.dataplane.http1 import ResponseReader
from emulator.dataplane.refusals import RefusedError, UnavailableError
from emulator.dataplane.waiting import peek

#: Seconds that an unused connection is kept. Below the shortest keep-alive of common servers (gunicorn 2 s, uvicorn and
#: Node 5 s): the instance would close it, and a POST that meets the closing can't be sent again.
IDLE = 1.5
#: Seconds for a connection to be made; on one machine only a full accept queue needs longer than an instant.
CONNECT_TIMEOUT = 10.0
#: Bytes taken from a socket at a time, and so the most that is held of a body in one direction.
CHUNK = 64 * 1024

#: Go's words for what a dial may run into.
_DIAL_ERRORS = {
    errno.ECONNREFUSED: "connect: connection refused",
    errno.EHOSTUNREACH: "connect: no route to host",
    errno.ENETUNREACH: "connect: network is unreachable",
}


class Descriptors:
    """File descriptors that the gateway may have open at a time, for clients and instances together."""

    __slots__ = ("budget", "used")

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0


class Connection:
    """One connection to an instance."""

    __slots__ = ("_descriptors", "open", "reader", "reused", "sock", "unused_since")

    def __init__(self, sock: socket.socket, descriptors: Descriptors) -> None:
        self.sock = sock
        self.reader = ResponseReader()
        self.reused = False
        self.unused_since = 0.0
        self.open = True
        self._descriptors = descriptors
        descriptors.used += 1

    def close(self) -> None:
        """Close it; a second time does nothing."""
        if self.open:
            self.open = False
            self._descriptors.used -= 1
            self.reader.close()
            self.sock.close()

    def alive(self) -> bool:
        """Neither closed by the instance nor with bytes that nobody asked for."""
        return peek(self.sock) is None


class Pool:
    """The connections to one instance that are not in use, the latest used first."""

    __slots__ = ("_descriptors", "_endpoint", "_unused", "closed")

    def __init__(self, endpoint: Endpoint, descriptors: Descriptors) -> None:
        self._endpoint = endpoint
        self._descriptors = descriptors
        self._unused: deque[Connection] = deque()
        self.closed = False

    def take(self) -> Connection:
        """An open connection, used before if there is one.

        Raises:
            RefusedError: the instance can't be reached.
            UnavailableError: this process has no descriptor left.
        """
        while self._unused:
            connection = self._unused.pop()
            if connection.alive():
                return connection
            connection.close()
        return self.dial()

    def give(self, connection: Connection) -> None:
        """Keep it for the next request."""
        if self.closed:
            connection.close()
        else:
            connection.reused = True
            connection.unused_since = monotonic()
            self._unused.append(connection)

    def dial(self) -> Connection:
        """A new connection. Raises as `take` does."""
        if self._descriptors.used >= self._descriptors.budget:
            raise UnavailableError(
                f"The gateway has all of its {self._descriptors.budget} connections in use; raise `ulimit -n`.\n"
            )
        host, port = self._endpoint.host, self._endpoint.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(CONNECT_TIMEOUT)
            sock.connect((host, port))
            sock.settimeout(None)
        except TimeoutError:
            sock.close()
            raise RefusedError(f"dial tcp {host}:{port}: i/o timeout\n") from None
        except OSError as error:
            sock.close()
            words = _DIAL_ERRORS.get(error.errno or 0) or os.strerror(error.errno or 0).lower()
            raise RefusedError(f"dial tcp {host}:{port}: {words}\n") from None
        except BaseException:
            sock.close()
            raise
        return Connection(sock, self._descriptors)

    def sweep(self, now: float) -> None:
        """Close what was not used for IDLE seconds. `now` is monotonic."""
        while self._unused and now - self._unused[0].unused_since > IDLE:
            self._unused.popleft().close()

    def close(self) -> None:
        """Close what is unused now, and later whatever comes back."""
        self.closed = True
        while self._unused:
            self._unused.pop().close()
