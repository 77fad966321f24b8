"""What `login-function users ...` does. Each action yields the lines that it prints."""

import argparse
import contextlib
import getpass
import os
import secrets
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from function import settings
from function.administration import accounts
from function.administration.imports.batch import import_users
from function.administration.imports.ours import export as export_users
from function.credentials.passwords import Passwords
from function.credentials.policy import Policy
from function.credentials.resets import Resets
from function.errors import InputError, PolicyError
from function.eventing.outbox import Outbox
from function.pool.lanes import ThreadLane
from function.settings import Settings
from function.store import throttle, users
from function.store.base import Database
from function.store.locate import locate
from function.store.locate import opened as opened_database
from function.store.users import User

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
    # A person is there to try again, so nothing waits for a database that is lost; and one connection is enough.
    database = opened_database(locate(loaded.database_url, os.environ), 1, ThreadLane)
    try:
        yield loaded, database
    finally:
        database.close()


def add(loaded: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    if accounts.exists(database, options.name):
        _taken(options)
        return
    password = _password(options)
    if not accounts.add(database, options.name, _hashed(loaded, options.name, password), _outbox(loaded)):
        _taken(options)
    elif options.generate:
        yield password


def change(loaded: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    accounts.find(database, options.name)  # before anybody is asked for a password
    password = _password(options)
    accounts.set_hash(database, options.name, _hashed(loaded, options.name, password))
    if options.generate:
        yield password


def reset(loaded: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    user = accounts.find(database, options.name)
    if user.disabled_at is not None:
        raise InputError(f"{user.name} is disabled: `login-function users enable` first.")
    yield Resets(database, loaded.reset_ttl).make(user, int(time.time()))


def delete(_settings: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    accounts.delete(database, options.name)
    yield from ()


def show(loaded: Settings, database: Database, _options: argparse.Namespace) -> Iterator[str]:
    locked = database.read(lambda connection: throttle.locked(connection, loaded.throttle_cap))
    for user in database.read(users.every):
        yield f"{user.name}\t{_state(user, locked)}\t{user.id}"


def disable(loaded: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    accounts.set_disabled(database, options.name, disabled=options.action == "disable", outbox=_outbox(loaded))
    yield from ()


def unlock(_settings: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    accounts.unlock(database, options.name)
    yield from ()


def reset_second_factor(_settings: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    accounts.reset_second_factor(database, options.name)
    yield from ()


def take(_settings: Settings, database: Database, options: argparse.Namespace) -> Iterator[str]:
    kind = options.format or ("csv" if options.file.endswith(".csv") else "json")
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{options.file} cannot be read: {error}.") from None
    done = import_users(database, text, kind, int(time.time()), drop_hashes=options.drop_hashes)
    yield f"{done.added} imported" + (f", {done.without} of them without a password" if done.without else "")
    for why, count in done.left_out.items():
        yield f"{count} left out: {why}"


def export(_settings: Settings, database: Database, _options: argparse.Namespace) -> Iterator[str]:
    yield from export_users(database)


ACTIONS: Mapping[str, Action] = {
    "add": add,
    "passwd": change,
    "reset": reset,
    "delete": delete,
    "list": show,
    "disable": disable,
    "enable": disable,
    "unlock": unlock,
    "mfa-reset": reset_second_factor,
    "import": take,
    "export": export,
}


def _state(user: User, locked: Collection[str]) -> str:
    if user.disabled_at is not None:
        return "disabled"
    if throttle.account(user.name) in locked or throttle.second_factor(user.name) in locked:
        return "locked"
    return "enabled" if user.password_hash else "no password"


def _outbox(loaded: Settings) -> Outbox:
    # Written here, and sent by the next instance that looks.
    return Outbox(on=bool(loaded.sink))


def _taken(options: argparse.Namespace) -> None:
    if not options.if_missing:
        raise InputError(f"There is a user {options.name!r} already.")


def _hashed(loaded: Settings, name: str, password: str) -> str:
    try:
        Policy(loaded).check(password, accounts.normal(name))
    except PolicyError as error:
        raise InputError(f"Nothing was changed: {error}.") from None
    return Passwords(loaded.hash_cost, loaded.pepper).hash(password)


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
