"""What is told to K_SINK (C3)."""

import json
import uuid
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sink import Received, Sink

from tests.contract.conftest import SETTINGS, Account, Api, Target, add_user, eventually

SCHEMAS = Path(__file__).parents[2] / "function/eventing/schemas"
BEARER = {"Authorization": f"Bearer {SETTINGS['EVENTS_TOKEN']}"}
#: In every password here; and how hashes and tokens begin.
CANARY = "canary in the coal mine"
SECRETS = (CANARY, "$2b$", "$hs384v1$", "lfr1_", "eyJ", "Bearer")


@pytest.fixture
def canary(target: Target) -> Account:
    made = Account(f"user-{uuid.uuid4().hex}", f"{CANARY} {uuid.uuid4().hex}")
    add_user(target, *made)
    return made


def checked(events: list[Received]) -> list[Received]:
    """Events that are what they say, and hold no secret."""
    for event in events:
        assert event.headers["ce-source"] == SETTINGS["ISSUER"]
        assert event.headers["ce-specversion"] == "1.0"
        assert event.headers["ce-partitionkey"] == event.headers["ce-subject"] == event.data["sub"]
        jsonschema.validate(event.data, json.loads((SCHEMAS / f"{event.type}.json").read_text()))
        said = json.dumps([event.headers, event.data])
        assert not [secret for secret in SECRETS if secret in said]
    assert len({event.id for event in events}) == len(events)
    return events


def post(api: Api, type_: str, data: Any) -> None:
    attributes = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/hr", "type": type_}
    headers = {**BEARER, **{f"ce-{name}": value for name, value in attributes.items()}}
    assert api.post("/", json=data, headers=headers).status_code == 200


def test_c3_a_users_life_is_told_in_order(api: Api, canary: Account, sink: Sink) -> None:
    sub = api.userinfo(api.login(canary)["access_token"]).json()["sub"]
    wrong = {"username": canary.name, "password": f"{CANARY}, wrong"}
    assert api.post("/login", json=wrong).status_code == 401
    api.login(canary)
    post(api, "user.disable", {"name": canary.name})
    assert api.post("/login", json=wrong).status_code == 401
    told = ("user.created", "login.succeeded", "login.failed", "login.succeeded", "user.disabled", "login.failed")
    created, first, failed, *_, disabled, refused = checked(sink.until(*told, user=user_id_of(sink, canary)))
    assert created.data["name"] == disabled.data["name"] == canary.name
    assert (failed.data["reason"], refused.data["reason"]) == ("wrong password", "disabled user")
    assert first.data["client"]
    assert first.data["sub"] == sub


def user_id_of(sink: Sink, account: Account) -> str:
    """The id of the user, as user.created tells it."""

    def told() -> list[str]:
        return [
            e.headers["ce-subject"]
            for e in sink.received
            if e.type == "user.created" and e.data["name"] == account.name
        ]

    eventually(lambda: bool(told()), "user.created did not come")
    return told()[0]


def test_c3_reuse_of_a_token_is_told(api: Api, canary: Account, sink: Sink) -> None:
    first = api.login(canary)["refresh_token"]
    second = api.refresh(first).json()["refresh_token"]
    third = api.refresh(second).json()
    assert api.refresh(first).status_code == 400
    told = checked(sink.until("user.created", "login.succeeded", "token.reuse_detected", user=user_id_of(sink, canary)))
    assert told[-1].data["sid"] == told[-2].data["sid"]
    assert api.userinfo(third["access_token"]).status_code == 401


def test_c3_signing_up_and_provisioning_are_told(api: Api, sink: Sink) -> None:
    for number, make in enumerate(
        (
            lambda name, password: api.post("/users", json={"username": name, "password": password}),
            lambda name, password: post(api, "user.provision", {"name": name, "password": password}),
        )
    ):
        account = Account(f"user-{uuid.uuid4().hex}", f"{CANARY} {number}")
        make(*account)
        api.login(account)
        checked(sink.until("user.created", "login.succeeded", user=user_id_of(sink, account)))


def test_c3_names_that_nobody_has_are_not_told_of(api: Api, canary: Account, sink: Sink) -> None:
    before = len(sink.received)
    nobody = f"nobody-{uuid.uuid4().hex}"
    for _ in range(3):
        assert api.post("/login", json={"username": nobody, "password": CANARY}).status_code == 401
    api.login(canary)
    checked(sink.until("user.created", "login.succeeded", user=user_id_of(sink, canary)))
    later = sink.received[before:]
    assert nobody not in json.dumps([event.data for event in later])
    assert all(event.data["sub"] for event in later)


def test_c3_a_mailer_exchanges_the_reference_of_a_reset_once(
    api: Api, canary: Account, target: Target, sink: Sink
) -> None:
    mailer = f"mailer-{uuid.uuid4().hex[:8]}"
    credential = (mailer, target.command("clients", "add", mailer).strip())
    assert api.post("/password/reset", json={"username": canary.name}).status_code == 202
    [_, asked] = checked(sink.until("user.created", "password.reset_requested", user=user_id_of(sink, canary)))
    reference = {"reference": asked.data["reference"]}
    # The reference by itself is worth nothing, here or as a token.
    assert api.post("/password/reset/exchange", data=reference).status_code == 401
    as_token = {"token": asked.data["reference"], "new_password": f"{CANARY}, new"}
    assert api.post("/password/reset", json=as_token).status_code == 400
    exchanged = api.post("/password/reset/exchange", data=reference, auth=credential)
    assert exchanged.status_code == 200, exchanged.text
    assert exchanged.headers["Cache-Control"] == "no-store"
    assert exchanged.json()["preferred_username"] == canary.name
    again = api.post("/password/reset/exchange", data=reference, auth=credential)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    new = canary._replace(password=f"{CANARY}, new")
    chosen = {"token": exchanged.json()["token"], "new_password": new.password}
    assert api.post("/password/reset", json=chosen).status_code == 204
    api.login(new)
