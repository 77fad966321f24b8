import gzip
import string
from pathlib import Path

import pytest

from function import settings
from function.credentials.policy import Policy
from function.errors import PolicyError, SettingsError

PASSPHRASE = "correct horse battery staple"


def refused(password: str, name: str = "somebody", **environ: str) -> str:
    """Why, or an empty string."""
    try:
        Policy(settings.load(environ)).check(password, name)
    except PolicyError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("password", "shortest", "ok"),
    [
        ("tenuous-lamps1", 15, False),
        ("tenuous-lamps12", 15, True),
        ("\N{PILE OF POO}" * 14, 15, False),
        ("\N{PILE OF POO}" * 15, 15, True),
        ("e\N{COMBINING ACUTE ACCENT}" * 14, 15, False),
        ("wet-lamp", 8, True),
        ("wetlamp", 8, False),
    ],
)
def test_n1_the_length_is_counted_in_code_points_after_nfc(password: str, shortest: int, ok: bool) -> None:
    why = refused(password, PASSWORD_MIN_LENGTH=str(shortest))
    assert why == ("" if ok else f"the password is shorter than {shortest} characters")


@pytest.mark.parametrize("shortest", ["7", "65"])
def test_n1_the_setting_is_never_below_8_nor_above_what_must_be_allowed(shortest: str) -> None:
    with pytest.raises(SettingsError, match="PASSWORD_MIN_LENGTH must be a whole number from 8 to 64"):
        settings.load({"PASSWORD_MIN_LENGTH": shortest})


@pytest.mark.parametrize(
    "password",
    [
        PASSPHRASE,
        "vqkzjhwmxpyrtgnbfdcl",
        "8402716395028461",
        "four words of nothing much",
        "\N{PILE OF POO}" * 64,
        "my dog ate the password",
        "first and last letters alike f",
    ],
)
def test_n5_no_rules_of_composition(password: str) -> None:
    assert refused(password) == ""


@pytest.mark.parametrize(
    "password",
    [
        "qwertyuiop12345",
        "Manchesterunited",
        "MANCHESTERUNITED",
        "stairwaytoheaven",
        "1Q2W3E4R5T6Y7U8I9O0P",
        "q1w2e3r4t5y6u7i8",
        "passwordpassword",
        "123456789012345",
        "aaaaaaaaaaaaaaaaaaaa",
        "abcabcabcabcabca",
        "tenuous lamp!tenuous lamp!",
        "abcdefghijklmno",
        "zyxwvutsrqponmlk",
        "asdfghjkl;asdfghjkl;",
        "qwertzuiop654321",
        "111222333444555666",
        string.ascii_lowercase,
    ],
)
def test_n6_what_is_guessed_first_is_refused_with_the_reason(password: str) -> None:
    assert refused(password).endswith("which is guessed first")


@pytest.mark.parametrize(
    ("password", "name"),
    [
        ("Alice1234567890", "alice"),
        ("alice@example.com", "alice@example.com"),
        ("alice-alice=alice", "alice@example.com"),
        ("login.example login", "bob"),
        ("password1234567890", "bob"),
        ("ALICEpassword2024", "alice"),
    ],
)
def test_n6_names_are_refused_with_the_reason(password: str, name: str) -> None:
    assert "little more than a name" in refused(password, name, ISSUER="https://login.example/x")


@pytest.mark.parametrize(
    ("password", "name"), [("my name is not alice at all", "alice"), ("al gorithms are al l right", "al")]
)
def test_n6_a_name_in_a_long_password_does_no_harm(password: str, name: str) -> None:
    assert refused(password, name) == ""


@pytest.mark.parametrize("name", ["own.txt", "own.txt.gz"])
def test_n6_a_file_of_ones_own_is_compared_in_the_same_way(tmp_path: Path, name: str) -> None:
    text = (
        f"{PASSPHRASE.title()}\r\nE\N{COMBINING ACUTE ACCENT}t\N{LATIN SMALL LETTER E WITH ACUTE} en Suisse romande\n"
    )
    raw = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    own = str(tmp_path / name)
    for password in (PASSPHRASE, "\N{LATIN SMALL LETTER E WITH ACUTE}te\N{COMBINING ACUTE ACCENT} en suisse romande"):
        assert "one of the commonest" in refused(password, PASSWORD_BLOCKLIST=own)
        assert refused(password) == ""
    assert refused("manchesterunited", PASSWORD_BLOCKLIST=own)


def test_n6_a_file_that_is_not_there_is_told_at_the_start() -> None:
    with pytest.raises(SettingsError, match="PASSWORD_BLOCKLIST must be a file"):
        Policy(settings.load({"PASSWORD_BLOCKLIST": "/nowhere"}))


def test_n6_patterns_are_guessed_up_to_a_length() -> None:
    assert refused("x" * 32)
    assert refused("x" * 33) == ""
    assert refused("x" * 72 + "12345678") == ""
