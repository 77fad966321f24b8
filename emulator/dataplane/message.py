"""Requests and responses as the gateway handles them, whatever they were read from.

What a parser leaves open is refused here: a missing or repeated Host, codings other than chunked, chunked in HTTP/1.0,
targets that name no path.
"""

import re

import httptools

from emulator.dataplane.refusals import BadRequestError

#: Fields of a head; Envoy's limit too.
MAX_FIELDS = 100
#: Fields between two neighbours (RFC 9110 section 7.6.1), which are never passed on.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding "
    b"upgrade http2-settings".split()
)
#: Fields of a request that the gateway reads, or writes anew.
REQUEST_FIELDS = HOP_BY_HOP | frozenset(
    b"host content-length expect forwarded x-forwarded-for x-forwarded-host x-forwarded-proto "
    b"x-request-id k-proxy-request k-original-host".split()
)
#: The host that was asked for where another one led here: the queue-proxy makes Host of it again.
ORIGINAL_HOST = b"k-original-host"
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
        chunked: content goes, in HTTP/1.1, in chunks.
        trailers: fields behind the content, as lines ready to be sent.
        complete: the last byte was received.
    """

    __slots__ = ("body", "chunked", "complete", "fields", "headed", "length", "passed", "trailers")

    def __init__(self) -> None:
        self.fields: dict[bytes, bytes] = {}
        self.passed: list[bytes] = []
        self.body: list[bytes] = []
        self.length: int | None = 0
        self.chunked = False
        self.headed = False
        self.complete = False
        self.trailers: tuple[bytes, ...] = ()

    def add(self, name: bytes, value: bytes, own: frozenset[bytes]) -> None:
        """Add one field to those of `own`, or to the ones that are passed on."""
        key = name.lower()
        if key not in own:
            self.passed.append(b"%b: %b" % (name, value))
        elif key not in self.fields:
            self.fields[key] = value.strip(b" \t")
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

    def passed_on(self, name: bytes) -> bytes:
        """The value of a field that is passed on, empty if it is not there."""
        fields = (line.partition(b":") for line in self.passed)
        return b", ".join(value.strip(b" \t") for key, _, value in fields if key.lower() == name.lower())

    def pass_on(self, name: bytes, value: bytes) -> None:
        """Have a field passed on with this value, whatever it had."""
        others = (line for line in self.passed if line.partition(b":")[0].lower() != name.lower())
        self.passed = [*others, b"%b: %b" % (name, value)]

    def framed(self, pieces: list[bytes]) -> bytes:
        """Pieces of the content as HTTP/1.1 sends them: as they are, or in chunks, then the trailers."""
        if not self.chunked:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        framed = b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces])
        return b"\r\n".join([framed + b"0", *self.trailers, b"", b""]) if self.complete else framed

    def take(self) -> list[bytes]:
        """What is in `body`, which is not kept any longer."""
        taken, self.body = self.body, []
        return taken


class Request(Message):
    """A request.

    Attributes:
        keep_alive: the client may send another one after it.
        http10: the client does not know chunks.
        absolute: its target named a host, as requests to a proxy do.
        tunnel: it asks to turn the connection into another protocol (WebSocket), in which no more HTTP follows.
    """

    __slots__ = ("absolute", "http10", "keep_alive", "method", "offers", "target", "tunnel")

    def __init__(self) -> None:
        super().__init__()
        self.method = b""
        self.target = b""
        self.keep_alive = True
        self.absolute = False
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
            raise BadRequestError("Host must be one name or address, with or without a port.")
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
        self.absolute = True
        self.target = (url.path or b"/") + (b"?" + url.query if url.query else b"")

    def framing(self) -> list[bytes]:
        """The fields that say what follows the head, ready to be sent."""
        lines = [b"Connection: Upgrade", b"Upgrade: " + self.fields[b"upgrade"]] if self.tunnel else []
        if self.chunked:
            lines.append(b"Transfer-Encoding: chunked")
        elif self.length or b"content-length" in self.fields:
            lines.append(b"Content-Length: %d" % (self.length or 0))
        return lines


class Response(Message):
    """A response.

    Attributes:
        until_close: its content ends with the connection.
        sent: bytes of the content that went on to the client.
    """

    __slots__ = ("keep_alive", "reason", "sent", "status", "until_close")

    def __init__(self) -> None:
        super().__init__()
        self.status = 0
        self.reason = b""
        self.keep_alive = False
        self.until_close = False
        self.sent = 0

    def add_trailer(self, name: bytes, value: bytes) -> None:
        """Keep a field that came behind the content, to be passed on."""
        if name.lower() not in RESPONSE_FIELDS and len(self.trailers) < MAX_FIELDS:
            self.trailers = (*self.trailers, b"%b: %b" % (name, value))
