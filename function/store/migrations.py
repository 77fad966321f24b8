"""Numbered SQL files (migrations/0001_what.sql), each applied once, in order, by whichever instance comes first."""

from collections.abc import Sequence
from pathlib import Path

from function.errors import StoreError
from function.store.base import Connection

_FOLDER = Path(__file__).with_name("migrations")
_TABLE = "CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL)"


def files() -> Sequence[tuple[int, Path]]:
    """(number, file) in the order in which to apply them."""
    return [(int(file.name[:4]), file) for file in sorted(_FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql"))]


def missing(connection: Connection, applied: int) -> None:
    """Apply what comes after `applied`. The caller holds the database's write lock, in one transaction for all of it.

    Raises:
        StoreError: the schema is newer than this program.
    """
    known = files()
    if applied > known[-1][0]:
        raise StoreError(
            f"The database has schema {applied}, newer than this program's {known[-1][0]}: run a newer image."
        )
    connection.change(_TABLE)
    for number, file in known:
        if number > applied:
            for statement in file.read_text().split(";\n"):
                if statement.strip():
                    connection.change(statement)
            connection.change("INSERT INTO migrations (number, name) VALUES (?, ?)", number, file.stem[5:])
