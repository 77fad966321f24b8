"""A connection to an instance, whatever is spoken on it: one request at a time, then its answer.

http1_instance.py speaks HTTP/1.1, http2_instance.py HTTP/2.
"""

from abc import ABC, abstractmethod

from gevent import get_hub, socket
from gevent.lock import Semaphore

from emulator.dataplane.message import Request, Response

#: Bytes taken from a socket at a time, and so the most that is held of a body in one direction.
CHUNK = 64 * 1024


class Connection(ABC):
    """One connection to an instance.

    Attributes:
        response: the answer to the last request, as far as it has come.
        reused: it has carried a request before this one.
        unused_since: when its last request ended (monotonic).
    """

    __slots__ = ("_descriptors", "_readable", "open", "response", "reused", "sock", "unused_since")

    def __init__(self, sock: socket.socket, descriptors: Semaphore) -> None:
        self.sock = sock
        self.response = Response()
        self.reused = False
        self.unused_since = 0.0
        self.open = True
        self._descriptors = descriptors
        self._readable = get_hub().loop.io(sock.fileno(), 1)

    def wait(self) -> None:
        """Wait for something to read.

        With an answer to be expected only after a while this is cheaper than trying first. And it lets others run: a
        client and an instance that are quick enough for a greenlet never to wait would keep it to themselves.
        """
        get_hub().wait(self._readable)

    def close(self) -> None:
        """Close it; a second time does nothing."""
        if self.open:
            self.open = False
            self._readable.close()
            self.sock.close()
            self._descriptors.release()

    @abstractmethod
    def alive(self) -> bool:
        """Whether it can take another request, as far as can be seen from here."""

    @abstractmethod
    def ask(self, request: Request, fields: list[bytes], pieces: list[bytes]) -> list[bytes]:
        """Send a request: its head with these lines, and these pieces of its content.

        An instance that takes no more is no error here: perhaps it said why.

        Returns:
            The pieces that could not be sent yet.
        """

    @abstractmethod
    def tell(self, request: Request, pieces: list[bytes]) -> None:
        """Send more of the content, and its end where the request is complete. Raises OSError."""

    @abstractmethod
    def receive(self) -> bytes:
        """Wait for something, to be given to `feed`; nothing at the end of the connection. Raises OSError."""

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Take what was received into `response`.

        Raises:
            InstanceError: it is no response, or goes on where it should have ended.
        """

    @abstractmethod
    def end(self) -> None:
        """The instance closed the connection. Raises InstanceError where more was to come."""
