"""The 503 that is answered ahead of the framework: the one that the login's own handler would come to."""

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import flask
import pytest
import requests
from werkzeug.test import EnvironBuilder

from function import routes, settings
from function.pool.hashing import Patience
from function.service import Service
from function.web.overload import Application, ahead
from tests.function.conftest import PASSWORD, PATIENCE, Served

ORIGIN = "https://app.example"
LOGIN = {"username": "alice", "password": PASSWORD}
FIELDS = [
    {},
    {"Origin": ORIGIN},
    {"Origin": "https://elsewhere.example"},
    {"X-Forwarded-For": "203.0.113.9", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    environ = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/login.db",
        "HASH_COST": "10",
        "LOGIN_QUEUE": "1",
        "CORS_ORIGINS": ORIGIN,
        "TRUSTED_PROXIES": "1",
    }
    made = Service(settings.load(environ), environ)
    made.warm()
    yield made
    made.database.close()


def late(service: Service) -> Application:
    """What the framework calls."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        return routes.answer(service, flask.Request(environ))(environ, start_response)

    return answer


def early(service: Service) -> Application:
    return ahead(service, unreachable)


def unreachable(*_: Any) -> Any:
    raise AssertionError("it went past")


def request(path: str = "/login", method: str = "POST", headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    environ = EnvironBuilder(path, method=method, json=LOGIN, headers=dict(headers or {})).get_environ()
    return {**environ, "REMOTE_ADDR": "127.0.0.1"}


def told(application: Application, service: Service, environ: dict[str, Any], log: Any) -> Mapping[str, Any]:
    """All that comes of a request: answer, log lines and counts."""
    answer: dict[str, Any] = {}

    def start_response(status: str, headers: Any, *_: Any) -> None:
        answer.update(status=status, headers=sorted(headers))

    log.readouterr()
    counted, shed = service.metrics.text({}), service.hashing.admission.shed
    body = b"".join(application(environ, start_response))
    lines = [json.loads(line) for line in log.readouterr().out.splitlines()]
    for line in lines:
        del line["time"], line["ms"]
    counts = sorted(set(service.metrics.text({}).splitlines()) - set(counted.splitlines()))
    return {**answer, "body": body, "log": lines, "counts": counts, "shed": service.hashing.admission.shed - shed}


def full(service: Service) -> Any:
    return service.hashing.place(Patience(time.monotonic() + 60, lambda: False))


@pytest.mark.parametrize("headers", FIELDS)
def test_s2_it_is_told_as_ever(service: Service, capsys: Any, headers: Mapping[str, str]) -> None:
    first = request(headers=headers)
    with full(service):
        expected = told(late(service), service, dict(first), capsys)
        # The counts are those of two such requests then: compared without their numbers, and one up.
        found = told(early(service), service, request(headers=headers), capsys)
    assert found["status"].startswith("503 ")
    assert "Retry-After" in dict(found["headers"])
    assert len(found["log"]) == found["shed"] == 1
    assert found["log"][0]["outcome"] == "shed"
    assert {**found, "counts": ()} == {**expected, "counts": ()}
    assert [line.replace(" 2", " 1") for line in found["counts"]] == expected["counts"]
    assert {line.partition("{")[0].partition(" ")[0] for line in found["counts"]} == {
        "login_attempts_total",
        "login_hashes_shed_total",
        "login_hashes_submitted_total",
        "login_requests_total",
    }


@pytest.mark.parametrize(
    ("path", "method"), [("/login", "GET"), ("/login", "OPTIONS"), ("/livez", "GET"), ("/token", "POST"), ("/", "POST")]
)
def test_s5_whatever_is_no_login_goes_past(service: Service, path: str, method: str) -> None:
    with full(service), pytest.raises(AssertionError, match="past"):
        early(service)(request(path, method), lambda *_: None)


def test_a1_a_body_over_the_limit_is_413_whether_there_is_room_or_not(service: Service) -> None:
    environ = request() | {"CONTENT_LENGTH": str(service.settings.max_body + 1), "wsgi.input": io.BytesIO()}
    with full(service), pytest.raises(AssertionError, match="past"):
        early(service)(environ, lambda *_: None)


def test_s2_a_login_for_which_there_is_room_goes_past(service: Service) -> None:
    shed = service.hashing.admission.shed
    with pytest.raises(AssertionError, match="past"):
        early(service)(request(), lambda *_: None)
    assert (service.hashing.admission.shed, service.hashing.admission.depth) == (shed, 0)


class Busy:
    """A function whose only place is taken nearly all the time, and a connection to it."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._stop = threading.Event()
        self._pressing = [threading.Thread(target=self._press) for _ in range(3)]
        for thread in self._pressing:
            thread.start()
        self.socket = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)
        self._answers = self.socket.makefile("rb")

    def _press(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                session.post(f"{self.served.url}/login", json=LOGIN, timeout=PATIENCE)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._pressing:
            thread.join()
        self._answers.close()
        self.socket.close()

    def ask(self, *parts: bytes) -> tuple[int, Mapping[str, str], bytes]:
        for part in parts:
            self.socket.sendall(part)
        status = int(self._answers.readline().split()[1])
        headers = {}
        while (line := self._answers.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        return status, headers, self._answers.read(int(headers["Content-Length"]))


@pytest.fixture
def busy(serve: Callable[..., Served]) -> Iterator[Busy]:
    made = Busy(serve(HASH_THREADS="1", LOGIN_QUEUE="1"))
    yield made
    made.stop()
    assert made.served.stop() == 0


BODY = json.dumps(LOGIN).encode()
HEAD = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY)
PROBE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        (WHOLE + BODY,),
        (WHOLE, BODY[:10], BODY[10:]),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY), BODY, b"\r\n0\r\n\r\n"),
        (WHOLE.replace(b"application/json", b"text/plain") + BODY,),
    ],
    ids=["at once", "in parts", "chunked", "of another type"],
)
def test_s2_the_connection_goes_on_behind_the_body(busy: Busy, parts: tuple[bytes, ...]) -> None:
    refused_type = b"text/plain" in parts[0]
    end = time.monotonic() + PATIENCE
    while True:
        status, headers, _ = busy.ask(*parts)
        assert "Connection" not in headers
        if status == 503:
            break
        assert status == 415 if refused_type else status == 200
        assert time.monotonic() < end
    for _ in range(3):
        assert busy.ask(PROBE)[0] == 200


def test_s2_a_connection_that_is_to_be_closed_is_closed(busy: Busy) -> None:
    closing = WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + BODY
    end = time.monotonic() + PATIENCE
    while True:
        with socket.create_connection(("127.0.0.1", busy.served.port), timeout=PATIENCE) as sock:
            sock.sendall(closing)
            answer = b""
            while data := sock.recv(65536):
                answer += data
        assert b"\r\nConnection: close\r\n" in answer
        if answer.startswith(b"HTTP/1.1 503 "):
            return
        assert time.monotonic() < end


def test_s2_pipelined_logins_are_answered_one_by_one(busy: Busy) -> None:
    busy.socket.sendall((WHOLE + BODY) * 20 + PROBE)
    statuses = [busy.ask()[0] for _ in range(21)]
    assert statuses[-1] == 200
    assert set(statuses[:-1]) <= {200, 503}


def test_s2_each_is_logged_once(busy: Busy) -> None:
    before = len(busy.served.lines())
    trace = b"4bf92f3577b34da6a3ce929d0e0e4736"
    named = WHOLE.replace(b"\r\n\r\n", b"\r\ntraceparent: 00-%b-00f067aa0ba902b7-01\r\n\r\n" % trace) + BODY
    statuses = [busy.ask(named)[0] for _ in range(40)]
    lines = [line for line in busy.served.lines()[before:] if line.get("trace") == trace.decode()]
    assert [line["status"] for line in lines] == statuses
    assert {line["outcome"] for line in lines if line["status"] == 503} <= {"shed"}
    assert requests.get(f"{busy.served.url}/readyz", timeout=PATIENCE).status_code == 200
