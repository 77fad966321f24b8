"""The life of the server: start, a clean end (S7), and what the log says."""

import json
import re
import socket
import sqlite3
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt
import pytest
import requests

from function.web.listener import listen
from tests.function.conftest import PASSWORD, PATIENCE, Served, command

Serve = Callable[..., Served]
ALICE = {"username": "alice", "password": PASSWORD}


def login(served: Served) -> requests.Response:
    return requests.post(f"{served.url}/login", json=ALICE, timeout=PATIENCE)


def refusing(served: Served) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", served.port)) != 0


def queued(metrics: str) -> int:
    depth = re.search(r"^login_queue_depth (\d+)$", metrics, re.MULTILINE)
    assert depth
    return int(depth[1])


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_first_line_says_that_it_is_ready_and_what_it_took(serve: Serve) -> None:
    served = serve()
    ready = served.lines()[0]
    assert ready["message"] == "ready"
    assert 0 < ready["import_ms"] <= ready["ready_ms"]
    assert requests.get(f"{served.url}/readyz", timeout=PATIENCE).status_code == 200
    assert served.stop() == 0


def test_s7_what_was_admitted_is_finished_after_sigterm(serve: Serve) -> None:
    # So many, one by one on one thread, that most of them are still to be hashed when all else has stopped.
    served = serve(HASH_THREADS="1", HASH_ENGINE="bcrypt")
    logins = 24
    with ThreadPoolExecutor(logins) as pool:
        answers = [pool.submit(login, served) for _ in range(logins)]
        metrics = requests.Session()
        until(lambda: queued(metrics.get(f"{served.url}/metrics", timeout=PATIENCE).text) >= 18)
        assert served.stop() == 0
        assert [answer.result().status_code for answer in answers] == [200] * logins
    # Each of them has its session: the next instance finds it.
    successor = serve()
    for answer in answers:
        form = {"grant_type": "refresh_token", "refresh_token": answer.result().json()["refresh_token"]}
        assert requests.post(f"{successor.url}/token", data=form, timeout=PATIENCE).status_code == 200
    assert successor.stop() == 0


def test_s7_nothing_is_lost_when_it_stops_under_load(serve: Serve) -> None:
    """Until connecting is refused, every request is answered whole."""
    served = serve()
    lost: list[Exception] = []
    answered = threading.Event()

    def press(_: int) -> None:
        while True:
            try:
                sock = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)
            except ConnectionRefusedError:
                return
            with sock:
                try:
                    sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                    assert sock.recv(65536).startswith(b"HTTP/1.1 200")
                    answered.set()
                except (OSError, AssertionError) as error:
                    lost.append(error)

    with ThreadPoolExecutor(8) as pool:
        presses = [pool.submit(press, number) for number in range(8)]
        answered.wait(PATIENCE)
        assert served.stop() == 0
        for pressed in presses:
            pressed.result()
    assert lost == []


def test_s7_it_goes_on_accepting_for_the_delay_and_says_that_it_is_leaving(serve: Serve) -> None:
    served = serve(SHUTDOWN_DELAY="2")
    session = requests.Session()
    assert "Connection" not in session.get(f"{served.url}/livez", timeout=PATIENCE).headers
    served.process.terminate()
    served.line("stopping")
    # A kept-alive connection is told to go, a new one is served, readiness says no.
    assert session.get(f"{served.url}/livez", timeout=PATIENCE).headers["Connection"] == "close"
    assert login(served).status_code == 200
    assert requests.get(f"{served.url}/readyz", timeout=PATIENCE).status_code == 503
    until(lambda: refusing(served))
    assert served.process.wait(PATIENCE) == 0


def test_s7_idle_connections_do_not_hold_it_up(serve: Serve) -> None:
    served = serve(GRACE_PERIOD="3600", KEEP_ALIVE_TIMEOUT="3600")
    kept, unused = requests.Session(), socket.create_connection(("127.0.0.1", served.port))
    kept.get(f"{served.url}/livez", timeout=PATIENCE)
    assert served.stop() == 0
    assert unused.recv(1) == b""
    unused.close()


def test_s7_what_is_unfinished_after_the_grace_period_is_reported(serve: Serve) -> None:
    served = serve(GRACE_PERIOD="0.2", BODY_TIMEOUT="300")
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        # Answered requests show that the server has begun to read that one: it accepts in order.
        requests.get(f"{served.url}/livez", timeout=PATIENCE)
        assert served.stop() == 1
    assert served.line("stopped")["unfinished"] == 1


def test_s7_it_stops_as_process_1_of_a_container(serve: Serve) -> None:
    try:
        subprocess.run(["unshare", "--pid", "--fork", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine has no PID namespaces for us")
    # No shell in between: `unshare` forks, and the child, process 1 of its namespace, becomes the server.
    served = serve("unshare", "--pid", "--fork", "--kill-child")
    assert served.line("ready")["service"]["pid"] == 1
    children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text().split()
    subprocess.run(["kill", "-TERM", *children], check=True)
    served.line("stopped")
    assert served.process.wait(PATIENCE) == 0


def test_a_port_that_is_taken_is_one_sentence(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    ended = command(tmp_path, "serve", PORT=str(served.port))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"login-function: PORT {served.port} on HOST 127.0.0.1 cannot be had")


def test_s9_the_listener_sets_tcp_nodelay() -> None:
    with listen("127.0.0.1", 0) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        accepted.close()
        client.close()


def test_n7_an_imported_hash_logs_in_and_is_stored_anew(serve: Serve, tmp_path: Path) -> None:
    stored = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    line = json.dumps({"name": "bob", "password_hash": stored})
    assert command(tmp_path, "users", "import", "-", text=line).returncode == 0
    served = serve()
    bob = {"username": "bob", "password": PASSWORD}
    for _ in range(2):
        assert requests.post(f"{served.url}/login", json=bob, timeout=PATIENCE).status_code == 200
    exported = [json.loads(line) for line in command(tmp_path, "users", "export").stdout.splitlines()]
    assert {user["name"]: user["password_hash"] for user in exported}["bob"].startswith("$hs384v1$0$2b$10$")


def test_n7_logins_at_once_with_an_imported_hash_all_succeed(serve: Serve, tmp_path: Path) -> None:
    """One of them stores the new hash; for the others it is not the one that they have checked."""
    stored = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    command(tmp_path, "users", "import", "-", text=json.dumps({"name": "bob", "password_hash": stored}))
    served = serve(HASH_THREADS="4")
    bob = {"username": "bob", "password": PASSWORD}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: requests.post(f"{served.url}/login", json=bob, timeout=PATIENCE), range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8


def test_n9_a_corrupt_hash_is_a_failed_login_and_an_error_line(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    with sqlite3.connect(tmp_path / "login.db") as connection:
        connection.execute("UPDATE users SET password_hash = 'garbage'")
    connection.close()
    assert login(served).status_code == 401
    assert [line for line in served.lines() if line["severity"] == "ERROR" and "hash" in line["message"]]


def test_disabling_a_user_takes_hold_at_once(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    tokens = login(served).json()
    assert command(tmp_path, "users", "disable", "alice").returncode == 0
    assert login(served).status_code == 401
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert requests.get(f"{served.url}/userinfo", headers=bearer, timeout=PATIENCE).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert requests.post(f"{served.url}/token", data=form, timeout=PATIENCE).status_code == 400


def test_a_client_that_resets_after_a_refusal_leaves_nothing_but_lines_in_the_log(serve: Serve) -> None:
    served = serve()
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as sock:
        sock.sendall(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        while sock.recv(65536):
            pass
        # No linger: closing sends a reset, and the server still waits for what else there is.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert served.stop() == 0
    assert all(line.startswith("{") for line in served.log.read_text().splitlines())
