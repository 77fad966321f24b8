"""A request's three timeouts, and what a client is told when it did not get through.

Follows pkg/http/handler/timeout.go (the timeouts wrap everything, waiting included) and the error answers of
pkg/queue/handler.go and pkg/activator/handler/handler.go.
"""

from typing import NamedTuple

from emulator.core.breaker import QueueFullError


class Timeouts(NamedTuple):
    """Limits of a revision, in seconds; 0 means none (`whole` always has one).

    Attributes:
        whole: `timeoutSeconds`, from the arrival to the last byte.
        response_start: `responseStartTimeoutSeconds`, from the arrival to the first byte of the response.
        idle: `idleTimeoutSeconds`, between two bytes of the response and, before the first, since the arrival.
    """

    whole: float
    response_start: float = 0.0
    idle: float = 0.0

    def deadline(self, arrived: float, last_byte: float | None) -> float:
        """When the request times out if nothing more happens.

        Args:
            arrived: when the request came.
            last_byte: when the latest byte of the response (or its head) went out; None before the first.
        """
        deadline = arrived + self.whole
        if self.response_start and last_byte is None:
            deadline = min(deadline, arrived + self.response_start)
        if self.idle:
            deadline = min(deadline, (arrived if last_byte is None else last_byte) + self.idle)
        return deadline


#: Content-Type of all that we say ourselves.
TEXT = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """A status and a plain-text body of our own."""

    status: int
    body: bytes

    @property
    def content_type(self) -> str:
        """Of the body; none without one."""
        return TEXT if self.body else ""


#: Text of a timeout. With status 504 while nothing was sent; appended to the body where the response had begun.
TIMEOUT_TEXT = {"activator": b"activator request timeout", "queue-proxy": b"request timeout"}


class CancelledError(Exception):
    """The client went away while its request waited."""


#: Why a request never reached an instance -> what its client gets.
REFUSALS: dict[type[Exception], Answer] = {
    QueueFullError: Answer(503, b"pending request queue full\n"),
    TimeoutError: Answer(503, b"context deadline exceeded\n"),
    CancelledError: Answer(500, b""),
}


def refusal(reason: Exception) -> Answer:
    """The answer for a request that was not let through; any other reason is 500 without a body."""
    return REFUSALS.get(type(reason), Answer(500, b""))
