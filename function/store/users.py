"""SQL on users. Every function takes the connection of a transaction; see base.py."""

from collections.abc import Sequence
from typing import NamedTuple

from function.store import throttle
from function.store.base import Connection, Row

# Whole statements, so that none is ever put together from parts.
_BY_NAME = "SELECT id, name, password_hash, disabled_at, created_at FROM users WHERE name = ?"
_BY_ID = "SELECT id, name, password_hash, disabled_at, created_at FROM users WHERE id = ?"
_ALL = "SELECT id, name, password_hash, disabled_at, created_at FROM users ORDER BY name"
_ADD = (
    "INSERT INTO users (id, name, password_hash, disabled_at, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)


class User(NamedTuple):
    """A row of `users`. `password_hash` is in the form of passwords.py; None means that no password was set."""

    id: str
    name: str
    password_hash: str | None
    disabled_at: int | None
    created_at: int


def by_name(connection: Connection, name: str) -> User | None:
    return _one(connection.rows(_BY_NAME, name))


def by_id(connection: Connection, user_id: str) -> User | None:
    return _one(connection.rows(_BY_ID, user_id))


def unchanged(connection: Connection, user: User) -> bool:
    """Whether `user`, the row with the hash that a password was checked against, is not disabled and has that hash."""
    current = by_id(connection, user.id)
    return current is not None and current.disabled_at is None and current.password_hash == user.password_hash


def has_second_factor(connection: Connection, user_id: str) -> bool:
    """Whether the user must bring a code to log in."""
    return bool(connection.rows("SELECT 1 FROM totp WHERE user_id = ? AND confirmed_at IS NOT NULL", user_id))


def every(connection: Connection) -> Sequence[User]:
    return [_user(row) for row in connection.rows(_ALL)]


def add(connection: Connection, user: User) -> bool:
    """Insert; False where the name or the id is taken."""
    return bool(connection.change(_ADD, *user))


def swap_hash(connection: Connection, user_id: str, old: str, new: str) -> bool:
    """Compare and swap: another password that was set meanwhile stays (N8)."""
    return bool(
        connection.change("UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?", new, user_id, old)
    )


def set_hash(connection: Connection, name: str, new: str, now: int) -> bool:
    """Set the hash of a new password; False where there is no such user.

    It ends sessions (T6), voids resets, forgets devices and unlocks (A3).
    """
    if not connection.change("UPDATE users SET password_hash = ? WHERE name = ?", new, name):
        return False
    _end_sessions(connection, name)
    _void_resets(connection, name)
    forget_devices(connection, name, now)
    throttle.clear(connection, name)
    return True


def forget_devices(connection: Connection, name: str, now: int) -> None:
    """Let no device be known by a token of before `now`: whoever knew the old password could have many."""
    connection.change("UPDATE users SET devices_from = ? WHERE name = ?", now, name)


def devices_from(connection: Connection, name: str) -> int | None:
    """From which moment on device tokens count; None where there is no such user."""
    rows = connection.rows("SELECT devices_from FROM users WHERE name = ?", name)
    return int(rows[0][0] or 0) if rows else None


def delete(connection: Connection, name: str) -> bool:
    """Delete, with all that refers to the user; False where there is none."""
    throttle.clear(connection, name)
    throttle.clear_second_factor(connection, name)
    return bool(connection.change("DELETE FROM users WHERE name = ?", name))


def set_disabled(connection: Connection, name: str, when: int | None) -> bool:
    """Disable at `when`, or enable with None; False where there is no such user.

    Disabling ends the sessions (T6) and voids resets, which would outlive an enabling that comes soon.
    """
    if not connection.change("UPDATE users SET disabled_at = ? WHERE name = ?", when, name):
        return False
    if when is not None:
        _end_sessions(connection, name)
        _void_resets(connection, name)
    return True


def _end_sessions(connection: Connection, name: str) -> None:
    connection.change("DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE name = ?)", name)


def _void_resets(connection: Connection, name: str) -> None:
    connection.change("DELETE FROM password_resets WHERE user_id = (SELECT id FROM users WHERE name = ?)", name)


def _one(rows: Sequence[Row]) -> User | None:
    return _user(rows[0]) if rows else None


def _user(row: Row) -> User:
    return User(*row)  # type: ignore[arg-type]  # the table's types are the class's
