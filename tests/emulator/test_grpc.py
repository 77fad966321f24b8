"""A running emulator, and services that speak gRPC."""

import socket
import sys
from pathlib import Path
from typing import Any

from running import Emulator, manifest, until

PROGRAM = Path(__file__).parents[1] / "support" / "grpc_hello.py"


def serve(emulator: Emulator, *options: str, env: dict[str, str] | None = None, **probes: dict[str, Any]) -> None:
    emulator.config["images"]["example.com/grpc"] = f"{sys.executable} {PROGRAM}"
    service = manifest(
        env=env, image="example.com/grpc", container=probes, annotations={"autoscaling.knative.dev/min-scale": "1"}
    )
    emulator.up(*options, services=(service,))


def told(emulator: Emulator, text: str) -> None:
    until(lambda: text in emulator.cli("get", "events").stdout)


def test_a_readiness_probe_that_asks_a_grpc_server(emulator: Emulator) -> None:
    serve(emulator, readinessProbe={"grpc": {"port": 8080}})
    assert emulator.revisions()[0]["instances"][0]["phase"] == "Ready"
    assert "checked by kube-probe/1.32 grpc-go/1.65.0" in emulator.cli("logs", "hello").stdout


def test_a_server_of_grpc_is_reached_from_zero_over_http1(emulator: Emulator) -> None:
    emulator.config["images"]["example.com/grpc"] = f"{sys.executable} {PROGRAM}"
    emulator.up(
        services=(manifest(image="example.com/grpc", container={"ports": [{"name": "h2c", "containerPort": 8080}]}),)
    )
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=60) as sock:
        head = (
            "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: hello.default.localhost\r\nTE: trailers\r\n"
            "User-Agent: test\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        )
        sock.sendall(head.encode() + bytes(5))
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
    assert b"\r\n7\r\n\0\0\0\0\x02\x08\x01\r\n0\r\n" in answer
    assert b"Grpc-Status: 0\r\n" in answer


def test_a_server_that_does_not_serve_is_not_ready(emulator: Emulator) -> None:
    serve(emulator, "--no-wait", env={"HEALTH": "NOT_SERVING"}, readinessProbe={"grpc": {"port": 8080}})
    told(emulator, 'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")')
    assert emulator.revisions()[0]["instances"][0]["phase"] == "Starting"


def test_a_liveness_probe_that_asks_for_a_service(emulator: Emulator) -> None:
    probe = {"grpc": {"port": 8080, "service": "other"}, "periodSeconds": 1, "failureThreshold": 1}
    serve(emulator, "--no-wait", livenessProbe=probe)
    until(lambda: emulator.revisions()[0]["instances"][0]["restarts"])
