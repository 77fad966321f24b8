from typing import Any


def echo(request: Any, sock: Any) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.body), request.body))


def test_websocket_tunnel(world: Any) -> None:
    def upgrade(request: Any, sock: Any) -> bool:
        assert request.headers["Upgrade"] == "websocket"
        assert request.headers["Connection"] == "Upgrade"
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: y\r\n\r\nhi")
        while data := sock.recv(1000):
            sock.sendall(data.upper())
        sock.sendall(b"bye")
        return False

    app = world.app(upgrade)
    world.deploy(app)
    sock = world.connect()
    world.send(sock, "GET /ws HTTP/1.1\nConnection: keep-alive, Upgrade\nUpgrade: websocket", b"early ")
    received = b""
    while not received.endswith(b"EARLY "):
        received += sock.recv(1000)
    head, _, rest = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"X: y" in head
    assert rest == b"hiEARLY "
    for word in (b"one", b"two"):
        sock.sendall(word)
        assert sock.recv(100) == word.upper()
    assert world.plane.in_flight(world.endpoint(app).instance) == 1
    sock.shutdown(1)
    assert sock.recv(100) == b"bye"
    assert sock.recv(100) == b""
    sock.close()
    world.until(lambda: world.plane.in_flight(world.endpoint(app).instance) == 0)


def test_a_tunnel_that_is_refused_ends_the_connection(world: Any) -> None:
    app = world.app()
    world.deploy(app)
    head = f"GET / HTTP/1.1\r\nHost: {world.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    received = world.raw(f"{head}GET /hidden HTTP/1.1\r\nHost: {world.host}\r\n\r\n".encode())
    assert received.count(b"HTTP/1.1 200 OK") == 1
    assert b"\r\nConnection: close\r\n" in received
    assert [request.target for request in app.requests] == ["/"]


def test_an_offer_to_upgrade_may_be_declined(world: Any) -> None:
    app = world.app(echo)
    world.deploy(app)
    offers = "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__"
    sock = world.connect()
    for number in range(3):
        body = b"GET /evil HTTP/1.1\r\nHost: x\r\n\r\n%d" % number
        world.send(sock, f"POST / HTTP/1.1\n{offers}\nContent-Length: {len(body)}", body)
        assert world.read(sock).body == body
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        world.send(sock, f"POST / HTTP/1.1\n{offers}\nTransfer-Encoding: chunked", chunked)
        assert world.read(sock).body == body
        world.send(sock, f"GET / HTTP/1.1\n{offers}")
        assert world.read(sock).body == b""
    sock.close()
    assert {request.method for request in app.requests} == {"POST", "GET"}
    assert "Upgrade" not in app.requests[0].headers
    assert app.connections == 1


def test_switching_without_being_asked_is_an_error(world: Any) -> None:
    app = world.app(lambda _, sock: sock.sendall(b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"))
    world.deploy(app)
    assert world.ask().status == 502
