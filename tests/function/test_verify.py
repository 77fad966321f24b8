"""The resource server of docs/verify.md, as it stands there, against true and forged tokens."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from forging import Kit, encoded

from function.access.keyring import keyring
from function.access.sealing import Sealer
from function.pool.lanes import ThreadLane
from function.settings import load
from function.store.sqlite import SqliteDatabase
from tests.function.conftest import PASSWORD, PATIENCE, Served

PAGE = Path(__file__).parents[2] / "docs/verify.md"


class Api(NamedTuple):
    """The page's server, a client of it, and a true token with its key."""

    client: FlaskClient
    kit: Kit
    refresh_token: str

    def status(self, token: str) -> int:
        return self.client.get("/hello", headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.fixture
def api(serve: Callable[..., Served], unused_port: int, tmp_path: Path) -> Iterator[Api]:
    issuer = f"http://127.0.0.1:{unused_port}"
    served = serve(PORT=str(unused_port), ISSUER=issuer)
    alice = {"username": "alice", "password": PASSWORD}
    tokens = requests.post(f"{served.url}/login", json=alice, timeout=PATIENCE).json()
    [source] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert source.count("http://localhost:8080") == 1
    page: dict[str, Any] = {"__name__": "page"}
    exec(source.replace("http://localhost:8080", issuer), page)
    database = SqliteDatabase(tmp_path / "login.db", ThreadLane(1))
    now = int(time.time())
    key = keyring(load({}), database, Sealer([])).current(now).signer(now)
    yield Api(page["app"].test_client(), Kit.of(tokens["access_token"], key), tokens["refresh_token"])
    database.close()


def hmac_with(kit: Kit, secret: bytes) -> str:
    header = encoded(json.dumps({**kit.header, "alg": "HS256"}).encode())
    message = f"{header}.{kit.token.split('.')[1]}"
    return f"{message}.{encoded(jwt.get_algorithm_by_name('HS256').sign(message.encode(), secret))}"


def attacks(kit: Kit) -> Mapping[str, str]:
    own = ec.generate_private_key(ec.SECP256R1())
    own_jwk = jwt.algorithms.ECAlgorithm.to_jwk(own.public_key(), as_dict=True)
    pem = kit.key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = dict(kit.header)
    return {
        "none": kit.with_header(alg="none"),
        "none, unsigned": encoded(b'{"alg":"none","typ":"at+jwt"}') + "." + kit.token.split(".")[1] + ".",
        "HMAC with the public key": hmac_with(kit, pem),
        "another key": jwt.encode(dict(kit.claims), own, "ES256", headers=header),
        "another key by jwk": jwt.encode(dict(kit.claims), own, "ES256", headers={**header, "jwk": own_jwk}),
        "another key by jku": jwt.encode(dict(kit.claims), own, "ES256", headers={**header, "jku": "http://x/"}),
        "an unknown kid": kit.with_header(kid="../../etc/passwd"),
        "no kid": kit.signed(header={"typ": "at+jwt", "alg": "ES256"}),
        "typ JWT": kit.with_header(typ="JWT"),
        "no typ": kit.signed(header={"alg": "ES256", "kid": kit.key.kid}),
        "another audience": kit.with_claims(aud="other"),
        "another issuer": kit.with_claims(iss="http://evil.example"),
        "expired": kit.with_claims(exp=int(time.time()) - 61),
        "not yet valid": kit.with_claims(nbf=int(time.time()) + 3600),
        **{f"no {name}": kit.without(name) for name in ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")},
        "changed": kit.raw(*kit.token.split(".")[:2])[:-8] + "AAAAAAAA",
        "garbage": "x.y.z",
        "nothing": "",
    }


def test_t2_the_resource_server_of_the_page_takes_true_tokens_and_no_others(api: Api) -> None:
    assert api.status(api.kit.token) == 200
    assert api.status(api.kit.signed()) == 200
    assert api.client.get("/hello").status_code == 401
    assert {name: api.status(token) for name, token in attacks(api.kit).items()} == dict.fromkeys(attacks(api.kit), 401)
    assert api.status(api.refresh_token) == 401
