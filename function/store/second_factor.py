"""SQL on authenticators, recovery codes and spent challenges. Every function takes the connection of a transaction.

What changes whether a user has a second factor is written under the user's name, as sessions begin.
"""

from collections.abc import Sequence
from typing import NamedTuple

from function.store.base import Connection

_OF = "SELECT user_id, secret, created_at, confirmed_at, step FROM totp WHERE user_id = ?"
# A new authenticator takes the place of one that was never confirmed, and of no other.
_ENROL = (
    "INSERT INTO totp (user_id, secret, created_at, confirmed_at, step) VALUES (?, ?, ?, NULL, -1) "
    "ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at, step = -1 "
    "WHERE totp.confirmed_at IS NULL"
)
_CONFIRM = "UPDATE totp SET confirmed_at = ? WHERE user_id = ? AND secret = ? AND confirmed_at IS NULL"


class Totp(NamedTuple):
    """A row of `totp`; times are Unix seconds."""

    user_id: str
    secret: str
    created_at: int
    confirmed_at: int | None
    step: int


def totp(connection: Connection, user_id: str) -> Totp | None:
    rows = connection.rows(_OF, user_id)
    return Totp(*rows[0]) if rows else None  # type: ignore[arg-type]  # the table's types are the class's


def enrol(connection: Connection, user_id: str, secret: str, now: int) -> bool:
    """Note an authenticator that is to be confirmed; False where there is a confirmed one."""
    return bool(connection.change(_ENROL, user_id, secret, now))


def confirm(connection: Connection, pending: Totp, now: int) -> bool:
    """Turn it on; False where it has been turned on or replaced since it was read."""
    return bool(connection.change(_CONFIRM, now, pending.user_id, pending.secret))


def remove(connection: Connection, user_id: str) -> bool:
    """Delete authenticator and recovery codes; False where there is neither."""
    codes = connection.change("DELETE FROM recovery_codes WHERE user_id = ?", user_id)
    return bool(connection.change("DELETE FROM totp WHERE user_id = ?", user_id) + codes)


def accept(connection: Connection, held: Totp, step: int) -> bool:
    """Compare and swap: accept a step once, and none before it after it (RFC 6238 section 5.2)."""
    return bool(
        connection.change(
            "UPDATE totp SET step = ? WHERE user_id = ? AND secret = ? AND step < ?",
            step,
            held.user_id,
            held.secret,
            step,
        )
    )


def set_codes(connection: Connection, user_id: str, hashes: Sequence[str]) -> None:
    """Put these recovery codes in the place of those that there were."""
    connection.change("DELETE FROM recovery_codes WHERE user_id = ?", user_id)
    for hash_ in hashes:
        connection.change("INSERT INTO recovery_codes (user_id, hash) VALUES (?, ?)", user_id, hash_)


def codes_left(connection: Connection, user_id: str) -> int:
    return int(str(connection.rows("SELECT COUNT(*) FROM recovery_codes WHERE user_id = ?", user_id)[0][0]))


def use_code(connection: Connection, user_id: str, hash_: str) -> bool:
    """Take a recovery code away; False where it is none of the user's, or no more."""
    return bool(connection.change("DELETE FROM recovery_codes WHERE user_id = ? AND hash = ?", user_id, hash_))


def spend(connection: Connection, challenge: str, expires_at: int, now: int) -> bool:
    """Note that a challenge was used, and forget those that have expired; False where it was used before."""
    connection.change("DELETE FROM spent_challenges WHERE expires_at <= ?", now)
    return bool(
        connection.change(
            "INSERT INTO spent_challenges (id, expires_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
            challenge,
            expires_at,
        )
    )
