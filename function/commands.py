"""What `login-function users ...` does. Each action yields the lines that it prints."""

import argparse
import contextlib
import getpass
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from function import accounts, settings
from function.errors import InputError
from function.lanes import ThreadLane
from function.passwords import Passwords
from function.settings import Settings
from function.store import users
from function.store.base import Database
from function.store.locate import locate
from function.store.sqlite import SqliteDatabase

#: What a command does: with the settings, the database and its options; yields the lines that it prints.
Action = Callable[[Settings, Database, argparse.Namespace], Iterator[str]]
#: Random bytes of a generated password: 144 bits, 24 characters.
GENERATED_BYTES = 18


@contextlib.contextmanager
def opened() -> Iterator[tuple[Settings, Database]]:
    """The settings of the environment and the database that they name.

    Raises:
        LoginFunctionError: either is unusable.
    """
    loaded = settings.load(os.environ)
    database = SqliteDatabase(locate(loaded.database_url, os.environ).path, ThreadLane(1))
    try:
        yield loaded, database
    finally:
        database.close()


def add(loaded: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    if accounts.exists(database, options.name):
        _taken(options)
        return
    password = _password(options)
    try:
        stored = Passwords(loaded.hash_cost, loaded.pepper).admit(password, loaded.password_min_length)
    except ValueError as error:
        raise InputError(f"{options.name} was not added: {error}.") from None
    if not accounts.add(database, options.name, stored):
        _taken(options)
    elif options.generate:
        yield password


def show(_settings: Settings, database: Database, _options: argparse.Namespace) -> Iterator[str]:
    for user in database.read(users.every):
        state = "disabled" if user.disabled_at is not None else "enabled" if user.password_hash else "no password"
        yield f"{user.name}\t{state}\t{user.id}"


def disable(_settings: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    accounts.set_disabled(database, options.name, disabled=options.action == "disable")
    yield from ()


def take(_settings: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    kind = options.format or ("csv" if options.file.endswith(".csv") else "json")
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{options.file} cannot be read: {error}.") from None
    yield f"{accounts.import_users(database, text, kind)} imported"


def export(_settings: Settings, database: Database, _options: argparse.Namespace) -> Iterator[str]:
    yield from accounts.export(database)


ACTIONS: Mapping[str, Action] = {
    "add": add,
    "list": show,
    "disable": disable,
    "enable": disable,
    "import": take,
    "export": export,
}


def _taken(options: argparse.Namespace) -> None:
    if not options.if_missing:
        raise InputError(f"There is a user {options.name!r} already.")


def _password(options: argparse.Namespace) -> str:
    if options.generate:
        return secrets.token_urlsafe(GENERATED_BYTES)
    if options.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InputError("There is no terminal to ask for the password: use --password-stdin or --generate.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise InputError("The two passwords differ: try again.")
    return password
