import json
import threading

import pytest

from function.credentials.resets import MOST, Resets
from function.eventing.outbox import Outbox
from function.store import resets as rows
from function.store import users
from function.store.base import Database
from function.store.users import User

ALICE = User("user-1", "alice", "old", None, 0)
NOW, TTL = 1_700_000_000, 600


@pytest.fixture
def made(database: Database) -> Resets:
    database.write("alice", lambda connection: users.add(connection, ALICE))
    return Resets(database, TTL, Outbox(on=True))


def references(database: Database) -> list[str]:
    """What the mailer was told for whoever asked over HTTP, in order."""
    events = database.read(lambda connection: connection.rows("SELECT subject, data FROM outbox ORDER BY position"))
    assert {subject for subject, _ in events} <= {ALICE.id}
    return [json.loads(str(data))["reference"] for _, data in events]


def test_a_token_lives_for_its_time(made: Resets) -> None:
    token = made.make(ALICE, NOW)
    assert made.holder(token, NOW + TTL - 1) == ALICE
    assert made.holder(token, NOW + TTL) is None
    assert not made.redeem(token, ALICE, "new", NOW + TTL)


def test_a_token_that_expires_while_its_password_is_hashed_is_not_taken(made: Resets, database: Database) -> None:
    token = made.make(ALICE, NOW)
    assert made.holder(token, NOW + TTL - 1)
    assert not made.redeem(token, ALICE, "new", NOW + TTL)
    assert database.read(users.every) == [ALICE]


def test_a_token_is_taken_once_whoever_comes(made: Resets, database: Database) -> None:
    token, taken = made.make(ALICE, NOW), []
    threads = [
        threading.Thread(target=lambda at=at: taken.append(made.redeem(token, ALICE, f"new-{at}", NOW)))  # type: ignore[misc]
        for at in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(taken) == [False] * 7 + [True]


def exchanged(made: Resets, reference: str, now: int = NOW) -> str:
    found = made.exchange(reference, now)
    assert found is not None
    assert found[0] == ALICE
    return found[1]


def test_so_many_live_at_a_time_and_no_more(made: Resets, database: Database) -> None:
    made.request("alice", NOW)
    sent = [exchanged(made, *references(database))]
    for second in range(10):
        made.request("alice", NOW + second)
    [_, *others] = references(database)
    assert len(others) == MOST - 1
    sent += [exchanged(made, reference, NOW + 9) for reference in others]
    assert all(made.holder(token, NOW) == ALICE for token in sent)
    made.request("alice", NOW + TTL)
    assert len(references(database)) == MOST + 1
    # An operator's voids them all.
    token = made.make(ALICE, NOW)
    assert [made.holder(one, NOW) for one in (*sent, token)] == [None] * MOST + [ALICE]
    assert made.exchange(references(database)[-1], NOW + TTL) is None


@pytest.mark.parametrize("name", ["nobody", "carol"])
def test_who_is_not_there_or_disabled_gets_none(made: Resets, database: Database, name: str) -> None:
    database.write("carol", lambda connection: users.add(connection, User("user-2", "carol", "x", 1, 0)))
    made.request(name, NOW)
    assert references(database) == []


def test_one_that_is_used_voids_the_others(made: Resets, database: Database) -> None:
    for _ in range(MOST):
        made.request("alice", NOW)
    first, second, third = references(database)
    sent = [exchanged(made, first), exchanged(made, second)]
    assert made.redeem(sent[1], ALICE, "new", NOW)
    assert [made.holder(token, NOW) for token in sent] == [None] * 2
    assert made.exchange(third, NOW) is None
    assert database.read(users.every) == [ALICE._replace(password_hash="new")]


def test_disabling_voids_it_though_the_user_is_enabled_soon(made: Resets, database: Database) -> None:
    token = made.make(ALICE, NOW)
    for when in (NOW, None):
        database.write("alice", lambda connection, when=when: users.set_disabled(connection, "alice", when))  # type: ignore[misc]
    assert made.holder(token, NOW) is None


def test_a_reference_is_exchanged_once_and_in_time_and_is_no_token(made: Resets, database: Database) -> None:
    made.request("alice", NOW)
    [reference] = references(database)
    assert made.holder(reference, NOW) is None
    assert made.exchange(f"{reference}x", NOW) is None
    assert made.exchange(reference, NOW + TTL) is None
    taken: list[object] = []
    threads = [threading.Thread(target=lambda: taken.append(made.exchange(reference, NOW))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(found is not None for found in taken) == 1
    token = next(found for found in taken if found)[1]  # type: ignore[index]
    assert made.holder(token, NOW + TTL - 1) == ALICE


def test_a_token_goes_with_its_user(made: Resets, database: Database) -> None:
    token = made.make(ALICE, NOW)
    database.write("alice", lambda connection: users.delete(connection, "alice"))
    assert made.holder(token, NOW) is None
    assert not made.redeem(token, ALICE, "new", NOW)


def test_what_the_store_keeps_is_no_token(made: Resets, database: Database) -> None:
    made.request("alice", NOW)
    [reference] = references(database)
    assert reference not in repr(database.read(lambda connection: connection.rows("SELECT * FROM password_resets")))
    token = made.make(ALICE, NOW)
    kept = repr(database.read(lambda connection: connection.rows("SELECT * FROM password_resets")))
    assert token.removeprefix("lpr1_") not in kept
    assert len(token) == len("lpr1_") + 43  # 256 bits
    assert token != made.make(ALICE, NOW)


def test_who_comes_second_within_a_transactions_time_changes_nothing(
    made: Resets, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two transactions both saw the token: the one that deletes it has it."""
    token = made.make(ALICE, NOW)
    monkeypatch.setattr(rows, "take", lambda _connection, _token_hash: False)
    assert not made.redeem(token, ALICE, "new", NOW)
    assert database.read(users.every) == [ALICE]


def test_a_token_is_deleted_once(database: Database, made: Resets) -> None:
    database.write("alice", lambda connection: rows.add(connection, "digest", ALICE.id, NOW))
    assert [database.write("alice", lambda connection: rows.take(connection, "digest")) for _ in range(2)] == [
        True,
        False,
    ]
