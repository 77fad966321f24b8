"""Access tokens (T1, T2): what passes, and what does not although the true key has signed it."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forging import Kit, encoded

from function.access import rotation, signing
from function.access.keyring import Keyring
from function.access.sealing import Sealer
from function.access.tokens import Tokens
from function.errors import Refusal
from function.pool.lanes import ThreadLane
from function.store.base import Database
from function.store.sqlite import SqliteDatabase

NOW = 1_700_000_000
TTL = 600
POLICY = rotation.policy(86_400, 300, 60)


def opened(database: Database, alg: str = "ES256", audience: str = "login") -> Tokens:
    ring = Keyring(database, Sealer([]), lambda: signing.make(alg), POLICY, reload=60)
    return Tokens(ring, issuer="https://login.example", audience=audience, client_id="app", ttl=TTL)


def twice(document: Mapping[str, Any], member: str) -> bytes:
    """The document with a member that is there twice, the same each time."""
    text = json.dumps(document)
    return f"{text[:-1]}, {json.dumps(member)}: {json.dumps(document[member])}}}".encode()


def uncanonical(segment: str) -> str:
    """The same bytes by another last character, where some of its bits say nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(segment) % 4 in {2, 3}
    changed = segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]
    assert base64.urlsafe_b64decode(changed + "==") == base64.urlsafe_b64decode(segment + "==")
    return changed


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Any:
    database = SqliteDatabase(tmp_path_factory.mktemp("tokens") / "login.db", ThreadLane(1))
    tokens = opened(database)
    yield tokens, Kit.of(tokens.issue("user-1", "session-1", NOW), tokens.keyring.current(NOW).signer(NOW))
    database.close()


#: Each is signed by the true key, so the signature alone saves nobody. "aud" and "exp" come first on purpose: padded,
#: the payload must have a length whose last character has spare bits.
ATTACKS: Mapping[str, Callable[[Kit], str]] = {
    "alg none": lambda kit: kit.with_header(alg="none"),
    "alg none, unsigned": lambda kit: encoded(b'{"alg":"none"}') + "." + kit.token.split(".")[1] + ".",
    "alg of another kind": lambda kit: kit.with_header(alg="RS256"),
    "alg of another hash": lambda kit: kit.with_header(alg="ES512"),
    "alg in lower case": lambda kit: kit.with_header(alg="es256"),
    "alg is a list": lambda kit: kit.with_header(alg=["ES256"]),
    "alg is missing": lambda kit: kit.signed(header={"typ": "at+jwt", "kid": kit.key.kid}),
    "typ JWT": lambda kit: kit.with_header(typ="JWT"),
    "typ of a logout token": lambda kit: kit.with_header(typ="logout+jwt"),
    "typ with a prefix": lambda kit: kit.with_header(typ="application/at+jwt"),
    "typ is missing": lambda kit: kit.signed(header={"alg": "ES256", "kid": kit.key.kid}),
    "kid is missing": lambda kit: kit.signed(header={"alg": "ES256", "typ": "at+jwt"}),
    "kid walks up": lambda kit: kit.with_header(kid="../../../dev/null"),
    "kid is SQL": lambda kit: kit.with_header(kid="x' UNION SELECT 'secret"),
    "kid with NUL": lambda kit: kit.with_header(kid=kit.key.kid + "\0"),
    "kid is huge": lambda kit: kit.with_header(kid="k" * 2000),
    "kid is empty": lambda kit: kit.with_header(kid=""),
    "kid is a number": lambda kit: kit.with_header(kid=1),
    "kid is a list": lambda kit: kit.with_header(kid=[kit.key.kid]),
    "kid is an object": lambda kit: kit.with_header(kid={}),
    "kid is null": lambda kit: kit.with_header(kid=None),
    "jku": lambda kit: kit.with_header(jku="https://evil.example/jwks.json"),
    "jwk": lambda kit: kit.with_header(jwk=dict(kit.key.jwk)),
    "x5u": lambda kit: kit.with_header(x5u="https://evil.example/x"),
    "x5c": lambda kit: kit.with_header(x5c=["MIIB"]),
    "crit": lambda kit: kit.with_header(crit=["exp"]),
    "crit, empty": lambda kit: kit.with_header(crit=[]),
    "b64": lambda kit: kit.with_header(b64=False, crit=["b64"]),
    "zip": lambda kit: kit.with_header(zip="DEF"),
    "cty": lambda kit: kit.with_header(cty="JWT"),
    "a member of the header twice": lambda kit: kit.signed(header=twice(kit.header, "kid")),
    "a claim twice": lambda kit: kit.signed(claims=twice(kit.claims, "sub")),
    "a claim twice, within": lambda kit: kit.signed(
        claims=json.dumps(kit.claims).encode()[:-1] + b', "x": {"a": 1, "a": 2}}'
    ),
    "header is a list": lambda kit: kit.signed(header=[kit.header]),
    "header is no JSON": lambda kit: kit.signed(header=b"{"),
    "header is no UTF-8": lambda kit: kit.signed(header=b"\xff\xfe"),
    "header in UTF-16": lambda kit: kit.signed(header=json.dumps(kit.header).encode("utf-16")),
    "header is nested deep": lambda kit: kit.signed(header=b"[" * 2000),
    "claims are a list": lambda kit: kit.signed(claims=[1]),
    "claims are a string": lambda kit: kit.signed(claims="x"),
    "claims are no JSON": lambda kit: kit.signed(claims=b"exp=1"),
    "claims with NaN": lambda kit: kit.signed(claims=json.dumps(kit.claims).encode()[:-1] + b', "x": NaN}'),
    "claims with a number of 2500 digits": lambda kit: kit.signed(
        claims=json.dumps({**kit.claims, "exp": 0}).encode().replace(b'"exp": 0', b'"exp": ' + b"-" + b"9" * 2500)
    ),
    "padding": lambda kit: kit.token + "==",
    "padding, signed": lambda kit: kit.raw(kit.token.split(".")[0] + "=", kit.token.split(".")[1]),
    "spare bits of the signature": lambda kit: (
        kit.token[: kit.token.rindex(".") + 1] + uncanonical(kit.token.rpartition(".")[2])
    ),
    "spare bits of the header": lambda kit: kit.raw(
        uncanonical(encoded(json.dumps(kit.header).encode() + b" " * (-len(json.dumps(kit.header)) % 3 + 1))),
        kit.token.split(".")[1],
    ),
    "plain base64": lambda kit: kit.raw(
        base64.b64encode(json.dumps({**kit.header}).encode()).decode(),
        base64.b64encode(json.dumps({**kit.claims, "x": "???>>>"}).encode()).decode().rstrip("="),
    ),
    "a line break": lambda kit: kit.raw(kit.token.split(".")[0] + "\n", kit.token.split(".")[1]),
    "a space before": lambda kit: " " + kit.token,
    "not ASCII": lambda kit: kit.token + "\u0661",
    "two segments": lambda kit: kit.token.rpartition(".")[0],
    "four segments": lambda kit: kit.token + ".AAAA",
    "JSON serialisation": lambda kit: json.dumps(
        dict(zip(("protected", "payload", "signature"), kit.token.split("."), strict=True))
    ),
    "empty": lambda _kit: "",
    "dots": lambda _kit: "..",
    "huge": lambda kit: kit.with_claims(x="x" * 4096),
    "no signature": lambda kit: kit.token.rpartition(".")[0] + ".",
    "signature of zeros": lambda kit: kit.token.rpartition(".")[0] + "." + encoded(bytes(64)),
    "signature in DER": lambda kit: (
        kit.token.rpartition(".")[0]
        + "."
        + encoded(
            jwt.utils.raw_to_der_signature(
                base64.urlsafe_b64decode(kit.token.rpartition(".")[2] + "=="), kit.key.private.curve
            )
        )
    ),
    "signature of another token": lambda kit: (
        kit.token.rpartition(".")[0] + "." + kit.with_claims(sub="x").rpartition(".")[2]
    ),
    "another issuer": lambda kit: kit.with_claims(iss="https://evil.example"),
    "issuer with a slash": lambda kit: kit.with_claims(iss="https://login.example/"),
    "issuer is a list": lambda kit: kit.with_claims(iss=["https://login.example"]),
    "another audience": lambda kit: kit.with_claims(aud="other"),
    "audience is a list": lambda kit: kit.with_claims(aud=["login", "other"]),
    "expired": lambda kit: kit.with_claims(exp=NOW - 60),
    "exp is a string": lambda kit: kit.with_claims(exp=str(NOW + 600)),
    "exp is a fraction": lambda kit: kit.with_claims(exp=NOW + 600.5),
    "exp is true": lambda kit: kit.with_claims(exp=True),
    "exp is infinite": lambda kit: kit.signed(
        claims=json.dumps({**kit.claims, "exp": 0}).encode().replace(b'"exp": 0', b'"exp": 1e999')
    ),
    "issued in the future": lambda kit: kit.with_claims(iat=NOW + 61),
    "iat is a string": lambda kit: kit.with_claims(iat="0"),
    "not before the future": lambda kit: kit.with_claims(nbf=NOW + 61),
    "nbf is a string": lambda kit: kit.with_claims(nbf="0"),
    "nbf is null": lambda kit: kit.with_claims(nbf=None),
    "sub is a number": lambda kit: kit.with_claims(sub=1),
    "sid is a list": lambda kit: kit.with_claims(sid=["session-1"]),
    **{
        f"{claim} is missing": lambda kit, claim=claim: kit.without(claim)  # type: ignore[misc]  # mypy wants a Callable
        for claim in ("iss", "exp", "aud", "sub", "client_id", "iat", "jti", "sid")
    },
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_t2_refused_although_the_true_key_has_signed_it(pair: tuple[Tokens, Kit], attack: Callable[[Kit], str]) -> None:
    tokens, kit = pair
    with pytest.raises(Refusal) as refusal:
        tokens.check(attack(kit), NOW)
    assert refusal.value.status == 401
    assert refusal.value.code == "invalid_token"


def test_t2_the_same_way_of_signing_passes_where_nothing_is_wrong(pair: tuple[Tokens, Kit]) -> None:
    tokens, kit = pair
    good = [kit.token, kit.signed(), kit.with_claims(nbf=NOW + 60, iat=NOW + 60, exp=NOW - 59), kit.with_claims(more=1)]
    for token in good:
        assert tokens.check(token, NOW)["sub"] == "user-1"


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"], ids=lambda alg: f"key confusion {alg}")
@pytest.mark.parametrize("form", ["pem", "x", "jwk", "kid"])
def test_t2_a_public_key_is_no_secret(pair: tuple[Tokens, Kit], alg: str, form: str) -> None:
    tokens, kit = pair
    secret = {
        "pem": kit.key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "x": base64.urlsafe_b64decode(kit.key.jwk["x"] + "="),
        "jwk": json.dumps(kit.key.jwk).encode(),
        "kid": kit.key.kid.encode(),
    }[form]
    hashed = jwt.get_algorithm_by_name(alg)
    for name in (alg, "ES256"):
        message = f"{encoded(json.dumps({**kit.header, 'alg': name}).encode())}.{kit.token.split('.')[1]}"
        forged = f"{message}.{encoded(hashed.sign(message.encode(), secret))}"
        with pytest.raises(Refusal):
            tokens.check(forged, NOW)


def test_t2_one_key_s_token_under_another_key_s_name(database: Database) -> None:
    tokens = opened(database)
    kit = Kit.of(tokens.issue("u", "s", NOW), tokens.keyring.current(NOW).signer(NOW))
    other = tokens.keyring.rotate(NOW)
    with pytest.raises(Refusal) as refusal:
        tokens.check(kit.with_header(kid=other.kid), NOW)
    assert refusal.value.reason == "token: signature"


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "RS256"])
def test_t1_each_algorithm_of_the_list(database: Database, alg: str) -> None:
    tokens = opened(database, alg)
    token = tokens.issue("user-1", "session-1", NOW)
    [public] = tokens.keyring.current(NOW).jwks["keys"]
    assert jwt.get_unverified_header(token) == {"typ": "at+jwt", "alg": alg, "kid": public["kid"]}
    key = jwt.PyJWK(public)
    claims = jwt.decode(
        token, key, [alg], audience="login", issuer="https://login.example", options={"verify_exp": False}
    )
    assert tokens.check(token, NOW) == claims
    assert not public.keys() & {"d", "p", "q", "dp", "dq", "qi", "key_ops"}
    assert (public["use"], public["alg"]) == ("sig", alg)
    with pytest.raises(Refusal):
        tokens.check(token[:-4] + "AAAA", NOW)


def test_t1_another_algorithm_comes_with_the_next_key_and_both_are_good(database: Database) -> None:
    before = opened(database)
    old = before.issue("u", "s", NOW)
    after = opened(database, "EdDSA")
    assert jwt.get_unverified_header(after.issue("u", "s", NOW))["alg"] == "ES256"
    new = after.keyring.rotate(NOW)
    later = new.signs_from
    token = after.issue("u", "s", later)
    assert jwt.get_unverified_header(token)["alg"] == "EdDSA"
    assert before.check(token, later)
    assert after.check(old, NOW)


@pytest.mark.parametrize(("at", "good"), [(-60, True), (-61, False), (TTL, True), (TTL + 59, True), (TTL + 60, False)])
def test_t1_the_leeway_is_60_seconds_at_either_end(pair: tuple[Tokens, Kit], at: int, good: bool) -> None:
    tokens, kit = pair
    if good:
        assert tokens.check(kit.token, NOW + at)
    else:
        with pytest.raises(Refusal):
            tokens.check(kit.token, NOW + at)


def test_t3_kid_is_the_thumbprint_of_rfc_7638() -> None:
    # The example of section 3.1.
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    assert signing.thumbprint({"kty": "RSA", "n": n, "e": "AQAB"}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
