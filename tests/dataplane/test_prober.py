from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import ssl
from gevent.server import StreamServer

from emulator.api.tls import identity
from emulator.core.probe import Probe, read_probes
from emulator.dataplane.prober import ask


def readiness(port: int = 8080, **document: Any) -> Probe:
    return read_probes({"readiness": document}, port)[0]


def status(code: int) -> Any:
    return lambda request, sock: sock.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 9999\r\n\r\n" % code)


@pytest.mark.parametrize("code", [200, 204, 302, 399])
def test_passes(world: Any, code: int) -> None:
    app = world.app(status(code))
    probe = readiness(httpGet={"path": "/ok?x=1", "httpHeaders": [{"name": "X-Probe", "value": "1"}]})
    assert ask(probe, "127.0.0.1", app.port) is None
    (request,) = app.requests
    assert request.target == "/ok?x=1"
    assert request.headers["User-Agent"] == "kube-probe/1.32"
    assert request.headers["Host"] == f"127.0.0.1:{app.port}"
    assert request.headers["X-Probe"] == "1"


def test_headers_that_are_given_replace_ours(world: Any) -> None:
    app = world.app(status(200))
    headers = [{"name": "host", "value": "me"}, {"name": "User-Agent", "value": "mine"}]
    assert ask(readiness(httpGet={"httpHeaders": headers}), "127.0.0.1", app.port) is None
    assert (app.requests[0].headers.get_all("Host"), app.requests[0].headers["User-Agent"]) == (["me"], "mine")


@pytest.mark.parametrize("code", [400, 404, 500, 503])
def test_fails(world: Any, code: int) -> None:
    reason = ask(readiness(httpGet={}), "127.0.0.1", world.app(status(code)).port)
    assert reason == f"HTTP probe failed with statuscode: {code}"


def test_something_that_is_not_http_or_nothing(world: Any) -> None:
    app = world.app(lambda request, sock: sock.sendall(b"hello\r\n\r\n"))
    assert "transport connection broken" in (ask(readiness(httpGet={}), "127.0.0.1", app.port) or "")
    assert ask(readiness(httpGet={}), "127.0.0.1", world.app(lambda request, sock: False).port) == "EOF"


def test_a_connection_is_enough(world: Any) -> None:
    app = world.app()
    probe = readiness(tcpSocket={"port": 0})
    assert ask(probe, "127.0.0.1", app.port) is None
    app.stop()
    refused = f"dial tcp 127.0.0.1:{app.port}: connect: connection refused"
    assert ask(probe, "127.0.0.1", app.port) == refused


def test_a_port_of_its_own(world: Any) -> None:
    app = world.app()
    assert ask(readiness(tcpSocket={"port": app.port}), "127.0.0.1", 1) is None
    assert ask(readiness(app.port, tcpSocket={"port": app.port}), "127.0.0.1", 1) is not None


def test_an_answer_that_does_not_come(world: Any) -> None:
    app = world.app(lambda request, sock: gevent.sleep(30))
    probe = replace(readiness(httpGet={}), timeout=0.05)
    assert ask(probe, "127.0.0.1", app.port) == "context deadline exceeded"


def test_https_whatever_its_certificate(world: Any, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = identity(tmp_path)
    context.load_cert_chain(own.certificate, own.key)

    def serve(sock: Any, _: object) -> None:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        sock.close()

    server = StreamServer(("127.0.0.1", 0), serve, ssl_context=context)
    server.start()
    try:
        assert ask(readiness(httpGet={"scheme": "HTTPS"}), "127.0.0.1", server.server_port) is None
    finally:
        server.stop()
    app = world.app()
    assert (ask(readiness(httpGet={"scheme": "HTTPS"}), "127.0.0.1", app.port) or "").startswith("remote error: tls: ")
