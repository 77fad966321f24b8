"""The throttle in the database: leases, races between instances, and what becomes of the tables (A2, A3)."""

import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest
import requests

from function.errors import Refusal
from function.guard.gate import Gate
from function.guard.throttle import DEVICE, Guess, Limits, Via
from function.pool.hashing import Patience
from function.store import throttle as rows
from function.store.base import Database
from tests.function.conftest import PASSWORD, PATIENCE, Served, command

Serve = Callable[..., Served]
#: Long enough that nobody waits it out: a second attempt comes too early however slow the machine is.
LIMITS = Limits(per_origin=5, per_account=20, per_network=1000, cap=100, delay=600_000, window=86_400_000)
ALICE = Guess(rows.account("alice"), "192.0.2.1", Via.NETWORK)
#: Of an instance, so that all 200 find a place in the queue of a machine that does one hash a second.
PATIENT = {"LOGIN_DEADLINE": "250", "THROTTLE_DELAY": "600", "TRUSTED_PROXIES": "1", "GRACE_PERIOD": "1"}


@pytest.fixture
def gate(database: Database) -> Gate:
    return Gate(database, LIMITS, threading.Event)


def patience(seconds: float = PATIENCE, gone: Callable[[], bool] = lambda: False) -> Patience:
    return Patience(time.monotonic() + seconds, gone)


def attempt(gate: Gate, guess: Guess = ALICE, *, ok: bool = False, exists: bool = True) -> bool:
    """One attempt with that verdict; whether it was the one that locked."""
    with gate.evaluation(guess, patience(), lambda _: None) as evaluation:
        return evaluation.settle(ok=ok, exists=exists).locked


def status(gate: Gate, guess: Guess = ALICE, **verdict: bool) -> int:
    try:
        attempt(gate, guess, **verdict)
    except Refusal as refusal:
        return refusal.status
    return 200


def table(database: Database, name: str) -> int:
    count = {"throttle": "SELECT COUNT(*) FROM throttle", "evaluations": "SELECT COUNT(*) FROM evaluations"}[name]
    return int(str(database.read(lambda connection: connection.rows(count))[0][0]))


def test_a2_at_most_the_limit_are_under_evaluation_at_once(gate: Gate, database: Database) -> None:
    at_once, most, lock = 0, 0, threading.Lock()

    def one(_: int) -> None:
        nonlocal at_once, most
        with gate.evaluation(ALICE, patience(), lambda _: None) as evaluation:
            with lock:
                at_once += 1
                most = max(most, at_once)
            time.sleep(0.002)
            with lock:
                at_once -= 1
            evaluation.settle(ok=True, exists=True)

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(one, range(100)))
    assert most <= LIMITS.per_origin
    assert table(database, "evaluations") == 0
    assert table(database, "throttle") == 0


def test_a2_what_was_not_evaluated_counts_for_nothing(gate: Gate, database: Database) -> None:
    for _ in range(20):
        with pytest.raises(ZeroDivisionError), gate.evaluation(ALICE, patience(), lambda _: None):
            raise ZeroDivisionError
    assert table(database, "evaluations") == 0
    assert status(gate) == 200


def occupied(database: Database, seconds: float) -> None:
    """As if an instance had been killed while it evaluated as many of Alice's as may be."""
    expires_at = int((time.time() + seconds) * 1000)

    def work(connection: object) -> None:
        for _ in range(LIMITS.per_origin):
            rows.begin(connection, ALICE, uuid.uuid4().hex, expires_at)  # type: ignore[arg-type]

    database.write(ALICE.account, work)


def test_a2_places_of_an_instance_that_was_killed_come_free(gate: Gate, database: Database) -> None:
    occupied(database, 1.0)
    assert status(gate, ok=True) == 200


def test_a2_who_waits_in_vain_is_told_to_come_again(gate: Gate, database: Database) -> None:
    occupied(database, 3600)
    with pytest.raises(Refusal) as refusal, gate.evaluation(ALICE, patience(0.2), lambda _: None):
        raise AssertionError
    assert refusal.value.status == 503
    assert int(refusal.value.headers["Retry-After"]) >= 1
    # A device has places of its own.
    assert status(gate, ALICE._replace(origin=DEVICE + "d1", via=Via.DEVICE), ok=True) == 200


def test_a2_nobody_waits_for_a_client_that_has_gone(gate: Gate, database: Database) -> None:
    occupied(database, 3600)
    waiting = patience(gone=lambda: True)
    with pytest.raises(Refusal) as refusal, gate.evaluation(ALICE, waiting, lambda _: None):
        raise AssertionError
    assert refusal.value.status == 499


def test_a2_success_resets_the_account_and_its_origin_and_no_network(gate: Gate) -> None:
    for _ in range(3):
        assert [status(gate) for _ in range(4)] == [200] * 4
        assert status(gate, ok=True) == 200
    others = [ALICE._replace(account=rows.account(f"name-{number}")) for number in range(LIMITS.per_network - 12)]
    for guess in others:
        attempt(gate, guess)
    assert status(gate) == 429


def test_a3_the_cap_is_reached_once_and_opened_by_clearing_alone(gate: Gate, database: Database) -> None:
    origins = cycle(f"192.0.2.{number}" for number in range(200))
    limits = LIMITS._replace(cap=10)
    capped = Gate(database, limits, threading.Event)
    locked = [attempt(capped, ALICE._replace(origin=origin)) for origin, _ in zip(origins, range(10), strict=False)]
    assert locked == [False] * 9 + [True]
    device = ALICE._replace(origin=DEVICE + "d1", via=Via.DEVICE)
    assert status(capped, ALICE._replace(origin="198.51.100.1")) == 429
    # The known device goes on, and even its success opens the account to nobody else.
    assert status(capped, device, ok=True) == 200
    assert status(capped, ALICE._replace(origin="198.51.100.1"), ok=True) == 429
    assert database.write("test", lambda connection: rows.clear(connection, "alice"))
    assert status(capped, ALICE._replace(origin="198.51.100.1"), ok=True) == 200
    assert not database.write("test", lambda connection: rows.clear(connection, "alice"))


def forget(database: Database, now: int, most: int = 10_000) -> None:
    for statement in rows.FORGET:
        database.write("test", partial(rows.forget, statement=statement, now=now, most=most))


def test_made_up_names_are_forgotten_when_they_have_drained(gate: Gate, database: Database) -> None:
    for number in range(50):
        attempt(gate, Guess(rows.account(f"name-{number}"), f"192.0.2.{number}", Via.NETWORK), exists=False)
    assert table(database, "throttle") == 150
    drained = int(time.time() * 1000) + LIMITS.window
    forget(database, drained, most=40)
    assert table(database, "throttle") == 30
    forget(database, drained, most=40)
    assert table(database, "throttle") == 0


def test_a3_what_counts_to_the_cap_is_not_forgotten_where_the_account_exists(gate: Gate, database: Database) -> None:
    device = ALICE._replace(origin=DEVICE + "d1", via=Via.DEVICE)
    attempt(gate)
    attempt(gate, device)
    drained = int(time.time() * 1000) + LIMITS.window
    forget(database, drained)
    assert table(database, "throttle") == 2  # the account's and the device's


def test_forgetting_rides_along_with_failures(gate: Gate, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.write("test", lambda connection: rows.begin(connection, ALICE, "old", 1))
    attempt(gate)
    assert table(database, "evaluations") == 1
    later = time.monotonic() + 60
    monkeypatch.setattr("function.guard.gate.time.monotonic", lambda: later)
    attempt(gate)
    assert table(database, "evaluations") == 0


def test_names_are_not_stored_for_some_of_them_are_passwords(gate: Gate, tmp_path: Path) -> None:
    attempt(gate, Guess(rows.account("canary-password"), "192.0.2.1", Via.NETWORK), exists=False)
    for file in tmp_path.glob("login.db*"):
        assert b"canary-password" not in file.read_bytes()


def instances(serve: Serve, count: int) -> Iterator[Served]:
    return cycle([serve(**PATIENT) for _ in range(count)])


def login(served: Served, password: str = PASSWORD, network: str = "192.0.2.1", **cookies: str) -> requests.Response:
    body = {"username": "alice", "password": password}
    headers = {"X-Forwarded-For": network}
    return requests.post(f"{served.url}/login", json=body, headers=headers, cookies=cookies, timeout=280)


@pytest.mark.parametrize("count", [1, 3])
def test_a2_of_200_parallel_guesses_at_most_5_are_evaluated(serve: Serve, count: int) -> None:
    targets = instances(serve, count)
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda served: login(served, "wrong"), [next(targets) for _ in range(200)]))
    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 195}


@pytest.mark.parametrize("count", [1, 3])
def test_a2_200_parallel_logins_of_one_person_all_succeed(serve: Serve, count: int) -> None:
    targets = instances(serve, count)
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(login, [next(targets) for _ in range(200)]))
    assert Counter(answer.status_code for answer in answers) == {200: 200}


def test_a3_a_flood_from_one_address_leaves_other_networks_alone(serve: Serve, tmp_path: Path) -> None:
    served = serve(**PATIENT)
    while login(served, "wrong").status_code != 429:
        pass
    assert login(served).status_code == 429
    assert login(served, network="192.0.2.2").status_code == 200
    # From the same address with IPv6, whose last 64 bits the client chooses.
    while login(served, "wrong", network="2001:db8::1").status_code != 429:
        pass
    assert login(served, network="2001:db8::ffff:1").status_code == 429
    assert login(served, network="2001:db8:0:1::1").status_code == 200


def test_a3_an_administrator_unlocks(serve: Serve, tmp_path: Path) -> None:
    served = serve(**{**PATIENT, "THROTTLE_CAP": "5"})
    device = login(served).cookies["login_device"]
    for number in range(5):
        assert login(served, "wrong", network=f"192.0.2.{number}").status_code == 401
    assert login(served, network="198.51.100.1").status_code == 429
    assert login(served, network="198.51.100.1", login_device=device).status_code == 200
    assert command(tmp_path, "users", "list", THROTTLE_CAP="5").stdout.split("\t")[:2] == ["alice", "locked"]
    assert command(tmp_path, "users", "unlock", "ALICE").returncode == 0
    assert command(tmp_path, "users", "list", THROTTLE_CAP="5").stdout.split("\t")[:2] == ["alice", "enabled"]
    assert login(served, network="198.51.100.1").status_code == 200
    # So does a new password.
    for number in range(5):
        login(served, "wrong", network=f"192.0.2.{number}")
    assert login(served, network="198.51.100.1").status_code == 429
    reset = command(tmp_path, "users", "reset", "alice").stdout.split()[-1]
    body = {"token": reset, "new_password": PASSWORD}
    assert requests.post(f"{served.url}/password/reset", json=body, timeout=PATIENCE).status_code < 300
    assert login(served, network="198.51.100.1").status_code == 200
    # Unlocking who is not locked is done already; who isn't there is told so.
    assert command(tmp_path, "users", "unlock", "alice").returncode == 0
    unknown = command(tmp_path, "users", "unlock", "nobody")
    assert unknown.returncode == 1
    assert "no user 'nobody'" in unknown.stderr


def test_throttling_is_logged_and_counted_by_its_reason(serve: Serve) -> None:
    served = serve(**{**PATIENT, "THROTTLE_LIMIT": "1", "THROTTLE_CAP": "5"})
    for number in range(6):
        login(served, "wrong", network=f"192.0.2.{number}")
    login(served, "wrong", network="192.0.2.0")
    assert served.stop() == 0
    lines = [line for line in served.lines() if line.get("route") == "/login"]
    assert [line["outcome"] for line in lines] == ["refused"] * 5 + ["throttled"] * 2
    assert {line["reason"] for line in lines[5:]} == {"locked"}
    [warning] = [line for line in served.lines() if "locked" in line["message"]]
    assert warning["severity"] == "WARNING"
    assert warning["user"] == lines[0]["user"]


@pytest.mark.parametrize(
    ("statement", "password"),
    [
        ("INSERT ON evaluations", PASSWORD),
        ("INSERT ON evaluations", "wrong"),
        ("DELETE ON evaluations", PASSWORD),
        ("DELETE ON evaluations", "wrong"),
        ("INSERT ON throttle", "wrong"),
    ],
)
def test_what_cannot_be_counted_tells_nothing(serve: Serve, tmp_path: Path, statement: str, password: str) -> None:
    served = serve(**PATIENT)
    assert login(served).status_code == 200
    with closing(sqlite3.connect(tmp_path / "login.db")) as connection:
        connection.execute(f"CREATE TRIGGER broken BEFORE {statement} BEGIN SELECT RAISE(ABORT, 'broken'); END")
    refused = login(served, password)
    assert refused.status_code in {500, 503}
    assert "password" not in refused.text
