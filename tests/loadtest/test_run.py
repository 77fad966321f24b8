"""The program as a person runs it: against an emulator of its own, and against a server that loses logins."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOKEN = "lfr1_" + "A" * 48


def load(*options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "loadtest.run", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture
def server() -> Iterator[Callable[[Callable[[int], bytes]], str]]:
    """Serve logins with what a function makes of each one's number: all bytes of an answer. Returns the URL."""
    running: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[int], bytes]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                person = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["username"]
                self.wfile.write(answer(int(person)))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its name upstream
                pass

        httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=httpd.serve_forever).start()
        running.append(httpd)
        return f"http://127.0.0.1:{httpd.server_port}"

    yield start
    for httpd in running:
        httpd.shutdown()
        httpd.server_close()


def answer(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def test_a_storm_from_zero_loses_nothing_and_all_of_it_is_on_the_page(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "report.html"
    done = load("--shape", "storm", "--users", "40", "--seconds", "10", "--report", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "None of 40 logins was lost." in done.stdout
    assert re.search(r"answered +40 ", done.stdout), "progress is told"
    page = file.read_text()
    assert not re.search(r"\bsrc=|\bhref=|url\(|@import|<script|<link", page), "it fetches nothing"
    for series in ("offered", "ready", "wanted", "open", "waiting", "p50", "p90", "p99"):
        [points] = re.findall(rf'class="line {series}" d="M([^"]+)"', page)
        assert "L" in points, series
    assert page.count('class="bar ok"') > 0
    assert re.search(r"<td>1</td><td class=\"n\">[\d.]+ s</td><td class=\"n\">0 → \d+</td><td>\w", page), "a reason"
    counts = dict(re.findall(r'<td>([^<]+)</td><td class="n">(\d+)</td></tr>', page))
    assert counts["answers of instances that clients have"] == "40"
    assert counts["answers of instances that the emulator counts"] == "40"
    assert counts["ended without an HTTP status"] == "0"


def test_planted_losses_are_counted_and_end_with_1(
    tmp_path: Path, server: Callable[[Callable[[int], bytes]], str]
) -> None:
    good = json.dumps({"refresh_token": TOKEN}).encode()
    planted = {
        3: b"",  # closed without a word
        5: b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",  # cut
        7: answer("200 OK", b"welcome"),  # no session
        9: answer("503 Service Unavailable", b""),  # an honest no
    }
    url = server(lambda number: planted.get(number, answer("200 OK", good)))
    people, file = tmp_path / "people", tmp_path / "report.html"
    people.write_text("".join(json.dumps({"name": str(number), "password": "p"}) + "\n" for number in range(20)))
    done = load("--url", url, "--accounts", str(people), "--users", "20", "--seconds", "2", "--report", str(file))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "3 of 20 logins were lost." in done.stdout
    page = file.read_text()
    assert "Instances" not in page
    assert "<td>503</td>" in page
    assert "<td>no status " in page


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--url", "http://example.com", "--accounts", "people"), "example.com is not this machine"),
        (("--url", "http://localhost:1"), "--accounts"),
        (("--report", "/dev/null/report.html"), "the report can't be written"),
        (("--users", "0"), "--users"),
        (("--seconds", "-1"), "--seconds"),
    ],
)
def test_what_must_not_be_loaded_is_refused_in_a_sentence(options: tuple[str, ...], says: str) -> None:
    done = load(*options)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
