"""What a login holds while it waits and is hashed, and what it costs to turn one away (S4, S6)."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import flask
import pytest
from werkzeug.test import EnvironBuilder

from function import routes, settings
from function.pool.hashing import Patience
from function.service import Service
from function.store.base import Connection, Database
from tests.function.conftest import PASSWORD, command

T = TypeVar("T")


class Watched:
    """A database that knows how many transactions are open, and how many there have been."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.open = self.seen = 0

    def read(self, work: Callable[[Connection], T]) -> T:
        return self._counted(lambda: self._database.read(work))

    def write(self, subject: str, work: Callable[[Connection], T]) -> T:
        return self._counted(lambda: self._database.write(subject, work))

    def close(self) -> None:
        self._database.close()

    def _counted(self, call: Callable[[], T]) -> T:
        self.open += 1
        self.seen += 1
        try:
            return call()
        finally:
            self.open -= 1


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    command(tmp_path, "users", "add", "alice", "--password-stdin", text=PASSWORD)
    environ = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/login.db",
        "HASH_COST": "10",
        "HASH_THREADS": "1",
        "LOGIN_QUEUE": "1",
    }
    made = Service(settings.load(environ), environ)
    made.database = Watched(made.database)
    made.warm()
    yield made
    made.database.close()


def login(service: Service, name: str, password: str) -> int:
    builder = EnvironBuilder("/login", method="POST", json={"username": name, "password": password})
    return routes.answer(service, flask.Request(builder.get_environ())).status_code


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [("alice", PASSWORD, 200), ("alice", "not the password at all", 401), ("nobody", PASSWORD, 401)],
)
def test_s6_no_connection_is_held_while_hashing(
    service: Service, monkeypatch: pytest.MonkeyPatch, name: str, password: str, status: int
) -> None:
    database: Any = service.database
    seen = database.seen
    engine, held = service.passwords.engine, list[int]()

    def watched(pairs: list[tuple[bytes, bytes]]) -> list[bool]:
        held.append(database.open)
        return engine.compare(pairs)

    monkeypatch.setattr(service.passwords, "engine", engine._replace(compare=watched))
    assert login(service, name, password) == status
    assert held == [0]
    assert database.seen > seen


def test_s4_turning_a_login_away_costs_neither_hash_nor_transaction(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    database: Any = service.database
    with service.hashing.place(Patience(time.monotonic() + 60, lambda: False)):
        monkeypatch.setattr(service.passwords, "engine", None)
        seen = database.seen
        assert [login(service, "alice", PASSWORD) for _ in range(3)] == [503] * 3
        assert database.seen == seen
    monkeypatch.undo()
    assert login(service, "alice", PASSWORD) == 200
