"""Rotation on real processes, by the real clock (T3): ten instances under load, one store, two rotations, no 401."""

import base64
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
import requests

from tests.function.conftest import PASSWORD, PATIENCE, Served, command

INSTANCES = 10
CLIENTS = 4
INTERVAL = 3600
#: A lead of four seconds.
SETTINGS = {
    "JWKS_MAX_AGE": "1",
    "KEY_RELOAD": "1",
    "KEY_ROTATION": str(INTERVAL),
    "KEY_ENCRYPTION_KEY": base64.b64encode(b"k" * 32).decode(),
}


class Load:
    """Clients that refresh anywhere, use the token anywhere else, and verify it with keys that they keep for a second.

    Attributes:
        failures: what should not have happened.
        signers: for each key, the instances that were seen to sign with it.
    """

    def __init__(self, instances: list[Served]) -> None:
        self.failures: list[str] = []
        self.signers: dict[str, set[int]] = {}
        self._urls = [served.url for served in instances]
        self._stop = threading.Event()

    def stop(self) -> None:
        self._stop.set()

    def client(self, _: int) -> None:
        session, chance = requests.Session(), random.Random()
        alice = {"username": "alice", "password": PASSWORD}
        tokens = session.post(f"{self._urls[0]}/login", json=alice, timeout=PATIENCE).json()
        keys: dict[str, jwt.PyJWK] = {}
        fetched = 0.0
        while not self._stop.is_set() and not self.failures:
            issuer, checker = chance.randrange(INSTANCES), chance.choice(self._urls)
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
            answer = session.post(f"{self._urls[issuer]}/token", data=form, timeout=PATIENCE)
            if answer.status_code != 200:
                self.failures.append(answer.text)
                return
            tokens = answer.json()
            token = tokens["access_token"]
            kid = jwt.get_unverified_header(token)["kid"]
            self.signers.setdefault(kid, set()).add(issuer)
            bearer = {"Authorization": f"Bearer {token}"}
            used = session.get(f"{checker}/userinfo", headers=bearer, timeout=PATIENCE)
            if used.status_code != 200:
                self.failures.append(used.text)
            if time.monotonic() - fetched >= 1:
                fetched = time.monotonic()
                jwks = session.get(f"{chance.choice(self._urls)}/.well-known/jwks.json", timeout=PATIENCE).json()
                keys = {key["kid"]: jwt.PyJWK(key) for key in jwks["keys"]}
            if kid not in keys:
                self.failures.append("signed with a key that was not published long enough")
                return
            jwt.decode(token, keys[kid], algorithms=["ES256"], audience="login", issuer="http://localhost:8080")

    def all_sign_with_key(self, number: int) -> None:
        """Wait until every instance was seen to sign with the key that is the `number`th to be seen."""
        end = time.monotonic() + 2 * PATIENCE
        while len(self.signers) < number or len(list(self.signers.values())[number - 1]) < INSTANCES:
            assert self.failures == []
            assert time.monotonic() < end, self.signers
            time.sleep(0.05)


@pytest.fixture
def load(serve: Callable[..., Served]) -> Iterator[Load]:
    running = Load([serve(**SETTINGS) for _ in range(INSTANCES)])
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(running.client, number) for number in range(CLIENTS)]
        try:
            yield running
        finally:
            running.stop()
    for client in clients:
        client.result()


def test_t3_ten_instances_under_load_roll_through_two_rotations_without_a_401(load: Load, tmp_path: Path) -> None:
    load.all_sign_with_key(1)
    assert command(tmp_path, "keys", "rotate", **SETTINGS).returncode == 0
    load.all_sign_with_key(2)
    # As if these had been signing for the whole interval: the next step is the instances' own.
    with sqlite3.connect(tmp_path / "login.db", timeout=PATIENCE) as connection:
        connection.execute("UPDATE keys SET signs_from = signs_from - ? WHERE purpose = 'sign'", (INTERVAL,))
    connection.close()
    load.all_sign_with_key(3)
    listed = command(tmp_path, "keys", "list", **SETTINGS).stdout.splitlines()
    assert [line.split("\t")[2] for line in listed] == ["verifies", "verifies", "signs"]
    assert load.failures == []
