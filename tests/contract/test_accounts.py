"""Signing up, changing one's password and resetting it (T6)."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from function.endpoints.selfservice import ASKED_SECONDS
from tests.contract.conftest import Account, Api, Target
from tests.contract.test_surface import is_problem

NEW = "a better one than before"


@pytest.fixture
def newcomer() -> Account:
    return Account(f"newcomer-{uuid.uuid4().hex}", f"correct horse {uuid.uuid4().hex}")


def sign_up(api: Api, account: Account) -> requests.Response:
    return api.post("/users", json={"username": account.name, "password": account.password})


def change(api: Api, token: str, old: str, new: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return api.post("/password", json={"password": old, "new_password": new}, headers=headers)


def status(api: Api, name: str, password: str) -> int:
    return api.post("/login", json={"username": name, "password": password}).status_code


def test_who_signs_up_can_log_in(api: Api, newcomer: Account) -> None:
    made = sign_up(api, newcomer._replace(name=newcomer.name.upper()))
    assert made.status_code == 201
    assert made.json()["preferred_username"] == newcomer.name
    claims = api.userinfo(api.login(newcomer)["access_token"]).json()
    assert claims == made.json()


def test_a_name_is_given_once(api: Api, newcomer: Account) -> None:
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: sign_up(api, newcomer).status_code, range(5)))
    assert sorted(answers) == [201, 409, 409, 409, 409]
    is_problem(sign_up(api, newcomer._replace(password=newcomer.password + "x")), 409)
    assert status(api, *newcomer) == 200


@pytest.mark.parametrize("name", ["", "two words", "nul\0", "x" * 300, "\udfff"])
def test_what_cannot_be_a_name_says_why(api: Api, newcomer: Account, name: str) -> None:
    refused = sign_up(api, newcomer._replace(name=name))
    is_problem(refused, 422)
    assert "cannot be a user name" in refused.json()["detail"]


@pytest.mark.parametrize("document", [{}, {"username": "x"}, {"username": "x", "password": 1}, []])
def test_what_is_no_account_is_400(api: Api, document: object) -> None:
    is_problem(api.post("/users", json=document), 400)


def test_t6_a_change_of_password_ends_the_other_sessions(api: Api, account: Account) -> None:
    own, other = api.login(account), api.login(account)
    answer = change(api, own["access_token"], account.password, NEW)
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.refresh(own["refresh_token"]).status_code == 200
    assert api.refresh(other["refresh_token"]).status_code == 400
    assert api.userinfo(other["access_token"]).status_code == 401
    assert status(api, account.name, account.password) == 401
    assert status(api, account.name, NEW) == 200


def test_a_change_needs_the_current_password(api: Api, account: Account) -> None:
    tokens = api.login(account)
    is_problem(change(api, tokens["access_token"], NEW, NEW), 403)
    assert status(api, *account) == 200
    assert api.refresh(tokens["refresh_token"]).status_code == 200


def test_a_change_needs_a_token(api: Api, account: Account) -> None:
    is_problem(api.post("/password", json={"password": account.password, "new_password": NEW}), 401)
    is_problem(change(api, api.login(account)["refresh_token"], account.password, NEW), 401)
    assert status(api, *account) == 200


@pytest.mark.parametrize("new", ["too short", "manchesterunited", "a control character \0", ""])
def test_a_change_tells_why_a_password_is_refused(api: Api, account: Account, new: str) -> None:
    refused = change(api, api.login(account)["access_token"], account.password, new)
    is_problem(refused, 422)
    assert refused.json()["detail"].startswith("The password ")


def test_of_two_changes_at_once_one_is_made(api: Api, account: Account) -> None:
    tokens = [api.login(account)["access_token"] for _ in range(2)]
    wanted = [f"the wish of number {number}" for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda at: change(api, tokens[at], account.password, wanted[at]).status_code, (0, 1)))
    # Who comes second has a session that has ended, a password that was right a moment ago, or one that is wrong.
    assert min(answers) == 204
    assert max(answers) in {401, 403, 409}
    assert status(api, account.name, wanted[answers.index(204)]) == 200


def redeem(api: Api, token: str, new: str = NEW) -> requests.Response:
    return api.post("/password/reset", json={"token": token, "new_password": new})


@pytest.fixture
def reset_token(target: Target, account: Account) -> str:
    return target.users("reset", account.name.upper()).strip()


def test_t6_a_reset_sets_the_password_and_ends_all_sessions(api: Api, account: Account, reset_token: str) -> None:
    tokens = api.login(account)
    answer = redeem(api, reset_token)
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.refresh(tokens["refresh_token"]).status_code == 400
    assert api.userinfo(tokens["access_token"]).status_code == 401
    assert status(api, *account) == 401
    assert status(api, account.name, NEW) == 200


def test_a_reset_token_is_good_once(api: Api, account: Account, reset_token: str) -> None:
    wanted = [f"the wish of number {number}" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda new: redeem(api, reset_token, new).status_code, wanted))
    assert sorted(answers) == [204, 400, 400, 400]
    assert status(api, account.name, wanted[answers.index(204)]) == 200
    is_problem(redeem(api, reset_token), 400)


def test_a_refused_password_does_not_use_a_reset_token_up(api: Api, reset_token: str) -> None:
    is_problem(redeem(api, reset_token, "too short"), 422)
    assert redeem(api, reset_token).status_code == 204


@pytest.mark.parametrize("void", ["a newer one", "a change of password", "a disabled user"])
def test_a_reset_token_is_void_after(api: Api, target: Target, account: Account, reset_token: str, void: str) -> None:
    if void == "a newer one":
        assert target.users("reset", account.name).strip() != reset_token
    elif void == "a change of password":
        assert change(api, api.login(account)["access_token"], account.password, NEW).status_code == 204
    else:
        target.users("disable", account.name)
    is_problem(redeem(api, reset_token, NEW + "!"), 400)


@pytest.mark.parametrize("token", ["", "x", "lpr1_", "lpr1_" + "A" * 43, "\0", "\ud800"])
def test_what_is_no_reset_token_is_400(api: Api, token: str) -> None:
    is_problem(redeem(api, token), 400)


@pytest.mark.parametrize(
    "document", [{}, {"token": "x"}, {"new_password": NEW}, {"username": "x", "token": "y"}, {"username": 1}]
)
def test_what_is_no_reset_is_400(api: Api, document: object) -> None:
    is_problem(api.post("/password/reset", json=document), 400)


def test_a1_who_asks_for_a_reset_learns_nothing(api: Api, target: Target, account: Account) -> None:
    disabled = f"disabled-{uuid.uuid4().hex}"
    target.users("import", "-", text=json.dumps({"name": disabled, "disabled_at": 1}) + "\n")
    seen, times = set(), []
    for name in (account.name, f"nobody-{uuid.uuid4().hex}", disabled, "two words", "", "\ud800", *[account.name] * 4):
        before = time.monotonic()
        answer = api.post("/password/reset", json={"username": name})
        times.append(time.monotonic() - before)
        headers = {key: value for key, value in answer.headers.items() if key not in {"Date", "X-Served-By"}}
        seen.add((answer.status_code, answer.text, *sorted(headers.items())))
    assert len(seen) == 1, seen
    assert answer.status_code == 202
    # Whatever there was to do was done before this was over.
    assert min(times) >= ASKED_SECONDS
