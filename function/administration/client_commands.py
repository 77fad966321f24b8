"""What `login-function clients ...` does. Each action yields the lines that it prints."""

import argparse
import re
import time
from collections.abc import Iterator, Mapping

from function.access import client_credentials
from function.administration.commands import Action
from function.errors import InputError
from function.settings import Settings
from function.store import clients
from function.store.base import Database
from function.store.clients import Client


def add(_settings: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    if not re.fullmatch(client_credentials.ID, options.id):
        raise InputError("A client's id is 1 to 64 letters, digits, dots, dashes and underscores.")
    secret = client_credentials.make_secret()
    client = Client(options.id, client_credentials.digest(secret), int(time.time()))
    if not database.write(client.id, lambda connection: clients.add(connection, client)):
        raise InputError(f"There is a client {client.id!r} already: remove it, or add another and change over.")
    yield secret


def show(_settings: Settings, database: Database, _options: argparse.Namespace) -> Iterator[str]:
    for client in database.read(clients.every):
        yield f"{client.id}\tsince {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(client.created_at))}"


def remove(_settings: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    if not database.write(options.id, lambda connection: clients.remove(connection, options.id)):
        raise InputError(f"There is no client {options.id!r}: see `login-function clients list`.")
    yield from ()


ACTIONS: Mapping[str, Action] = {"add": add, "list": show, "remove": remove}
