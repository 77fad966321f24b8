import base64

import pytest

from function.access.sessions import Judgement, Sessions, judge
from function.errors import Refusal
from function.store import sessions as rows
from function.store import users
from function.store.base import Database
from function.store.sessions import Session
from function.store.users import User

KEY = b"k" * 32
USER = User("user-1", "alice", None, None, 0)


@pytest.fixture
def sessions(database: Database) -> Sessions:
    database.write("test", lambda connection: users.add(connection, USER))
    return Sessions(database, KEY, lifetime=1000, grace=30)


def begin(sessions: Sessions, now: int) -> str:
    grant = sessions.begin(USER, now)
    assert grant is not None
    return grant.token


def reason(sessions: Sessions, token: str, now: int) -> str:
    with pytest.raises(Refusal) as refusal:
        sessions.refresh(token, now)
    assert refusal.value.status == 400
    assert refusal.value.code == "invalid_grant"
    return refusal.value.reason


@pytest.mark.parametrize(
    ("generation", "now", "judgement"),
    [
        (5, 100, Judgement.ROTATE),
        (5, 999, Judgement.ROTATE),
        (5, 1000, Judgement.EXPIRED),
        (4, 100, Judgement.REPEAT),
        (4, 130, Judgement.REPEAT),
        (4, 131, Judgement.REUSED),
        (3, 100, Judgement.REUSED),
        (1, 100, Judgement.REUSED),
        (6, 100, Judgement.ROTATE),
    ],
)
def test_t5_the_judgement_by_generation_and_time(generation: int, now: int, judgement: Judgement) -> None:
    session = Session("s", "u", "", generation=5, rotated_at=100, created_at=0, expires_at=1000)
    assert judge(session, generation, now, grace=30) is judgement


def test_t5_a_lost_answer_is_repeated_within_the_grace_interval_only(sessions: Sessions) -> None:
    first = begin(sessions, 0)
    second = sessions.refresh(first, 10).token
    assert sessions.refresh(first, 40).token == second
    assert reason(sessions, first, 41) == "reused"
    assert reason(sessions, second, 41) == "unknown session"


def test_t5_the_lifetime_is_absolute_however_often_it_is_refreshed(sessions: Sessions) -> None:
    token = begin(sessions, 0)
    for now in range(100, 1000, 100):
        token = sessions.refresh(token, now).token
    assert reason(sessions, token, 1000) == "expired"


def test_t5_a_database_that_was_restored_goes_on_from_what_the_client_has(
    sessions: Sessions, database: Database
) -> None:
    first = begin(sessions, 0)
    second = sessions.refresh(first, 1).token
    third = sessions.refresh(second, 2).token
    database.write("test", lambda connection: connection.change("UPDATE sessions SET generation = 1"))
    assert sessions.refresh(third, 3).user == USER


def test_t5_what_the_store_keeps_makes_no_token(sessions: Sessions, database: Database) -> None:
    token = begin(sessions, 0)
    kept = repr(database.read(lambda connection: connection.rows("SELECT * FROM sessions")))
    raw = base64.urlsafe_b64decode(token.removeprefix("lfr1_") + "==")
    secret = raw[20:36]
    for form in (secret.hex(), base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode()):
        assert form.rstrip("=") not in kept


def test_t5_tokens_of_another_key_are_forged(sessions: Sessions, database: Database) -> None:
    other = Sessions(database, b"x" * 32, lifetime=1000, grace=30)
    assert reason(sessions, begin(other, 0), 1) == "forged token"


def test_t6_a_disabled_user_has_no_sessions(sessions: Sessions, database: Database) -> None:
    token = begin(sessions, 0)
    assert database.write("test", lambda connection: users.set_disabled(connection, "alice", 1))
    assert reason(sessions, token, 1) == "unknown session"
    # One whose password was being hashed meanwhile:
    assert sessions.begin(USER, 1) is None


def test_t6_no_session_begins_with_a_password_that_was_changed_while_it_was_hashed(
    sessions: Sessions, database: Database
) -> None:
    change = "UPDATE users SET password_hash = 'another'"
    database.write("alice", lambda connection: connection.change(change))
    assert sessions.begin(USER, 0) is None
    assert sessions.begin(USER._replace(password_hash="another"), 0) is not None
    database.write("alice", lambda connection: connection.change("DELETE FROM users"))
    assert sessions.begin(USER._replace(password_hash="another"), 0) is None


def test_t6_ending_the_others_keeps_the_one(sessions: Sessions, database: Database) -> None:
    database.write("bob", lambda connection: users.add(connection, User("user-2", "bob", None, None, 0)))
    grants = [sessions.begin(user, 0) for user in (USER, USER, USER._replace(id="user-2", name="bob"))]
    kept, ended, foreign = (grant.session_id for grant in grants if grant)
    database.write("alice", lambda connection: rows.end_others(connection, USER.id, kept))
    assert [sessions.holder(session, 1) is not None for session in (kept, ended, foreign)] == [True, False, True]


def test_t6_a_session_has_a_holder_until_it_ends_expires_or_the_user_is_disabled(
    sessions: Sessions, database: Database
) -> None:
    grants = [sessions.begin(USER, 0) for _ in range(2)]
    one, two = (grant.session_id for grant in grants if grant)
    assert sessions.holder(one, 999) == USER
    assert sessions.holder(one, 1000) is None
    assert sessions.holder("unknown", 1) is None
    sessions.end_one(one)
    assert sessions.holder(one, 1) is None
    database.write("alice", lambda connection: connection.change("UPDATE users SET disabled_at = 1"))
    assert sessions.holder(two, 1) is None


def test_expired_sessions_of_a_user_go_at_the_next_login(sessions: Sessions, database: Database) -> None:
    begin(sessions, 0)
    begin(sessions, 999)
    begin(sessions, 1000)
    assert database.read(lambda connection: connection.rows("SELECT COUNT(*) FROM sessions")) == [(2,)]


def test_ending_takes_the_secret_and_not_only_the_id(sessions: Sessions, database: Database) -> None:
    token = begin(sessions, 0)
    session = Session("00" * 16, USER.id, "not its hash", 1, 0, 0, 1000)
    database.write("test", lambda connection: rows.add(connection, session))
    sessions.end(token)
    assert reason(sessions, token, 1) == "unknown session"
    assert database.read(lambda connection: rows.by_id(connection, "00" * 16)) == session
