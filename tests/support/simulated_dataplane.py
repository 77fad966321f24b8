"""The live data plane on the simulated clock: its gateway, activator and queue-proxies, all but the bytes.

Connections are left out: a request is a greenlet in the gateway's own code, and what the instance does with it, byte by
byte, is a list of pauses. Timeouts and the monotonic clock are the simulated one's.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple
from unittest import mock

import gevent
from gevent.event import AsyncResult

from emulator.core.clock import SimClock
from emulator.core.revision import RevisionKey
from emulator.dataplane import activator, call, gateway, queue_proxy
from emulator.dataplane.call import Call
from emulator.dataplane.door import NO_HEADERS, NO_ROUTES, ByHeader, Routes
from emulator.dataplane.message import Request, Response
from emulator.dataplane.plane import DataPlane
from emulator.dataplane.refusals import ClientGoneError


class Piece(NamedTuple):
    """What an instance sends, so many seconds after the piece before."""

    seconds: float
    text: bytes


class _Deadline:
    """`waiting.Deadline` on the simulated clock."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self._due: object = None
        self.greenlet: Any = None

    def set(self, at: float, error: Exception) -> None:
        due = self._due = object()

        def fire() -> None:
            if due is self._due:
                self.greenlet.kill(error, block=False)

        self._clock.call_at(at, fire)

    def close(self) -> None:
        self._due = None


class _Presence:
    """A client that is there until it is told to go."""

    def watch(self) -> None: ...

    def confirm(self) -> None: ...

    def unwatch(self) -> None: ...


class SimulatedClient:
    """Asks once, and keeps what it is answered: `status` 0 until then, the content in `body`."""

    address = b"10.0.0.1"

    def __init__(self, clock: SimClock, host: str, pieces: Sequence[Piece]) -> None:
        self.request = Request()
        self.request.method, self.request.target = b"GET", b"/"
        self.request.complete = self.request.http10 = True  # without chunks: the body is what it says
        self.request.fields[b"host"] = host.encode()
        self.pieces = pieces
        self.deadline, self.presence = _Deadline(clock), _Presence()
        self.last = self.sending = False
        self.status = 0
        self.body = b""
        self.over = False

    def begin(self, _: Request, response: Response, __: list[bytes]) -> None:
        self.status = response.status
        self.carry_on(response)

    def carry_on(self, response: Response) -> bool:
        pieces = response.take()
        self.body += b"".join(pieces)
        return bool(pieces)

    def end_late(self, _: Response, text: bytes) -> None:
        self.body += text

    def answer(self, _: Request | None, status: int, body: bytes = b"") -> None:
        self.status, self.body = status, body

    def go(self) -> None:
        """Close the connection."""
        self.deadline.greenlet.kill(ClientGoneError(), block=False)


class SimulatedDataPlane(DataPlane):
    """See `door.Plane`; `ask` in place of connections."""

    def __init__(self, clock: SimClock, on_demand: Callable[[RevisionKey], None]) -> None:
        super().__init__(clock, on_demand, Random(0), descriptors=100_000)
        self._clock = clock
        self.public: Routes = NO_ROUTES
        self.private: Routes = NO_ROUTES

    def set_routes(
        self,
        public: Routes,
        private: Routes = NO_ROUTES,
        mapped: Collection[str] = (),
        by_header: Mapping[str, ByHeader] = NO_HEADERS,
    ) -> None:
        super().set_routes(public, private, mapped, by_header)
        self.public, self.private = public, private

    def ask(self, host: str, pieces: Sequence[Piece]) -> SimulatedClient:
        """A request at a host, of which the instance sends these pieces."""
        client: Any = SimulatedClient(self._clock, host, pieces)

        def handle() -> None:
            with contextlib.suppress(ClientGoneError):
                self._gateway._handle(client, client.request)
            client.deadline.close()
            client.over = True

        client.deadline.greenlet = gevent.spawn(handle)
        asked: SimulatedClient = client
        return asked

    def run_until(self, end: float) -> None:
        """Let time pass, and the greenlets run after all that happens at a moment."""
        clock = self._clock
        gevent.idle()
        while clock._agenda and clock._agenda[0][0] <= end:
            clock.run_until(clock._agenda[0][0])
            gevent.idle()
        clock.run_until(end)

    @contextlib.contextmanager
    def on_stage(self) -> Iterator[None]:
        """The data plane's modules tell the simulated time, and carry no bytes."""

        def carry(asked: Call, *_: object) -> int:
            client: Any = asked.client
            response = Response()
            response.status, response.reason, response.length = 200, b"OK", None
            for index, piece in enumerate(client.pieces):
                passed: AsyncResult[None] = AsyncResult()
                self._clock.call_later(piece.seconds, passed.set)
                passed.get()
                response.body.append(piece.text)
                asked.carry_on(response) if index else asked.begin(response)
            response.complete = True
            return response.status

        with contextlib.ExitStack() as stack:
            for module in (activator, call, gateway, queue_proxy):
                stack.enter_context(mock.patch.object(module, "monotonic", self._clock.now))
            stack.enter_context(mock.patch.object(queue_proxy, "exchange", carry))
            yield
