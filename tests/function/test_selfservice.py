"""What cannot be seen from outside: corrupt rows, and who waits for whom."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import flask
import pytest
import requests

from function import routes, settings
from function.service import Service
from tests.function.conftest import PASSWORD, PATIENCE, Served

ALICE = {"username": "alice", "password": PASSWORD}


@pytest.mark.parametrize("garbage", ["garbage", "", "$2b$10$short", "$2b$31$" + "." * 53, "$hs384v1$0$", "\0"])
def test_n9_a_corrupt_hash_is_a_failed_login_and_an_error_in_the_log(
    serve: Callable[..., Served], tmp_path: Path, garbage: str
) -> None:
    served = serve()
    with sqlite3.connect(tmp_path / "login.db") as connection:
        connection.execute("UPDATE users SET password_hash = ?", (garbage,))
    connection.close()
    answer = requests.post(f"{served.url}/login", json=ALICE, timeout=PATIENCE)
    wrong = requests.post(f"{served.url}/login", json=ALICE | {"username": "nobody"}, timeout=PATIENCE)
    assert (answer.status_code, answer.text) == (wrong.status_code, wrong.text) == (401, wrong.text)
    assert served.stop() == 0
    [error] = [line for line in served.lines() if line["severity"] == "ERROR"]
    assert error["message"].startswith("A stored hash cannot be used: ")
    assert error["user"]
    assert not garbage or garbage not in error["message"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    url = f"sqlite:///{tmp_path}/login.db"
    environ = {"DATABASE_URL": url, "HASH_COST": "10", "HASH_THREADS": "1", "SIGN_UP": "on", "LOGIN_DEADLINE": "60"}
    made = Service(settings.load(environ), environ)
    yield made
    made.database.close()


def post(service: Service, path: str, body: dict[str, str]) -> int:
    with flask.Flask("test").test_request_context(path, method="POST", json=body):
        return routes.answer(service, flask.request).status_code


def test_a_crowd_that_signs_up_keeps_a_login_waiting_for_one_hash_each_thread(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty sign up, and are held in the middle of the first one's hash; then somebody logs in."""
    assert post(service, "/users", ALICE) == 201
    hashed, done, held = service.passwords.hash, [], threading.Semaphore(0)

    def hold(password: str) -> str:
        held.acquire()
        done.append("sign-up")
        return hashed(password)

    def log_in() -> None:
        post(service, "/login", ALICE)
        done.append("login")

    monkeypatch.setattr(service.passwords, "hash", hold)
    crowd = [
        threading.Thread(
            target=post, args=(service, "/users", {"username": f"user-{at}", "password": PASSWORD}), daemon=True
        )
        for at in range(20)
    ]
    for thread in crowd:
        thread.start()
    until(lambda: service.setting.admission.depth == 20)
    login = threading.Thread(target=log_in, daemon=True)
    login.start()
    until(lambda: service.hashing.admission.depth == 1)
    held.release()
    held.release()
    login.join(10)
    assert "login" in done[:3]
    for _ in crowd:
        held.release()
    for thread in crowd:
        thread.join(PATIENCE)
    assert done.count("sign-up") == 20


@pytest.mark.parametrize(
    ("path", "done"), [("/users", [201, 201]), ("/password/reset", [202, 202])], ids=["sign-up", "reset"]
)
def test_a_network_may_ask_so_many_times(tmp_path: Path, path: str, done: list[int]) -> None:
    url = f"sqlite:///{tmp_path}/login.db"
    environ = {"DATABASE_URL": url, "HASH_COST": "10", "SIGN_UP": "on", "THROTTLE_NETWORK_LIMIT": "2"}
    service = Service(settings.load(environ), environ)
    password = {"password": PASSWORD} if path == "/users" else {}
    assert [post(service, path, {"username": f"user-{at}"} | password) for at in range(3)] == [*done, 429]
    # Logins are counted apart.
    expected = 200 if path == "/users" else 401
    assert post(service, "/login", {"username": "user-0", "password": PASSWORD}) == expected
    service.database.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
