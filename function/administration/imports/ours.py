"""Our own files: JSON lines or CSV with these columns, of which `name` there must be."""

import json
import uuid
from collections.abc import Iterator

from function.administration.accounts import normal
from function.administration.imports.records import Candidate, Record, candidate
from function.errors import InputError
from function.store import users
from function.store.base import Database
from function.store.users import User

#: What a record may have. The same as `export` writes; times are Unix seconds.
COLUMNS = ("name", "password_hash", "id", "disabled_at", "created_at")


def export(database: Database) -> Iterator[str]:
    """Every user as a JSON line that can be imported."""
    for user in database.read(users.every):
        yield json.dumps({column: getattr(user, column) for column in COLUMNS}, ensure_ascii=False)


def user(record: Record, now: int) -> Candidate:
    """The user of a record; without a hash it is one without a password.

    Raises:
        InputError: it has what it must not have, or not what it must.
    """
    unknown = record.keys() - set(COLUMNS)
    if unknown:
        raise InputError(f"unknown columns: {', '.join(sorted(map(str, unknown)))}")
    name, password_hash = record.get("name"), record.get("password_hash") or None
    if not isinstance(name, str):
        raise InputError("name is missing")
    if not isinstance(password_hash, str | None):
        raise InputError("password_hash is not a string")
    made = User(
        str(record.get("id") or uuid.uuid4()),
        normal(name),
        password_hash,
        _seconds(record, "disabled_at"),
        _seconds(record, "created_at") or now,
    )
    return candidate(made)


def _seconds(record: Record, column: str) -> int | None:
    value = record.get(column)
    if value in (None, ""):
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise InputError(f"{column} is not a number of Unix seconds") from None
