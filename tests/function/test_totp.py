import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from function.otp import recovery, totp

#: The secret of RFC 4226 appendix D and of the SHA-1 rows of RFC 6238 appendix B.
SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("counter", "code"),
    list(
        enumerate("755224 287082 359152 969429 338314 254676 287922 162583 399871 520489".split())  # noqa: SIM905 - as the RFC's column
    ),
)
def test_m2_rfc_4226_appendix_d(counter: int, code: str) -> None:
    assert totp.code_at(SECRET, counter) == code


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_m2_rfc_6238_appendix_b(now: int, code: str) -> None:
    # The RFC's are of eight digits, and the last six of these are the code of six.
    assert totp.matching_step(SECRET, code[-6:], now) == now // 30


@pytest.mark.parametrize(("distance", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
@pytest.mark.parametrize("now", [1_000_000_020, 1_000_000_049])
def test_m2_one_step_before_and_after_is_accepted_and_no_other(now: int, distance: int, accepted: bool) -> None:
    step = now // 30 + distance
    assert totp.matching_step(SECRET, totp.code_at(SECRET, step), now) == (step if accepted else None)


def test_the_first_step_of_all_has_none_before_it() -> None:
    assert totp.matching_step(SECRET, "755224", 0) == 0


@pytest.mark.parametrize("typed", ["287 082", " 287082 ", "287082\n", "287\N{NO-BREAK SPACE}082"])
def test_spaces_are_no_part_of_a_code(typed: str) -> None:
    assert totp.matching_step(SECRET, typed, 59) == 1


@pytest.mark.parametrize(
    "typed",
    ["", "28708", "2870820", "94287082", "-87082", "28708x", "287082\0", "\ud800", "287-082", "２８７０８２", "٢٨٧٠٨٢"],  # noqa: RUF001 - digits all, to Unicode
)
def test_what_is_not_six_digits_is_wrong(typed: str) -> None:
    assert totp.matching_step(SECRET, typed, 59) is None


def test_a_code_that_two_steps_have_is_taken_for_the_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totp, "code_at", lambda _secret, _step: "123456")
    assert totp.matching_step(SECRET, "123456", 300) == 11


def test_secrets_have_160_bits_and_no_padding() -> None:
    made = {totp.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b32decode(secret)) for secret in made} == {20}
    assert not any("=" in secret for secret in made)


@pytest.mark.parametrize(
    ("issuer", "host"),
    [
        ("https://login.example", "login.example"),
        ("http://localhost:8080/realm", "localhost"),
        ("https://[::1]:8443", "::1"),
    ],
)
@pytest.mark.parametrize("name", ["alice", "alice@example.com", "a&secret=x?#/%:+b", "\N{CJK UNIFIED IDEOGRAPH-540D}"])
def test_the_uri_is_read_as_it_was_meant(issuer: str, host: str, name: str) -> None:
    parts = urlsplit(totp.uri(SECRET, issuer, name))
    assert (parts.scheme, parts.netloc, parts.fragment) == ("otpauth", "totp", "")
    label = unquote(parts.path.removeprefix("/"))
    assert label == f"{host}:{name}"
    assert parse_qs(parts.query, strict_parsing=True) == {
        "secret": [SECRET],
        "issuer": [host],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert parts.path.count(":") == 1  # the one between the two


def test_recovery_codes_are_ten_of_120_bits_and_easy_to_read() -> None:
    codes = recovery.new_codes()
    assert len(set(codes)) == 10
    for code in codes:
        assert len(base64.b32decode(code.replace("-", "").upper())) == 15
        assert not set(code) & set("0189")


def test_a_recovery_code_is_the_same_however_it_is_typed() -> None:
    code = recovery.new_codes()[0]
    for typed in (code.upper(), code.replace("-", ""), code.replace("-", " "), f" {code}\n"):
        assert recovery.digest(typed) == recovery.digest(code)
    assert recovery.digest(code[:-1]) != recovery.digest(code)
    assert recovery.digest("\ud800") != recovery.digest(code)
    assert code not in recovery.digest(code)
