"""HTTP/1.1 heads and framing, in both directions.

httptools (llhttp) parses; nothing here looks for line ends or colons. It already refuses what makes two parsers
disagree (Content-Length with Transfer-Encoding or twice, folded lines, bare LF, white space before a colon, odd chunk
sizes); message.py refuses the rest. Both readers are fed what was received and queue what they found; whoever feeds
them no faster than it consumes has bounded memory.
"""

from collections import deque

import httptools

from emulator.dataplane.message import REQUEST_FIELDS, RESPONSE_FIELDS, Request, Response
from emulator.dataplane.refusals import BadRequestError, InstanceError

#: Bytes of a head; a bigger one is answered 431. 60 KiB is Envoy's limit, at the gateway of a real cluster.
MAX_HEAD = 60 * 1024
#: Requests that a client may send ahead of their answers: what one read could bring of tiny ones takes megabytes.
MAX_AHEAD = 256


class RequestReader:
    """Requests of one client connection, pipelined ones included, in their order."""

    __slots__ = ("_muted", "_parser", "_partial", "error", "leftover", "request", "requests")

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._partial = 0
        self._muted = False
        self.request = Request()
        self.requests: deque[Request] = deque()
        self.error: BadRequestError | None = None
        self.leftover = b""

    @property
    def in_head(self) -> bool:
        """A head has begun and did not end yet."""
        return self._partial > 0

    def feed(self, data: bytes) -> None:
        """Take what was received. What is wrong with it is in `error`, to be told after the requests before it."""
        if self.error:
            return
        self._partial += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switch:
            self._switch(data[switch.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            self.error = cause if isinstance(cause, BadRequestError) else BadRequestError(f"Bad request: {error}.")
        if self.request.headed:
            self._partial = 0
        elif self._partial > MAX_HEAD:
            self.error = BadRequestError(f"Send a head of at most {MAX_HEAD} bytes.", 431)

    def close(self) -> None:
        """Let go of the parser, which refers back to this object."""
        del self._parser

    def _switch(self, rest: bytes) -> None:
        """The parser stopped at the end of a head with Upgrade: go on after it, unless it will become a tunnel.

        It skips the content of such a request too. A new parser that is given a head of the same framing and no offer
        reads it, so that it is never taken for a next request.
        """
        if self.request.tunnel:
            self.leftover = rest
            return
        self._parser = httptools.HttpRequestParser(self)
        if not self.request.complete:
            self._muted = True
            chunked = self.request.chunked
            framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (self.request.length or 0)
            self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)
            self._muted = False
        self.feed(rest)

    def on_message_begin(self) -> None:
        if not self._muted:
            self.request = Request()

    def on_url(self, part: bytes) -> None:
        if not self._muted:
            self.request.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.request.headed:  # else it is a trailer field, and nobody behind asked for one
            self.request.add(name, value, REQUEST_FIELDS)

    def on_headers_complete(self) -> None:
        if self._muted:
            return
        request, parser = self.request, self._parser
        version = parser.get_http_version()
        if version not in {"1.1", "1.0"}:
            raise BadRequestError("This gateway speaks HTTP 1.1 and 1.0.", 505)
        request.http10 = version == "1.0"
        request.method = parser.get_method()
        request.offers = parser.should_upgrade()
        request.keep_alive = parser.should_keep_alive()
        request.end_head()
        if len(self.requests) >= MAX_AHEAD:
            raise BadRequestError(f"Send at most {MAX_AHEAD} requests ahead of their answers.")
        self.requests.append(request)

    def on_body(self, piece: bytes) -> None:
        self.request.body.append(piece)

    def on_message_complete(self) -> None:
        request = self.request
        # Of an offer to upgrade with content the parser saw the head only.
        request.complete = not request.offers or request.length == 0
        request.offers = False


class ResponseReader:
    """Responses on one connection to an instance, one at a time."""

    __slots__ = ("_head_only", "_parser", "_partial", "leftover", "response")

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._partial = 0
        self._head_only = False
        self.response = Response()
        self.leftover = b""

    def expect(self, method: bytes) -> None:
        """A request of this method goes out."""
        if self._head_only:  # the parser still waits for the content that a HEAD never gets
            self._parser = httptools.HttpResponseParser(self)
        self._head_only = method == b"HEAD"
        self._partial = 0
        self.response = Response()

    def feed(self, data: bytes) -> None:
        """Take what was received.

        Raises:
            InstanceError: it is no response, or goes on where it should have ended.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switch:
            self.leftover = data[switch.args[0] :]
        except httptools.HttpParserError as error:
            if self.response.complete:  # something after the end: the answer is whole, the connection is not used again
                self.response.keep_alive = False
            else:
                raise InstanceError(f"net/http: HTTP/1.x transport connection broken: {error}\n") from None
        if not self.response.headed:
            self._partial += len(data)
            if self._partial > MAX_HEAD:
                raise InstanceError(f"net/http: server response headers exceeded {MAX_HEAD} bytes\n")

    def end(self) -> None:
        """The instance closed the connection.

        Raises:
            InstanceError: more was to come.
        """
        if not self.response.until_close:
            raise InstanceError
        self.response.complete = True

    def close(self) -> None:
        """Let go of the parser, which refers back to this object."""
        del self._parser

    def on_message_begin(self) -> None:
        if self.response.complete:
            raise InstanceError
        if self.response.status:  # after an interim one
            self.response = Response()

    def on_status(self, reason: bytes) -> None:
        self.response.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.response.headed:
            self.response.add_trailer(name, value)
        else:
            self.response.add(name, value, RESPONSE_FIELDS)

    def on_headers_complete(self) -> None:
        response, parser = self.response, self._parser
        response.status = status = parser.get_status_code()
        response.keep_alive = parser.should_keep_alive()
        if 100 <= status < 200 and status != 101:
            return  # interim: the final one follows
        response.end_head()
        coding = response.fields.get(b"transfer-encoding")
        length = response.fields.get(b"content-length")
        if self._head_only or status in {101, 204, 304}:
            response.complete = True
        elif coding is not None:
            if coding.lower() != b"chunked":
                raise InstanceError
            response.chunked, response.length = True, None
        elif length is not None:
            response.length = int(length)
            response.complete = response.length == 0
        else:
            response.length, response.until_close = None, True

    def on_body(self, piece: bytes) -> None:
        self.response.body.append(piece)

    def on_message_complete(self) -> None:
        if self.response.headed:
            self.response.complete = True
