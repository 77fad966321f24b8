"""The same target under the plain functions framework: gunicorn, native threads, no gevent."""

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from function import main
from tests.function.conftest import BIN, PASSWORD, PATIENCE, command, environment

ALICE = {"username": "alice", "password": PASSWORD}


@pytest.fixture
def url(tmp_path: Path, unused_port: int) -> Iterator[str]:
    command(tmp_path, "users", "add", "alice", "--password-stdin", text=PASSWORD)
    settings = {"PORT": str(unused_port), "LOGIN_DEADLINE": "60", "THREADS": "64"}
    process = subprocess.Popen(
        [BIN / "functions-framework", "--target", "login", "--source", str(main.__file__)],
        env=environment(tmp_path, settings),
    )
    address = f"http://127.0.0.1:{unused_port}"
    try:
        with requests.Session() as session:
            ready = threading.Event()
            for _ in range(int(PATIENCE * 100)):
                with contextlib.suppress(requests.ConnectionError):
                    if session.get(f"{address}/readyz", timeout=PATIENCE).status_code == 200:
                        break
                ready.wait(0.01)
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE)


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
