"""What is where, and how it says no."""

import json
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.contract.conftest import Account, Api, Target, eventually

ROUTES = {
    "/login": "POST",
    "/login/mfa": "POST",
    "/mfa": "GET, HEAD",
    "/mfa/totp": "POST, DELETE",
    "/mfa/totp/confirm": "POST",
    "/mfa/recovery-codes": "POST",
    "/token": "POST",
    "/logout": "POST",
    "/revoke": "POST",
    "/introspect": "POST",
    "/users": "POST",
    "/password": "POST",
    "/password/reset": "POST",
    "/userinfo": "GET, HEAD",
    "/.well-known/jwks.json": "GET, HEAD",
    "/.well-known/oauth-authorization-server": "GET, HEAD",
    "/livez": "GET, HEAD",
    "/readyz": "GET, HEAD",
    "/metrics": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
}


def is_problem(response: Any, status: int) -> None:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]


def test_login_answers_as_rfc_6749_5_1(api: Api, account: Account) -> None:
    response = api.post("/login", json={"username": account.name, "password": account.password})
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert body["token_type"] == "Bearer"
    assert 0 < body["expires_in"] <= 3600


def test_login_takes_a_form(api: Api, account: Account) -> None:
    response = api.post("/login", data={"username": account.name, "password": account.password})
    assert response.status_code == 200


def test_login_does_not_mind_the_case_of_a_name(api: Api, account: Account) -> None:
    response = api.post("/login", json={"username": account.name.upper(), "password": account.password})
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/login/", "/loginx", "/.well-known/openid-configuration"])
def test_unknown_paths_are_404(api: Api, path: str) -> None:
    is_problem(api.get(path), 404)


@pytest.mark.parametrize(("path", "allow"), ROUTES.items())
@pytest.mark.parametrize("method", ["PATCH", "PUT", "FOO"])
def test_other_methods_are_405_with_allow(api: Api, target: Target, path: str, allow: str, method: str) -> None:
    response = api.call(method, path)
    if method == "FOO" and target.headers:
        # What stands in front may know the registered methods alone.
        assert response.status_code == 400
        return
    assert response.status_code == 405
    assert response.headers["Allow"] == allow


def test_head_is_get_without_a_body(api: Api) -> None:
    response = api.call("HEAD", "/livez")
    assert response.status_code == 200
    assert not response.content


@pytest.mark.parametrize("media", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""])
def test_other_media_types_are_415(api: Api, media: str) -> None:
    is_problem(api.post("/login", data=b"{}", headers={"Content-Type": media}), 415)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 60_000, b'{"username": NaN}'])
def test_malformed_json_is_400(api: Api, body: bytes) -> None:
    is_problem(api.post("/login", data=body, headers={"Content-Type": "application/json"}), 400)


@pytest.mark.parametrize(
    "document",
    [{}, {"username": "x"}, {"password": "x"}, {"username": 1, "password": "x"}, {"username": "x", "password": None}],
)
def test_missing_or_mistyped_fields_are_400(api: Api, document: object) -> None:
    is_problem(api.post("/login", json=document), 400)


def test_a_field_that_is_there_twice_is_400(api: Api) -> None:
    is_problem(api.post("/login", data="username=a&username=b&password=c", headers=FORM), 400)
    body = '{"username": "a", "username": "b", "password": "c"}'
    is_problem(api.post("/login", data=body, headers={"Content-Type": "application/json"}), 400)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_body_over_the_limit_is_413(api: Api) -> None:
    document = json.dumps({"username": "x" * 100_000, "password": "y"})
    is_problem(api.post("/login", data=document, headers={"Content-Type": "application/json"}), 413)


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/nothing", 404), ("PUT", "/login", 405)])
def test_a_body_over_the_limit_that_nobody_wants_changes_nothing(api: Api, method: str, path: str, status: int) -> None:
    is_problem(api.call(method, path, data=b"x" * 100_000), status)


def test_a_chunked_body_over_the_limit_is_413(api: Api) -> None:
    chunks = (b"x" * 10_000 for _ in range(10))
    is_problem(api.post("/login", data=chunks, headers={"Content-Type": "application/json"}), 413)


def test_a_chunked_body_within_the_limit_is_read(api: Api, account: Account) -> None:
    document = json.dumps({"username": account.name, "password": account.password}).encode()
    chunks = (document[at : at + 7] for at in range(0, len(document), 7))
    assert api.post("/login", data=chunks, headers={"Content-Type": "application/json"}).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_say_200(api: Api, path: str) -> None:
    assert api.get(path).status_code == 200


def test_metrics_are_prometheus_text(api: Api, account: Account) -> None:
    login = api.post("/login", json={"username": account.name, "password": account.password})
    response = api.get("/metrics")

    def met() -> bool:
        """Each instance counts for itself: until the scrape meets the one of the login."""
        nonlocal response
        response = api.get("/metrics")
        return response.headers["X-Served-By"] == login.headers["X-Served-By"]

    eventually(met, "the scrape never met the instance of the login")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples[("login_attempts_total", ("outcome", "ok"))] >= 1
    assert samples[("login_hashes_submitted_total",)] >= 1
    assert samples[("login_hash_seconds_total",)] > 0
    assert samples[("login_hash_threads",)] >= 1
    assert samples[("login_queue_depth",)] >= 0
    completed = ("login_hashes_completed_total", ("algorithm", "bcrypt"), ("cost", "10"), ("outcome", "ok"))
    assert samples[completed] >= 1
    requests = ("login_requests_total", ("method", "POST"), ("route", "/login"), ("status", "200"))
    assert samples[requests] >= 1


def test_every_response_names_its_instance(api: Api) -> None:
    served_by = api.get("/livez").headers["X-Served-By"]
    assert served_by
    assert api.get("/nothing").headers["X-Served-By"]
