"""Supabase's table auth.users, as CSV with a header, a JSON array or JSON lines; columns beside these are ignored.

id, email, phone, encrypted_password ("$2a$..." as a rule; Argon2 and Firebase's scrypt where they were imported there),
banned_until, created_at, deleted_at, is_anonymous.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from function.administration.accounts import normal
from function.administration.imports.records import (
    Candidate,
    LeftOut,
    Numbered,
    Record,
    candidate,
    csv_lines,
    json_lines,
    objects,
    parsed,
)
from function.errors import InputError
from function.store.users import User


def read(text: str) -> Iterator[Numbered]:
    """The rows of the file, which tells by its first character what it is.

    Raises:
        InputError: it is not what it seemed to be.
    """
    match text.lstrip()[:1]:
        case "[":
            return objects(parsed(text))
        case "{":
            return json_lines(text)
        case _:
            return csv_lines(text)


def user(record: Record, now: int) -> Candidate | LeftOut:
    """A user, named by e-mail address or else by phone number, with the id that Supabase's tokens had for `sub`.

    Raises:
        InputError: it has no name that can be one here, or a time that is none.
    """
    if record.get("deleted_at"):
        return LeftOut("deleted")
    if record.get("is_anonymous") in {True, "t", "true"}:
        return LeftOut("anonymous")
    if "encrypted_password" not in record:
        raise InputError("encrypted_password is missing: export the table auth.users itself")
    banned = _seconds(record.get("banned_until"))
    return candidate(
        User(
            str(record.get("id") or uuid.uuid4()),
            normal(str(record.get("email") or record.get("phone") or "")),
            record["encrypted_password"] or None,
            now if banned is not None and banned > now else None,
            int(_seconds(record.get("created_at")) or now),
        )
    )


def _seconds(value: Any) -> float | None:
    if not value:
        return None
    if value == "infinity":
        return float(value)
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise InputError(f"{value!r} is not a time as PostgreSQL writes it") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
