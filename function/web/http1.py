"""The grammar of a request as this server takes it: RFC 9112, the strict choice wherever it leaves one.

A request that two parties read in two ways is how one is smuggled past the other. So whatever is not exactly one
well-formed head and one well-framed body is refused, and the connection with it. pywsgi's own parser lets most of
this pass (e-mail header rules, `int()` for lengths, Transfer-Encoding over Content-Length); here it is never asked.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# Origin-form, and the absolute-form that RFC 9112 section 3.2.2 has servers accept. Visible ASCII, no fragment.
_REQUEST_LINE = re.compile(
    rb"(?P<method>" + _TOKEN + rb") (?:http://[^/?#\x00-\x20\x7f-\xff]+)?(?P<target>/[^#\x00-\x20\x7f-\xff]*) "
    rb"(?P<version>HTTP/[0-9]\.[0-9])\r\n"
)
# No white space before the colon or at the start of the line (obs-fold), no control character but TAB in the value.
_FIELD = re.compile(rb"(?P<name>" + _TOKEN + rb"):(?P<value>[\t\x20-\x7e\x80-\xff]*)\r\n")
_LENGTH = re.compile(r"[0-9]{1,15}")
# RFC 9112 section 7.1.1: extensions are to be ignored, so they are, as long as they are visible.
_CHUNK_SIZE = re.compile(rb"(?P<size>[0-9A-Fa-f]{1,8})(?:[\t ]*;[\t\x20-\x7e]*)?\r\n")
#: A second one of these would leave open which is meant.
_SINGLE = frozenset({"host", "content-length", "transfer-encoding", "content-type", "authorization", "expect"})
#: Longest line between two chunks, extensions included.
_CHUNK_LINE = 256

ReadLine = Callable[[int], bytes]
Read = Callable[[int], bytes]


class ProtocolError(Exception):
    """The client does not speak HTTP/1.1 as written: `status` is the answer, and the end of the connection."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Head(NamedTuple):
    """A request's line and headers.

    Attributes:
        target: path and query, percent-encoded as they came.
        fields: by lower-case name; several of one name are joined by commas.
        length: of the body in bytes; None where it is chunked.
        close: the client wants no further request on this connection.
        expects: the client waits for 100 Continue before it sends the body.
    """

    method: str
    target: str
    version: str
    fields: Mapping[str, str]
    length: int | None
    close: bool
    expects: bool


def read_head(readline: ReadLine, limit: int) -> Head:
    """Read a head of at most `limit` bytes.

    Args:
        readline: gives bytes up to and including the next LF, at most as many as asked for; less at the end of input.
        limit: of line and headers together, in bytes.

    Raises:
        ProtocolError: 400, 414, 417, 431, 501 or 505.
    """
    line = readline(limit)
    if len(line) >= limit and not line.endswith(b"\n"):
        raise ProtocolError(414, "request line too long")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise ProtocolError(400, "malformed request line")
    version = match["version"].decode()
    if version not in {"HTTP/1.1", "HTTP/1.0"}:
        raise ProtocolError(505, "unsupported version")
    fields = _read_fields(readline, limit - len(line))
    if version == "HTTP/1.1" and "host" not in fields:
        raise ProtocolError(400, "Host is missing")
    connection = {option.strip().lower() for option in fields.get("connection", "").split(",")}
    return Head(
        match["method"].decode(),
        match["target"].decode(),
        version,
        fields,
        _length(fields, version),
        "close" in connection or (version == "HTTP/1.0" and "keep-alive" not in connection),
        _expects(fields, version),
    )


def read_body(head: Head, readline: ReadLine, read: Read, limit: int) -> bytes:
    """Read the body, or the first bytes of one that is longer than `limit`: one more than `limit` says so.

    Raises:
        ProtocolError: 400, the framing is broken or the input ended early.
    """
    if head.length is not None:
        wanted = min(head.length, limit + 1)
        body = read(wanted)
        if len(body) < wanted:
            raise ProtocolError(400, "body ended early")
        return body
    chunks = bytearray()
    while size := _chunk_size(readline):
        room = limit + 1 - len(chunks)
        if size >= room:
            return bytes(chunks + read(room))
        chunk = read(size + 2)
        if len(chunk) < size + 2 or not chunk.endswith(b"\r\n"):
            raise ProtocolError(400, "chunk is not as long as it says")
        chunks += chunk[:-2]
    if readline(2) != b"\r\n":
        raise ProtocolError(400, "trailers are not taken")
    return bytes(chunks)


def _read_fields(readline: ReadLine, room: int) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    while (line := readline(max(room, 1))) != b"\r\n":
        room -= len(line)
        if room <= 0:
            raise ProtocolError(431, "headers too long")
        match = _FIELD.fullmatch(line)
        if match is None:
            raise ProtocolError(400, "malformed header line")
        name, value = match["name"].decode().lower(), match["value"].strip(b" \t").decode("latin-1")
        if name in fields and name in _SINGLE:
            raise ProtocolError(400, f"{name} more than once")
        # A name with "_" would pass for the one with "-" in a WSGI environment (X_Forwarded_For): dropped, as nginx
        # does.
        if "_" not in name:
            fields[name] = f"{fields[name]},{value}" if name in fields else value
    return fields


def _length(fields: Mapping[str, str], version: str) -> int | None:
    if "transfer-encoding" in fields:
        if "content-length" in fields:
            raise ProtocolError(400, "both Content-Length and Transfer-Encoding")
        if version == "HTTP/1.0":
            raise ProtocolError(400, "Transfer-Encoding in HTTP/1.0")
        if fields["transfer-encoding"].lower() != "chunked":
            raise ProtocolError(501, "unknown Transfer-Encoding")
        return None
    if not _LENGTH.fullmatch(length := fields.get("content-length", "0")):
        raise ProtocolError(400, "malformed Content-Length")
    return int(length)


def _expects(fields: Mapping[str, str], version: str) -> bool:
    expectation = fields.get("expect", "").lower()
    if expectation not in {"", "100-continue"}:
        raise ProtocolError(417, "unknown expectation")
    return bool(expectation) and version == "HTTP/1.1"


def _chunk_size(readline: ReadLine) -> int:
    match = _CHUNK_SIZE.fullmatch(readline(_CHUNK_LINE))
    if match is None:
        raise ProtocolError(400, "malformed chunk size")
    return int(match["size"], 16)
