"""Users as an operator handles them. Used by the command line."""

import time
import uuid

from function.credentials import lifecycle, names
from function.errors import InputError
from function.eventing.outbox import SILENT, Outbox
from function.store import second_factor, sessions, throttle, users
from function.store.base import Connection, Database
from function.store.users import User


def add(database: Database, name: str, password_hash: str, outbox: Outbox = SILENT) -> bool:
    """Add a user; False where the name is taken.

    Raises:
        InputError: the name is none.
    """
    user = User(str(uuid.uuid4()), normal(name), password_hash, None, int(time.time()))
    return database.write(user.name, lambda connection: lifecycle.create(connection, outbox, user))


def exists(database: Database, name: str) -> bool:
    wanted = normal(name)
    return database.read(lambda connection: users.by_name(connection, wanted)) is not None


def find(database: Database, name: str) -> User:
    """The user of this name.

    Raises:
        InputError: there is none.
    """
    wanted = normal(name)
    user = database.read(lambda connection: users.by_name(connection, wanted))
    if user is None:
        raise _nobody(wanted)
    return user


def set_disabled(database: Database, name: str, *, disabled: bool, outbox: Outbox = SILENT) -> None:
    """Disable, which also ends the user's sessions, or enable.

    Raises:
        InputError: there is no such user.
    """
    wanted = normal(name)

    def work(connection: Connection) -> None:
        user = users.by_name(connection, wanted)
        if user is None:
            raise _nobody(wanted)
        lifecycle.disable(connection, outbox, user, int(time.time()), disabled=disabled)

    database.write(wanted, work)


def unlock(database: Database, name: str) -> None:
    """Forget what the throttle holds against a user.

    Raises:
        InputError: there is no such user.
    """
    wanted = normal(name)

    def work(connection: Connection) -> bool:
        throttle.clear(connection, wanted)
        throttle.clear_second_factor(connection, wanted)
        return users.by_name(connection, wanted) is not None

    if not database.write(wanted, work):
        raise _nobody(wanted)


def set_hash(database: Database, name: str, password_hash: str) -> None:
    """Set the hash of a new password, which ends the user's sessions and unlocks.

    Raises:
        InputError: there is no such user.
    """
    wanted, now = normal(name), int(time.time())
    if not database.write(wanted, lambda connection: users.set_hash(connection, wanted, password_hash, now)):
        raise _nobody(wanted)


def delete(database: Database, name: str) -> None:
    """Delete a user, sessions and all.

    Raises:
        InputError: there is no such user.
    """
    wanted = normal(name)
    if not database.write(wanted, lambda connection: users.delete(connection, wanted)):
        raise _nobody(wanted)


def reset_second_factor(database: Database, name: str) -> None:
    """Turn the second factor of a user off, whether or not there was one, and end the sessions.

    Raises:
        InputError: there is no such user.
    """
    user = find(database, name)

    def work(connection: Connection) -> None:
        second_factor.remove(connection, user.id)
        throttle.clear_second_factor(connection, user.name)
        sessions.end_all(connection, user.id)

    database.write(user.name, work)


def normal(name: str) -> str:
    """The form in which names are stored.

    Raises:
        InputError: it cannot be a name.
    """
    try:
        return names.normalise(name)
    except ValueError as error:
        raise InputError(f"{name!r} cannot be a user's name: {error}") from None


def _nobody(name: str) -> InputError:
    return InputError(f"There is no user {name!r}: see `login-function users list`.")
