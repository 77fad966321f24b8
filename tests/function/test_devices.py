"""Device tokens (A3)."""

from collections.abc import Iterator
from pathlib import Path

import flask
import pytest

from function import routes, settings
from function.administration import accounts
from function.endpoints.login import guess_of
from function.guard import devices
from function.guard.devices import Devices
from function.guard.throttle import Via
from function.service import Service
from function.store import throttle
from function.web.call import Call
from tests.function.conftest import PASSWORD

DEVICES = Devices(b"k" * 32, 1000)
NOW = 1_800_000_000


def test_a3_a_token_names_its_device_to_its_account_for_its_lifetime() -> None:
    token = DEVICES.token("alice", "", NOW)
    device = DEVICES.device("alice", token, NOW + 999)
    assert device
    assert len(bytes.fromhex(device.id)) == 16
    assert device.issued_at == NOW
    assert DEVICES.device("alice", token, NOW + 1000) is None
    assert DEVICES.device("bob", token, NOW) is None
    assert Devices(b"x" * 32, 1000).device("alice", token, NOW) is None
    # A fresh one is for the same device, and each first one for another.
    fresh = DEVICES.device("alice", DEVICES.token("alice", device.id, NOW + 500), NOW + 1400)
    assert fresh == (device.id, NOW + 500)
    assert DEVICES.device("alice", DEVICES.token("alice", "", NOW), NOW) != device


@pytest.mark.parametrize("token", ["", "lfd1_", "lfd1_!", "é", "lfd1_" + "A" * 54, "A" * 10_000, "lfd1_A=", "\0"])
def test_a3_what_is_no_token_is_no_device(token: str) -> None:
    assert DEVICES.device("alice", token, NOW) is None


def test_a3_no_byte_of_a_token_can_be_changed() -> None:
    token = DEVICES.token("alice", "", NOW)
    for at in range(5, len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        # The last character has bits that stand for nothing.
        assert DEVICES.device("alice", changed, NOW) is None or at == len(token) - 1


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    environ = {"DATABASE_URL": f"sqlite:///{tmp_path}/login.db", "HASH_COST": "10"}
    made = Service(settings.load(environ), environ)
    accounts.add(made.database, "alice", made.passwords.hash(PASSWORD))
    yield made
    made.database.close()


def post(service: Service, path: str, body: dict[str, str], bearer: str = "") -> tuple[str, flask.Response]:
    """The device token that came with the answer, and the answer."""
    headers = {"Authorization": f"Bearer {bearer}"}
    with flask.Flask("test").test_request_context(path, method="POST", json=body, headers=headers):
        answer = routes.answer(service, flask.request)
    assert answer.status_code < 300
    return answer.headers["Set-Cookie"].partition(";")[0].removeprefix(f"{devices.COOKIE}="), answer


def known(service: Service, *tokens: str) -> list[bool]:
    found = []
    for token in tokens:
        with flask.Flask("test").test_request_context("/login", headers={"Cookie": f"{devices.COOKIE}={token}"}):
            call = Call(flask.request, trusted_proxies=0)
            found.append(guess_of(service, call, "alice", throttle.account("alice")).via is Via.DEVICE)
    return found


def test_a3_a_new_password_makes_all_devices_unknown_but_that_which_set_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise whoever knew the old one could have had any number of devices, with guesses of their own for each."""
    start = service.now()
    alice = {"username": "alice", "password": PASSWORD}
    thief, answer = post(service, "/login", alice)
    monkeypatch.setattr(service, "now", lambda: start + 10)
    body = {"password": PASSWORD, "new_password": PASSWORD + " anew"}
    owner, _ = post(service, "/password", body, answer.get_json()["access_token"])
    assert known(service, thief, owner) == [False, True]
    monkeypatch.setattr(service, "now", lambda: start + 20)
    token = service.resets.make(accounts.find(service.database, "alice"), service.now())
    after, _ = post(service, "/password/reset", {"token": token, "new_password": PASSWORD})
    assert known(service, thief, owner, after) == [False, False, True]
    # The cost of hashes may rise, the password stays: so do devices.
    service.passwords.cost = 11
    post(service, "/login", alice)
    assert known(service, after) == [True]
    accounts.delete(service.database, "alice")
    assert known(service, after) == [False]
