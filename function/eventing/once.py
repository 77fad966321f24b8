"""An event is done once (C2).

What it does, and that it was done, are one transaction: whoever delivers it again, at the same time or days later
(INBOX_RETENTION), gets the reply of the first time. One that was refused was not done.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from function.eventing.cloudevent import Event
from function.service import Service
from function.store import inbox
from function.store.base import Connection


class Done(NamedTuple):
    """What an event has done: the type of the reply, and its data."""

    type: str
    data: Mapping[str, Any]


class Once:
    """An event that is being done.

    Attributes:
        reply: the reply event, once there is one.
    """

    def __init__(self, service: Service, event: Event) -> None:
        self._service = service
        self._event = event
        self._key = event.attributes["source"], event.attributes["id"]
        self.reply = service.database.read(partial(inbox.reply, event=self._key))

    def write(self, subject: str, effect: Callable[[Connection], Done]) -> None:
        """Do it, in one transaction.

        Args:
            subject: what it is about, as for `Database.write`.
            effect: does it; a Refusal that it raises undoes it.

        Raises:
            DuplicateError: it was done meanwhile.
        """
        self._service.database.write(subject, lambda connection: self.keep(connection, effect(connection)))

    def keep(self, connection: Connection, done: Done) -> None:
        """It is done, in a transaction that goes on.

        Raises:
            DuplicateError: it was done meanwhile, and this transaction has to be undone.
        """
        settings, now = self._service.settings, self._service.now()
        attributes = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": settings.issuer,
            "type": done.type,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        }
        source, event_id = self._key
        data = {"request": {"id": event_id, "source": source}, **done.data}
        self.reply = {"attributes": attributes, "data": data}
        inbox.keep(connection, self._key, self.reply, now, settings.inbox_retention)
