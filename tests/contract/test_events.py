"""CloudEvents in and out, at POST / (C0, C1)."""

import base64
import json
import uuid
from typing import Any

import pytest
import requests

from tests.contract.conftest import SETTINGS, Account, Api

BEARER = {"Authorization": f"Bearer {SETTINGS['EVENTS_TOKEN']}"}
STRUCTURED = "application/cloudevents+json"


def attributes(**changes: Any) -> dict[str, Any]:
    given = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/contract", "type": "login.request"} | changes
    return {name: value for name, value in given.items() if value is not None}


def binary(api: Api, data: Any, *, media: str = "application/json", **changes: Any) -> requests.Response:
    headers = {f"ce-{name}": value for name, value in attributes(**changes).items()}
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return api.post("/", data=body, headers={**BEARER, **headers, "Content-Type": media})


def structured(api: Api, **changes: Any) -> requests.Response:
    body = json.dumps(attributes(**changes))
    return api.post("/", data=body, headers={**BEARER, "Content-Type": STRUCTURED})


def credentials(account: Account) -> dict[str, str]:
    return {"username": account.name, "password": account.password}


def test_c2_a_binary_request_gets_a_binary_reply(api: Api, account: Account) -> None:
    response = binary(api, credentials(account), id="abc")
    assert response.status_code == 200
    assert response.headers["ce-specversion"] == "1.0"
    assert response.headers["ce-type"] == "login.succeeded"
    assert response.headers["ce-source"] == SETTINGS["ISSUER"]
    assert response.headers["ce-id"]
    assert response.headers["Content-Type"] == "application/json"
    assert response.json()["request"] == {"id": "abc", "source": "/contract"}
    assert response.json()["sub"]


def test_c2_a_structured_request_gets_a_structured_reply(api: Api, account: Account) -> None:
    response = structured(api, data=credentials(account))
    assert response.status_code == 200
    assert response.headers["Content-Type"] == STRUCTURED
    reply = response.json()
    assert reply["type"] == "login.succeeded"
    assert reply["specversion"] == "1.0"
    assert reply["data"]["sub"]


def test_c2_data_may_be_base64(api: Api, account: Account) -> None:
    encoded = base64.b64encode(json.dumps(credentials(account)).encode()).decode()
    response = structured(api, data_base64=encoded, datacontenttype="application/json; charset=utf-8")
    assert response.json()["type"] == "login.succeeded"


def test_c2_a_refused_login_is_a_reply_too_and_holds_no_secret(api: Api, account: Account) -> None:
    wrong = {"username": account.name, "password": "not the password at all"}
    for response in (binary(api, wrong), structured(api, data=wrong)):
        assert response.status_code == 200
        assert "login.failed" in response.headers.get("ce-type", response.text)
        assert "not the password" not in response.text
        assert account.name not in response.text
    assert "$2b$" not in binary(api, credentials(account)).text


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer wrong", "Basic eDp5", "Bearer " + "é" * 40])
def test_c0_without_the_token_it_is_401(api: Api, authorization: str | None) -> None:
    headers: dict[str, Any] = {f"ce-{name}": value for name, value in attributes().items()}
    if authorization is not None:
        headers["Authorization"] = authorization.encode("latin-1", "replace")
    response = api.post("/", json={}, headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("media", ["application/cloudevents-batch+json", "application/cloudevents+xml"])
def test_c1_batches_and_other_formats_are_415(api: Api, media: str) -> None:
    for body in (b"[]", json.dumps([attributes()]).encode()):
        response = api.post("/", data=body, headers={**BEARER, "Content-Type": media})
        assert response.status_code == 415


def test_c1_an_unknown_type_is_415(api: Api) -> None:
    assert binary(api, {}, type="login.unknown").status_code == 415
    assert structured(api, type="login.unknown").status_code == 415


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": ""},
        {"source": None},
        {"source": ""},
        {"type": None},
        {"type": ""},
        {"specversion": None},
        {"specversion": "0.3"},
        {"specversion": "2.0"},
        {"time": "yesterday"},
        {"subject": ""},
    ],
    ids=str,
)
def test_c1_what_breaks_the_specification_is_400(api: Api, account: Account, changes: dict[str, Any]) -> None:
    assert binary(api, credentials(account), **changes).status_code == 400
    assert structured(api, data=credentials(account), **changes).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        json.dumps(attributes(id=7)).encode(),
        json.dumps(attributes(UPPER="x")).encode(),
        json.dumps(attributes(data={}, data_base64="e30=")).encode(),
        json.dumps(attributes(data_base64="***")).encode(),
        b'{"id": "a", "id": "b", "specversion": "1.0", "source": "c", "type": "login.request", "data": {}}',
    ],
    ids=range(10),
)
def test_c1_malformed_structured_events_are_400(api: Api, body: bytes) -> None:
    assert api.post("/", data=body, headers={**BEARER, "Content-Type": STRUCTURED}).status_code == 400


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", [], {}, {"username": "x"}, {"username": "x", "password": 1}, "x"], ids=str
)
def test_c1_data_that_is_not_the_types_is_400(api: Api, data: Any) -> None:
    assert binary(api, data).status_code == 400


def test_c1_data_that_is_not_json_is_400(api: Api) -> None:
    assert binary(api, b"username=x", media="application/x-www-form-urlencoded").status_code == 400


def test_c1_header_values_are_percent_decoded_once(api: Api, account: Account) -> None:
    response = binary(api, credentials(account), id="a%20%25b%E2%82%AC")
    assert response.json()["request"]["id"] == "a %b\N{EURO SIGN}"
    response = binary(api, credentials(account), id="%2525")
    assert response.json()["request"]["id"] == "%25"


@pytest.mark.parametrize("id_", ["%FF", "%C3%28", b"\xff"], ids=str)
def test_c1_header_values_that_are_not_utf_8_are_400(api: Api, id_: str | bytes) -> None:
    assert binary(api, {}, id=id_).status_code == 400


def test_c1_no_event_at_all_is_400(api: Api) -> None:
    assert api.post("/", json={}, headers=BEARER).status_code == 400
