"""The private listener: cluster-local hosts, and for the hosts of others a forward proxy."""

import socket as plain
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.core.revision import RevisionKey
from emulator.dataplane.door import Target
from emulator.service_discovery import variables

LOCAL = "hello.default.svc.cluster.local"
KEY = RevisionKey("default", "hello-00001")


def echo(request: Any, sock: Any) -> None:
    seen = [request.line, *(f"{k}: {v}" for k, v in request.headers.items()), "", request.body.decode()]
    body = "\n".join(seen).encode()
    sock.sendall(b"HTTP/1.1 200 OK\r\nX-Who: elsewhere\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@pytest.fixture
def private(world: Any) -> Iterator[Any]:
    """A world that asks the private listener, and has a service there."""
    world.back(world.app())
    world.plane.set_routes({world.host: (Target(KEY, 100),)}, {LOCAL: (Target(KEY, 100),)})
    world.public, world.port = world.port, world.plane.listen_private("127.0.0.1", 0)
    return world


@pytest.mark.parametrize("target", ["/", f"http://{LOCAL}/", f"http://{LOCAL}:80/"])
def test_a_service_is_reached_as_from_a_proxy_and_directly(private: Any, target: str) -> None:
    host = LOCAL if target == "/" else "whatever"
    answer = private.raw(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"hello")


def test_the_public_listener_knows_no_cluster_local_host_and_is_no_proxy(private: Any) -> None:
    other = private.app(echo)
    private.port = private.public
    for target, host in (
        ("/", LOCAL),
        (f"http://{LOCAL}/", LOCAL),
        (f"http://127.0.0.1:{other.port}/", "x"),
    ):
        answer = private.raw(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 404 ")
    assert not other.requests


def test_a_request_for_another_host_is_passed_on_as_it_is(private: Any) -> None:
    other = private.app(echo)
    head = (
        f"PUT http://localhost:{other.port}/a?b=c HTTP/1.1\r\nHost: ignored\r\nX-Forwarded-For: 9.9.9.9\r\n"
        "Proxy-Authorization: Basic c2VjcmV0\r\nProxy-Connection: keep-alive\r\nX-Mine: 1\r\n"
    )
    for framing, body in (
        ("Content-Length: 4\r\n", b"data"),
        ("Transfer-Encoding: chunked\r\n", b"2\r\nda\r\n2\r\nta\r\n0\r\n\r\n"),
    ):
        answer = private.raw(f"{head}{framing}Connection: close\r\n\r\n".encode() + body)
        assert b"X-Who: elsewhere" in answer
        seen = answer.partition(b"\r\n\r\n")[2].decode().splitlines()
        assert seen[0] == "PUT /a?b=c HTTP/1.1"
        assert {f"Host: localhost:{other.port}", "X-Forwarded-For: 9.9.9.9", "X-Mine: 1"} < set(seen)
        assert "Via: 1.1 knative-emulator" in seen
        assert seen[-1] == "data"
        assert not any(line.lower().startswith(("proxy-", "forwarded", "k-proxy")) for line in seen)


def test_what_can_not_be_reached_is_told(private: Any) -> None:
    with plain.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        answer = private.raw(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert answer.endswith(b"connection refused\n")
    answer = private.raw(b"GET http://no-such-host.invalid/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert answer.endswith(b"lookup no-such-host.invalid: no such host\n")


def test_a_host_that_is_neither_a_service_nor_in_the_target_is_not_found(private: Any) -> None:
    hosts = ("other.default.svc.cluster.local", private.host)
    for line in (*(f"GET / HTTP/1.1\r\nHost: {host}" for host in hosts), "GET / HTTP/1.0"):
        assert private.raw(f"{line}\r\nConnection: close\r\n\r\n".encode()).startswith(b"HTTP/1.1 404 ")


def test_instances_are_told_of_it_unless_they_need_another_proxy() -> None:
    told = variables(4711, {"no_proxy": "internal.example.com,10.0.0.1"})
    assert told["http_proxy"] == told["HTTP_PROXY"] == "http://127.0.0.1:4711"
    assert told["no_proxy"] == told["NO_PROXY"] == "localhost,127.0.0.1,::1,internal.example.com,10.0.0.1"
    assert told["grpc_proxy"] == ""
    assert "https_proxy" not in told
    assert variables(4711, {"HTTP_PROXY": "http://proxy.example.com"}) == {}
