"""Pages of other origins, closed by default and open to those on the list."""

import pytest

from tests.contract.conftest import Account, Api

ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


@pytest.mark.parametrize("origin", ["https://app.example", "http://localhost:3000"])
def test_a_page_of_the_list_may_ask_and_call(api: Api, account: Account, origin: str) -> None:
    asked = api.call("OPTIONS", "/login", headers={"Origin": origin, **ASKING})
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == origin
    assert asked.headers["Access-Control-Allow-Methods"] == "POST"
    assert "Content-Type" in asked.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in asked.headers
    body = {"username": account.name, "password": account.password}
    for password, status in ((account.password, 200), ("not the password at all", 401)):
        called = api.post("/login", json=body | {"password": password}, headers={"Origin": origin})
        assert called.status_code == status
        assert called.headers["Access-Control-Allow-Origin"] == origin
        assert "Retry-After" in called.headers["Access-Control-Expose-Headers"]
        assert called.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.evil.example", "null", ""])
def test_a_page_of_another_origin_may_not(api: Api, origin: str) -> None:
    asked = api.call("OPTIONS", "/login", headers={"Origin": origin, **ASKING})
    assert asked.status_code == 405
    called = api.get("/.well-known/jwks.json", headers={"Origin": origin})
    for response in (asked, called):
        assert not [name for name in response.headers if name.lower().startswith("access-control-")]
        assert response.headers["Vary"] == "Origin"


def test_options_without_asking_is_a_method_like_others(api: Api) -> None:
    assert api.call("OPTIONS", "/login", headers={"Origin": "https://app.example"}).status_code == 405
    assert api.call("OPTIONS", "/nothing", headers={"Origin": "https://app.example", **ASKING}).status_code == 404
