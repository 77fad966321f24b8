"""Requests that two parsers could understand differently: none of them may reach an instance."""

import re
from random import Random
from typing import Any

import pytest

from emulator.dataplane.http1 import MAX_AHEAD, MAX_HEAD, RequestReader, ResponseReader
from emulator.dataplane.message import MAX_FIELDS
from emulator.dataplane.refusals import InstanceError

STATUS_LINE = re.compile(rb"HTTP/1.1 \d\d\d ")
HIDDEN = "GET /hidden HTTP/1.1\r\nHost: HOST\r\n\r\n"

#: What is wrong -> the status, and the request (Host is filled in for HOST).
CORPUS = {
    "length and chunks": (400, "POST / HTTP/1.1|Host: HOST|Content-Length: 3|Transfer-Encoding: chunked||0||" + HIDDEN),
    "chunks and length": (400, "POST / HTTP/1.1|Host: HOST|Transfer-Encoding: chunked|Content-Length: 3||0||" + HIDDEN),
    "two lengths": (400, "POST / HTTP/1.1|Host: HOST|Content-Length: 0|Content-Length: 40||" + HIDDEN),
    "two equal lengths": (400, "POST / HTTP/1.1|Host: HOST|Content-Length: 1|Content-Length: 1||x"),
    "list of lengths": (400, "POST / HTTP/1.1|Host: HOST|Content-Length: 1, 1||x"),
    "signed length": (400, "POST / HTTP/1.1|Host: HOST|Content-Length: +1||x"),
    "negative length": (400, "POST / HTTP/1.1|Host: HOST|Content-Length: -1||x"),
    "hex length": (400, "POST / HTTP/1.1|Host: HOST|Content-Length: 0x1||x"),
    "empty length": (400, "POST / HTTP/1.1|Host: HOST|Content-Length:||x"),
    "huge length": (400, "POST / HTTP/1.1|Host: HOST|Content-Length: 18446744073709551617||x"),
    "length with a form feed": (400, "POST / HTTP/1.1|Host: HOST|Content-Length: \x0c1||x"),
    "unknown coding": (400, "POST / HTTP/1.1|Host: HOST|Transfer-Encoding: xchunked||0||" + HIDDEN),
    "coding after chunked": (400, "POST / HTTP/1.1|Host: HOST|Transfer-Encoding: chunked, identity||0||"),
    "coding before chunked": (501, "POST / HTTP/1.1|Host: HOST|Transfer-Encoding: gzip, chunked||0||"),
    "chunked twice": (400, "POST / HTTP/1.1|Host: HOST|Transfer-Encoding: chunked|Transfer-Encoding: chunked||0||"),
    "identity": (400, "POST / HTTP/1.1|Host: HOST|Transfer-Encoding: identity||" + HIDDEN),
    "quoted coding": (400, 'POST / HTTP/1.1|Host: HOST|Transfer-Encoding: "chunked"||0||'),
    "coding with a tab before": (400, "POST / HTTP/1.1|Host: HOST|Transfer-Encoding:\x0bchunked||0||"),
    "chunks in 1.0": (400, "POST / HTTP/1.0|Host: HOST|Transfer-Encoding: chunked||0||"),
    "folded field": (400, "GET / HTTP/1.1|Host: HOST|X: a| b||"),
    "folded first field": (400, "GET / HTTP/1.1| X: a|Host: HOST||"),
    "space before colon": (400, "POST / HTTP/1.1|Host: HOST|Content-Length : 3||abc"),
    "bare LF after the line": (400, "GET / HTTP/1.1\nHost: HOST||"),
    "bare LF after a field": (400, "GET / HTTP/1.1|Host: HOST\nX: y||"),
    "bare LF at the end": (400, "GET / HTTP/1.1|Host: HOST|\n"),
    "bare CR": (400, "GET / HTTP/1.1|Host: HOST\rX: y||"),
    "NUL in a value": (400, "GET / HTTP/1.1|Host: HOST|X: a\0b||"),
    "NUL in a name": (400, "GET / HTTP/1.1|Host: HOST|X\0: a||"),
    "empty name": (400, "GET / HTTP/1.1|Host: HOST|: a||"),
    "no colon": (400, "GET / HTTP/1.1|Host: HOST|Transfer-Encoding||"),
    "no host": (400, "GET / HTTP/1.1|X: y||"),
    "two hosts": (400, "GET / HTTP/1.1|Host: HOST|Host: other||"),
    "two equal hosts": (400, "GET / HTTP/1.1|Host: HOST|Host: HOST||"),
    "empty host": (400, "GET / HTTP/1.1|Host:||"),
    "host with a space": (400, "GET / HTTP/1.1|Host: HOST x||"),
    "host with a slash": (400, "GET / HTTP/1.1|Host: HOST/x||"),
    "host with credentials": (400, "GET / HTTP/1.1|Host: a@HOST||"),
    "list of hosts": (400, "GET / HTTP/1.1|Host: HOST, other||"),
    "space in the target": (400, "GET /a b HTTP/1.1|Host: HOST||"),
    "tab in the line": (400, "GET\t/ HTTP/1.1|Host: HOST||"),
    "control in the target": (400, "GET /\x01 HTTP/1.1|Host: HOST||"),
    "target that is no path": (400, "GET hello HTTP/1.1|Host: HOST||"),
    "target with another scheme": (400, "GET ftp://HOST/ HTTP/1.1|Host: HOST||"),
    "target with credentials": (400, "GET http://a:b@HOST/ HTTP/1.1|Host: HOST||"),
    "no version": (505, "GET /||"),
    "unknown version": (400, "GET / HTTP/1.2|Host: HOST||"),
    "version 2": (505, "GET / HTTP/2.0|Host: HOST||"),
    "preface of HTTP/2": (400, "PRI * HTTP/2.0||SM||"),
    "unknown method": (400, "FOO / HTTP/1.1|Host: HOST||"),
    "lower-case method": (400, "get / HTTP/1.1|Host: HOST||"),
    "tunnel": (405, "CONNECT HOST:80 HTTP/1.1|Host: HOST||"),
    "TLS": (400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "long head": (431, "GET / HTTP/1.1|Host: HOST|X: " + "a" * (MAX_HEAD + 20_000) + "||"),
    "long target": (431, "GET /" + "a" * (MAX_HEAD + 20_000) + " HTTP/1.1|Host: HOST||"),
    "many fields": (431, "GET / HTTP/1.1|Host: HOST|" + "".join(f"X{i}: a|" for i in range(MAX_FIELDS + 1)) + "|"),
}
#: Requests whose head is right, and whose content is not: what is wrong -> the chunks.
CHUNKS = {
    "LF after the size": "3\nabc|0||",
    "LF after an extension": "3;a\nabc|0||",
    "LF after the data": "3|abc\n0||",
    "space after the size": "3 |abc|0||",
    "0x": "0x3|abc|0||",
    "sign": "+3|abc|0||",
    "minus": "-3|abc|0||",
    "overflow": "10000000000000003|abc|0||",
    "longer data": "3|abcd|0||",
    "no size": "|abc|0||",
    "length among the trailers": "3|abc|0|Content-Length: 4||",
}


def as_bytes(text: str, host: str) -> bytes:
    return text.replace("|", "\r\n").replace("HOST", host).encode("latin-1")


@pytest.mark.parametrize("name", CORPUS)
def test_refused(world: Any, name: str) -> None:
    app = world.app()
    world.deploy(app)
    status, request = CORPUS[name]
    received = world.raw(as_bytes(request, world.host))
    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    assert len(STATUS_LINE.findall(received)) == 1
    assert b"\r\nConnection: close\r\n" in received
    assert received.endswith(b".\n")
    assert app.requests == []


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("name", CORPUS)
def test_refused_in_any_pieces(name: str, size: int) -> None:
    status, request = CORPUS[name]
    data = as_bytes(request, "hello")
    reader = RequestReader()
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
    assert reader.error
    assert reader.error.code == status
    assert not reader.requests


@pytest.mark.parametrize("name", CHUNKS)
def test_wrong_chunks_break_off(world: Any, name: str) -> None:
    answered: list[Any] = []
    app = world.app(lambda request, sock: answered.append(request))
    world.deploy(app)
    head = f"POST / HTTP/1.1|Host: {world.host}|Transfer-Encoding: chunked||"
    received = world.raw(as_bytes(head + CHUNKS[name] + HIDDEN, world.host))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1
    assert answered == []


def test_a_good_request_before_a_bad_one_is_answered(world: Any) -> None:
    world.deploy(world.app())
    received = world.raw(as_bytes("GET / HTTP/1.1|Host: HOST||GET / HTTP/1.1|Host: HOST|X : y||", world.host))
    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


@pytest.mark.parametrize("seed", range(20))
def test_pieces_make_no_difference(seed: int) -> None:
    random = Random(seed)
    one = "POST /1 HTTP/1.1|Host: a|Content-Length: 11||hello world"
    two = "POST /2 HTTP/1.1|Host: a|Transfer-Encoding: chunked||5|hello|1;x=y|!|0|T: 1||"
    three = "POST /3 HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: h2c|Content-Length: 4||abcd"
    four = "GET /4?x HTTP/1.1|Host: a|Empty:||"
    data = as_bytes(one + two + three + four + four, "")
    reader = RequestReader()
    while data:
        size = random.choice((1, 2, 5, 30, 200))
        reader.feed(data[:size])
        data = data[size:]
    assert reader.error is None
    found = [(request.target, b"".join(request.body), request.complete) for request in reader.requests]
    assert found == [
        (b"/1", b"hello world", True),
        (b"/2", b"hello!", True),
        (b"/3", b"abcd", True),
        (b"/4?x", b"", True),
        (b"/4?x", b"", True),
    ]


def test_too_many_requests_ahead_of_their_answers() -> None:
    reader = RequestReader()
    reader.feed(as_bytes("GET / HTTP/1.1|Host: a||" * (MAX_AHEAD + 2), ""))
    assert len(reader.requests) == MAX_AHEAD
    assert reader.error


def test_what_follows_the_last_request_is_ignored(world: Any) -> None:
    app = world.app()
    world.deploy(app)
    received = world.raw(as_bytes("GET / HTTP/1.1|Host: HOST|Connection: close||" + HIDDEN, world.host))
    assert received.count(b"HTTP/1.1 ") == 1
    assert [request.target for request in app.requests] == ["/"]


def test_trailers_do_not_reach_the_next_request() -> None:
    reader = RequestReader()
    reader.feed(as_bytes("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked||1|x|0|Host: evil|X-Evil: 1||", ""))
    reader.feed(as_bytes("GET / HTTP/1.1|Host: b||", ""))
    assert [request.fields[b"host"] for request in reader.requests] == [b"a", b"b"]
    assert all(request.passed == [] for request in reader.requests)
    assert all(request.complete for request in reader.requests)


@pytest.mark.parametrize(
    "data",
    [
        "HTTP/1.1 200 OK|Content-Length: 3|Transfer-Encoding: chunked||0||",
        "HTTP/1.1 200 OK|Content-Length: 3|Content-Length: 3||abc",
        "HTTP/1.1 200 OK|Transfer-Encoding: gzip||abc",
        "HTTP/1.1 200 OK\nContent-Length: 3||abc",
        "HTTP/1.1 200 OK|X : y||",
        "HTTP/1.1 200 OK|X: a| b||",
        "HTTP/1.1 20 OK||",
        "hello",
        "HTTP/1.1 200 OK|X: " + "a" * (MAX_HEAD + 1),
    ],
)
def test_answers_that_could_be_misunderstood(data: str) -> None:
    reader = ResponseReader()
    reader.expect(b"GET")
    with pytest.raises(InstanceError):
        reader.feed(as_bytes(data, ""))


def test_an_answer_with_more_behind_it_ends_the_connection() -> None:
    reader = ResponseReader()
    reader.expect(b"GET")
    reader.feed(as_bytes("HTTP/1.1 200 OK|Content-Length: 2||okHTTP/1.1 200 OK|Content-Length: 4||evil", ""))
    assert (reader.response.take(), reader.response.complete, reader.response.keep_alive) == ([b"ok"], True, False)
