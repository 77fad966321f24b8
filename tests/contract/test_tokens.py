"""Access tokens (T1 to T3)."""

import base64
import hashlib
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.contract.conftest import Account, Api

ISSUER = "https://login.example"


def public_keys(api: Api) -> dict[str, dict[str, str]]:
    return {key["kid"]: key for key in api.get("/.well-known/jwks.json").json()["keys"]}


def encoded(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def test_t1_is_an_rfc_9068_token_that_the_public_key_verifies(api: Api, account: Account) -> None:
    token = api.login(account)["access_token"]
    header = jwt.get_unverified_header(token)
    assert header == {"typ": "at+jwt", "alg": "ES256", "kid": header["kid"]}
    key = jwt.PyJWK(public_keys(api)[header["kid"]])
    claims = jwt.decode(token, key, algorithms=["ES256"], audience="login", issuer=ISSUER)
    assert claims.keys() == {"iss", "exp", "aud", "sub", "client_id", "iat", "jti", "sid", "amr"}
    assert claims["amr"] == ["pwd"]
    assert claims["exp"] > claims["iat"]
    assert abs(claims["iat"] - time.time()) < 3600


def test_t1_each_token_has_its_own_jti(api: Api, account: Account) -> None:
    tokens = [api.login(account)["access_token"] for _ in range(2)]
    ids = {jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens}
    assert len(ids) == 2


def test_t1_a_refresh_token_is_no_access_token(api: Api, account: Account) -> None:
    assert api.userinfo(api.login(account)["refresh_token"]).status_code == 401


def test_t3_kid_is_the_rfc_7638_thumbprint_and_keys_are_public(api: Api) -> None:
    response = api.get("/.well-known/jwks.json")
    assert response.headers["Cache-Control"] == "public, max-age=300"
    for kid, key in public_keys(api).items():
        members = json.dumps({name: key[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        assert kid == base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")
        assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_the_metadata_of_rfc_8414_is_of_the_issuer_and_true(api: Api) -> None:
    response = api.get("/.well-known/oauth-authorization-server", headers={"X-Forwarded-Host": "evil.example"})
    assert response.headers["Content-Type"] == "application/json"
    metadata = response.json()
    assert metadata["issuer"] == ISSUER
    urls = {name: url for name, url in metadata.items() if name.endswith(("_endpoint", "_uri"))}
    assert len(urls) == 5
    for url in urls.values():
        assert url.startswith(f"{ISSUER}/")
        path = url.removeprefix(ISSUER)
        assert api.call("GET", path).status_code != 404
    assert metadata["grant_types_supported"] == ["refresh_token"]
    assert metadata["response_types_supported"] == []
    for name in ("token", "revocation", "introspection"):
        assert metadata[f"{name}_endpoint_auth_methods_supported"]


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        ({}, {}),
        ({}, {"client_id": "api"}),
        ({}, {"client_id": "api", "client_secret": "wrong"}),
        ({}, {"client_id": "a\0b", "client_secret": "\0"}),
        ({"Authorization": "Basic " + base64.b64encode(b"api:wrong").decode()}, {}),
        ({"Authorization": "Basic " + base64.b64encode(b"api").decode()}, {}),
        ({"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}, {}),
        ({"Authorization": "Basic ???"}, {}),
        ({"Authorization": "Bearer x"}, {}),
    ],
)
def test_who_is_no_client_learns_nothing_about_a_token(
    api: Api, account: Account, headers: dict[str, str], form: dict[str, str]
) -> None:
    response = api.post("/introspect", headers=headers, data={"token": api.login(account)["access_token"], **form})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert response.json()["error"] == "invalid_client"
    assert "active" not in response.json()


def test_userinfo_says_who(api: Api, account: Account) -> None:
    response = api.userinfo(api.login(account)["access_token"])
    assert response.status_code == 200
    assert response.json()["preferred_username"] == account.name
    assert response.headers["Cache-Control"] == "no-store"


def test_userinfo_without_a_token_names_the_scheme_and_no_error(api: Api) -> None:
    response = api.get("/userinfo")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "kind",
    [
        "none",
        "HS256 with the public key",
        "jku",
        "jwk",
        "another key",
        "padding",
        "another signature",
        "crit",
        "x5u",
        "no typ",
        "kid walks up",
        "kid is huge",
        "kid is an object",
        "a member twice",
        "another subject",
        "huge",
        "garbage",
    ],
)
def test_t2_forgeries_are_refused(api: Api, account: Account, kind: str) -> None:
    token = api.login(account)["access_token"]
    header, payload, signature = token.split(".")
    fields = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    public = public_keys(api)[fields["kid"]]
    own = ec.generate_private_key(ec.SECP256R1())
    forged = {
        "none": encoded({**fields, "alg": "none"}) + f".{payload}.",
        "HS256 with the public key": jwt.encode(
            claims, base64.urlsafe_b64decode(public["x"] + "="), "HS256", headers={**fields, "alg": "HS256"}
        ),
        "jku": jwt.encode(claims, own, "ES256", headers={**fields, "jku": "https://evil.example/jwks"}),
        "jwk": jwt.encode(
            claims,
            own,
            "ES256",
            headers={**fields, "jwk": jwt.algorithms.ECAlgorithm.to_jwk(own.public_key(), as_dict=True)},
        ),
        "another key": jwt.encode(claims, own, "ES256", headers=fields),
        "padding": f"{header}.{payload}.{signature}==",
        "another signature": f"{header}.{payload}.{signature[::-1]}",
        "crit": encoded({**fields, "crit": []}) + f".{payload}.{signature}",
        "x5u": jwt.encode(claims, own, "ES256", headers={**fields, "x5u": "https://evil.example/x"}),
        "no typ": encoded({"alg": "ES256", "kid": fields["kid"]}) + f".{payload}.{signature}",
        "kid walks up": jwt.encode(claims, own, "ES256", headers={**fields, "kid": "../../../dev/null"}),
        "kid is huge": jwt.encode(claims, own, "ES256", headers={**fields, "kid": "k" * 2000}),
        "kid is an object": encoded({**fields, "kid": {"kid": fields["kid"]}}) + f".{payload}.{signature}",
        "a member twice": base64.urlsafe_b64encode(json.dumps(fields)[:-1].encode() + b', "typ": "at+jwt"}')
        .decode()
        .rstrip("=")
        + f".{payload}.{signature}",
        "another subject": f"{header}.{encoded({**claims, 'sub': 'x'})}.{signature}",
        "huge": f"{header}.{payload}{'A' * 8000}.{signature}",
        "garbage": "..",
    }[kind]
    response = api.userinfo(forged)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert response.json()["error"] == "invalid_token"
