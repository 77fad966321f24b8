"""Refresh tokens and logout (T5, T6)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.contract.conftest import Account, Api


def refused(response: requests.Response) -> None:
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_grant"
    assert response.headers["Cache-Control"] == "no-store"


def test_t5_a_refresh_rotates_and_answers_as_rfc_6749_5_1(api: Api, account: Account) -> None:
    first = api.login(account)
    response = api.refresh(first["refresh_token"])
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    second = response.json()
    assert second.keys() == first.keys()
    assert second["refresh_token"] != first["refresh_token"]
    assert api.userinfo(second["access_token"]).json()["preferred_username"] == account.name


def test_t5_whoever_refreshes_at_once_gets_the_same_token(api: Api, account: Account) -> None:
    token = api.login(account)["refresh_token"]
    with ThreadPoolExecutor(10) as pool:
        responses = list(pool.map(api.refresh, [token] * 10))
    assert {response.status_code for response in responses} == {200}
    current = {response.json()["refresh_token"] for response in responses}
    assert len(current) == 1
    assert api.refresh(current.pop()).status_code == 200


def test_t5_a_client_whose_answer_was_lost_goes_on(api: Api, account: Account) -> None:
    token = api.login(account)["refresh_token"]
    api.refresh(token)  # the answer that got lost
    again = api.refresh(token)
    assert again.status_code == 200
    assert api.refresh(again.json()["refresh_token"]).status_code == 200


def test_t5_reuse_of_an_old_token_ends_the_whole_family(api: Api, account: Account) -> None:
    first = api.login(account)["refresh_token"]
    second = api.refresh(first).json()["refresh_token"]
    third = api.refresh(second).json()["refresh_token"]
    refused(api.refresh(first))
    refused(api.refresh(third))


def test_t5_reuse_leaves_other_sessions_alone(api: Api, account: Account) -> None:
    stolen, other = api.login(account)["refresh_token"], api.login(account)["refresh_token"]
    second = api.refresh(stolen).json()["refresh_token"]
    api.refresh(second)
    refused(api.refresh(stolen))
    assert api.refresh(other).status_code == 200


def test_t5_a_token_that_was_changed_is_refused_and_ends_nothing(api: Api, account: Account) -> None:
    token = api.login(account)["refresh_token"]
    for at in range(len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        refused(api.refresh(changed))
    assert api.refresh(token).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "lfr1_", "lfr1_AAAA", "é", "lfr1_" + "A" * 70])
def test_t5_nonsense_is_refused(api: Api, token: str) -> None:
    refused(api.refresh(token))


def test_t5_an_access_token_is_no_refresh_token(api: Api, account: Account) -> None:
    refused(api.refresh(api.login(account)["access_token"]))


def test_t6_logout_ends_the_session_and_no_other(api: Api, account: Account) -> None:
    ended, other = api.login(account)["refresh_token"], api.login(account)["refresh_token"]
    response = api.post("/logout", data={"refresh_token": ended})
    assert response.status_code == 204
    assert not response.content
    refused(api.refresh(ended))
    assert api.refresh(other).status_code == 200


def test_t6_logout_with_a_token_that_nobody_knows_is_204(api: Api) -> None:
    assert api.post("/logout", data={"refresh_token": "lfr1_AAAA"}).status_code == 204


def test_t6_logout_everywhere_ends_all_sessions_of_the_bearer(api: Api, account: Account) -> None:
    one, two = api.login(account), api.login(account)
    bearer = {"Authorization": f"Bearer {one['access_token']}"}
    assert api.post("/logout?all=true", headers=bearer).status_code == 204
    refused(api.refresh(one["refresh_token"]))
    refused(api.refresh(two["refresh_token"]))


def test_t6_logout_everywhere_needs_a_bearer(api: Api) -> None:
    assert api.post("/logout?all=true").status_code == 401


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [{}, {"token_type_hint": "refresh_token"}, {"token_type_hint": "nonsense"}])
def test_revoking_either_token_ends_the_session_and_no_other(
    api: Api, account: Account, kind: str, hint: dict[str, str]
) -> None:
    ended, other = api.login(account), api.login(account)
    response = api.post("/revoke", data={"token": ended[kind], **hint})
    assert response.status_code == 200
    assert not response.content
    assert "Content-Type" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"
    refused(api.refresh(ended["refresh_token"]))
    assert api.userinfo(ended["access_token"]).status_code == 401
    assert api.userinfo(other["access_token"]).status_code == 200
    assert api.refresh(other["refresh_token"]).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "lfr1_AAAA", "a.b.c", "é"])
def test_revoking_a_token_that_nobody_knows_is_200(api: Api, token: str) -> None:
    assert api.post("/revoke", data={"token": token}).status_code == 200


def test_revoking_nothing_is_invalid_request(api: Api) -> None:
    response = api.post("/revoke", data={"token_type_hint": "access_token"})
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"


def test_t6_a_session_that_ended_takes_its_access_token_along(api: Api, account: Account) -> None:
    tokens = api.login(account)
    api.post("/logout", data={"refresh_token": tokens["refresh_token"]})
    assert api.userinfo(tokens["access_token"]).status_code == 401


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "username": "x", "password": "y"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ([("grant_type", "refresh_token"), ("refresh_token", "a"), ("refresh_token", "b")], "invalid_request"),
    ],
)
def test_token_errors_are_rfc_6749_5_2(api: Api, form: object, error: str) -> None:
    response = api.post("/token", data=form, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json()["error"] == error


def test_token_takes_no_json(api: Api) -> None:
    response = api.post("/token", json={"grant_type": "refresh_token"})
    assert response.status_code == 415
    assert response.json()["error"] == "invalid_request"
