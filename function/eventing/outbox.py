"""What is told to others (C3): events that are written in the transaction of what they tell of, and sent afterwards.

Where K_SINK is not set nothing is written. What is written holds no password, hash or token: `data` is made of user and
session ids, stored names and client addresses.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from function.store import outbox as rows
from function.store.base import Connection

#: The types, and what each is worth where there are too many (OUTBOX_LIMIT): of those with 0 there are as many as
#: people try to log in, and each says little. Names that nobody has are never told of: an attacker makes them up, and
#: people type passwords into name fields.
TYPES: Mapping[str, int] = {
    "login.failed": 0,
    "login.succeeded": 0,
    "login.locked": 1,
    "token.reuse_detected": 1,
    "user.created": 1,
    "user.disabled": 1,
    "password.reset_requested": 1,
}


class Failure(NamedTuple):
    """A login that was refused: as whom, where there is such a user, why, and whether it was the one that locks."""

    user_id: str
    reason: str
    locked: bool


class Outbox:
    """Writes events for whoever delivers them.

    Args:
        on: whether there is a sink.
        wake: tells whoever delivers that there is something; called on any thread, before the commit.
    """

    def __init__(self, *, on: bool, wake: Callable[[], None] = lambda: None) -> None:
        self._on = on
        self._wake = wake

    def add(self, connection: Connection, type_: str, user_id: str, data: Mapping[str, Any], now: int) -> None:
        """Tell of something that happened to a user, at `now` (Unix seconds), in the transaction that does it."""
        if self._on:
            text = json.dumps({"sub": user_id, **data})
            rows.add(connection, rows.Waiting(str(uuid.uuid4()), user_id, type_, text, now, 0), TYPES[type_])
            self._wake()

    def login_failed(self, connection: Connection, failure: Failure, client: str, now: int) -> None:
        """As `add`; `client` is an address, empty where a broker has handed the login on."""
        data = {"client": client}
        self.add(connection, "login.failed", failure.user_id, {**data, "reason": failure.reason}, now)
        if failure.locked:
            self.add(connection, "login.locked", failure.user_id, data, now)

    def nothing(self, connection: Connection) -> None:
        """Take about the time of `add`: whoever watches the clock does not learn that there is nobody to tell of."""
        if self._on:
            rows.last(connection, "")


#: Tells nobody.
SILENT = Outbox(on=False)
