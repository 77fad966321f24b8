"""What `login-function outbox ...` does: events that wait for K_SINK, and those that were set aside."""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping

from function.administration.commands import Action
from function.errors import InputError
from function.settings import Settings
from function.store import outbox as rows
from function.store.base import Connection, Database


def show(_settings: Settings, database: Database, _options: argparse.Namespace) -> Iterator[str]:
    now = int(time.time())
    for event in database.read(rows.every):
        state = "parked" if event.parked else f"due in {event.due_at - now} s" if event.due_at > now else "due"
        attempts = f"{event.attempts} failed" + (f", the last with {event.failure}" if event.failure else "")
        yield f"{event.id}\t{event.type}\t{event.subject}\t{state}\t{attempts}"


def retry(_settings: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    now = int(time.time())
    done = _each(database, options, lambda connection, event_id: rows.retry(connection, event_id, now))
    yield f"{done} will be tried again"


def drop(_settings: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    yield f"{_each(database, options, rows.drop)} dropped"


ACTIONS: Mapping[str, Action] = {
    "list": show,
    "retry": retry,
    "drop": drop,
}


def _each(database: Database, options: argparse.Namespace, do: Callable[[Connection, str], bool]) -> int:
    """Do it to the events that are named, or to all that are parked.

    Raises:
        InputError: there is no event of that name; nothing was done.
    """

    def work(connection: Connection) -> int:
        parked = [event.id for event in rows.every(connection) if event.parked]
        missing = [event_id for event_id in options.id if not do(connection, event_id)]
        if missing:
            raise InputError(f"There is no event {missing[0]!r}: see `login-function outbox list`.")
        return len(options.id) if options.id else sum(do(connection, event_id) for event_id in parked)

    return database.write("outbox", work)
