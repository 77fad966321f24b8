"""One request on its way, and the answer that its client gets."""

from time import monotonic

from emulator.core.timeouts import Timeouts, refusal
from emulator.dataplane.client import Client
from emulator.dataplane.message import Request, Response
from emulator.dataplane.refusals import BadRequestError, RequestError, TimedOutError


class CutError(Exception):
    """The answer broke off after its head was passed on: only closing the connection says so."""


class Call:
    """One request on its way.

    Attributes:
        arrived: when its head was complete (monotonic).
        cold: seconds that it waited for the revision's first instance; None where one was there.
        instance: the one that it is in, or was in last; empty before it reached one.
        seconds: how long it was there.
        response: the instance's answer, once its head went out to the client.
        status: of the answer, the instance's or ours; 0 before there is one.
    """

    __slots__ = (
        *("_late", "arrived", "client", "cold", "instance", "request", "response", "seconds", "status"),
        "timeouts",
    )

    def __init__(self, client: Client, request: Request, timeouts: Timeouts, timeout_text: bytes) -> None:
        self.client = client
        self.request = request
        self.timeouts = timeouts
        self.arrived = monotonic()
        self.cold: float | None = None
        self.instance = ""
        self.seconds = 0.0
        self.status = 0
        self.response: Response | None = None
        self._late = TimedOutError(timeout_text.decode())
        client.deadline.set(timeouts.deadline(self.arrived, None), self._late)

    def progress(self) -> None:
        """A byte of the response went out: move the deadline."""
        self.client.deadline.set(self.timeouts.deadline(self.arrived, monotonic()), self._late)

    def begin(self, response: Response) -> None:
        """Send the head of the answer and what has come of its content."""
        more = [] if self.cold is None else [b"Server-Timing: cold-start;dur=%d" % round(self.cold * 1000)]
        self.response = response
        self.status = response.status
        self.client.begin(self.request, response, more)
        if self.timeouts.response_start or self.timeouts.idle:
            self.progress()

    def carry_on(self, response: Response) -> None:
        """Send more of the content."""
        if self.client.carry_on(response) and self.timeouts.idle:
            self.progress()

    def fail(self, error: Exception) -> None:
        """End it with what went wrong: as an answer, or as the end of the one that has begun.

        Raises:
            BadRequestError: as it was given, for the connection must end with it.
            CutError: nothing can be said any more.
        """
        if self.response:
            if not isinstance(error, TimedOutError) or self.response.complete or self.client.sending:
                self.client.cut(self.response)
                raise CutError
            self.client.end_late(self.response, str(error).encode())
            return
        if isinstance(error, BadRequestError):
            raise error
        status, text = (error.status, str(error).encode()) if isinstance(error, RequestError) else refusal(error)
        self.status = status
        self.client.answer(self.request, status, text)
