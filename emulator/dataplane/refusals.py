"""Why a request ends without an instance's answer, and what its client gets instead.

RequestError         status and plain-text body
  BadRequestError    the client's fault: what was sent is not HTTP/1.1 as RFC 9112 has it              4xx, 501, 505
  TimedOutError      one of the revision's three timeouts                                              504
  UnavailableError   the gateway or the revision can't take it now; the text says why                  503
  InstanceError      the instance broke off, or did not speak HTTP; the text is the one of Go's proxy  502
    RefusedError     it could not be reached, so nothing was sent: another may be tried                502
ClientGoneError      nobody is there to be answered
"""

from typing import ClassVar


class RequestError(Exception):
    """Base: `str(error)` is the body, as it is sent."""

    status: ClassVar[int] = 500


class BadRequestError(RequestError):
    """What the client sent can't be understood safely, so its connection is closed too."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(f"{sentence}\n")
        self.code = status


class TimedOutError(RequestError):
    """Too late. Where the response had begun, the text is appended to it."""

    status = 504


class UnavailableError(RequestError):
    """Not now."""

    status = 503


class InstanceError(RequestError):
    """The instance did not answer as it should."""

    status = 502


class RefusedError(InstanceError):
    """No connection to the instance: the request is still whole."""


class ClientGoneError(Exception):
    """The client closed its connection before it had its answer."""
