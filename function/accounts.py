"""Users as an operator handles them: adding, disabling, import and export. Used by the command line."""

import csv
import io
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from function import names
from function.errors import BadHashError, InputError
from function.passwords import recipe
from function.store import users
from function.store.base import Connection, Database
from function.store.users import User

#: What a line of an import may have; `name` and `password_hash` it must. The same as `export` writes.
COLUMNS = ("name", "password_hash", "id", "disabled_at", "created_at")


class BadLine(NamedTuple):
    """A line of an import that cannot be taken, counted from 1."""

    number: int
    why: str


class BadImportError(InputError):
    """Nothing was imported; the message lists the lines that are to blame."""

    def __init__(self, lines: list[BadLine]) -> None:
        listed = "".join(f"line {number}: {why}\n" for number, why in lines)
        super().__init__(f"{listed}Nothing was imported: correct {len(lines)} line(s) and import the file again.")


def add(database: Database, name: str, password_hash: str) -> bool:
    """Add a user; False where the name is taken.

    Raises:
        InputError: the name is none.
    """
    user = _user(name, password_hash)
    return database.write(user.name, lambda connection: users.add(connection, user))


def exists(database: Database, name: str) -> bool:
    wanted = _normal(name)
    return database.read(lambda connection: users.by_name(connection, wanted)) is not None


def set_disabled(database: Database, name: str, *, disabled: bool) -> None:
    """Disable, which also ends the user's sessions, or enable.

    Raises:
        InputError: there is no such user.
    """
    wanted, when = _normal(name), int(time.time()) if disabled else None
    if not database.write(wanted, lambda connection: users.set_disabled(connection, wanted, when)):
        raise InputError(f"There is no user {wanted!r}: see `login-function users list`.")


def import_users(database: Database, text: str, kind: str) -> int:
    """Import all users of a file or none of them; returns how many.

    Args:
        database: where to.
        text: the file; JSON lines, or CSV whose first line names the columns (COLUMNS).
        kind: "json" or "csv".

    Raises:
        BadImportError: with every line that is wrong.
    """
    bad: list[BadLine] = []
    good: dict[str, tuple[int, User]] = {}
    for number, record in _csv(text, bad) if kind == "csv" else _json(text, bad):
        try:
            user = _imported(record)
        except (InputError, BadHashError) as error:
            bad.append(BadLine(number, str(error)))
            continue
        if user.name in good:
            bad.append(BadLine(number, f"the same name as line {good[user.name][0]}"))
        good.setdefault(user.name, (number, user))

    def work(connection: Connection) -> None:
        taken = [number for number, user in good.values() if not users.add(connection, user)]
        bad.extend(BadLine(number, "the name or id is taken") for number in taken)
        if bad:
            raise BadImportError(sorted(bad))

    database.write("users", work)
    return len(good)


def export(database: Database) -> Iterator[str]:
    """Every user as a JSON line that `import_users` takes."""
    for user in database.read(users.every):
        yield json.dumps({column: getattr(user, column) for column in COLUMNS}, ensure_ascii=False)


def _imported(record: Mapping[str, Any]) -> User:
    unknown = record.keys() - set(COLUMNS)
    if unknown:
        raise InputError(f"unknown columns: {', '.join(sorted(map(str, unknown)))}")
    name, password_hash = record.get("name"), record.get("password_hash") or None
    if not isinstance(name, str):
        raise InputError("name is missing")
    if not isinstance(password_hash, str | None):
        raise InputError("password_hash is not a string")
    if password_hash is not None:
        recipe(password_hash)
    user = _user(name, password_hash)
    return user._replace(
        id=str(record.get("id") or user.id),
        disabled_at=_seconds(record, "disabled_at"),
        created_at=_seconds(record, "created_at") or user.created_at,
    )


def _seconds(record: Mapping[str, Any], column: str) -> int | None:
    value = record.get(column)
    if value in (None, ""):
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise InputError(f"{column} is not a number of Unix seconds") from None


def _user(name: str, password_hash: str | None) -> User:
    return User(str(uuid.uuid4()), _normal(name), password_hash, None, int(time.time()))


def _normal(name: str) -> str:
    try:
        return names.normalise(name)
    except ValueError as error:
        raise InputError(f"{name!r} cannot be a user's name: {error}") from None


def _json(text: str, bad: list[BadLine]) -> Iterable[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            yield number, record
        else:
            bad.append(BadLine(number, "not a JSON object"))


def _csv(text: str, bad: list[BadLine]) -> Iterable[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        for record in reader:
            if None in record or None in record.values():
                bad.append(BadLine(reader.line_num, f"not {len(reader.fieldnames or ())} columns"))
            else:
                yield reader.line_num, record
    except csv.Error as error:
        bad.append(BadLine(reader.line_num, str(error)))
