"""OIDC tokens of senders (C0): Knative Eventing's are a cluster's service account tokens."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from function.errors import Refusal
from function.eventing import oidc
from function.eventing.oidc import Senders, allows, usable
from function.pool.lanes import ThreadLane
from function.settings import load
from tests.function.conftest import PASSWORD, PATIENCE, Served

ISSUER = "https://kubernetes.default.svc.cluster.local"
SENDER = "system:serviceaccount:default:oidc-eventing.knative.dev-trigger-login-1234"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
SHORT = rsa.generate_private_key(65537, 1024)


def jwk(private: Any, kid: str, **more: Any) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(private.public_key())), "kid": kid, "use": "sig", **more}


KEYS = {"keys": [jwk(RSA, "rsa", alg="RS256"), jwk(EC, "ec", alg="ES256")]}


def token(private: Any = RSA, kid: str = "rsa", algorithm: str = "RS256", **more: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": ["login-events"], "sub": SENDER, "iat": now, "nbf": now, "exp": now + 600, **more}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, private, algorithm=algorithm, headers={"kid": kid})


def senders(keys: str, **settings: str) -> Senders:
    given = {
        "EVENTS_ISSUER": ISSUER,
        "EVENTS_KEYS": keys,
        "EVENTS_SENDERS": "system:serviceaccount:default:*",
        **settings,
    }
    return Senders(load(given), ThreadLane(1))


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "jwks.json").write_text(json.dumps(KEYS))
    return str(tmp_path / "jwks.json")


class Keys:
    """A server of keys; `status` and `body` are what it says, `asked` how often."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, json.dumps(KEYS).encode(), 0
        self.authorization = ""
        keys = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys.asked += 1
                keys.authorization = self.headers.get("Authorization", "")
                self.send_response(keys.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(keys.body)))
                self.end_headers()
                self.wfile.write(keys.body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/openid/v1/jwks"


@pytest.fixture
def served_keys() -> Iterator[Keys]:
    keys = Keys()
    thread = threading.Thread(target=keys.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield keys
    keys.server.shutdown()
    keys.server.server_close()
    thread.join()


def test_c0_a_true_token_of_either_algorithm_is_taken(file: str) -> None:
    checker = senders(file)
    assert checker.check(token()) == SENDER
    assert checker.check(token(EC, "ec", "ES256")) == SENDER
    assert checker.check(token(aud="login-events")) == SENDER


FORGED: dict[str, Callable[[], str]] = {
    "another issuer": lambda: token(iss="https://evil.example"),
    "another audience": lambda: token(aud=["eventing.knative.dev/broker/default/default"]),
    "no audience": lambda: token(aud=None),
    "expired": lambda: token(exp=int(time.time()) - 120),
    "not yet": lambda: token(nbf=int(time.time()) + 600),
    "never expires": lambda: token(exp=None),
    "nobody": lambda: token(sub=None),
    "a sender who may not": lambda: token(sub="system:serviceaccount:evil:default"),
    "another key": lambda: token(rsa.generate_private_key(65537, 2048)),
    "an unknown key": lambda: token(kid="other"),
    "the key of another": lambda: token(EC, "rsa", "ES256"),
    "the other key's name": lambda: token(RSA, "ec"),
    "another algorithm": lambda: token(algorithm="PS256"),
    "unsigned": lambda: jwt.encode(
        {"iss": ISSUER, "aud": "login-events"}, None, algorithm="none", headers={"kid": "rsa"}
    ),
    "the public key as a secret": lambda: jwt.encode(
        {"iss": ISSUER, "aud": "login-events", "sub": SENDER}, json.dumps(KEYS["keys"][0]) * 2, "HS256", {"kid": "rsa"}
    ),
    "nonsense": lambda: "a.b.c",
    "more nonsense": lambda: "x" * 100,
}


@pytest.mark.parametrize("why", FORGED)
def test_c0_whatever_is_wrong_with_a_token_it_is_401(file: str, why: str) -> None:
    with pytest.raises(Refusal) as refused:
        senders(file).check(FORGED[why]())
    assert refused.value.status == 401
    assert "WWW-Authenticate" in refused.value.headers


def test_c0_without_a_list_of_senders_nobody_may(file: str) -> None:
    with pytest.raises(Refusal):
        senders(file, EVENTS_SENDERS="").check(token())


@pytest.mark.parametrize(
    ("pattern", "sender", "may"),
    [("a:b", "a:b", True), ("a:b", "a:bc", False), ("a:*", "a:b", True), ("a:*", "b:a:", False), ("*", "x", True)],
)
def test_c0_senders_are_named_whole_or_by_how_they_begin(pattern: str, sender: str, may: bool) -> None:
    assert allows(pattern, sender) is may


@pytest.mark.parametrize(
    "key",
    [
        jwk(RSA, "a", use="enc"),
        jwk(RSA, "a", key_ops=["encrypt"]),
        jwk(RSA, "a", alg="RS512"),
        jwk(EC, "a", alg="ES512"),
        jwk(ec.generate_private_key(ec.SECP384R1()), "a"),
        jwk(SHORT, "a"),
        json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA)) | {"kid": "a"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a"},
        {"kty": "RSA", "n": "AQAB", "kid": "a"},
        {"kty": "EC", "crv": "P-256", "x": "?", "y": "", "kid": "a"},
        {},
        "key",
    ],
    ids=range(12),
)
def test_c0_keys_that_are_for_something_else_are_passed_over(key: Any) -> None:
    assert set(usable({"keys": [key, *KEYS["keys"]]})) == {"rsa", "ec"}


@pytest.mark.parametrize("document", [[], {}, {"keys": {}}, None])
def test_c0_what_is_no_key_set_is_none(document: Any) -> None:
    with pytest.raises(ValueError, match="JWK Set"):
        usable(document)


def test_c0_keys_are_fetched_once_and_again_when_they_are_old(
    served_keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker = senders(served_keys.url)
    for _ in range(3):
        checker.check(token())
        with pytest.raises(Refusal):
            checker.check(token(kid="made up"))
    assert served_keys.asked == 1
    # A key that is new is looked for, and not at every request that names one.
    monkeypatch.setattr(oidc, "KEYS_AGAIN", 0.0)
    new = rsa.generate_private_key(65537, 2048)
    served_keys.body = json.dumps({"keys": [jwk(new, "new"), *KEYS["keys"]]}).encode()
    assert checker.check(token(new, "new")) == SENDER
    assert served_keys.asked == 2
    # What is lost for a while is kept; and what is gone for good goes.
    monkeypatch.setattr(oidc, "KEYS_MAX_AGE", 0.0)
    served_keys.status = 500
    assert checker.check(token(new, "new")) == SENDER
    served_keys.status, served_keys.body = 200, json.dumps(KEYS).encode()
    with pytest.raises(Refusal):
        checker.check(token(new, "new"))


@pytest.mark.parametrize(("status", "body"), [(500, b""), (301, b""), (200, b"nonsense"), (200, b"[" * 100_000)])
def test_c0_without_keys_it_is_503_and_they_are_not_asked_for_at_once(
    served_keys: Keys, status: int, body: bytes
) -> None:
    served_keys.status, served_keys.body = status, body
    checker = senders(served_keys.url)
    for _ in range(3):
        with pytest.raises(Refusal) as refused:
            checker.check(token())
        assert refused.value.status == 503
        assert "Retry-After" in refused.value.headers
    assert served_keys.asked == 1


def test_c0_keys_are_fetched_with_the_instances_own_token(served_keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("own\n")
    assert senders(served_keys.url).check(token())
    assert served_keys.authorization == ""
    assert senders(served_keys.url, EVENTS_KEYS_TOKEN_FILE=str(tmp_path / "token")).check(token())
    assert served_keys.authorization == "Bearer own"
    with pytest.raises(Refusal) as refused:
        senders(served_keys.url, EVENTS_KEYS_TOKEN_FILE=str(tmp_path / "none")).check(token())
    assert refused.value.status == 503


def test_c0_a_sender_of_the_cluster_is_served(serve: Callable[..., Served], served_keys: Keys) -> None:
    served = serve(EVENTS_ISSUER=ISSUER, EVENTS_KEYS=served_keys.url, EVENTS_SENDERS="system:serviceaccount:default:*")
    attributes = {"specversion": "1.0", "id": "1", "source": "/hr", "type": "login.request"}

    def post(bearer: str) -> requests.Response:
        headers = {f"ce-{name}": value for name, value in attributes.items()} | {"Authorization": f"Bearer {bearer}"}
        data = {"username": "alice", "password": PASSWORD}
        return requests.post(served.url, json=data, headers=headers, timeout=PATIENCE)

    assert post(token(aud="other")).status_code == 401
    answer = post(token())
    assert (answer.status_code, answer.headers["ce-type"]) == (200, "login.succeeded")
    assert [line["sender"] for line in served.lines() if line.get("event")] == [SENDER]
