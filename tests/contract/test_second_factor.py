"""The second factor (docs/second-factor.md), as a person with an authenticator app meets it."""

import base64
import hmac
import json
import re
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jwt
import pytest
import requests

from tests.contract.conftest import PATIENCE, SETTINGS, Account, Api, Target

EVENTS = {"Authorization": f"Bearer {SETTINGS['EVENTS_TOKEN']}", "Content-Type": "application/cloudevents+json"}
WRONG = "not the password at all"


#: Seconds that a request may take to be judged on a busy machine.
SLOW = 8


class App:
    """An authenticator app, by RFC 6238 and nothing else. It shows each code once, as the person waits for the next."""

    def __init__(self, secret: str) -> None:
        self._key = base64.b32decode(secret)
        # One step back is still taken, so there are three codes before anybody has to wait.
        self._shown = self._now() - 2

    def next(self) -> str:
        self._shown += 1
        end = time.monotonic() + 2 * PATIENCE
        while self._now() < self._shown - 1:
            assert time.monotonic() < end
            time.sleep(0.2)
        # A test that was slow has let codes pass. The oldest that is taken now is not for long: on its way it expires.
        self._shown = max(self._shown, int(time.time() + SLOW) // 30 - 1)
        return self._code(self._shown)

    def wrong(self) -> str:
        """Six digits that are none of those that are taken now, nor soon."""
        near = {self._code(self._now() + step) for step in range(-3, 10)}
        return next(code for code in (f"{number:06}" for number in range(100)) if code not in near)

    def _now(self) -> int:
        return int(time.time()) // 30

    def _code(self, step: int) -> str:
        mac = hmac.new(self._key, step.to_bytes(8, "big"), "sha1").digest()
        at = mac[19] % 16
        return str((int.from_bytes(mac[at : at + 4], "big") % 2**31) % 1_000_000).zfill(6)


class Person:
    """Somebody with an account, a session, an app and recovery codes."""

    def __init__(self, api: Api, account: Account) -> None:
        self.api = api
        self.account = account
        self.tokens = api.login(account)
        enrolled = self.own("POST", "/mfa/totp", {"password": account.password})
        assert enrolled.status_code == 200, enrolled.text
        self.enrolment: Mapping[str, Any] = enrolled.json()
        self.app = App(self.enrolment["secret"])
        self.codes: list[str] = []

    def confirm(self) -> "Person":
        confirmed = self.own("POST", "/mfa/totp/confirm", {"otp": self.app.next()})
        assert confirmed.status_code == 200, confirmed.text
        self.codes = confirmed.json()["recovery_codes"]
        return self

    def own(self, method: str, path: str, body: Mapping[str, str] | None = None) -> requests.Response:
        """A request about the own account, with the access token of the first session."""
        bearer = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        return self.api.call(method, path, headers=bearer, json=body)

    def login(self, **more: str) -> requests.Response:
        body = {"username": self.account.name, "password": self.account.password, **more}
        return self.api.post("/login", json=body)

    def challenge(self) -> str:
        return str(required(self.login())["challenge"])

    def answer(self, challenge: str, **proof: str) -> requests.Response:
        return self.api.post("/login/mfa", json={"challenge": challenge, **proof})


def signed_up(api: Api, password: str) -> Account:
    made = Account(f"user-{uuid.uuid4().hex}", password)
    assert api.post("/users", json={"username": made.name, "password": password}).status_code == 201
    return made


@pytest.fixture
def account(api: Api) -> Account:
    """As everywhere, but by sign-up: starting a command for each takes longer than all that is tested here."""
    return signed_up(api, f"correct horse {uuid.uuid4().hex}")


@pytest.fixture
def person(api: Api, account: Account) -> Person:
    return Person(api, account).confirm()


def problem(response: requests.Response, status: int, error: str) -> Mapping[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    body: Mapping[str, Any] = response.json()
    assert body["error"] == error
    return body


def required(response: requests.Response) -> Mapping[str, Any]:
    body = problem(response, 403, "mfa_required")
    assert "WWW-Authenticate" not in response.headers
    assert 0 < body["expires_in"] <= 900
    return body


def granted(response: requests.Response) -> Mapping[str, Any]:
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    tokens: Mapping[str, Any] = response.json()
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    return tokens


def amr(tokens: Mapping[str, Any]) -> Any:
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})["amr"]


# Enrolment


def test_m1_it_is_off_until_somebody_enrols(api: Api, account: Account) -> None:
    tokens = api.login(account)
    assert amr(tokens) == ["pwd"]
    state = api.get("/mfa", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert state.json() == {"totp": "off", "recovery_codes": 0}
    assert state.headers["Cache-Control"] == "no-store"


def test_m1_who_enrols_gets_a_secret_for_an_app(api: Api, account: Account) -> None:
    person = Person(api, account)
    assert len(base64.b32decode(person.enrolment["secret"])) * 8 >= 160
    parts = urlsplit(person.enrolment["uri"])
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == f"/{urlsplit(SETTINGS['ISSUER']).hostname}:{account.name}"
    assert parse_qs(parts.query)["secret"] == [person.enrolment["secret"]]
    assert parse_qs(parts.query)["issuer"] == [urlsplit(SETTINGS["ISSUER"]).hostname]
    assert person.own("GET", "/mfa").json() == {"totp": "pending", "recovery_codes": 0}


def test_m1_until_it_is_confirmed_it_changes_nothing(api: Api, account: Account) -> None:
    person = Person(api, account)
    problem(person.own("POST", "/mfa/totp/confirm", {"otp": person.app.wrong()}), 403, "invalid_code")
    assert amr(granted(person.login())) == ["pwd"]
    person.confirm()
    required(person.login())


def test_m1_who_enrols_again_before_confirming_has_the_new_secret_alone(api: Api, account: Account) -> None:
    person, again = Person(api, account), Person(api, account)
    assert person.enrolment["secret"] != again.enrolment["secret"]
    problem(person.own("POST", "/mfa/totp/confirm", {"otp": person.app.next()}), 403, "invalid_code")
    again.confirm()


def test_m1_enrolling_takes_the_current_password(api: Api, account: Account) -> None:
    bearer = {"Authorization": f"Bearer {api.login(account)['access_token']}"}
    assert api.post("/mfa/totp", json={"password": WRONG}, headers=bearer).status_code == 403
    assert api.post("/mfa/totp", json={}, headers=bearer).status_code == 400
    assert api.get("/mfa", headers=bearer).json()["totp"] == "off"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/mfa"),
        ("POST", "/mfa/totp"),
        ("DELETE", "/mfa/totp"),
        ("POST", "/mfa/totp/confirm"),
        ("POST", "/mfa/recovery-codes"),
    ],
)
def test_m1_ones_own_second_factor_takes_a_bearer(api: Api, method: str, path: str) -> None:
    response = api.call(method, path, json={"password": "x", "otp": "123456"})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_m4_confirming_tells_ten_recovery_codes_once(person: Person) -> None:
    assert len(set(person.codes)) == 10
    assert min(len(base64.b32decode(code.replace("-", "").upper())) * 8 for code in person.codes) >= 64
    state = person.own("GET", "/mfa")
    assert state.json() == {"totp": "on", "recovery_codes": 10}
    assert person.own("POST", "/mfa/totp/confirm", {"otp": person.app.next()}).status_code == 409
    assert person.own("POST", "/mfa/totp", {"password": person.account.password}).status_code == 409


def test_m6_turning_it_on_ends_the_other_sessions_and_lifts_this_one(api: Api, account: Account) -> None:
    other = api.login(account)
    person = Person(api, account).confirm()
    assert api.refresh(other["refresh_token"]).status_code == 400
    refreshed = api.refresh(person.tokens["refresh_token"])
    assert amr(granted(refreshed)) == ["pwd", "otp", "mfa"]


# Login


def test_m3_the_right_password_alone_gets_a_challenge_and_no_token(person: Person) -> None:
    body = required(person.login())
    assert "token" not in json.dumps(body)


def test_a1_a_wrong_password_looks_like_any_other_whatever_comes_along(api: Api, person: Person) -> None:
    def seen(name: str, **more: str) -> tuple[object, ...]:
        response = api.post("/login", json={"username": name, "password": WRONG, **more})
        ignored = {"Date", "X-Served-By", "RateLimit"}
        headers = sorted((name, value) for name, value in response.headers.items() if name not in ignored)
        return response.status_code, response.text, *headers

    nobody = seen(f"nobody-{uuid.uuid4().hex}")
    assert nobody[0] == 401
    assert seen(person.account.name) == nobody
    assert seen(person.account.name, otp=person.app.next()) == nobody
    assert seen(person.account.name, recovery_code=person.codes[0]) == nobody
    # Nothing was used up by that, either.
    granted(person.login(recovery_code=person.codes[0]))


def test_m3_the_code_may_come_after_the_password(api: Api, person: Person) -> None:
    tokens = granted(person.answer(person.challenge(), otp=person.app.next()))
    assert amr(tokens) == ["pwd", "otp", "mfa"]
    assert api.userinfo(tokens["access_token"]).json()["preferred_username"] == person.account.name


def test_m3_the_code_may_come_with_the_password(person: Person) -> None:
    code = person.app.next()
    assert amr(granted(person.login(otp=f"{code[:3]} {code[3:]}"))) == ["pwd", "otp", "mfa"]


def test_m3_both_steps_take_a_form(api: Api, person: Person) -> None:
    form = {"username": person.account.name, "password": person.account.password}
    challenge = required(api.post("/login", data=form))["challenge"]
    granted(api.post("/login/mfa", data={"challenge": challenge, "otp": person.app.next()}))


def test_m2_a_code_opens_once(person: Person) -> None:
    first, second = person.challenge(), person.challenge()
    code = person.app.next()
    granted(person.answer(first, otp=code))
    problem(person.answer(second, otp=code), 403, "invalid_code")
    problem(person.login(otp=code), 403, "invalid_code")
    granted(person.answer(second, otp=person.app.next()))


def test_m2_a_code_before_one_that_was_used_opens_no_more(person: Person) -> None:
    earlier, later = person.app.next(), person.app.next()
    granted(person.login(otp=later))
    problem(person.login(otp=earlier), 403, "invalid_code")


def test_m2_of_many_who_send_one_code_at_once_one_gets_in(person: Person) -> None:
    challenges, code = [person.challenge() for _ in range(4)], person.app.next()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda challenge: person.answer(challenge, otp=code), challenges))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]


def test_m3_a_challenge_opens_once(person: Person) -> None:
    challenge = person.challenge()
    problem(person.answer(challenge, otp=person.app.wrong()), 403, "invalid_code")
    granted(person.answer(challenge, otp=person.app.next()))
    code = person.app.next()
    problem(person.answer(challenge, otp=code), 401, "invalid_challenge")
    # And the code is still good for a login that has the password.
    granted(person.login(otp=code))


def test_m3_a_wrong_code_beside_the_right_password_leaves_a_challenge(person: Person) -> None:
    body = problem(person.login(otp=person.app.wrong()), 403, "invalid_code")
    granted(person.answer(body["challenge"], otp=person.app.next()))


def test_m3_nothing_but_login_mfa_takes_a_challenge(api: Api, person: Person) -> None:
    challenge = person.challenge()
    assert api.userinfo(challenge).status_code == 401
    assert api.refresh(challenge).status_code == 400
    assert api.get("/mfa", headers={"Authorization": f"Bearer {challenge}"}).status_code == 401
    with pytest.raises(jwt.InvalidTokenError):
        jwt.get_unverified_header(challenge)
    for token in person.tokens["access_token"], person.tokens["refresh_token"]:
        problem(person.answer(token, otp=person.app.wrong()), 401, "invalid_challenge")


def test_m3_a_challenge_that_was_changed_is_none(person: Person) -> None:
    challenge = person.challenge()
    for at in range(0, len(challenge), 5):
        changed = challenge[:at] + ("A" if challenge[at] != "A" else "B") + challenge[at + 1 :]
        problem(person.answer(changed, otp="123456"), 401, "invalid_challenge")
    for nonsense in ("", "x", "lfm1_", "lfm1_AAAA", "\N{LATIN SMALL LETTER E WITH ACUTE}", challenge + "A"):
        problem(person.answer(nonsense, otp="123456"), 401, "invalid_challenge")
    granted(person.answer(challenge, otp=person.app.next()))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"challenge": "x"},
        {"otp": "123456"},
        {"challenge": "x", "otp": ""},
        {"challenge": "x", "otp": 123456},
        {"challenge": "x", "otp": "123456", "recovery_code": "y"},
    ],
)
def test_m3_what_is_no_answer_to_a_challenge_is_400(api: Api, body: object) -> None:
    assert api.post("/login/mfa", json=body).status_code == 400


def test_m3_a_challenge_is_void_when_the_password_was_changed(api: Api, account: Account) -> None:
    person = Person(api, account).confirm()
    challenge, fresh = person.challenge(), f"battery staple {uuid.uuid4().hex}"
    changed = person.own("POST", "/password", {"password": account.password, "new_password": fresh})
    assert changed.status_code == 204, changed.text
    problem(person.answer(challenge, otp=person.app.next()), 401, "invalid_challenge")


def test_m6_a_changed_password_leaves_the_second_factor_on(api: Api, account: Account) -> None:
    person = Person(api, account).confirm()
    fresh = f"battery staple {uuid.uuid4().hex}"
    assert person.own("POST", "/password", {"password": account.password, "new_password": fresh}).status_code == 204
    required(api.post("/login", json={"username": account.name, "password": fresh}))


def test_m3_nobody_who_was_disabled_gets_in_by_a_challenge(target: Target, person: Person) -> None:
    challenge = person.challenge()
    target.users("disable", person.account.name)
    problem(person.answer(challenge, otp=person.app.next()), 401, "invalid_challenge")


def test_m6_a_refresh_goes_on_without_a_code_and_says_how_it_began(api: Api, person: Person) -> None:
    tokens = granted(person.login(recovery_code=person.codes[0]))
    for _ in range(2):
        assert amr(tokens) == ["pwd", "mfa"]
        tokens = granted(api.refresh(tokens["refresh_token"]))


def test_m1_a_code_that_nobody_asked_for_is_ignored(api: Api, account: Account) -> None:
    body = {"username": account.name, "password": account.password, "otp": "123456"}
    assert amr(granted(api.post("/login", json=body))) == ["pwd"]


# Recovery codes, removal, guessing


def test_m4_a_recovery_code_opens_once_however_it_is_typed(person: Person) -> None:
    granted(person.answer(person.challenge(), recovery_code=person.codes[0].upper().replace("-", " ")))
    problem(person.login(recovery_code=person.codes[0]), 403, "invalid_code")
    granted(person.login(recovery_code=person.codes[1]))
    assert person.own("GET", "/mfa").json()["recovery_codes"] == 8


def test_m4_of_many_who_send_one_recovery_code_at_once_one_gets_in(person: Person) -> None:
    challenges = [person.challenge() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda challenge: person.answer(challenge, recovery_code=person.codes[0]), challenges))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]


def test_m4_a_recovery_code_is_its_owners_alone(api: Api, person: Person) -> None:
    other = Person(api, signed_up(api, person.account.password)).confirm()
    problem(other.login(recovery_code=person.codes[0]), 403, "invalid_code")
    granted(person.login(recovery_code=person.codes[0]))


def test_m4_new_recovery_codes_take_the_place_of_the_old(person: Person) -> None:
    password = person.account.password
    renewed = person.own("POST", "/mfa/recovery-codes", {"password": password, "recovery_code": person.codes[0]})
    codes = renewed.json()["recovery_codes"]
    assert len(set(codes)) == 10
    assert not set(codes) & set(person.codes)
    problem(person.login(recovery_code=person.codes[1]), 403, "invalid_code")
    granted(person.login(recovery_code=codes[0]))


def test_m1_removing_it_takes_the_password_and_a_code(api: Api, person: Person) -> None:
    password = person.account.password
    assert person.own("DELETE", "/mfa/totp", {"password": password}).status_code == 400
    assert person.own("DELETE", "/mfa/totp", {"otp": person.app.wrong()}).status_code == 400
    assert person.own("DELETE", "/mfa/totp", {"password": WRONG, "otp": person.app.next()}).status_code == 403
    wrong = person.own("DELETE", "/mfa/totp", {"password": password, "otp": person.app.wrong()})
    problem(wrong, 403, "invalid_code")
    other = granted(person.login(recovery_code=person.codes[0]))
    required(person.login())
    removed = person.own("DELETE", "/mfa/totp", {"password": password, "recovery_code": person.codes[1]})
    assert removed.status_code == 204
    assert amr(granted(person.login())) == ["pwd"]
    assert api.refresh(other["refresh_token"]).status_code == 400
    assert person.own("GET", "/mfa").json() == {"totp": "off", "recovery_codes": 0}
    assert person.own("DELETE", "/mfa/totp", {"password": password, "otp": "123456"}).status_code == 409


def test_m6_an_administrator_turns_it_off_for_who_has_lost_everything(target: Target, api: Api, person: Person) -> None:
    target.users("mfa-reset", person.account.name)
    assert api.refresh(person.tokens["refresh_token"]).status_code == 400
    assert amr(granted(person.login())) == ["pwd"]


@pytest.mark.parametrize("kind", ["otp", "recovery_code"])
def test_m5_after_too_many_wrong_codes_right_ones_are_refused_for_a_while(person: Person, kind: str) -> None:
    challenge = person.challenge()
    for _ in range(5):
        problem(person.answer(challenge, **{kind: person.app.wrong()}), 403, "invalid_code")
    throttled = person.answer(challenge, otp=person.app.next())
    assert throttled.status_code == 429
    assert int(throttled.headers["Retry-After"]) > 0
    assert person.answer(challenge, recovery_code=person.codes[0]).status_code == 429
    assert person.login(otp=person.app.next()).status_code == 429
    # The password is asked for and judged as ever, and so are sessions.
    required(person.login())


def test_m5_of_many_wrong_codes_at_once_no_more_than_the_limit_are_judged(person: Person) -> None:
    challenge, code = person.challenge(), person.app.wrong()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: person.answer(challenge, otp=code), range(20)))
    assert sorted(answer.status_code for answer in answers) == [403] * 5 + [429] * 15


# Events, metrics


def login_request(api: Api, **data: str) -> Mapping[str, Any]:
    event = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/contract", "type": "login.request", "data": data}
    response = api.post("/", data=json.dumps(event), headers=EVENTS)
    assert response.status_code == 200, response.text
    reply: Mapping[str, Any] = response.json()
    return reply


def test_c2_the_event_takes_the_code_too(api: Api, person: Person) -> None:
    asked = {"username": person.account.name, "password": person.account.password}
    missing = login_request(api, **asked)
    assert missing["type"] == "login.failed"
    assert missing["data"]["reason"] == "mfa_required"
    wrong = login_request(api, **asked, otp=person.app.wrong())
    assert wrong["type"] == "login.failed"
    assert wrong["data"]["reason"] == "invalid_code"
    for reply in missing, wrong:
        assert "challenge" not in reply["data"]
    right = login_request(api, **asked, otp=person.app.next())
    assert right["type"] == "login.succeeded"
    assert right["data"]["amr"] == ["pwd", "otp", "mfa"]
    # A1 here as well.
    refused = login_request(api, **asked | {"password": WRONG}, otp=person.app.next())
    assert refused["data"].keys() == {"request"}


def test_second_factors_are_counted(api: Api, person: Person) -> None:
    challenge = person.challenge()
    person.answer(challenge, otp=person.app.wrong())
    person.answer(challenge, otp=person.app.next())
    text = api.get("/metrics").text
    for outcome in ("required", "wrong", "ok"):
        assert re.search(rf'^login_second_factors_total{{outcome="{outcome}"}} [1-9]', text, re.MULTILINE)
