"""Requests that two parties could read in two ways, and clients that take their time (S8)."""

import json
import time
from collections.abc import Callable

import pytest

from tests.contract.conftest import PATIENCE, Account, Api, Target, Wire

#: What follows a smuggling attempt: where it is answered, the attempt has worked.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: {host}\r\n"
POST = b"POST /login HTTP/1.1\r\nHost: {host}\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

CORPUS = {
    "CL and TE": POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
    "TE and CL": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX",
    "two lengths that differ": POST + b"Content-Length: 0\r\nContent-Length: 9\r\n\r\n",
    "two lengths that agree": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "length with plus": POST + b"Content-Length: +2\r\n\r\n{}",
    "length with minus": POST + b"Content-Length: -2\r\n\r\n",
    "length with underscore": POST + b"Content-Length: 1_0\r\n\r\n",
    "length in hex": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "length with inner space": POST + b"Content-Length: 1 0\r\n\r\n",
    "empty length": POST + b"Content-Length:\r\n\r\n",
    "length in other digits": POST + "Content-Length: \u0662\r\n\r\n{}".encode(),
    "unknown TE": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "TE list": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "TE twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "TE identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "TE with vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "space before the colon of TE": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "no Host": b"GET /livez HTTP/1.1\r\n\r\n",
    "two Hosts": GET + b"Host: other\r\n\r\n",
    "obs-fold": GET + b"X-A: a\r\n b\r\n\r\n",
    "obs-fold before the first header": b"GET /livez HTTP/1.1\r\n Host: {host}\r\n\r\n",
    "bare LF": b"GET /livez HTTP/1.1\nHost: {host}\n\n",
    "bare LF in a header": GET + b"X-A: a\nX-B: b\r\n\r\n",
    "bare CR in a header": GET + b"X-A: a\rX-B: b\r\n\r\n",
    "NUL in a header": GET + b"X-A: a\0b\r\n\r\n",
    "NUL in the path": b"GET /live\0z HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "control character in a header name": GET + b"X\x01A: a\r\n\r\n",
    "header without a colon": GET + b"X-A\r\n\r\n",
    "header without a name": GET + b": a\r\n\r\n",
    "two spaces in the request line": b"GET  /livez HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "tab in the request line": b"GET\t/livez HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "space in the path": b"GET /livez /x HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "no version": b"GET /livez\r\n\r\n",
    "unknown version": b"GET /livez HTTP/3.7\r\nHost: {host}\r\n\r\n",
    "version with a sign": b"GET /livez HTTP/+1.1\r\nHost: {host}\r\n\r\n",
    "lower-case http": b"GET /livez http/1.1\r\nHost: {host}\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no request at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "header of 1 MB": GET + b"X-A: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "path of 1 MB": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "20,000 headers": GET + b"" + b"A: b\r\n" * 20_000 + b"\r\n",
    "chunk size with sign": CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n",
    "chunk size with 0x": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "chunk size with LF": CHUNKED + b"2\n{}\r\n0\r\n\r\n",
    "chunk extension with LF": (CHUNKED + b"2;\nxx\r\n{}\r\n0\r\n\r\n"),
    "chunk longer than it says": (CHUNKED + b"2\r\n{}}\r\n0\r\n\r\n"),
    "chunk ends in LF": CHUNKED + b"2\r\n{}\n0\r\n\r\n",
    "unknown expectation": POST + b"Expect: nothing\r\nContent-Length: 0\r\n\r\n",
}


#: Nobody can disagree on where these end, so what stands in front may write them anew and pass them on.
MENDED = {"two spaces in the request line", "unknown expectation"}


@pytest.mark.parametrize("name", CORPUS)
def test_s8_smuggling_is_refused_and_the_connection_closed(wire: Callable[[], Wire], target: Target, name: str) -> None:
    connection = wire()
    if target.headers and name in MENDED:
        connection.send(CORPUS[name])
        assert connection.response()[0] < 500
        return
    connection.send(CORPUS[name] + SMUGGLED)
    received = connection.receive()
    # No answer at all is a refusal, too: a gateway may simply close on what is not HTTP.
    if received:
        assert 400 <= int(received.split(b" ", 2)[1]) <= 505, received
        assert received.count(b"HTTP/1.1 ") == 1, received
    assert b"There is nothing at this path" not in received


def test_s8_what_is_well_formed_is_served_on_one_connection(wire: Callable[[], Wire], account: Account) -> None:
    body = json.dumps({"username": account.name, "password": account.password}).encode()
    head = POST + b"Content-Type: application/json\r\n"
    connection = wire()
    for request in (
        head + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
        head + b"Transfer-Encoding: Chunked\r\n\r\n%X;ext=1\r\n%s\r\n0\r\n\r\n" % (len(body), body),
    ):
        connection.send(request)
        assert connection.response()[0] == 200
    connection.send(GET + b"\r\n" * 2)
    assert connection.response()[0] == 200


def test_s8_a_client_that_waits_for_100_continue_gets_it(wire: Callable[[], Wire], account: Account) -> None:
    body = json.dumps({"username": account.name, "password": account.password}).encode()
    connection = wire()
    connection.send(
        POST + b"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    assert connection.response()[0] == 100
    connection.send(body)
    assert connection.response()[0] == 200


@pytest.mark.parametrize(
    "start",
    [
        b"GET /livez HTTP/1.1\r\nX-A: ",
        POST + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
        POST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1",
    ],
    ids=["headers", "body", "chunks"],
)
def test_s8_40_slow_clients_are_cut_off_and_slow_nobody(
    api: Api, wire: Callable[[], Wire], account: Account, start: bytes
) -> None:
    slow = [wire() for _ in range(40)]
    for connection in slow:
        connection.send(start)
    # They trickle on; meanwhile others are served.
    for _ in range(10):
        for connection in slow:
            connection.send(b"1")
        assert api.get("/livez").status_code == 200
        time.sleep(0.05)
    api.login(account)
    began = time.monotonic()
    for connection in slow:
        while not connection.closed_within(0.01):
            connection.send(b"1")
            assert time.monotonic() - began < PATIENCE, "still open"
