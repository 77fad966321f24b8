"""gRPC probes, asked of a real gRPC server and of some that are none."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import socket

from emulator.core.probe import Probe, read_probes
from emulator.dataplane.prober import ask

PROGRAM = Path(__file__).parents[1] / "support" / "grpc_hello.py"


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Starts a gRPC server with an environment of its own; returns its port."""
    running: list[subprocess.Popen[str]] = []

    def start(**env: str) -> int:
        running.append(
            subprocess.Popen([sys.executable, PROGRAM], env=os.environ | env, stdout=subprocess.PIPE, text=True)
        )
        assert running[-1].stdout
        return int(running[-1].stdout.readline())

    yield start
    for process in running:
        process.kill()
        process.communicate()


def probe(timeout: float = 20, **grpc: Any) -> Probe:
    return read_probes({"readiness": {"grpc": {"port": 8080} | grpc, "timeoutSeconds": timeout}}, 8080)[0]


def test_health_in_kubelets_words(serve: Callable[..., int]) -> None:
    port = serve()
    assert ask(probe(), "127.0.0.1", port) is None
    assert ask(probe(port=port), "127.0.0.1", 1) is None
    assert ask(probe(service="s" * 200), "127.0.0.1", port) == (
        "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service"
    )
    assert ask(probe(0.3, service="sleepy"), "127.0.0.1", port) == "timeout: health rpc did not complete within 300ms"


def test_not_serving(serve: Callable[..., int]) -> None:
    assert ask(probe(), "127.0.0.1", serve(HEALTH="NOT_SERVING")) == (
        'service unhealthy (responded with "NOT_SERVING")'
    )


def test_unknown_health_is_the_default_of_the_field(serve: Callable[..., int]) -> None:
    assert ask(probe(), "127.0.0.1", serve(HEALTH="UNKNOWN")) == 'service unhealthy (responded with "UNKNOWN")'


def test_a_server_without_health(serve: Callable[..., int]) -> None:
    why = ask(probe(), "127.0.0.1", serve(HEALTH="NONE")) or ""
    assert why.startswith("error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ")


def test_a_server_that_comes_within_the_timeout(serve: Callable[..., int]) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    asked = gevent.spawn(ask, probe(), "127.0.0.1", port)
    gevent.sleep(0.1)
    serve(PORT=str(port))
    assert asked.get(timeout=30) is None


def test_nobody_there(world: Any) -> None:
    app = world.app()
    app.stop()
    assert ask(probe(0.2), "127.0.0.1", app.port) == (
        f'timeout: failed to connect service "127.0.0.1:{app.port}" within 200ms: context deadline exceeded'
    )


def test_a_server_of_http1(world: Any) -> None:
    app = world.app(lambda request, sock: sock.sendall(b"HTTP/1.1 505 No\r\nContent-Length: 0\r\n\r\n"))
    assert (ask(probe(0.2), "127.0.0.1", app.port) or "").startswith("timeout: failed to connect service")
    gevent.sleep(0)
    world.until(lambda: not app.sockets)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (
            b"\0\0\1\1\5\0\0\0\1\x8d",
            ": unexpected HTTP status code received from server: 404 (Not Found)",
        ),
        (
            b"\0\0\4\3\0\0\0\0\1\0\0\0\2",
            "code = Unavailable desc = stream terminated by RST_STREAM with error code: INTERNAL_ERROR",
        ),
    ],
)
def test_a_server_that_answers_something_else(world: Any, frame: bytes, why: str) -> None:
    def answer(_: Any, sock: socket.socket) -> None:
        sock.sendall(b"\0\0\0\4\0\0\0\0\0")  # its settings
        while b"\x83" not in sock.recv(4096):  # the head of the request, in which it is POST
            pass
        sock.sendall(frame)

    app = world.app(answer)
    assert (ask(probe(), "127.0.0.1", app.port) or "").endswith(why)
