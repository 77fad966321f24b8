import base64

import pytest

from function.errors import Refusal
from function.sessions import Judgement, Sessions, judge
from function.store import sessions as rows
from function.store import users
from function.store.sessions import Session
from function.store.sqlite import SqliteDatabase
from function.store.users import User

KEY = b"k" * 32
USER = User("user-1", "alice", None, None, 0)


@pytest.fixture
def sessions(database: SqliteDatabase) -> Sessions:
    database.write("test", lambda connection: users.add(connection, USER))
    return Sessions(database, KEY, lifetime=1000, grace=30)


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
    first = sessions.begin(USER.id, 0)
    second = sessions.refresh(first, 10).token
    assert sessions.refresh(first, 40).token == second
    assert reason(sessions, first, 41) == "reused"
    assert reason(sessions, second, 41) == "unknown session"


def test_t5_the_lifetime_is_absolute_however_often_it_is_refreshed(sessions: Sessions) -> None:
    token = sessions.begin(USER.id, 0)
    for now in range(100, 1000, 100):
        token = sessions.refresh(token, now).token
    assert reason(sessions, token, 1000) == "expired"


def test_t5_a_database_that_was_restored_goes_on_from_what_the_client_has(
    sessions: Sessions, database: SqliteDatabase
) -> None:
    first = sessions.begin(USER.id, 0)
    second = sessions.refresh(first, 1).token
    third = sessions.refresh(second, 2).token
    database.write("test", lambda connection: connection.change("UPDATE sessions SET generation = 1"))
    assert sessions.refresh(third, 3).user == USER


def test_t5_what_the_store_keeps_makes_no_token(sessions: Sessions, database: SqliteDatabase) -> None:
    token = sessions.begin(USER.id, 0)
    kept = repr(database.read(lambda connection: connection.rows("SELECT * FROM sessions")))
    raw = base64.urlsafe_b64decode(token.removeprefix("lfr1_") + "==")
    secret = raw[20:36]
    for form in (secret.hex(), base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode()):
        assert form.rstrip("=") not in kept


def test_t5_tokens_of_another_key_are_forged(sessions: Sessions, database: SqliteDatabase) -> None:
    other = Sessions(database, b"x" * 32, lifetime=1000, grace=30)
    assert reason(sessions, other.begin(USER.id, 0), 1) == "forged token"


def test_t6_a_disabled_user_has_no_sessions(sessions: Sessions, database: SqliteDatabase) -> None:
    token = sessions.begin(USER.id, 0)
    assert database.write("test", lambda connection: users.set_disabled(connection, "alice", 1))
    assert reason(sessions, token, 1) == "unknown session"
    # One that began at the same moment, before the login saw it:
    late = sessions.begin(USER.id, 1)
    assert reason(sessions, late, 1) == "disabled user"


def test_expired_sessions_of_a_user_go_at_the_next_login(sessions: Sessions, database: SqliteDatabase) -> None:
    sessions.begin(USER.id, 0)
    sessions.begin(USER.id, 999)
    sessions.begin(USER.id, 1000)
    assert database.read(lambda connection: connection.rows("SELECT COUNT(*) FROM sessions")) == [(2,)]


def test_ending_takes_the_secret_and_not_only_the_id(sessions: Sessions, database: SqliteDatabase) -> None:
    token = sessions.begin(USER.id, 0)
    session = Session("00" * 16, USER.id, "not its hash", 1, 0, 0, 1000)
    database.write("test", lambda connection: rows.add(connection, session))
    sessions.end(token)
    assert reason(sessions, token, 1) == "unknown session"
    assert database.read(lambda connection: rows.by_id(connection, "00" * 16)) == session
