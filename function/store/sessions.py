"""SQL on sessions: one row a login, whatever the number of refreshes.

Every function takes the connection of a transaction; see base.py.
"""

from typing import NamedTuple

from function.store.base import Connection

_ADD = (
    "INSERT INTO sessions (id, user_id, secret_hash, generation, rotated_at, created_at, expires_at, amr) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_BY_ID = (
    "SELECT id, user_id, secret_hash, generation, rotated_at, created_at, expires_at, amr FROM sessions WHERE id = ?"
)


class Session(NamedTuple):
    """A row of `sessions`; times are Unix seconds.

    Attributes:
        generation: that of the refresh token that is good now.
        amr: how the user proved to be the user (RFC 8176), separated by spaces.
    """

    id: str
    user_id: str
    secret_hash: str
    generation: int
    rotated_at: int
    created_at: int
    expires_at: int
    amr: str = "pwd"


def add(connection: Connection, session: Session) -> None:
    """Insert, and drop those of the user that have expired, so that the table is bounded by those that live."""
    connection.change("DELETE FROM sessions WHERE user_id = ? AND expires_at <= ?", session.user_id, session.created_at)
    connection.change(_ADD, *session)


def by_id(connection: Connection, session_id: str) -> Session | None:
    rows = connection.rows(_BY_ID, session_id)
    return Session(*rows[0]) if rows else None  # type: ignore[arg-type]  # the table's types are the class's


def rotate(connection: Connection, session: Session, generation: int, now: int) -> bool:
    """Move on to `generation`; False where the session has ended since it was read.

    In a transaction of `Database.write`, so nobody else has moved it since then.
    """
    return bool(
        connection.change(
            "UPDATE sessions SET generation = ?, rotated_at = ? WHERE id = ?", generation, now, session.id
        )
    )


def set_amr(connection: Connection, session_id: str, amr: str) -> None:
    connection.change("UPDATE sessions SET amr = ? WHERE id = ?", amr, session_id)


def end(connection: Connection, session_id: str) -> int:
    """End one; how many there were."""
    return connection.change("DELETE FROM sessions WHERE id = ?", session_id)


def end_all(connection: Connection, user_id: str) -> int:
    """End those of the user; how many there were."""
    return connection.change("DELETE FROM sessions WHERE user_id = ?", user_id)


def end_others(connection: Connection, user_id: str, keep: str) -> None:
    """End those of the user but `keep`."""
    connection.change("DELETE FROM sessions WHERE user_id = ? AND id <> ?", user_id, keep)
