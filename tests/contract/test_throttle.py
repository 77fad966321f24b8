"""Guessing passwords (A1 to A5). Each mode has one address to come from; other networks are in tests/function."""

import json
import re
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.contract.conftest import PATIENCE, SETTINGS, Account, Api, Target, add_user

LIMIT = 5
WRONG = "not the password at all"


def attempt(api: Api, name: str, password: str, device: str = "", **headers: str) -> requests.Response:
    """As a client that keeps no cookies of its own."""
    return api.post("/login", json={"username": name, "password": password}, headers={"Cookie": device, **headers})


def device_of(response: requests.Response) -> str:
    assert response.status_code == 200, response.text
    return response.headers["Set-Cookie"].partition(";")[0]


def throttled(api: Api, account: Account) -> None:
    """Guess until it is enough."""
    assert [attempt(api, account.name, WRONG).status_code for _ in range(LIMIT)] == [401] * LIMIT
    assert attempt(api, account.name, WRONG).status_code == 429


def test_a1_a_throttled_name_is_refused_alike_whether_it_exists_or_not(api: Api, account: Account) -> None:
    def seen(name: str) -> list[tuple[object, ...]]:
        answers = []
        for _ in range(LIMIT + 2):
            response = attempt(api, name, WRONG)
            headers = {
                name: re.sub(r"t=\d+", "", value) if name == "RateLimit" else value
                for name, value in response.headers.items()
                if name not in {"Date", "X-Served-By", "Retry-After"}
            }
            answers.append((response.status_code, response.text, *sorted(headers.items())))
        return answers

    existing = seen(account.name)
    assert [status for status, *_ in existing] == [401] * LIMIT + [429] * 2
    assert seen(f"nobody-{uuid.uuid4().hex}") == existing
    assert seen(f"no body {uuid.uuid4().hex}") == existing


def test_a1_a_name_is_throttled_in_all_its_spellings(api: Api, account: Account) -> None:
    for _ in range(LIMIT):
        attempt(api, account.name.upper(), WRONG)
    wide = "".join(chr(ord(char) + 0xFEE0) if char.isalnum() else char for char in account.name)
    assert attempt(api, wide, WRONG).status_code == 429


def test_a2_of_parallel_guesses_no_more_than_the_limit_are_evaluated(api: Api, account: Account) -> None:
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: attempt(api, account.name, WRONG), range(40)))
    statuses = Counter(answer.status_code for answer in answers)
    # On a slow machine some have no place in the queue.
    assert statuses.keys() <= {401, 429, 503}, statuses
    assert statuses[401] <= LIMIT, statuses
    assert statuses[429] > 0, statuses
    assert attempt(api, account.name, account.password).status_code in {200, 429}


def test_a2_parallel_logins_of_one_person_all_succeed(api: Api, account: Account) -> None:
    def persistent(_: int) -> int:
        end = time.monotonic() + PATIENCE
        while (response := attempt(api, *account)).status_code == 503 and time.monotonic() < end:
            time.sleep(int(response.headers["Retry-After"]))
        return response.status_code

    with ThreadPoolExecutor(12) as pool:
        assert Counter(pool.map(persistent, range(12))) == {200: 12}


def test_a2_success_resets(api: Api, account: Account) -> None:
    for _ in range(2):
        assert [attempt(api, account.name, WRONG).status_code for _ in range(LIMIT - 1)] == [401] * (LIMIT - 1)
        response = attempt(api, *account)
        assert response.status_code == 200
        assert response.headers["RateLimit"] == f'"login";r={LIMIT}'


def test_a3_a_flood_does_not_shut_out_a_known_device(api: Api, account: Account) -> None:
    device = device_of(attempt(api, *account))
    throttled(api, account)
    assert attempt(api, *account).status_code == 429
    again = attempt(api, *account, device=device)
    # It is known from now on by what it was given last, too.
    assert attempt(api, *account, device=device_of(again)).status_code == 200


def test_a3_a_flood_does_not_keep_a_known_device_from_changing_the_password(api: Api, account: Account) -> None:
    first = attempt(api, *account)
    device, bearer = device_of(first), {"Authorization": f"Bearer {first.json()['access_token']}"}
    throttled(api, account)
    body = {"password": account.password, "new_password": "another battery horse staple"}
    assert api.post("/password", json=body, headers=bearer).status_code == 429
    assert api.post("/password", json=body, headers=bearer | {"Cookie": device}).status_code == 204


def test_a3_a_device_is_known_to_its_account_alone(api: Api, account: Account, target: Target) -> None:
    other = Account(f"user-{uuid.uuid4().hex}", account.password)
    add_user(target, *other)
    device = device_of(attempt(api, *other))
    throttled(api, account)
    name, _, token = device.partition("=")
    forged = [device, f"{name}=", f"{name}=x", f"{name}={token[:-2]}", f"{name}=lfd1_{'A' * 54}"]
    for cookie in forged:
        assert attempt(api, *account, device=cookie).status_code == 429


def test_a3_a_device_that_guesses_is_throttled_as_anybody(api: Api, account: Account) -> None:
    device = device_of(attempt(api, *account))
    statuses = [attempt(api, account.name, WRONG, device=device).status_code for _ in range(LIMIT + 1)]
    assert statuses == [401] * LIMIT + [429]
    # And shuts out nobody else.
    assert attempt(api, *account).status_code == 200


def test_a3_an_administrator_lets_somebody_try_again(api: Api, account: Account, target: Target) -> None:
    throttled(api, account)
    target.users("unlock", account.name)
    assert attempt(api, *account).status_code == 200


def test_a3_the_device_token_is_kept_from_scripts_and_other_sites(api: Api, account: Account) -> None:
    attributes = {part.strip() for part in attempt(api, *account).headers["Set-Cookie"].split(";")[1:]}
    assert attributes >= {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"}


def test_a4_a_forged_x_forwarded_for_moves_nothing(api: Api, account: Account) -> None:
    for number in range(LIMIT):
        attempt(api, account.name, WRONG, **{"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.{number}"})
    for forged in ("192.0.2.1", "2001:db8::1", "garbage", "192.0.2.1:80, [2001:db8::1]:80"):
        assert attempt(api, account.name, WRONG, **{"X-Forwarded-For": forged}).status_code == 429


def test_a5_every_verdict_says_how_many_failures_are_left(api: Api, account: Account) -> None:
    policy = f'"login";q={LIMIT};w=86400'
    for left in range(LIMIT - 1, -1, -1):
        response = attempt(api, account.name, WRONG)
        assert response.headers["RateLimit-Policy"] == policy
        assert re.fullmatch(rf'"login";r={left};t=\d+', response.headers["RateLimit"])
    response = attempt(api, account.name, WRONG)
    assert response.status_code == 429
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["RateLimit-Policy"] == policy
    wait = int(response.headers["Retry-After"])
    assert 1 <= wait <= int(SETTINGS["THROTTLE_DELAY"])
    assert response.headers["RateLimit"] == f'"login";r=0;t={wait}'


def test_a2_events_are_counted_in_the_same_way(api: Api, account: Account) -> None:
    """By the account, with all that a broker delivers as one origin: its address is not that of who guesses."""
    cookie = device_of(attempt(api, *account))

    def event() -> requests.Response:
        document = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": "/contract", "type": "login.request"}
        document |= {"data": {"username": account.name, "password": WRONG}}  # type: ignore[dict-item]
        headers = {
            "Authorization": f"Bearer {SETTINGS['EVENTS_TOKEN']}",
            "Content-Type": "application/cloudevents+json",
            "Cookie": cookie,
        }
        return api.post("/", data=json.dumps(document), headers=headers)

    assert [event().status_code for _ in range(LIMIT)] == [200] * LIMIT
    refused = event()
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert attempt(api, *account).status_code == 200
