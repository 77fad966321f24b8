"""One request as the handlers see it: its body, its caller, and what will be logged about it."""

import io
import select
import time
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import flask
from werkzeug.exceptions import HTTPException

from function.errors import Refusal
from function.guard import networks
from function.pool.hashing import Patience
from function.web import strict_json
from function.web.answers import FORM_TYPE, JSON_TYPE

#: Under which names servers put the connection's socket into the WSGI environment: ours, and gunicorn's.
SOCKET_KEYS = ("function.socket", "gunicorn.socket")


class Call:
    """A request on its way through a handler.

    Attributes:
        request: Flask's request.
        started: monotonic seconds at which it came.
        notes: fields for its log line, such as outcome and reason.
    """

    def __init__(self, request: flask.Request, *, trusted_proxies: int) -> None:
        self.request = request
        self.started = time.monotonic()
        self.notes: dict[str, Any] = {}
        self._trusted_proxies = trusted_proxies

    @cached_property
    def client(self) -> str:
        """The client's address (A4); see networks.py."""
        forwarded = self.request.headers.get("X-Forwarded-For", "")
        return networks.client(forwarded, self.request.remote_addr or "", self._trusted_proxies)

    def body(self) -> bytes:
        """The whole body.

        Raises:
            Refusal: 413 when it is over the limit (Flask's `max_content_length`), 400 when it ends early.
        """
        try:
            return self.request.get_data()
        except HTTPException as error:
            raise Refusal(error.code or 400, "The request body is too long or incomplete.") from None

    def finish(self) -> None:
        """Leave unread what is unread.

        Before it sends a response the framework reads the whole body, and answers 500 for one that is over the limit.
        """
        vars(self.request)["stream"] = io.BytesIO()

    def fields(self, names: Iterable[str], types: Iterable[str] = (JSON_TYPE, FORM_TYPE)) -> Mapping[str, str]:
        """Those of `names` that the body has, as strings; what else it has is ignored (RFC 6749 section 3.2).

        Raises:
            Refusal: 415 for another media type, 400 for a body that is not what its type says, 413.
        """
        media = self.request.mimetype
        if media not in types:
            raise Refusal(415, f"Send {' or '.join(types)}.", headers={"Accept-Post": ", ".join(types)})
        try:
            text = self.body().decode()
            pairs = _members(text) if media == JSON_TYPE else parse_qsl(text, keep_blank_values=True, errors="strict")
        except (ValueError, RecursionError):
            raise Refusal(400, f"The body is not valid {media}.") from None
        found: dict[str, str] = {}
        for name, value in pairs:
            if name in found:
                raise Refusal(400, f"{name} is there more than once.")
            if name in names:
                if not isinstance(value, str):
                    raise Refusal(400, f"{name} must be a string.")
                found[name] = value
        return found

    def bearer(self) -> str:
        """The token of the Authorization header.

        Raises:
            Refusal: 401 with nothing but the scheme, as RFC 6750 section 3.1 asks where no token was sent.
        """
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refusal(
                401,
                "Send a bearer token.",
                code="invalid_token",
                headers={"WWW-Authenticate": "Bearer"},
                reason="no token",
            )
        return token.strip()

    def patience(self, seconds: float) -> Patience:
        return Patience(self.started + seconds, self.gone)

    def gone(self) -> bool:
        """Whether the client has closed its end: asked of the descriptor, so any thread may, and nothing is read."""
        sock = next((self.request.environ[key] for key in SOCKET_KEYS if key in self.request.environ), None)
        if sock is None or sock.fileno() < 0:
            return sock is not None
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLRDHUP)
        return bool(poll.poll(0))


def _members(text: str) -> Iterable[tuple[str, Any]]:
    document = strict_json.parse(text)
    if not isinstance(document, dict):
        raise ValueError("not an object")  # noqa: TRY004 - as malformed as any other
    return document.items()
