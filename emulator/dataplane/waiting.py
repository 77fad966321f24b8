"""How a greenlet waits: at a breaker, until a deadline, as long as its client is there."""

import select
from collections.abc import Callable
from math import inf
from time import monotonic

from gevent import get_hub, getcurrent, sleep, socket
from gevent.event import AsyncResult

from emulator.core.breaker import Breaker, Ticket
from emulator.dataplane.refusals import ClientGoneError

#: Bytes received between two turns of other greenlets: a body that never has to wait must not keep the others waiting.
TURN = 1024 * 1024


class Gate:
    """A breaker at which greenlets wait.

    Attributes:
        breaker: the decisions; `in_flight`, `queued` and so on are read there.
    """

    __slots__ = ("_waiters", "breaker")

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self._waiters: dict[Ticket, AsyncResult[None]] = {}

    def enter(self) -> Ticket:
        """Wait for a slot.

        Raises:
            QueueFullError: at once.
            Exception: what the gate was cleared with, or what the waiting greenlet was interrupted by.
        """
        ticket = self.breaker.enter()
        if not ticket.running:
            waiter = self._waiters[ticket] = AsyncResult()
            try:
                waiter.get()
            except BaseException:
                self.leave(ticket)
                raise
            finally:
                del self._waiters[ticket]
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give the slot back, or the place in the queue."""
        for admitted in self.breaker.leave(ticket):
            self._waiters[admitted].set()

    def resize(self, capacity: int) -> None:
        """Set the capacity and let in whoever fits."""
        for admitted in self.breaker.resize(capacity):
            self._waiters[admitted].set()

    def clear(self, reason: Callable[[], Exception]) -> None:
        """Send everyone away who waits, with `reason`."""
        for waiter in self._waiters.values():
            waiter.set_exception(reason())


class Deadline:
    """Raises in one greenlet when a time passes that is moved all the time.

    Moving it later costs nothing: the timer looks when it fires, and is set again for what remains.
    """

    __slots__ = ("_armed", "_at", "_error", "_greenlet", "_timer")

    def __init__(self) -> None:
        self._greenlet = getcurrent()
        self._timer = get_hub().loop.timer(0.0)
        self._armed = inf
        self._at = inf
        self._error = Exception()

    def set(self, at: float, error: Exception) -> None:
        """Raise `error` at `at` (monotonic)."""
        self._at = at
        self._error = error
        if at < self._armed:
            self._arm()

    def close(self) -> None:
        """Raise nothing any more."""
        self._at = inf
        self._timer.close()

    def _arm(self) -> None:
        self._timer.close()
        self._armed = self._at
        self._timer = get_hub().loop.timer(max(0.0, self._at - monotonic()))
        self._timer.start(self._fire)

    def _fire(self) -> None:
        self._armed = inf
        if self._at <= monotonic():
            self._at = inf
            self._greenlet.throw(self._error)
        elif self._at < inf:
            self._arm()


class Presence:
    """Raises ClientGoneError in one greenlet when its client closes the connection, while that is watched.

    It can be seen only while nothing else has arrived: a client that sent more (the next request, or content) is taken
    to be there until `confirm` asks.
    """

    __slots__ = ("_blind", "_greenlet", "_sock", "_watcher")

    def __init__(self, sock: socket.socket) -> None:
        self._greenlet = getcurrent()
        self._sock = sock
        self._blind = False
        self._watcher = get_hub().loop.io(sock.fileno(), 1)

    def watch(self) -> None:
        self._blind = False
        self._watcher.start(self._readable)

    def confirm(self) -> None:
        """Raise ClientGoneError if the client has gone away unseen, behind what it sent."""
        if self._blind:
            poll = select.poll()
            poll.register(self._sock, select.POLLRDHUP)
            if poll.poll(0):
                raise ClientGoneError

    def unwatch(self) -> None:
        self._watcher.stop()

    def close(self) -> None:
        self._watcher.close()

    def _readable(self) -> None:
        data = peek(self._sock)
        if data is None:
            return
        self._watcher.stop()
        if data:
            self._blind = True
        else:
            self._greenlet.throw(ClientGoneError())


class _Turn:
    """Bytes that greenlets received since they last let the others run."""

    bytes = 0


def receive(sock: socket.socket, size: int) -> bytes:
    """Up to `size` bytes, as `recv`, but now and then others get their turn where there always is more to read."""
    data = sock.recv(size)
    _Turn.bytes += len(data)
    if _Turn.bytes >= TURN:
        _Turn.bytes = 0
        sleep(0)
    return data


def send(sock: socket.socket, data: bytes) -> None:
    """All of `data`, as `sendall`, which costs more where one piece is enough."""
    sent = sock.send(data)
    if sent < len(data):
        sock.sendall(memoryview(data)[sent:])


def peek(sock: socket.socket) -> bytes | None:
    """The next byte that can be read without waiting; empty at the end of the connection, None while there is none."""
    plain = sock._sock  # type: ignore[attr-defined]  # noqa: SLF001 # below gevent's, which would wait
    try:
        return bytes(plain.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return None
    except OSError:
        return b""
