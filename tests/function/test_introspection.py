"""POST /introspect and its clients, on real processes."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.function.conftest import PASSWORD, PATIENCE, Served, command

Serve = Callable[..., Served]


class Caller:
    """A resource server with a credential."""

    def __init__(self, served: Served, secret: str) -> None:
        self._url, self.secret = served.url, secret

    def by_basic(self, token: str) -> requests.Response:
        return self.post({"token": token}, auth=("api", self.secret))

    def by_form(self, token: str) -> requests.Response:
        return self.post({"token": token, "client_id": "api", "client_secret": self.secret})

    def post(self, form: dict[str, str], auth: tuple[str, str] | None = None) -> requests.Response:
        return requests.post(f"{self._url}/introspect", data=form, auth=auth, timeout=PATIENCE)


def login(served: Served) -> dict[str, str]:
    document = {"username": "alice", "password": PASSWORD}
    tokens: dict[str, str] = requests.post(f"{served.url}/login", json=document, timeout=PATIENCE).json()
    return tokens


def test_rfc_7662_a_token_is_active_until_something_ends_it(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    secret = command(tmp_path, "clients", "add", "api").stdout.strip()
    caller, tokens = Caller(served, secret), login(served)
    for ask in (caller.by_basic, caller.by_form):
        response = ask(tokens["access_token"])
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        told = response.json()
        assert (told["active"], told["token_type"], told["username"]) == (True, "Bearer", "alice")
        assert told.keys() >= {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}
    inactive = {"a refresh token": tokens["refresh_token"], "garbage": "x", "nothing": ""}
    for why, token in inactive.items():
        assert caller.by_basic(token).json() == {"active": False}, why
    ended = login(served)
    requests.post(f"{served.url}/revoke", data={"token": ended["access_token"]}, timeout=PATIENCE)
    assert caller.by_basic(ended["access_token"]).json() == {"active": False}
    command(tmp_path, "users", "disable", "alice")
    assert caller.by_basic(tokens["access_token"]).json() == {"active": False}
    command(tmp_path, "users", "enable", "alice")
    assert caller.by_basic(tokens["access_token"]).json() == {"active": False}
    for form in ({}, {"token_type_hint": "access_token"}):
        assert caller.post(form, auth=("api", secret)).json()["error"] == "invalid_request"
    both = caller.post({"token": "x", "client_id": "api", "client_secret": secret}, auth=("api", secret))
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    # What is asked and by whom may be logged; tokens and secrets may not.
    log = served.log.read_text()
    assert '"caller": "api"' in log
    for kept in (secret, tokens["access_token"], tokens["refresh_token"]):
        assert kept not in log


def test_a_client_is_added_listed_and_removed_and_its_secret_is_shown_once(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    secret = command(tmp_path, "clients", "add", "api").stdout.strip()
    assert len(base64.urlsafe_b64decode(secret.removeprefix("lfc1_") + "=")) * 8 >= 128
    assert command(tmp_path, "clients", "list").stdout.startswith("api\tsince ")
    assert secret not in command(tmp_path, "clients", "list").stdout
    assert secret.encode() not in b"".join(file.read_bytes() for file in tmp_path.glob("login.db*"))
    again = command(tmp_path, "clients", "add", "api")
    assert (again.returncode, again.stdout) == (1, "")
    assert Caller(served, secret).by_basic("x").status_code == 200
    assert Caller(served, secret + "x").by_basic("x").status_code == 401
    assert command(tmp_path, "clients", "remove", "api").returncode == 0
    assert Caller(served, secret).by_basic("x").status_code == 401
    assert command(tmp_path, "clients", "remove", "api").stderr.startswith("login-function: There is no client 'api'")


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "a" * 65])
def test_a_client_s_id_is_one_that_every_encoding_leaves_alone(tmp_path: Path, name: str) -> None:
    added = command(tmp_path, "clients", "add", name)
    assert added.returncode == 1
    assert added.stderr.startswith("login-function: A client's id is")
