"""One request on its way, and the answer that its client gets."""

from time import monotonic

from emulator.core.timeouts import Timeouts, refusal
from emulator.dataplane.client import Client, date_field
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
        *("_late", "arrived", "client", "cold", "instance", "request", "response", "seconds", "sent", "status"),
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
        self.sent = 0
        self._late = TimedOutError(timeout_text.decode())
        client.deadline.set(timeouts.deadline(self.arrived, None), self._late)

    def progress(self) -> None:
        """A byte of the response went out: move the deadline."""
        self.client.deadline.set(self.timeouts.deadline(self.arrived, monotonic()), self._late)

    def begin(self, response: Response) -> None:
        """Send the head of the answer and what has come of its content."""
        head_only = self.request.method == b"HEAD" or response.status in {204, 304}
        if not self.request.complete:
            self.client.last = True
        head = [b"HTTP/1.1 %d %b" % (response.status, response.reason), *response.passed]
        head.append(response.line(b"date") or date_field())
        if head_only:
            if response.status != 204 and (length := response.line(b"content-length")):
                head.append(length)
        elif response.length is not None:
            head.append(b"Content-Length: %d" % response.length)
        elif self.request.http10:
            response.chunked, self.client.last = False, True
        else:
            response.chunked = True
            head.append(b"Transfer-Encoding: chunked")
        if self.cold is not None:
            head.append(b"Server-Timing: cold-start;dur=%d" % round(self.cold * 1000))
        head += self.client.connection_field(self.request)
        content = b"" if head_only else response.take()
        self.sent = len(content)
        self.response = response
        self.status = response.status
        self.client.send(b"\r\n".join([*head, b"", content]))
        if self.timeouts.response_start or self.timeouts.idle:
            self.progress()

    def carry_on(self, response: Response) -> None:
        """Send more of the content."""
        if content := response.take():
            self.sent += len(content)
            self.client.send(content)
            if self.timeouts.idle:
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
            self._end_late(self.response, str(error).encode())
            return
        if isinstance(error, BadRequestError):
            raise error
        status, text = (error.status, str(error).encode()) if isinstance(error, RequestError) else refusal(error)
        self.status = status
        self.client.answer(self.request, status, text)

    def _end_late(self, response: Response, text: bytes) -> None:
        """Append the text of a timeout and end the content as well as can be."""
        if response.chunked:
            self.client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text))
        else:
            self.client.last = True
            self.client.send(text if response.length is None else text[: response.length - self.sent])
