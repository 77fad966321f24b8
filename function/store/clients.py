"""SQL on clients: who may introspect tokens. Every function takes the connection of a transaction; see base.py."""

from collections.abc import Sequence
from typing import NamedTuple

from function.store.base import Connection


class Client(NamedTuple):
    """A row of `clients`; `created_at` is Unix seconds, `secret_hash` as in introspection.py."""

    id: str
    secret_hash: str
    created_at: int


def by_id(connection: Connection, client_id: str) -> Client | None:
    rows = connection.rows("SELECT id, secret_hash, created_at FROM clients WHERE id = ?", client_id)
    return Client(*rows[0]) if rows else None  # type: ignore[arg-type]  # the table's types are the class's


def every(connection: Connection) -> Sequence[Client]:
    rows = connection.rows("SELECT id, secret_hash, created_at FROM clients ORDER BY id")
    return [Client(*row) for row in rows]  # type: ignore[arg-type]  # the table's types are the class's


def add(connection: Connection, client: Client) -> bool:
    """Insert; False where the id is taken."""
    return bool(
        connection.change(
            "INSERT INTO clients (id, secret_hash, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", *client
        )
    )


def remove(connection: Connection, client_id: str) -> bool:
    """Delete; False where there is none."""
    return bool(connection.change("DELETE FROM clients WHERE id = ?", client_id))
