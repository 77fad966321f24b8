from collections.abc import Callable

import pytest

from function.administration import accounts
from function.errors import InputError
from function.store import sessions, users
from function.store.base import Database
from function.store.sessions import Session

HASH = "$2b$10$" + "." * 53


def session_of(database: Database, name: str) -> Session:
    session = Session("s", accounts.find(database, name).id, "", 1, 0, 0, 1)
    database.write("s", lambda connection: sessions.add(connection, session))
    return session


@pytest.mark.parametrize(
    "act",
    [
        lambda database, name: accounts.set_disabled(database, name, disabled=True),
        lambda database, name: accounts.set_hash(database, name, HASH),
        accounts.delete,
    ],
    ids=["disable", "passwd", "delete"],
)
def test_t6_what_an_operator_does_to_a_user_ends_their_sessions(
    database: Database, act: Callable[[Database, str], None]
) -> None:
    accounts.add(database, "alice", HASH)
    session = session_of(database, "Alice")
    act(database, "ALICE")
    assert database.read(lambda connection: sessions.by_id(connection, session.id)) is None


def test_a_deleted_name_is_free_again(database: Database) -> None:
    accounts.add(database, "alice", HASH)
    accounts.delete(database, "alice")
    assert database.read(users.every) == []
    assert accounts.add(database, "alice", HASH)


@pytest.mark.parametrize(
    "act",
    [
        lambda database, name: accounts.set_disabled(database, name, disabled=True),
        lambda database, name: accounts.set_hash(database, name, HASH),
        accounts.delete,
        accounts.find,
    ],
    ids=["disable", "passwd", "delete", "find"],
)
def test_somebody_who_is_not_there_is_one_sentence(database: Database, act: Callable[[Database, str], object]) -> None:
    with pytest.raises(InputError, match="no user 'nobody'"):
        act(database, "Nobody")
