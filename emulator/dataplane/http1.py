"""HTTP/1.1 heads and framing, in both directions.

httptools (llhttp) parses; nothing here looks for line ends or colons. It already refuses what makes two parsers
disagree (Content-Length with Transfer-Encoding or twice, folded lines, bare LF, white space before a colon, odd chunk
sizes). What it leaves open is refused here: a missing or repeated Host, codings other than chunked, chunked in
HTTP/1.0, other versions, heads beyond a limit. Both readers are fed what was received and queue what they found;
whoever feeds them no faster than it consumes has bounded memory.
"""

import re
from collections import deque

import httptools

from emulator.dataplane.refusals import BadRequestError, InstanceError

#: Bytes of a head; a bigger one is answered 431. 60 KiB is Envoy's limit, at the gateway of a real cluster.
MAX_HEAD = 60 * 1024
#: Fields of a head; Envoy's limit too.
MAX_FIELDS = 100

#: Fields between two neighbours (RFC 9110 section 7.6.1), which are never passed on.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding "
    b"upgrade http2-settings".split()
)
#: Fields of a request that the gateway reads, or writes anew.
REQUEST_FIELDS = HOP_BY_HOP | frozenset(
    b"host content-length expect forwarded x-forwarded-for x-forwarded-proto x-request-id k-proxy-request".split()
)
RESPONSE_FIELDS = HOP_BY_HOP | {b"content-length", b"date"}

#: Tokens of Connection that say something of the connection itself and name no field.
_CONNECTION_OPTIONS = frozenset({b"close", b"keep-alive", b"upgrade", b"te"})
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+;=%-]+(:\d*)?|\[[0-9A-Fa-f:.]+\](:\d*)?")


class Message:
    """What requests and responses have in common.

    Attributes:
        fields: value by lower-case name of those fields that the gateway handles itself.
        passed: all others, as lines ready to be sent, in their order.
        body: pieces of content that were received and not yet taken, without chunk framing.
        length: bytes of content; None where its end shows otherwise (chunks, or the end of the connection).
        chunked: content comes in chunks.
        complete: the last byte was received.
    """

    __slots__ = ("body", "chunked", "complete", "fields", "headed", "length", "passed")

    def __init__(self) -> None:
        self.fields: dict[bytes, bytes] = {}
        self.passed: list[bytes] = []
        self.body: list[bytes] = []
        self.length: int | None = 0
        self.chunked = False
        self.headed = False
        self.complete = False

    def add(self, name: bytes, value: bytes, own: frozenset[bytes]) -> None:
        """Add one field to those of `own`, or to the ones that are passed on."""
        key = name.lower()
        if key not in own:
            self.passed.append(b"%b: %b" % (name, value))
        elif key not in self.fields:
            self.fields[key] = value.strip(b" \t")
        elif key == b"host":
            raise BadRequestError("Send one Host field, not several.")
        else:
            self.fields[key] += b", " + value.strip(b" \t")
        if len(self.passed) > MAX_FIELDS:
            raise BadRequestError(f"Send at most {MAX_FIELDS} fields in a head.", 431)

    def end_head(self) -> None:
        """Drop the fields that Connection names."""
        self.headed = True
        if connection := self.fields.get(b"connection"):
            named = {token.strip(b" \t").lower() for token in connection.split(b",")} - _CONNECTION_OPTIONS
            if named:
                self.passed = [line for line in self.passed if line.split(b":", 1)[0].lower() not in named]

    def line(self, name: bytes) -> bytes | None:
        """One of `fields`, as a line ready to be sent."""
        value = self.fields.get(name)
        return None if value is None else b"%b: %b" % (name.title(), value)

    def take(self) -> bytes:
        """The content received since the last call, framed as it came: as it is, or in chunks."""
        pieces, self.body = self.body, []
        if not self.chunked:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        framed = b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces])
        return framed + b"0\r\n\r\n" if self.complete else framed


class Request(Message):
    """A request.

    Attributes:
        keep_alive: the client may send another one after it.
        http10: the client does not know chunks.
        tunnel: it asks to turn the connection into another protocol (WebSocket), in which no more HTTP follows.
    """

    __slots__ = ("http10", "keep_alive", "method", "offers", "target", "tunnel")

    def __init__(self) -> None:
        super().__init__()
        self.method = b""
        self.target = b""
        self.keep_alive = True
        self.http10 = False
        self.offers = False
        self.tunnel = False

    def end_head(self) -> None:
        """Check what the parser leaves open.

        Raises:
            BadRequestError: it does not hold.
        """
        super().end_head()
        fields = self.fields
        coding = fields.get(b"transfer-encoding")
        if coding is not None:
            if self.http10:
                raise BadRequestError("Transfer-Encoding needs HTTP/1.1.")
            if coding.lower() != b"chunked":
                # Without chunked at the end nobody knows where it ends (RFC 9112 section 6.3).
                status = 501 if coding.lower().endswith(b"chunked") and b"," in coding else 400
                raise BadRequestError("The only transfer coding known here is chunked.", status)
            self.chunked, self.length = True, None
        else:
            self.length = int(fields.get(b"content-length", b"0"))
        if self.method == b"CONNECT":
            raise BadRequestError("This gateway opens no tunnels: CONNECT is not allowed.", 405)
        if not self.target.startswith(b"/") and self.target != b"*":
            self._from_absolute_form()
        host = fields.get(b"host")
        if host is None:
            if not self.http10:
                raise BadRequestError("Send a Host field.")
        elif not _HOST.fullmatch(host):
            raise BadRequestError("Host must be a name or an address, with or without a port.")
        self.tunnel = self.offers and self.length == 0 and fields.get(b"upgrade", b"").lower() != b"h2c"

    def _from_absolute_form(self) -> None:
        """The target names the host (RFC 9112 section 3.2.2), which overrides the field."""
        try:
            url = httptools.parse_url(self.target)
        except httptools.HttpParserInvalidURLError:
            url = None
        if url is None or url.schema not in {b"http", b"https"} or not url.host or url.userinfo:
            raise BadRequestError("The target must be a path, or an http URL without credentials.")
        host = b"[%b]" % url.host if b":" in url.host else url.host
        self.fields[b"host"] = b"%b:%d" % (host, url.port) if url.port else host
        self.target = (url.path or b"/") + (b"?" + url.query if url.query else b"")


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
            raise BadRequestError("This gateway speaks HTTP/1.1 and 1.0.", 505)
        request.http10 = version == "1.0"
        request.method = parser.get_method()
        request.offers = parser.should_upgrade()
        request.keep_alive = parser.should_keep_alive()
        request.end_head()
        self.requests.append(request)

    def on_body(self, piece: bytes) -> None:
        self.request.body.append(piece)

    def on_message_complete(self) -> None:
        request = self.request
        # Of an offer to upgrade with content the parser saw the head only.
        request.complete = not request.offers or request.length == 0
        request.offers = False


class Response(Message):
    """A response; `until_close`: its content ends with the connection."""

    __slots__ = ("keep_alive", "reason", "status", "until_close")

    def __init__(self) -> None:
        super().__init__()
        self.status = 0
        self.reason = b""
        self.keep_alive = False
        self.until_close = False


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
        if not self.response.headed:
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
