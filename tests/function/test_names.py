import pytest

from function.credentials.names import MAX_LENGTH, normalise


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("alice", "alice"),
        ("ALICE", "alice"),
        ("\N{FULLWIDTH LATIN SMALL LETTER A}lice", "alice"),
        ("e\N{COMBINING ACUTE ACCENT}va", "\N{LATIN SMALL LETTER E WITH ACUTE}va"),
        ("Stra\N{LATIN SMALL LETTER SHARP S}e", "strasse"),
        ("a@b.example", "a@b.example"),
        ("\N{LATIN SMALL LIGATURE FI}nn", "finn"),
    ],
)
def test_names_that_look_alike_are_one(name: str, form: str) -> None:
    assert normalise(name) == form
    assert normalise(form) == form


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        " a",
        "a\0",
        "a\n",
        "\ud800",
        "a\N{ZERO WIDTH SPACE}b",
        "a\ufe0f",
        "a\u3164",
        "a\u034f",
        "x" * (MAX_LENGTH + 1),
        "x" * 1_000_000,
    ],
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="a name has"):
        normalise(name)
