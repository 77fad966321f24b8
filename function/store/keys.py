"""SQL on the keys that every instance shares: made once in the store, never per instance (T4)."""

from collections.abc import Callable

from function.store.base import Connection, Database


def shared(database: Database, purpose: str, make: Callable[[], str], now: int) -> str:
    """The key of `purpose`; where there is none, one of those who come at once makes it and all get that one."""
    found = database.read(lambda connection: _first(connection, purpose))
    if found is not None:
        return found
    candidate = make()

    def settle(connection: Connection) -> str:
        connection.change(
            "INSERT INTO keys (purpose, number, secret, created_at) VALUES (?, 1, ?, ?) "
            "ON CONFLICT (purpose, number) DO NOTHING",
            purpose,
            candidate,
            now,
        )
        return _first(connection, purpose) or candidate

    return database.write(purpose, settle)


def _first(connection: Connection, purpose: str) -> str | None:
    rows = connection.rows("SELECT secret FROM keys WHERE purpose = ? ORDER BY number LIMIT 1", purpose)
    return str(rows[0][0]) if rows else None
