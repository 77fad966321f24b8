"""SQL on events on their way to K_SINK.

Every function takes the connection of a transaction; see base.py. Only the first of a subject's events can be claimed,
and it stays the first until it was delivered or set aside, so a subject's events arrive in order. Claiming compares and
swaps `due_at`: of several instances one gets the event, and whoever finds it due again later takes it over.
"""

from collections.abc import Sequence
from typing import NamedTuple

from function.store.base import Connection

_ADD = (
    "INSERT INTO outbox "
    "(id, subject, position, type, data, worth, created_at, attempts, due_at, holder, parked, failure) "
    "SELECT ?, ?, COALESCE(MAX(position), 0) + 1, ?, ?, ?, ?, 0, ?, '', 0, '' FROM outbox WHERE subject = ?"
)
_FIRST = (
    "SELECT id, subject, type, data, created_at, attempts, due_at FROM outbox AS first "
    "WHERE parked = 0 AND due_at <= ? AND NOT EXISTS (SELECT 1 FROM outbox AS earlier "
    "WHERE earlier.subject = first.subject AND earlier.parked = 0 AND (earlier.position < first.position "
    "OR (earlier.position = first.position AND earlier.id < first.id))) ORDER BY due_at, position LIMIT 1"
)
_ALL = (
    "SELECT id, type, subject, created_at, attempts, due_at, parked, failure FROM outbox ORDER BY created_at, position"
)

_COUNTS = "SELECT parked, COUNT(*) FROM outbox GROUP BY parked"


class Waiting(NamedTuple):
    """An event that is to be sent. `attempts` counts those that failed."""

    id: str
    subject: str
    type: str
    data: str
    created_at: int
    attempts: int


class Due(NamedTuple):
    """An event, and since when it is due, which tells whether anybody has taken it since."""

    event: Waiting
    due_at: int


class Depth(NamedTuple):
    """How many events wait, and how many were set aside."""

    waiting: int = 0
    parked: int = 0


class Listed(NamedTuple):
    """What an operator sees of an event."""

    id: str
    type: str
    subject: str
    created_at: int
    attempts: int
    due_at: int
    parked: int
    failure: str


def add(connection: Connection, event: Waiting, worth: int) -> None:
    """Put an event behind those of its subject that wait.

    Two transactions that add for one subject at once may take the same position: neither is before the other.
    """
    now = event.created_at
    connection.change(_ADD, event.id, event.subject, event.type, event.data, worth, now, now, event.subject)


def last(connection: Connection, subject: str) -> int:
    """The position of the subject's last event; 0 where none waits."""
    [(position,)] = connection.rows("SELECT COALESCE(MAX(position), 0) FROM outbox WHERE subject = ?", subject)
    return int(position or 0)


def first(connection: Connection, now: int) -> Due | None:
    """The event that has been due for longest; None where none is."""
    for *event, due_at in connection.rows(_FIRST, now):
        return Due(Waiting(*event), due_at)  # type: ignore[arg-type]  # the table's types are the class's
    return None


def claim(connection: Connection, due: Due, holder: str, until: int) -> bool:
    """Take an event until then; False where another was quicker."""
    return bool(
        connection.change(
            "UPDATE outbox SET holder = ?, due_at = ? WHERE id = ? AND due_at = ? AND parked = 0",
            holder,
            until,
            due.event.id,
            due.due_at,
        )
    )


def remove(connection: Connection, event_id: str, holder: str) -> None:
    """An event was delivered; unless its holder's time was over and it is another's now."""
    connection.change("DELETE FROM outbox WHERE id = ? AND holder = ?", event_id, holder)


def fail(connection: Connection, event_id: str, holder: str, due_at: int, failure: str, *, parked: bool) -> None:
    """An event was not delivered: try again at `due_at`, or set it aside."""
    connection.change(
        "UPDATE outbox SET attempts = attempts + 1, due_at = ?, holder = '', parked = ?, failure = ? "
        "WHERE id = ? AND holder = ?",
        due_at,
        int(parked),
        failure,
        event_id,
        holder,
    )


def trim(connection: Connection, limit: int, most: int) -> Sequence[str]:
    """Drop what is over the limit, `most` at a time: set aside first, then of least worth, then oldest; their types."""
    surplus = sum(depth(connection)) - limit
    if surplus <= 0:
        return ()
    rows = connection.rows(
        "SELECT id, type FROM outbox ORDER BY parked DESC, worth, created_at, position LIMIT ?", min(surplus, most)
    )
    return [str(type_) for event_id, type_ in rows if drop(connection, str(event_id))]


def depth(connection: Connection) -> Depth:
    found = {row[:1]: row[1] for row in connection.rows(_COUNTS)}
    return Depth(*(int(found.get((parked,), 0) or 0) for parked in (0, 1)))


def every(connection: Connection) -> Sequence[Listed]:
    return [Listed(*row) for row in connection.rows(_ALL)]  # type: ignore[arg-type]  # the table's types are the class's


def retry(connection: Connection, event_id: str, now: int) -> bool:
    """Have an event tried from the start, at once; False where it is not there."""
    return bool(
        connection.change(
            "UPDATE outbox SET attempts = 0, due_at = ?, holder = '', parked = 0 WHERE id = ?", now, event_id
        )
    )


def drop(connection: Connection, event_id: str) -> bool:
    return bool(connection.change("DELETE FROM outbox WHERE id = ?", event_id))
