"""Events that are delivered again, at the same time, to several instances (C2), and what they tell (C3)."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from sink import Sink, listening

from function.store import inbox
from function.store.base import Database
from function.store.inbox import DuplicateError
from tests.function.conftest import PASSWORD, PATIENCE, Served, command

Serve = Callable[..., Served]
TOKEN = "t" * 32
KEY = ("/source", "1")


@pytest.fixture
def sink() -> Iterator[Sink]:
    with listening() as opened:
        yield opened


def send(url: str, type_: str, data: Any, id_: str) -> requests.Response:
    attributes = {"specversion": "1.0", "id": id_, "source": "/hr", "type": type_}
    headers = {f"ce-{name}": value for name, value in attributes.items()} | {"Authorization": f"Bearer {TOKEN}"}
    return requests.post(url, json=data, headers=headers, timeout=PATIENCE)


def test_c2_the_race_of_deliveries_has_one_effect(serve: Serve, sink: Sink, tmp_path: Path) -> None:
    settings = {"EVENTS_TOKEN": TOKEN, "K_SINK": sink.url, "OUTBOX_POLL": "0.2", "HASH_THREADS": "2"}
    instances = [serve(**settings) for _ in range(3)]
    rounds = 10
    with ThreadPoolExecutor(9) as pool:
        for number in range(rounds):
            data = {"name": f"user-{number}", "password": PASSWORD}
            id_ = uuid.uuid4().hex
            start = threading.Barrier(9)

            def deliver(at: int) -> requests.Response:
                start.wait(PATIENCE)  # noqa: B023 - of this round
                return send(instances[at % 3].url, "user.provision", data, id_)  # noqa: B023

            replies = list(pool.map(deliver, range(9)))
            assert {reply.status_code for reply in replies} == {200}, [reply.text for reply in replies]
            assert len({reply.headers["ce-id"] for reply in replies}) == 1
            assert {reply.json()["created"] for reply in replies} == {True}
    listed = command(tmp_path, "users", "list").stdout.split()
    for number in range(rounds):
        assert listed.count(f"user-{number}") == 1
    end = time.monotonic() + PATIENCE
    while len(sink.received) < rounds and time.monotonic() < end:
        time.sleep(0.02)
    for served in instances:
        assert served.stop() == 0  # which drains, so whatever more there is has come
    told = [event.data["name"] for event in sink.received]
    assert sorted(told) == sorted({f"user-{number}" for number in range(rounds)})


def test_c2_a_wrong_login_that_is_delivered_twice_at_once_counts_once(serve: Serve, sink: Sink) -> None:
    instances = [serve(EVENTS_TOKEN=TOKEN, K_SINK=sink.url, HASH_THREADS="2") for _ in range(2)]
    wrong = {"username": "alice", "password": "not the password at all"}
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            id_ = uuid.uuid4().hex
            replies = list(pool.map(lambda at: send(instances[at % 2].url, "login.request", wrong, id_), range(4)))  # noqa: B023
            answered = [reply for reply in replies if reply.status_code == 200]
            assert answered
            assert {reply.headers["ce-id"] for reply in answered} == {answered[0].headers["ce-id"]}
            assert {reply.headers["ce-type"] for reply in answered} == {"login.failed"}
    for served in instances:
        assert served.stop() == 0
    assert [event.type for event in sink.received] == ["login.failed"] * 3


def test_c3_a_locked_account_is_told(serve: Serve, sink: Sink) -> None:
    served = serve(K_SINK=sink.url, THROTTLE_LIMIT="6", THROTTLE_CAP="5")
    wrong = {"username": "alice", "password": "not the password at all"}
    for _ in range(5):
        assert requests.post(f"{served.url}/login", json=wrong, timeout=PATIENCE).status_code == 401
    assert requests.post(f"{served.url}/login", json=wrong, timeout=PATIENCE).status_code == 429
    assert served.stop() == 0
    assert [event.type for event in sink.received] == ["login.failed"] * 5 + ["login.locked"]
    assert sink.received[-1].data["client"] == "127.0.0.1"


def keep(database: Database, reply: str, now: int, kept: int = 100, key: tuple[str, str] = KEY) -> None:
    database.write("x", lambda connection: inbox.keep(connection, key, {"reply": reply}, now, kept))


def test_c2_a_duplicate_leaves_nothing_of_its_transaction(database: Database) -> None:
    keep(database, "first", 0)

    def again(connection: Any) -> None:
        connection.change("DELETE FROM inbox")
        connection.change("INSERT INTO inbox (source, id, reply, received_at) VALUES (?, ?, '{}', 0)", *KEY)
        inbox.keep(connection, KEY, {"reply": "second"}, 1, 100)

    with pytest.raises(DuplicateError):
        database.write("x", again)
    assert database.read(lambda connection: inbox.reply(connection, KEY)) == {"reply": "first"}


def test_c2_events_are_forgotten_after_their_time(database: Database) -> None:
    for number in range(30):
        keep(database, "old", number, key=("/source", str(number)))
    for number in range(3):
        keep(database, "new", 1000, key=("/later", str(number)))
    [(left,)] = database.read(lambda connection: connection.rows("SELECT COUNT(*) FROM inbox"))
    assert left == 3


def test_c2_another_source_with_the_same_id_is_another_event(database: Database) -> None:
    keep(database, "first", 0)
    keep(database, "second", 0, key=("/other", "1"))
    assert json.dumps(database.read(lambda connection: inbox.reply(connection, KEY))) == '{"reply": "first"}'
