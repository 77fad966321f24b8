"""Clients, and what becomes of a token whose user is disabled, on real processes."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.function.conftest import PASSWORD, PATIENCE, Served, command

Serve = Callable[..., Served]


def introspect(served: Served, secret: str, token: str) -> requests.Response:
    form = {"token": token}
    return requests.post(f"{served.url}/introspect", data=form, auth=("api", secret), timeout=PATIENCE)


def test_t6_a_token_is_inactive_once_its_user_was_disabled_and_no_log_has_it(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    secret = command(tmp_path, "clients", "add", "api").stdout.strip()
    document = {"username": "alice", "password": PASSWORD}
    tokens: dict[str, Any] = requests.post(f"{served.url}/login", json=document, timeout=PATIENCE).json()
    assert introspect(served, secret, tokens["access_token"]).json()["active"] is True
    for action in ("disable", "enable"):
        command(tmp_path, "users", action, "alice")
        assert introspect(served, secret, tokens["access_token"]).json() == {"active": False}
    log = served.log.read_text()
    assert '"caller": "api"' in log
    for kept in (secret, tokens["access_token"], tokens["refresh_token"]):
        assert kept not in log


def test_a_client_s_secret_is_random_shown_once_and_not_in_the_database(tmp_path: Path) -> None:
    secret = command(tmp_path, "clients", "add", "api").stdout.strip()
    assert len(base64.urlsafe_b64decode(secret.removeprefix("lfc1_") + "=")) * 8 >= 128
    assert command(tmp_path, "clients", "list").stdout.startswith("api\tsince ")
    assert secret not in command(tmp_path, "clients", "list").stdout
    assert secret.encode() not in b"".join(file.read_bytes() for file in tmp_path.glob("login.db*"))
    again = command(tmp_path, "clients", "add", "api")
    assert (again.returncode, again.stdout) == (1, "")
    assert command(tmp_path, "clients", "remove", "api").returncode == 0
    assert command(tmp_path, "clients", "remove", "api").stderr.startswith("login-function: There is no client 'api'")


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "a" * 65])
def test_a_client_s_id_is_one_that_every_encoding_leaves_alone(tmp_path: Path, name: str) -> None:
    added = command(tmp_path, "clients", "add", name)
    assert added.returncode == 1
    assert added.stderr.startswith("login-function: A client's id is")
