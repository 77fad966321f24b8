import threading

import pytest

from function import resets
from function.resets import MOST, Resets
from function.store import resets as rows
from function.store import users
from function.store.base import Connection, Database
from function.store.users import User

ALICE = User("user-1", "alice", "old", None, 0)
NOW, TTL = 1_700_000_000, 600


@pytest.fixture
def made(database: Database) -> Resets:
    database.write("alice", lambda connection: users.add(connection, ALICE))
    return Resets(database, TTL)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens that were made for whoever asked over HTTP, in order."""
    tokens: list[str] = []

    def note(_connection: Connection, user: User, token: str) -> None:
        assert user == ALICE
        tokens.append(token)

    monkeypatch.setattr(resets, "requested", note)
    return tokens


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


def test_so_many_live_at_a_time_and_no_more(made: Resets, sent: list[str]) -> None:
    for second in range(10):
        made.request("alice", NOW + second)
    assert len(sent) == MOST
    assert all(made.holder(token, NOW) == ALICE for token in sent)
    made.request("alice", NOW + TTL)
    assert len(sent) == MOST + 1
    # An operator's voids them all.
    token = made.make(ALICE, NOW)
    assert [made.holder(one, NOW) for one in (*sent, token)] == [None] * (MOST + 1) + [ALICE]


@pytest.mark.parametrize("name", ["nobody", "carol"])
def test_who_is_not_there_or_disabled_gets_none(made: Resets, database: Database, sent: list[str], name: str) -> None:
    database.write("carol", lambda connection: users.add(connection, User("user-2", "carol", "x", 1, 0)))
    made.request(name, NOW)
    assert sent == []


def test_one_that_is_used_voids_the_others(made: Resets, sent: list[str], database: Database) -> None:
    for _ in range(MOST):
        made.request("alice", NOW)
    assert made.redeem(sent[1], ALICE, "new", NOW)
    assert [made.holder(token, NOW) for token in sent] == [None] * MOST
    assert database.read(users.every) == [ALICE._replace(password_hash="new")]


def test_disabling_voids_it_though_the_user_is_enabled_soon(made: Resets, database: Database) -> None:
    token = made.make(ALICE, NOW)
    for when in (NOW, None):
        database.write("alice", lambda connection, when=when: users.set_disabled(connection, "alice", when))  # type: ignore[misc]
    assert made.holder(token, NOW) is None


def test_a_token_goes_with_its_user(made: Resets, database: Database) -> None:
    token = made.make(ALICE, NOW)
    database.write("alice", lambda connection: users.delete(connection, "alice"))
    assert made.holder(token, NOW) is None
    assert not made.redeem(token, ALICE, "new", NOW)


def test_what_the_store_keeps_is_no_token(made: Resets, database: Database) -> None:
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
