from typing import Any

import pytest

from emulator.dataplane.door import Target


def echo(request: Any, sock: Any) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.body), request.body))


def show(request: Any, sock: Any) -> None:
    text = "\n".join([request.line, *(f"{k}: {v}" for k, v in request.headers.items())]).encode()
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))


def test_a_request_and_its_answer(world: Any) -> None:
    world.deploy(world.app(show))
    answer = world.ask("GET /a/b?c=d HTTP/1.1\nX-Custom: v1\ntraceparent: 00-abc-def-01")
    assert answer.status == 200
    lines = answer.body.decode().splitlines()
    assert lines[0] == "GET /a/b?c=d HTTP/1.1"
    assert {f"Host: {world.host}", "X-Custom: v1", "traceparent: 00-abc-def-01"} < set(lines)


@pytest.mark.parametrize("proxied", [True, False])
def test_fields_at_the_container(world: Any, proxied: bool) -> None:
    world.deploy(world.app(show), proxied=proxied)
    world.source = "127.0.0.2"
    body = world.ask("GET / HTTP/1.1\nK-Proxy-Request: activator").body.decode()
    seen = dict(line.split(": ", 1) for line in body.splitlines()[1:])
    assert len(seen.pop("X-Request-Id")) == 36
    assert seen.pop("Host") == world.host
    through = {
        "Forwarded": "for=127.0.0.2;proto=http",
        "X-Forwarded-For": "127.0.0.2, 127.0.0.1",
        "X-Forwarded-Proto": "http",
        "K-Proxy-Request": "activator",
    }
    straight = {"Forwarded": "proto=http", "X-Forwarded-For": "127.0.0.2", "X-Forwarded-Proto": "http"}
    assert seen == (through if proxied else straight)


def test_forwarding_fields_of_the_client_are_kept(world: Any) -> None:
    world.deploy(world.app(show))
    sent = "X-Forwarded-For: 10.1.1.1\nX-Forwarded-For: 2001:db8::1\nX-Forwarded-Proto: https\nX-Request-Id: mine"
    body = world.ask(f"GET / HTTP/1.1\n{sent}").body.decode().splitlines()
    assert "X-Forwarded-For: 10.1.1.1, 2001:db8::1, 127.0.0.1, 127.0.0.1" in body
    assert 'Forwarded: for=10.1.1.1;proto=https, for="[2001:db8::1]", for=127.0.0.1' in body
    assert "X-Request-Id: mine" in body
    assert "Forwarded: host=a.b;proto=http" in (
        world.ask("GET / HTTP/1.1\nX-Forwarded-Host: a.b").body.decode().replace("for=127.0.0.1;", "")
    )
    assert "Forwarded: for=_x" in world.ask("GET / HTTP/1.1\nForwarded: for=_x").body.decode()


@pytest.mark.parametrize("mapped", [True, False])
def test_a_container_sees_the_host_that_was_asked_for(world: Any, mapped: bool) -> None:
    """The ingress sets K-Original-Host for a DomainMapping, and the queue-proxy makes Host of whatever is in it."""
    world.deploy(world.app(show))
    if mapped:
        world.plane.set_routes({world.host: (Target(world.key, 100),)}, mapped=(world.host,))
    body = world.ask("GET / HTTP/1.1\nK-Original-Host: mine").body.decode().splitlines()
    assert f"Host: {world.host if mapped else 'mine'}" in body
    assert not [line for line in body if line.startswith("K-Original-Host")]


def test_fields_between_neighbours_go_no_further(world: Any) -> None:
    def answer(request: Any, sock: Any) -> None:
        text = "\n".join(request.headers.keys()).encode()
        sock.sendall(
            b"HTTP/1.1 200 OK\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: no\r\n"
            b"X-Other: 2\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
        )

    world.deploy(world.app(answer))
    hops = "Connection: X-Hop, Host, Content-Length\nX-Hop: 1\nKeep-Alive: 5\nTE: trailers\nProxy-Authorization: x"
    got = world.ask(f"POST / HTTP/1.1\n{hops}\nX-End: 1\nContent-Length: 1", b"x")
    assert got.body.decode().splitlines() == [
        "Host",
        "X-End",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Request-Id",
        "K-Proxy-Request",
        "Content-Length",
    ]
    assert [name for name, _ in got.headers] == ["X-Other", "Date", "Content-Length"]


def test_connections_are_kept_and_used_again_on_both_sides(world: Any) -> None:
    app = world.app()
    world.deploy(app)
    sock = world.connect()
    for _ in range(20):
        world.send(sock, "GET / HTTP/1.1")
        assert world.read(sock).body == b"hello"
    sock.close()
    assert (app.connections, len(app.requests)) == (1, 20)


def test_pipelined_requests_are_answered_in_order(world: Any) -> None:
    world.deploy(world.app(echo))
    one = f"POST / HTTP/1.1\r\nHost: {world.host}\r\nContent-Length: 1\r\n"
    data = "".join(f"{one}\r\n{digit}" for digit in "123456789") + f"{one}Connection: close\r\n\r\n0"
    received = world.raw(data.encode())
    assert received.count(b"HTTP/1.1 200 OK") == 10
    assert [part[:1] for part in received.split(b"\r\n\r\n")[1:]] == [digit.encode() for digit in "1234567890"]


def test_what_is_not_for_anyone_here_leaves_the_connection_open(world: Any) -> None:
    world.deploy(world.app())
    sock = world.connect()
    for _ in range(2):
        sock.sendall(b"POST / HTTP/1.1\r\nHost: nobody\r\nContent-Length: 3\r\n\r\nabc")
        answer = world.read(sock)
        assert (answer.status, answer.body, answer.header("Content-Length")) == (404, b"", "0")
    world.send(sock, "GET / HTTP/1.1")
    assert world.read(sock).status == 200
    sock.close()


def test_http_10_clients(world: Any) -> None:
    def chunks(request: Any, sock: Any) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")

    world.deploy(world.app(chunks))
    received = world.raw(f"GET / HTTP/1.0\r\nHost: {world.host}\r\n\r\n".encode())
    assert received.endswith(b"\r\nConnection: close\r\n\r\nhello")
    world.deploy(world.app())
    sock = world.connect()
    for _ in range(2):
        world.send(sock, "GET / HTTP/1.0\nConnection: keep-alive")
        answer = world.read(sock)
        assert (answer.body, answer.header("Connection")) == (b"hello", "keep-alive")
    sock.close()
    assert world.raw(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 404 ")


def test_absolute_targets(world: Any) -> None:
    world.deploy(world.app(show))
    sock = world.connect()
    sock.sendall(f"GET http://{world.host}:8080/x?y HTTP/1.1\r\nHost: other\r\n\r\n".encode())
    lines = world.read(sock).body.decode().splitlines()
    sock.close()
    assert lines[:2] == ["GET /x?y HTTP/1.1", f"Host: {world.host}:8080"]
