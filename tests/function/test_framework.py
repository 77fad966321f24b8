"""The same target under the plain functions framework: gunicorn, native threads, no gevent."""

import contextlib
import json
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from sink import listening

from function import main
from tests.function.conftest import BIN, PASSWORD, PATIENCE, command, environment

ALICE = {"username": "alice", "password": PASSWORD}


@contextlib.contextmanager
def running(folder: Path, port: int, *options: str, **settings: str) -> Iterator[str]:
    """The plain framework with one user, "alice"; its URL, once it answers."""
    command(folder, "users", "add", "alice", "--password-stdin", text=PASSWORD)
    settings = {"PORT": str(port), "LOGIN_DEADLINE": "60", "THREADS": "64", **settings}
    process = subprocess.Popen(
        [BIN / "functions-framework", "--source", str(main.__file__), *options],
        env=environment(folder, settings),
    )
    address = f"http://127.0.0.1:{port}"
    try:
        with requests.Session() as session:
            ready = threading.Event()
            for _ in range(int(PATIENCE * 100)):
                with contextlib.suppress(requests.ConnectionError):
                    if session.get(f"{address}/readyz", timeout=PATIENCE).status_code in {200, 405}:
                        break
                ready.wait(0.01)
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture
def url(tmp_path: Path, unused_port: int) -> Iterator[str]:
    with running(tmp_path, unused_port, "--target", "login") as address:
        yield address


def test_it_serves_the_whole_contract(url: str) -> None:
    tokens = requests.post(f"{url}/login", json=ALICE, timeout=PATIENCE).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert requests.get(f"{url}/userinfo", headers=bearer, timeout=PATIENCE).json()["preferred_username"] == "alice"
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert requests.post(f"{url}/token", data=form, timeout=PATIENCE).status_code == 200
    assert requests.get(f"{url}/nothing", timeout=PATIENCE).status_code == 404
    assert requests.put(f"{url}/login", timeout=PATIENCE).headers["Allow"] == "POST"


@pytest.mark.parametrize("path", ["/login", "/nothing"])
def test_a_body_over_the_limit_never_is_a_500(url: str, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = requests.post(url + path, data=json.dumps("x" * 100_000), headers=headers, timeout=PATIENCE)
    assert response.status_code == {"/login": 413, "/nothing": 404}[path]


def test_s1_logins_at_once_hash_on_native_threads(url: str) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: requests.post(f"{url}/login", json=ALICE, timeout=PATIENCE), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["X-Served-By"] for answer in answers}) == 1


def test_a_bad_setting_is_one_sentence_here_too(tmp_path: Path) -> None:
    ended = subprocess.run(
        [BIN / "functions-framework", "--target", "login", "--source", str(main.__file__)],
        env={**os.environ, "HASH_COST": "9"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == "login-function: HASH_COST must be a whole number from 10 to 15, not '9'.\n"


def test_c0_on_event_is_a_plain_cloudevent_target_that_answers_nothing(tmp_path: Path, unused_port: int) -> None:
    token = "t" * 32
    options = ("--target", "on_event", "--signature-type", "cloudevent")
    with running(tmp_path, unused_port, *options, EVENTS_TOKEN=token) as address:

        def post(path: str = "/", token: str = token, **data: str) -> requests.Response:
            attributes = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/test", "type": "user.disable"}
            headers = {f"ce-{name}": value for name, value in attributes.items()} | {"Authorization": f"Bearer {token}"}
            return requests.post(address + path, json=data, headers=headers, timeout=PATIENCE)

        def listed() -> str:
            return command(tmp_path, "users", "list").stdout

        assert post(name="alice", token="x" * 32).status_code == 401
        assert post(name="alice", path="/login").status_code == 404
        assert post(user="alice").status_code == 400
        assert "alice\tenabled" in listed()
        done = post(name="alice")
        assert (done.status_code, done.text) == (200, "OK")
        assert "alice\tdisabled" in listed()


def test_c3_events_are_delivered_here_too(tmp_path: Path, unused_port: int) -> None:
    with listening() as sink, running(tmp_path, unused_port, "--target", "login", K_SINK=sink.url, SIGN_UP="on") as url:
        bob = {"username": "bob", "password": PASSWORD}
        user = requests.post(f"{url}/users", json=bob, timeout=PATIENCE).json()["sub"]
        sink.until("user.created", user=user)
