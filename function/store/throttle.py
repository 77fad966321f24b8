"""SQL on what the throttle counts, and on the passwords that are being checked now.

Every function takes the connection of a transaction; see base.py. The subject is the account. An account's buckets are
therefore read and written in peace; a network's is not, and each statement that writes it is right by itself.
"""

import hashlib
from collections.abc import Collection, Mapping

from function.guard.throttle import Count, Guess, Key
from function.store.base import Connection

_COUNTS = (
    "SELECT account, origin, level, failed_at, total FROM throttle "
    "WHERE (account = ? AND origin IN (?, '')) OR (account = '' AND origin = ?)"
)
_PENDING = "SELECT origin, COUNT(*) FROM evaluations WHERE account = ? AND expires_at > ? GROUP BY origin"
_FAIL = (
    "INSERT INTO throttle (account, origin, level, failed_at, total, keep) VALUES (?, ?, ?, ?, 1, ?) "
    "ON CONFLICT (account, origin) DO UPDATE SET "
    "level = CASE WHEN throttle.level > excluded.failed_at THEN throttle.level ELSE excluded.failed_at END + ?, "
    "failed_at = excluded.failed_at, total = throttle.total + 1, "
    "keep = CASE WHEN throttle.total + 1 >= ? THEN 1 ELSE excluded.keep END"
)
#: What forgets what has drained, and evaluations that no instance can be at any more. Each is a transaction of its own:
#: a failure locks one bucket of each kind, in this order, so whoever locks many of only one kind is in nobody's way.
FORGET = (
    (
        "DELETE FROM throttle WHERE (account, origin) IN (SELECT account, origin FROM throttle "
        "WHERE keep = 0 AND level <= ? AND account <> '' AND origin <> '' ORDER BY level LIMIT ?)"
    ),
    (
        "DELETE FROM throttle WHERE (account, origin) IN (SELECT account, origin FROM throttle "
        "WHERE keep = 0 AND level <= ? AND origin = '' ORDER BY level LIMIT ?)"
    ),
    (
        "DELETE FROM throttle WHERE (account, origin) IN (SELECT account, origin FROM throttle "
        "WHERE keep = 0 AND level <= ? AND account = '' ORDER BY level LIMIT ?)"
    ),
    (
        "DELETE FROM evaluations WHERE id IN (SELECT id FROM evaluations "
        "WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)"
    ),
)


def account(name: str) -> str:
    """The key of an account, by its normalised name."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def second_factor(name: str) -> str:
    """The key under which an account's codes are counted, apart from its passwords; no typed name has such a key."""
    return f"{account(name)} second factor"


def counts(connection: Connection, guess: Guess) -> Mapping[Key, Count]:
    """Of the guess's buckets, those that hold anything."""
    rows = connection.rows(_COUNTS, guess.account, guess.origin, guess.origin)
    return {Key(str(row[0]), str(row[1])): Count(*row[2:]) for row in rows}  # type: ignore[arg-type]  # the table's types


def pending(connection: Connection, account: str, now: int) -> Mapping[str, int]:
    """How many of the account's attempts are under evaluation, by origin."""
    return {str(origin): int(str(number)) for origin, number in connection.rows(_PENDING, account, now)}


def begin(connection: Connection, guess: Guess, evaluation: str, expires_at: int) -> None:
    """Note that the guess is under evaluation from now on."""
    connection.change(
        "INSERT INTO evaluations (account, origin, id, expires_at) VALUES (?, ?, ?, ?)",
        guess.account,
        guess.origin,
        evaluation,
        expires_at,
    )


def end(connection: Connection, guess: Guess, evaluation: str) -> None:
    connection.change(
        "DELETE FROM evaluations WHERE account = ? AND origin = ? AND id = ?", guess.account, guess.origin, evaluation
    )


def fail(connection: Connection, key: Key, now: int, step: int, cap: int, *, keep: bool) -> None:
    """Add a failure that drains in `step` ms.

    Args:
        connection: of the transaction.
        key: of the bucket.
        now: Unix ms.
        step: milliseconds.
        cap: the total from which on the bucket is kept whatever `keep` says.
        keep: whether the total outlives the drained bucket. Of a name that nobody has it does not, or the table would
            grow with the imagination of whoever makes names up.
    """
    connection.change(_FAIL, key.account, key.origin, now + step, now, int(keep), step, cap)


def reset(connection: Connection, guess: Guess, cap: int) -> None:
    """Forget an account's failures from this origin and those from everywhere; what has reached the cap stays."""
    connection.change(
        "DELETE FROM throttle WHERE account = ? AND (origin = ? OR (origin = '' AND total < ?))",
        guess.account,
        guess.origin,
        cap,
    )


def clear(connection: Connection, name: str) -> bool:
    """Forget all failures of the account with this normalised name, cap or not; False where there were none."""
    return bool(connection.change("DELETE FROM throttle WHERE account = ?", account(name)))


def clear_second_factor(connection: Connection, name: str) -> None:
    """Forget all wrong codes of the account with this normalised name, cap or not."""
    connection.change("DELETE FROM throttle WHERE account = ?", second_factor(name))


def locked(connection: Connection, cap: int) -> Collection[str]:
    """The accounts that have reached the cap."""
    rows = connection.rows("SELECT account FROM throttle WHERE account <> '' AND origin = '' AND total >= ?", cap)
    return {str(account) for (account,) in rows}


def forget(connection: Connection, statement: str, now: int, most: int) -> None:
    """Run one of FORGET, for `most` rows at most."""
    connection.change(statement, now, most)
