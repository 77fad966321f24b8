"""What was recorded comes again, each request once."""

import json
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from emulator.record.reader import Record
from emulator.record.rows import Arrival, Header, Instances
from loadtest.replay import of_record
from loadtest.target import Ask, TargetError

ROOT = Path(__file__).parents[2]
LOGIN = ("POST", "/login")


def arrival(
    t: float, method: str = "GET", path: str = "/", service: str | None = "default/shop", **row: Any
) -> Arrival:
    known = {"revision": None, "instance": None, "seconds": 0.1, "latency": 0.2, "status": 200}
    return Arrival(t=t, service=service, method=method, path=path, **(known | {"cold": None, "error": None} | row))


def recorded(folder: Path, *rows: Arrival | Instances) -> Path:
    file = folder / "run.jsonl"
    file.write_bytes(Record(Header(started=0.0, config={}), rows).encode())
    return file


@pytest.fixture
def server() -> Iterator[Any]:
    """Answers whatever comes, and knows what came when."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            came.append((self.command, self.path, body))
            status = 503 if self.path == "/busy" else 200
            self.wfile.write(b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n" % status)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 # their names upstream

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its name upstream
            pass

    came: list[tuple[str, str, bytes]] = []
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever).start()
    yield f"http://127.0.0.1:{httpd.server_port}", came
    httpd.shutdown()
    httpd.server_close()


def load(*options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "loadtest.run", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)


def test_each_recorded_request_comes_once_more(tmp_path: Path, server: Any) -> None:
    url, came = server
    rows = [arrival(10 + number / 10, path=f"/{number}") for number in range(20)]
    rows += [arrival(12.5, "DELETE", "/cart"), arrival(12.6, "POST", "/busy"), arrival(11, service="default/other")]
    file, page = recorded(tmp_path, *rows), tmp_path / "report.html"
    done = load("--replay", str(file), "--speed", "2", "--url", url, "--report", str(page))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "None of 22 requests was lost." in done.stdout
    chosen = [row for row in rows if row.service == "default/shop"]
    assert Counter((method, path) for method, path, _ in came) == Counter((it.method, it.path) for it in chosen)
    assert not any(body for *_, body in came)
    text = page.read_text()
    assert "Replay of run.jsonl" in text
    assert "22 of 22 recorded requests of default/shop, 2 times as fast" in text
    assert re.search(r"<td>503</td><td class=\"n\">1</td>", text)
    assert "login" not in text


def test_recorded_logins_come_again_as_people_of_the_test(tmp_path: Path, server: Any) -> None:
    url, came = server
    people = tmp_path / "people"
    people.write_text("".join(json.dumps({"name": f"ann-{it}", "password": "p"}) + "\n" for it in range(5)))
    rows = [arrival(it / 10, *LOGIN) for it in range(5)] + [arrival(it / 10, path="/healthz") for it in range(9)]
    file = recorded(tmp_path, *rows)
    done = load(
        *("--replay", str(file), "--url", url, "--accounts", str(people)), "--report", str(tmp_path / "report.html")
    )
    # This server makes no sessions, so all are lost; what counts is what it was asked.
    assert "5 of 5 logins were lost." in done.stdout
    assert {json.loads(body)["username"] for *_, body in came} == {f"ann-{it}" for it in range(5)}
    assert {(method, path) for method, path, _ in came} == {LOGIN}


def test_a_plan_has_the_recorded_moments(tmp_path: Path) -> None:
    file = recorded(
        tmp_path,
        Instances(t=0.0, revision="default/shop-1", service="default/shop", wanted=1, phases={"Ready": 1}),
        arrival(4.0, path="/b", latency=0.4),
        arrival(3.0, path="/a"),
        arrival(5.0, "OPTIONS", "*"),
        arrival(9.0, path="/none", service=None),
        arrival(7.0, path="/other", service="default/other"),
    )
    plan = of_record(file, service="", logins=False, speed=0.5)
    assert plan.moments == [0.0, 2.0]
    assert plan.asks == [Ask("GET", "/a"), Ask("GET", "/b")]
    assert plan.seconds == 2.0
    assert not plan.from_zero
    assert plan.notes[1] == "recorded: half answered within 0.200 s, 99 % within 0.400 s"
    other = of_record(file, service="default/other", logins=False, speed=1)
    assert (other.asks, other.from_zero) == ([Ask("GET", "/other")], True)
    with pytest.raises(TargetError, match="has no POST /login of any service"):
        of_record(file, service="", logins=True, speed=1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--replay", "nowhere.jsonl"), "can't read nowhere.jsonl"),
        (("--replay", "README.md"), "README.md is no record of knative-emulator/1"),
        (("--speed", "0"), "--speed"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_a_sentence(options: tuple[str, ...], says: str) -> None:
    done = load(*options)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
