"""The main job: people's logins, answered with signed tokens, through a Knative that had scaled to zero."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import requests
from load import at_once
from login import LoginInEmulator
from running import until

PASSWORD = "correct horse battery staple"
#: The lowest cost that new hashes may have, and all the time that a busy machine may take for them: these tests are
#: about who waits where, not about how long a hash takes.
CHEAP = {"HASH_COST": "10", "LOGIN_DEADLINE": "60"}


@pytest.fixture
def login(tmp_path: Path) -> Iterator[LoginInEmulator]:
    emulator = LoginInEmulator(tmp_path, CHEAP)
    try:
        yield emulator
    finally:
        emulator.close()


def log_in(emulator: LoginInEmulator, name: str) -> requests.Response:
    url = f"http://127.0.0.1:{emulator.port}"
    headers = {"Host": f"login.default.localhost:{emulator.port}", "Connection": "close"}
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{url}/login", json={"username": name, "password": PASSWORD}, headers=headers, timeout=120)


def test_a_login_from_zero_gets_a_token_that_verifies(login: LoginInEmulator) -> None:
    login.up("--demo", services=login.manifests())
    login.users("add", "alice", "--password-stdin", text=PASSWORD + "\n")
    for round_ in ("just started", "again from zero"):
        until(lambda: not login.processes())
        [revision] = login.revisions("login")
        assert "to zero" in revision["reason"], round_
        begun = time.monotonic()
        answer = log_in(login, "alice")
        waited = (time.monotonic() - begun) * 1000
        assert answer.status_code == 200, answer.text
        cold = re.search(r"cold-start;dur=([\d.]+)", answer.headers["Server-Timing"])
        assert cold is not None, answer.headers
        assert 0 < float(cold[1]) < waited
        keys = jwt.PyJWKSet.from_dict(login.get("/.well-known/jwks.json", service="login").json())
        token = answer.json()["access_token"]
        claims = jwt.decode(
            token, keys[jwt.get_unverified_header(token)["kid"]], algorithms=["ES256"], audience="login"
        )
        assert claims["iss"] == "http://localhost:8080"
        assert answer.json()["token_type"] == "Bearer"


def test_two_hundred_people_at_once_from_zero_all_get_in(login: LoginInEmulator) -> None:
    login.up("--demo", services=login.manifests())
    people = login.people(200, PASSWORD)
    until(lambda: not login.processes())
    before = login.revisions("login")[0]["served_by_gone"]
    outcomes: Counter[int] = Counter()
    served_by: Counter[str] = Counter()

    def one(number: int) -> None:
        answer = log_in(login, people[number])
        outcomes[answer.status_code] += 1
        served_by[answer.headers.get("X-Served-By", "nobody")] += 1

    at_once(200, one)
    assert outcomes == {200: 200}
    assert len(served_by) > 1, "one instance did it all"
    [revision] = login.revisions("login")
    counts = [instance["served"] for instance in revision["instances"]]
    assert sum(counts) + revision["served_by_gone"] - before == 200
    until(lambda: not login.processes())
    [revision] = login.revisions("login")
    assert revision["served_by_gone"] - before == 200
