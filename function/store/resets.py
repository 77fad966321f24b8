"""SQL on password resets. Every function takes the connection of a transaction; see base.py."""

from function.store.base import Connection


def add(connection: Connection, token_hash: str, user_id: str, expires_at: int) -> None:
    connection.change(
        "INSERT INTO password_resets (token_hash, user_id, expires_at) VALUES (?, ?, ?)",
        token_hash,
        user_id,
        expires_at,
    )


def holder(connection: Connection, token_hash: str, now: int) -> str | None:
    """Id of the user whose unused token it is; None where there is none that lives."""
    rows = connection.rows(
        "SELECT user_id FROM password_resets WHERE token_hash = ? AND expires_at > ?", token_hash, now
    )
    return str(rows[0][0]) if rows else None


def take(connection: Connection, token_hash: str) -> bool:
    """Use it up; False where somebody else was first."""
    return bool(connection.change("DELETE FROM password_resets WHERE token_hash = ?", token_hash))


def alive(connection: Connection, user_id: str, now: int) -> int:
    """How many of the user's tokens live; those that have expired are deleted."""
    connection.change("DELETE FROM password_resets WHERE user_id = ? AND expires_at <= ?", user_id, now)
    [(count,)] = connection.rows("SELECT COUNT(*) FROM password_resets WHERE user_id = ?", user_id)
    return int(count or 0)


def drop(connection: Connection, user_id: str) -> None:
    """Void all tokens of a user."""
    connection.change("DELETE FROM password_resets WHERE user_id = ?", user_id)
