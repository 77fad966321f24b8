"""Who a request came from, as those behind the gateway know it: what more comes, and what it is answered.

http1_client.py is one that speaks HTTP/1.1.
"""

from abc import ABC, abstractmethod
from email.utils import formatdate
from time import time

from emulator.dataplane.message import Request, Response
from emulator.dataplane.waiting import Deadline, Presence

#: Seconds for a client to take a short answer.
SEND_TIMEOUT = 10.0


class Client(ABC):
    """Who one request came from; each method may be interrupted by `deadline` and `presence`.

    Attributes:
        address: IP address of the other end, as text.
        deadline: raises in the greenlet that answers.
        presence: raises there too, when the client goes away while that is watched.
        last: no request can come after this one.
        sending: half a piece was sent, so that nothing can follow it.
    """

    __slots__ = ("address", "deadline", "last", "presence", "sending")

    def __init__(self, address: bytes, deadline: Deadline, presence: Presence) -> None:
        self.address = address
        self.deadline = deadline
        self.presence = presence
        self.last = False
        self.sending = False

    @abstractmethod
    def receive(self) -> None:
        """Wait for more of the current request's content.

        Raises:
            ClientGoneError: there will be none.
            BadRequestError: it is framed wrongly.
        """

    @abstractmethod
    def proceed(self) -> None:
        """Say that the content may come (RFC 9110 section 15.2.1). Raises ClientGoneError."""

    @abstractmethod
    def answer(self, request: Request | None, status: int, body: bytes = b"") -> None:
        """Answer by ourselves, in plain text. Raises ClientGoneError."""

    @abstractmethod
    def begin(self, request: Request, response: Response, more: list[bytes]) -> None:
        """Pass on the head of an instance's answer with `more` lines, and what has come of its content.

        Raises ClientGoneError.
        """

    @abstractmethod
    def carry_on(self, response: Response) -> bool:
        """Pass on more of the content, at the client's pace; False if there is none. Raises ClientGoneError."""

    @abstractmethod
    def end_late(self, response: Response, text: bytes) -> None:
        """Append the text of a timeout to content that has begun, and end it as well as can be."""

    @abstractmethod
    def cut(self, response: Response | None) -> None:
        """Make the end of the answer an error where it would pass for the end of the content."""

    @abstractmethod
    def linger(self) -> None:
        """End it so that the last answer arrives although the request was not read to its end."""


def has_content(request: Request, response: Response) -> bool:
    """Whether content may follow the head of this answer (RFC 9110 section 6.4.1)."""
    return request.method != b"HEAD" and response.status not in {204, 304}


def sentence_fields(status: int, length: int, content_type: str) -> list[bytes]:
    """Lines of the head of an answer of our own with so many bytes of text."""
    fields = [date_field(), b"Content-Length: %d" % length]
    if length:
        fields.append(b"Content-Type: %b" % content_type.encode())
        if status != 504:  # as Go's http.Error, which the timeouts do not go through
            fields.append(b"X-Content-Type-Options: nosniff")
    return fields


_date = (0, b"")


def date_field() -> bytes:
    """The Date field of this second."""
    global _date  # noqa: PLW0603 # made once a second
    second = int(time())
    if _date[0] != second:
        _date = (second, b"Date: " + formatdate(second, usegmt=True).encode())
    return _date[1]
