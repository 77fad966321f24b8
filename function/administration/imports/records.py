"""Files as numbered records, and what a record may become."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from function.credentials.passwords import recipe
from function.errors import BadHashError, InputError
from function.store.users import User

Record = Mapping[str, Any]
#: A record with its number, counted from 1, or what is wrong with it.
Numbered = tuple[int, Record | InputError]


class Candidate(NamedTuple):
    """Attributes: the user to add, and why the hash that the file has for it cannot be used, if so."""

    user: User
    unusable: str = ""


class LeftOut(NamedTuple):
    """Attributes: why a record is no user to add, though nothing is wrong with it."""

    why: str


def candidate(user: User) -> Candidate:
    """The user, with the hash if there is one and it can be used."""
    if user.password_hash is not None:
        try:
            recipe(user.password_hash)
        except BadHashError as error:
            return Candidate(user._replace(password_hash=None), str(error))
    return Candidate(user)


def parsed(text: str) -> Any:
    """A file that is one JSON document.

    Raises:
        InputError: it is none.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"The file is not JSON: {error}.") from None


def objects(values: Iterable[Any]) -> Iterator[Numbered]:
    for number, value in enumerate(values, 1):
        yield number, _mapping(value)


def json_lines(text: str) -> Iterator[Numbered]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, _mapping(json.loads(line))
            except ValueError:
                yield number, InputError("not a JSON object")


def csv_lines(text: str) -> Iterator[Numbered]:
    """The lines after the first, which names the columns; empty fields are None."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        for record in reader:
            if None in record or None in record.values():
                yield reader.line_num, InputError(f"not {len(reader.fieldnames or ())} columns")
            else:
                yield reader.line_num, {column: value or None for column, value in record.items()}
    except csv.Error as error:
        yield reader.line_num, InputError(str(error))


def _mapping(value: Any) -> Record | InputError:
    return value if isinstance(value, dict) else InputError("not a JSON object")
