"""A whole file, or nothing of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from function.administration.imports import keycloak, ours, supabase
from function.administration.imports.records import Candidate, LeftOut, Numbered, Record, csv_lines, json_lines
from function.errors import InputError
from function.store import users
from function.store.base import Connection, Database


class Format(NamedTuple):
    """How a kind of file is read, and how its records, called `unit`s, become users at a time (Unix seconds)."""

    read: Callable[[str], Iterator[Numbered]]
    user: Callable[[Record, int], Candidate | LeftOut]
    unit: str = "line"


FORMATS: Mapping[str, Format] = {
    "json": Format(json_lines, ours.user),
    "csv": Format(csv_lines, ours.user),
    "keycloak": Format(keycloak.read, keycloak.user, "user"),
    "supabase": Format(supabase.read, supabase.user, "record"),
}


class BadRecord(NamedTuple):
    """A record that cannot be taken, by its number."""

    number: int
    why: str


class BadImportError(InputError):
    """Nothing was imported; the message lists the records that are to blame."""

    def __init__(self, unit: str, records: list[BadRecord]) -> None:
        listed = "".join(f"{unit} {number}: {why}\n" for number, why in sorted(records))
        super().__init__(f"{listed}Nothing was imported: correct {len(records)} {unit}(s) and import the file again.")


class Imported(NamedTuple):
    """How many users were added, how many of them without a password; how many were left out, by reason."""

    added: int
    without: int
    left_out: Counter[str]


def import_users(database: Database, text: str, kind: str, now: int, *, drop_hashes: bool = False) -> Imported:
    """Import all users of a file or none of them.

    Args:
        database: where to.
        text: the file.
        kind: a name in FORMATS.
        now: Unix seconds.
        drop_hashes: take users whose hash cannot be used without a password, rather than nobody.

    Raises:
        BadImportError: with every record that is wrong.
        InputError: it is no file of this kind.
    """
    form = FORMATS[kind]
    bad: list[BadRecord] = []
    good: dict[str, tuple[int, Candidate]] = {}
    left_out: Counter[str] = Counter()
    for number, record in form.read(text):
        try:
            found = form.user(_whole(record), now)
        except InputError as error:
            bad.append(BadRecord(number, str(error)))
            continue
        if isinstance(found, LeftOut):
            left_out[found.why] += 1
        elif found.unusable and not drop_hashes:
            bad.append(BadRecord(number, found.unusable))
        elif found.user.name in good:
            bad.append(BadRecord(number, f"the same name as {form.unit} {good[found.user.name][0]}"))
        else:
            good[found.user.name] = number, found

    def work(connection: Connection) -> None:
        taken = [number for number, found in good.values() if not users.add(connection, found.user)]
        if bad or taken:
            raise BadImportError(form.unit, bad + [BadRecord(number, "the name or id is taken") for number in taken])

    database.write("users", work)
    return Imported(len(good), sum(found.user.password_hash is None for _, found in good.values()), left_out)


def _whole(record: Record | InputError) -> Record:
    if isinstance(record, InputError):
        raise record
    return record
