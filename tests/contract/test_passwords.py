"""Passwords as people type them, and refusals that tell nothing (N, A1)."""

import json
import subprocess
import uuid

import bcrypt
import pytest
import requests

from function.credentials.passwords import MAX_BYTES
from tests.contract.conftest import Account, Api, Target, add_user


def login_status(api: Api, name: str, password: str) -> int:
    return api.post("/login", json={"username": name, "password": password}).status_code


@pytest.fixture
def name() -> str:
    return f"user-{uuid.uuid4().hex}"


def exported(target: Target, name: str) -> str:
    """The stored hash of a user."""
    [row] = (json.loads(line) for line in target.users("export").splitlines() if name in line)
    return str(row["password_hash"])


def imported(target: Target, name: str, password_hash: str) -> None:
    target.users("import", "-", text=json.dumps({"name": name, "password_hash": password_hash}) + "\n")


def sign_up(api: Api, name: str, password: str) -> requests.Response:
    return api.post("/users", json={"username": name, "password": password})


def test_n1_15_characters_at_least(api: Api, name: str) -> None:
    refused = sign_up(api, name, "fourteen-chars")
    assert refused.status_code == 422
    assert refused.json()["detail"] == "The password is shorter than 15 characters."
    assert sign_up(api, name, "fifteen-chars-!").status_code == 201


def test_n2_64_emoji_work(api: Api, target: Target, name: str) -> None:
    add_user(target, name, "\N{PILE OF POO}" * 64)
    assert login_status(api, name, "\N{PILE OF POO}" * 64) == 200
    assert login_status(api, name, "\N{PILE OF POO}" * 63) == 401


def test_n2_the_long_limit_is_stated_where_a_password_is_set(api: Api, name: str) -> None:
    refused = sign_up(api, name, "tenuous lamp" * 86)
    assert refused.status_code == 422
    assert refused.json()["detail"] == "The password is longer than 1024 bytes."
    assert sign_up(api, name, ("tenuous lamp!" * 79)[: MAX_BYTES - 8] + " at last").status_code == 201


def test_n3_the_whole_password_counts(api: Api, target: Target, name: str) -> None:
    add_user(target, name, "x" * 72 + "12345678")
    assert login_status(api, name, "x" * 72 + "12345678") == 200
    assert login_status(api, name, "x" * 72 + "87654321") == 401
    assert login_status(api, name, "x" * 72) == 401


def test_n4_composed_is_decomposed(api: Api, target: Target, name: str) -> None:
    composed, decomposed = "\N{LATIN SMALL LETTER E WITH ACUTE}" * 20, "e\N{COMBINING ACUTE ACCENT}" * 20
    add_user(target, name, composed)
    assert login_status(api, name, composed) == 200
    assert login_status(api, name, decomposed) == 200
    assert login_status(api, name, "e" * 20) == 401


def test_n4_other_spaces_are_spaces(api: Api, target: Target, name: str) -> None:
    add_user(target, name, "correct horse battery")
    assert login_status(api, name, "correct\N{NO-BREAK SPACE}horse\N{IDEOGRAPHIC SPACE}battery") == 200


@pytest.mark.parametrize("extra", ["\0", "\0more", "\t", "\x1b", "\x7f", "\ud800"])
def test_n4_control_characters_are_an_ordinary_refusal(api: Api, account: Account, extra: str) -> None:
    assert login_status(api, account.name, account.password + extra) == 401


@pytest.mark.parametrize("extra", ["\0", "\t", "\x1b", "\x7f", "\ud800"])
def test_n4_control_characters_cannot_be_set(api: Api, name: str, extra: str) -> None:
    refused = sign_up(api, name, f"correct horse {extra} battery")
    assert refused.status_code == 422
    assert "control character" in refused.json()["detail"]


def test_n5_no_rules_of_composition(api: Api, name: str) -> None:
    assert sign_up(api, name, "vqkzjhwmxpyrtgnbfdcl").status_code == 201


@pytest.mark.parametrize("password", ["manchesterunited", "QwertyUiop12345", "aaaaaaaaaaaaaaaaaaaa", "{name}{name}"])
def test_n6_common_passwords_are_refused_with_the_reason(api: Api, name: str, password: str) -> None:
    refused = sign_up(api, name, password.format(name=name))
    assert refused.status_code == 422
    assert refused.json()["detail"].endswith("which is guessed first.")


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_n7_hashes_of_other_systems_are_taken_and_made_anew(api: Api, target: Target, name: str, prefix: str) -> None:
    password = f"p\N{LATIN SMALL LETTER A WITH DIAERESIS}ssword of {name}"
    imported(target, name, bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode().replace("$2b$", prefix))
    assert login_status(api, name, password + "x") == 401
    assert exported(target, name).startswith(prefix)
    assert login_status(api, name, password) == 200
    fresh = exported(target, name)
    assert fresh.startswith("$hs384v1$")
    assert login_status(api, name, password) == 200
    assert exported(target, name) == fresh


def test_n8_another_cost_is_made_anew_at_login(api: Api, target: Target, name: str) -> None:
    imported(target, name, bcrypt.hashpw(b"short", bcrypt.gensalt(4)).decode())
    assert login_status(api, name, "short") == 200
    assert "$2b$10$" in exported(target, name)
    assert login_status(api, name, "short") == 200


@pytest.mark.parametrize("cost", ["03", "16", "31"])
def test_n8_imported_costs_are_bounded(target: Target, name: str, cost: str) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        imported(target, name, f"$2b${cost}${'.' * 53}")
    assert name not in target.users("list")


def test_n9_a_hash_that_cannot_be_used_is_a_failed_login(api: Api, target: Target, name: str, account: Account) -> None:
    """Of a pepper that nobody has; what is corrupt in another way no operator's command brings into the database."""
    imported(target, name, f"$hs384v1$0badcafe$2b$10${'.' * 53}")
    unusable = api.post("/login", json={"username": name, "password": account.password})
    wrong = api.post("/login", json={"username": account.name, "password": name})
    assert (unusable.status_code, unusable.text) == (wrong.status_code, wrong.text) == (401, wrong.text)


def test_n7_nothing_after_a_nul_is_cut_off(api: Api, target: Target, name: str) -> None:
    add_user(target, name, "abacadaeafagahai")
    assert login_status(api, name, "abacadaeafagahai\0abacadaeafagahai") == 401


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
        # The instance and the time of day are nobody's account, and RateLimit counts what was tried (test_throttle.py).
        others = {"Date", "X-Served-By", "RateLimit"}
        headers = {name: value for name, value in response.headers.items() if name not in others}
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
