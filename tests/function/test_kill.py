"""kill -9 at any moment: what was answered is there for the next instance.

Ten times on each database; `KILLS=100 .venv/bin/pytest tests/function/test_kill.py` does it 200 times in all.
"""

import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.function.conftest import PASSWORD, PATIENCE, Served, command

KILLS = int(os.environ.get("KILLS", "10"))
CLIENTS = 4
#: A check that a kill interrupted keeps its place until its deadline, and those places are few otherwise.
ROOM = {"THROTTLE_LIMIT": "100", "THROTTLE_ACCOUNT_LIMIT": "100", "LOGIN_DEADLINE": "5"}
ALICE = {"username": "alice", "password": PASSWORD}


def refresh(served: Served, token: str) -> requests.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return requests.post(f"{served.url}/token", data=form, timeout=PATIENCE)


def press(served: Served, answered: threading.Semaphore) -> list[str]:
    """Log in and refresh for ever, each time with the token that was answered last, until nobody answers."""
    tokens: list[str] = []
    try:
        response = requests.post(f"{served.url}/login", json=ALICE, timeout=PATIENCE)
        while True:
            assert response.status_code == 200, response.text
            tokens.append(response.json()["refresh_token"])
            answered.release()
            response = refresh(served, tokens[-1])
    except requests.RequestException:
        return tokens


@pytest.mark.timeout(120 + 30 * KILLS)
def test_what_was_answered_before_a_kill_is_there_after_it(
    serve: Callable[..., Served], tmp_path: Path, database_url: str
) -> None:
    if database_url.startswith("postgres"):
        added = command(tmp_path, "users", "add", "alice", "--password-stdin", text=PASSWORD, DATABASE_URL=database_url)
        assert added.returncode == 0, added.stderr
    served, acknowledged = serve(DATABASE_URL=database_url, **ROOM), 0
    for _ in range(KILLS):
        answered = threading.Semaphore(0)
        with ThreadPoolExecutor(CLIENTS) as pool:
            pressing = [pool.submit(press, served, answered) for _ in range(CLIENTS)]
            assert answered.acquire(timeout=PATIENCE)
            time.sleep(random.uniform(0, 0.3))
            served.process.kill()
            histories = [pressed.result() for pressed in pressing]
        served.process.wait(PATIENCE)
        served = serve(DATABASE_URL=database_url, **ROOM)
        for history in filter(None, histories):
            acknowledged += len(history)
            after = refresh(served, history[-1])
            assert after.status_code == 200, (after.text, len(history))
    print(f"{KILLS} kills, {acknowledged} writes acknowledged, none lost")
    assert acknowledged > KILLS
