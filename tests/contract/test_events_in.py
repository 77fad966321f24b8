"""Users and sessions as other systems order them, by CloudEvents at POST / (C0, C2)."""

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bcrypt
import pytest
import requests

from tests.contract.conftest import SETTINGS, Account, Api

BEARER = {"Authorization": f"Bearer {SETTINGS['EVENTS_TOKEN']}"}


def send(api: Api, type_: str, data: Any, *, id_: str = "", headers: Any = BEARER) -> requests.Response:
    attributes = {"specversion": "1.0", "id": id_ or uuid.uuid4().hex, "source": "/hr", "type": type_}
    sent = {**headers, **{f"ce-{name}": value for name, value in attributes.items()}}
    return api.post("/", data=json.dumps(data), headers={**sent, "Content-Type": "application/json"})


def done(response: requests.Response, type_: str) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    assert response.headers["ce-type"] == type_
    assert response.headers["ce-specversion"] == "1.0"
    data: dict[str, Any] = response.json()
    return data


def fresh() -> Account:
    return Account(f"user-{uuid.uuid4().hex}", f"correct horse {uuid.uuid4().hex}")


def status(api: Api, account: Account) -> int:
    return api.post("/login", json={"username": account.name, "password": account.password}).status_code


def provision(api: Api, account: Account, **more: Any) -> dict[str, Any]:
    return done(send(api, "user.provision", {**account._asdict(), **more}), "user.provision.done")


def test_c2_provisioning_creates_a_user_and_then_changes_it(api: Api) -> None:
    account = fresh()
    first = provision(api, account)
    assert (first["created"], first["name"], first["request"]["source"]) == (True, account.name, "/hr")
    tokens = api.login(account)
    changed = account._replace(password=fresh().password)
    second = provision(api, changed)
    assert (second["created"], second["sub"]) == (False, first["sub"])
    assert [status(api, account), status(api, changed)] == [401, 200]
    # A password that somebody else has set ends what the old one began.
    assert api.refresh(tokens["refresh_token"]).status_code == 400


def test_c2_what_is_left_out_stays_as_it_is(api: Api, account: Account) -> None:
    tokens = api.login(account)
    same = done(send(api, "user.provision", {"name": account.name.upper()}), "user.provision.done")
    assert same["created"] is False
    assert api.refresh(tokens["refresh_token"]).status_code == 200
    assert status(api, account) == 200


def test_c2_a_user_may_come_with_a_hash_or_with_nothing(api: Api) -> None:
    with_hash, without = fresh(), fresh()
    stored = bcrypt.hashpw(with_hash.password.encode(), bcrypt.gensalt(4)).decode()
    for data in ({"name": with_hash.name, "password_hash": stored}, {"name": without.name}):
        assert done(send(api, "user.provision", data), "user.provision.done")["created"]
    assert [status(api, with_hash), status(api, without)] == [200, 401]


def test_c2_provisioning_disables_and_enables(api: Api) -> None:
    account = fresh()
    provision(api, account, disabled=True)
    assert status(api, account) == 401
    provision(api, account, disabled=False)
    tokens = api.login(account)
    done(send(api, "user.provision", {"name": account.name, "disabled": True}), "user.provision.done")
    assert status(api, account) == 401
    assert api.refresh(tokens["refresh_token"]).status_code == 400


@pytest.mark.parametrize(
    ("data", "status_code"),
    [
        ({}, 400),
        ([], 400),
        (None, 400),
        ({"name": ""}, 400),
        ({"name": 7}, 400),
        ({"name": "a", "disabled": "yes"}, 400),
        ({"name": "a", "pasword": "correct horse battery"}, 400),
        ({"name": "a", "password": "correct horse battery", "password_hash": "$2b$10$" + "." * 53}, 400),
        ({"name": "a b", "password": "correct horse battery"}, 422),
        ({"name": "a", "password": "short"}, 422),
        ({"name": "a", "password_hash": "plain"}, 422),
        ({"name": "a", "password_hash": "$2b$20$" + "." * 53}, 422),
    ],
    ids=str,
)
def test_c2_what_cannot_be_a_user_is_refused(api: Api, data: Any, status_code: int) -> None:
    response = send(api, "user.provision", data)
    assert response.status_code == status_code, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "correct horse" not in response.text


@pytest.mark.parametrize("by", ["name", "sub"])
def test_c2_disabling_ends_the_sessions(api: Api, account: Account, by: str) -> None:
    tokens = api.login(account)
    sub = api.userinfo(tokens["access_token"]).json()["sub"]
    data = {"name": account.name.upper()} if by == "name" else {"sub": sub}
    assert done(send(api, "user.disable", data), "user.disable.done")["sub"] == sub
    assert status(api, account) == 401
    assert api.refresh(tokens["refresh_token"]).status_code == 400
    done(send(api, "user.disable", data), "user.disable.done")  # that it is so already is as good


def test_c2_what_was_refused_is_done_when_it_comes_again(api: Api) -> None:
    account, id_ = fresh(), uuid.uuid4().hex
    early = send(api, "user.disable", {"name": account.name}, id_=id_)
    assert early.status_code == 409  # which Knative's senders try again
    provision(api, account)
    done(send(api, "user.disable", {"name": account.name}, id_=id_), "user.disable.done")
    assert status(api, account) == 401


@pytest.mark.parametrize("data", [{}, {"name": "a", "sub": "b"}, {"user": "a"}, {"sub": ""}, "a"], ids=str)
def test_c2_a_user_is_named_in_one_way(api: Api, data: Any) -> None:
    assert send(api, "user.disable", data).status_code == 400
    assert send(api, "session.revoke", data).status_code == 400


def test_c2_one_session_or_all_of_a_user_are_revoked(api: Api, account: Account) -> None:
    def ended(**data: str) -> int:
        count: int = done(send(api, "session.revoke", data), "session.revoke.done")["ended"]
        return count

    one, *others = (api.login(account) for _ in range(3))
    claims = api.userinfo(one["access_token"]).json()
    assert ended(sid=sid(one["access_token"])) == 1
    assert ended(sid=sid(one["access_token"])) == 0
    assert api.refresh(one["refresh_token"]).status_code == 400
    assert ended(sub=claims["sub"]) == 2
    for tokens in others:
        assert api.refresh(tokens["refresh_token"]).status_code == 400
    api.login(account)
    assert ended(name=account.name) == 1
    assert ended(name=fresh().name) == 0


def sid(token: str) -> str:
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sid"])


def test_c2_an_event_that_comes_again_does_nothing_and_gets_the_same_reply(api: Api) -> None:
    account, id_ = fresh(), uuid.uuid4().hex
    first = send(api, "user.provision", account._asdict(), id_=id_)
    changed = account._replace(password=fresh().password)
    provision(api, changed)
    again = send(api, "user.provision", account._asdict(), id_=id_)
    assert (again.status_code, again.json()) == (200, first.json())
    for name in ("ce-id", "ce-time", "ce-type"):
        assert again.headers[name] == first.headers[name]
    assert status(api, changed) == 200


def test_c2_deliveries_at_once_have_one_effect(api: Api, account: Account) -> None:
    api.login(account)
    id_ = uuid.uuid4().hex

    def deliver(_: int) -> requests.Response:
        with requests.Session() as session:
            return send(Api(api.target, session), "session.revoke", {"name": account.name}, id_=id_)

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(deliver, range(8)))
    assert [done(reply, "session.revoke.done")["ended"] for reply in replies] == [1] * 8
    assert len({reply.headers["ce-id"] for reply in replies}) == 1


def test_c2_a_login_that_is_asked_for_again_is_answered_the_same(api: Api, account: Account) -> None:
    id_ = uuid.uuid4().hex
    asked = {"username": account.name, "password": account.password}
    first = send(api, "login.request", asked, id_=id_)
    again = send(api, "login.request", asked, id_=id_)
    assert done(again, "login.succeeded") == first.json()
    assert again.headers["ce-id"] == first.headers["ce-id"]


@pytest.mark.parametrize(
    "authorization", [{}, {"Authorization": "Bearer " + "x" * 40}, {"Authorization": "Bearer a.b.c"}]
)
def test_c0_without_the_token_nothing_is_written(api: Api, authorization: dict[str, str]) -> None:
    account, id_ = fresh(), uuid.uuid4().hex
    refused = send(api, "user.provision", account._asdict(), id_=id_, headers=authorization)
    assert refused.status_code == 401
    assert done(send(api, "user.provision", account._asdict(), id_=id_), "user.provision.done")["created"]
