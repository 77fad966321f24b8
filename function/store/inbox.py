"""SQL on events that came in: each is done once, whoever delivers it, and however often (C2).

Every function takes the connection of a transaction; see base.py.
"""

import json
from collections.abc import Mapping
from typing import Any

from function.store.base import Connection

#: How many that are no longer remembered go with each that comes: more than one, so that they never pile up.
_FORGET = 10


class DuplicateError(Exception):
    """The event was done before; `reply` is what was answered. Raised, so that this transaction leaves nothing."""

    def __init__(self, reply: Mapping[str, Any]) -> None:
        super().__init__()
        self.reply = reply


def keep(connection: Connection, event: tuple[str, str], answer: Mapping[str, Any], now: int, kept: int) -> None:
    """Keep the reply to an event, in the transaction of what it does.

    Of two transactions at once with the same event the insert makes one wait for the other.

    Args:
        connection: of the transaction.
        event: its source and id.
        answer: the reply, as JSON has it.
        now: Unix seconds.
        kept: seconds for which events are remembered.

    Raises:
        DuplicateError: it was done before.
    """
    connection.change(
        "DELETE FROM inbox WHERE (source, id) IN "
        "(SELECT source, id FROM inbox WHERE received_at <= ? ORDER BY received_at LIMIT ?)",
        now - kept,
        _FORGET,
    )
    added = connection.change(
        "INSERT INTO inbox (source, id, reply, received_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        *event,
        json.dumps(answer),
        now,
    )
    if not added:
        raise DuplicateError(reply(connection, event) or {})


def reply(connection: Connection, event: tuple[str, str]) -> Mapping[str, Any] | None:
    """What was answered to an event; None where it has not come before."""
    rows = connection.rows("SELECT reply FROM inbox WHERE source = ? AND id = ?", *event)
    return json.loads(str(rows[0][0])) if rows else None
