"""Numbered SQL files (migrations/0001_what.sql), each applied once, in order, by whichever instance comes first.

What two people number at once arrives in any order: what is not noted as applied is missing, below the highest, too.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from function.errors import StoreError
from function.store.base import Connection

_FOLDER = Path(__file__).with_name("migrations")
_TABLE = "CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL)"


def files() -> Sequence[tuple[int, Path]]:
    """(number, file) in the order in which to apply them."""
    return [(int(file.name[:4]), file) for file in sorted(_FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql"))]


def complete(applied: Collection[int]) -> bool:
    """Whether these are all that there are, and no others."""
    return set(applied) == {number for number, _ in files()}


def missing(connection: Connection, applied: Collection[int]) -> None:
    """Apply what is not in `applied`. The caller holds the database's write lock, in one transaction for all of it.

    Raises:
        StoreError: the schema is newer than this program.
    """
    known = files()
    latest = max(applied, default=0)
    if latest > known[-1][0]:
        raise StoreError(
            f"The database has schema {latest}, newer than this program's {known[-1][0]}: run a newer image."
        )
    connection.change(_TABLE)
    for number, file in known:
        if number not in applied:
            for statement in file.read_text().split(";\n"):
                if statement.strip():
                    connection.change(statement)
            connection.change("INSERT INTO migrations (number, name) VALUES (?, ?)", number, file.stem[5:])
