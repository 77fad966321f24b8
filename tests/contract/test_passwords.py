"""Passwords as people type them, and refusals that tell nothing (N, A1)."""

import uuid

import pytest

from function.passwords import MAX_BYTES
from tests.contract.conftest import Account, Api, Target


def login_status(api: Api, name: str, password: str) -> int:
    return api.post("/login", json={"username": name, "password": password}).status_code


@pytest.fixture
def name() -> str:
    return f"user-{uuid.uuid4().hex}"


def test_n2_64_emoji_work(api: Api, target: Target, name: str) -> None:
    target.add_user(name, "\N{PILE OF POO}" * 64)
    assert login_status(api, name, "\N{PILE OF POO}" * 64) == 200
    assert login_status(api, name, "\N{PILE OF POO}" * 63) == 401


def test_n3_the_whole_password_counts(api: Api, target: Target, name: str) -> None:
    target.add_user(name, "x" * 72 + "12345678")
    assert login_status(api, name, "x" * 72 + "12345678") == 200
    assert login_status(api, name, "x" * 72 + "87654321") == 401
    assert login_status(api, name, "x" * 72) == 401


def test_n4_composed_is_decomposed(api: Api, target: Target, name: str) -> None:
    composed, decomposed = "\N{LATIN SMALL LETTER E WITH ACUTE}" * 20, "e\N{COMBINING ACUTE ACCENT}" * 20
    target.add_user(name, composed)
    assert login_status(api, name, composed) == 200
    assert login_status(api, name, decomposed) == 200
    assert login_status(api, name, "e" * 20) == 401


def test_n4_other_spaces_are_spaces(api: Api, target: Target, name: str) -> None:
    target.add_user(name, "correct horse battery")
    assert login_status(api, name, "correct\N{NO-BREAK SPACE}horse\N{IDEOGRAPHIC SPACE}battery") == 200


@pytest.mark.parametrize("extra", ["\0", "\0more", "\t", "\x1b", "\x7f", "\ud800"])
def test_n4_control_characters_are_an_ordinary_refusal(api: Api, account: Account, extra: str) -> None:
    assert login_status(api, account.name, account.password + extra) == 401


def test_n7_nothing_after_a_nul_is_cut_off(api: Api, target: Target, name: str) -> None:
    target.add_user(name, "abababababababab")
    assert login_status(api, name, "abababababababab\0abababababababab") == 401


def refusals(account: Account) -> dict[str, dict[str, str]]:
    return {
        "unknown user": {"username": f"nobody-{uuid.uuid4().hex}", "password": account.password},
        "no possible name": {"username": "no body\0", "password": account.password},
        "empty name": {"username": "", "password": account.password},
        "over-long name": {"username": "n" * 2000, "password": account.password},
        "half a surrogate as a name": {"username": "\udfff", "password": account.password},
        "wrong": {"username": account.name, "password": account.password + "x"},
        "empty": {"username": account.name, "password": ""},
        "over-long": {"username": account.name, "password": "x" * (MAX_BYTES + 1)},
        "NUL": {"username": account.name, "password": account.password + "\0"},
    }


def test_a1_every_refusal_is_the_same_401(api: Api, account: Account) -> None:
    seen = set()
    for reason, document in refusals(account).items():
        response = api.post("/login", json=document)
        assert response.status_code == 401, reason
        # The instance and the time of day are nobody's account.
        headers = {name: value for name, value in response.headers.items() if name not in {"Date", "X-Served-By"}}
        seen.add((response.text, *sorted(headers.items())))
    assert len(seen) == 1, seen


def test_a1_every_refusal_costs_a_hash(api: Api, account: Account) -> None:
    def hashed() -> float:
        lines = api.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("login_hash_seconds_total"))

    for reason, document in refusals(account).items():
        before = hashed()
        api.post("/login", json=document)
        # A hash of cost 10 takes 50 ms here; what is not hashed takes microseconds.
        assert hashed() - before > 0.005, reason
