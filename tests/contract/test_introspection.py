"""POST /introspect (RFC 7662), for clients that can keep a secret."""

import uuid
from collections.abc import Callable
from typing import NamedTuple

import jwt
import pytest
import requests

from tests.contract.conftest import Account, Api, Target


class Caller(NamedTuple):
    """A resource server with a credential."""

    api: Api
    id: str
    secret: str

    def by_basic(self, token: str) -> requests.Response:
        return self.api.post("/introspect", data={"token": token}, auth=(self.id, self.secret))

    def by_form(self, token: str) -> requests.Response:
        form = {"token": token, "client_id": self.id, "client_secret": self.secret}
        return self.api.post("/introspect", data=form)


@pytest.fixture
def caller(api: Api, target: Target) -> Caller:
    name = f"api-{uuid.uuid4().hex}"
    return Caller(api, name, target.command("clients", "add", name).strip())


@pytest.mark.parametrize("way", [Caller.by_basic, Caller.by_form], ids=["basic", "form"])
def test_an_active_token_is_told_with_its_claims_until_it_is_revoked(
    api: Api, caller: Caller, account: Account, way: Callable[[Caller, str], requests.Response]
) -> None:
    token = api.login(account)["access_token"]
    response = way(caller, token)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    claims = jwt.decode(token, options={"verify_signature": False})
    assert response.json() == {"active": True, "token_type": "Bearer", "username": account.name, **claims}
    api.post("/revoke", data={"token": token})
    assert way(caller, token).json() == {"active": False}


def test_what_is_no_access_token_is_inactive_and_nothing_more(api: Api, caller: Caller, account: Account) -> None:
    tokens = api.login(account)
    for token in (tokens["refresh_token"], tokens["access_token"][:-1], "x", "", "é", "a.b.c", "." * 4000):
        response = caller.by_basic(token)
        assert (response.status_code, response.json()) == (200, {"active": False})
    assert caller.by_basic(tokens["access_token"]).json()["active"] is True


def test_errors_of_a_known_client_are_rfc_6749_5_2(api: Api, caller: Caller) -> None:
    auth = (caller.id, caller.secret)
    for form in ({"token_type_hint": "access_token"}, {"token": "x", "client_id": caller.id, "client_secret": "x"}):
        response = api.post("/introspect", data=form, auth=auth)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert api.post("/introspect", json={"token": "x"}, auth=auth).status_code == 415


def test_a_client_that_was_removed_is_no_client(target: Target, caller: Caller) -> None:
    assert caller.by_basic("x").status_code == 200
    target.command("clients", "remove", caller.id)
    assert caller.by_basic("x").status_code == 401
    assert caller.by_basic("x").json()["error"] == "invalid_client"
