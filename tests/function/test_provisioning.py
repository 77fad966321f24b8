"""What orders by events do while others change the same users (C2)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

from function import routes, settings
from function.administration import accounts
from function.credentials import lifecycle
from function.service import Service
from function.store import users
from function.store.base import Connection
from function.store.users import User
from tests.function.conftest import PASSWORD, judged

TOKEN = "t" * 32
ALICE = User("user-1", "alice", None, None, 0)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    environ = {"DATABASE_URL": f"sqlite:///{tmp_path}/login.db", "HASH_COST": "10", "EVENTS_TOKEN": TOKEN}
    made = Service(settings.load(environ), environ)
    yield made
    made.database.close()


def send(service: Service, type_: str, data: dict[str, Any], id_: str) -> flask.Response:
    attributes = {"specversion": "1.0", "id": id_, "source": "/hr", "type": type_}
    headers = {f"ce-{name}": value for name, value in attributes.items()} | {"Authorization": f"Bearer {TOKEN}"}
    with flask.Flask("test").test_request_context("/", method="POST", json=data, headers=headers):
        return routes.answer(service, flask.request)


def test_c2_who_is_imported_while_being_provisioned_is_changed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import writes under a subject of its own, so at READ COMMITTED it may come in between."""
    create = lifecycle.create

    def late(connection: Connection, outbox: Any, user: User) -> bool:
        users.add(connection, ALICE)
        return create(connection, outbox, user)

    monkeypatch.setattr(lifecycle, "create", late)
    reply = json.loads(send(service, "user.provision", {"name": "alice", "password": PASSWORD}, "1").get_data())
    assert (reply["sub"], reply["created"]) == (ALICE.id, False)
    [alice] = service.database.read(users.every)
    assert judged(service.passwords, PASSWORD, alice.password_hash).ok


def test_c2_who_is_disabled_while_the_password_is_hashed_has_not_logged_in(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.add(service.database, "alice", service.passwords.hash(PASSWORD))
    engine, data = service.passwords.engine, {"username": "alice", "password": PASSWORD}

    def slow(pairs: list[tuple[bytes, bytes]]) -> list[bool]:
        matched = engine.compare(pairs)
        accounts.set_disabled(service.database, "alice", disabled=True)
        return matched

    monkeypatch.setattr(service.passwords, "engine", engine._replace(compare=slow))
    refused = send(service, "login.request", data, "1")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    # Whoever delivers it again learns what has become of it.
    assert send(service, "login.request", data, "1").headers["ce-type"] == "login.failed"
