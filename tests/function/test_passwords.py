import itertools
import re
import unicodedata
from collections.abc import Mapping, Sequence

import bcrypt
import pytest

from function.credentials.engine import Engine
from function.credentials.passwords import MAX_BYTES, Claim, Passwords, Verdict, prepare, recipe
from tests.function.conftest import ENGINES, judged, watched

PASSWORD = "correct horse battery staple"
PEPPERS = ("a" * 32, "b" * 32)
OTHER = Passwords(10).hash("another password")
OURS = Passwords(4).hash(PASSWORD)
WITH_ENGINES = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


def imported(password: bytes = PASSWORD.encode(), cost: int = 4, prefix: bytes = b"2b") -> str:
    hashed = bcrypt.hashpw(password[:72], bcrypt.gensalt(cost))
    return hashed.replace(b"$2b$", b"$" + prefix + b"$").decode()


def test_n7_the_stored_form() -> None:
    stored = Passwords(10).hash(PASSWORD)
    assert re.fullmatch(r"\$hs384v1\$0\$2b\$10\$[./A-Za-z0-9]{53}", stored)
    assert judged(Passwords(10), PASSWORD, stored) == (True, None)
    assert not judged(Passwords(10), PASSWORD + "x", stored).ok


@pytest.mark.parametrize("prefix", [b"2a", b"2b", b"2y"])
@WITH_ENGINES
def test_n7_an_imported_hash_verifies_and_is_made_anew(prefix: bytes, engine: Engine) -> None:
    passwords = Passwords(10, engine=engine)
    verdict = judged(passwords, PASSWORD, imported(prefix=prefix))
    assert verdict.ok
    assert verdict.fresh is not None
    assert verdict.fresh.startswith("$hs384v1$0$2b$10$")
    assert judged(passwords, PASSWORD, verdict.fresh) == (True, None)


def test_n7_an_imported_hash_of_a_long_password_verifies_as_its_system_did() -> None:
    stored = imported(b"x" * 72)
    assert judged(Passwords(10), "x" * 80, stored).ok


def test_n7_an_imported_hash_is_of_the_password_as_it_was_typed() -> None:
    decomposed = unicodedata.normalize("NFD", "é" * 20)
    assert judged(Passwords(10), decomposed, imported(decomposed.encode())).ok


def test_n8_another_cost_is_made_anew() -> None:
    stored = Passwords(10).hash(PASSWORD)
    verdict = judged(Passwords(11), PASSWORD, stored)
    assert verdict.ok
    assert verdict.fresh is not None
    assert "$2b$11$" in verdict.fresh
    assert judged(Passwords(11), "wrong password here", stored) == (False, None)


def test_n8_a_new_pepper_takes_over_and_the_old_one_still_verifies() -> None:
    stored = Passwords(10, PEPPERS[:1]).hash(PASSWORD)
    rotated = Passwords(10, (PEPPERS[1], PEPPERS[0]))
    fresh = judged(rotated, PASSWORD, stored).fresh
    assert fresh is not None
    assert judged(Passwords(10, PEPPERS[1:]), PASSWORD, fresh) == (True, None)


def test_n8_a_pepper_that_is_gone_is_an_unusable_hash() -> None:
    stored = Passwords(10, PEPPERS[:1]).hash(PASSWORD)
    [verdict] = Passwords(10).verify([Claim(PASSWORD, stored)])
    assert not verdict.ok
    assert "PEPPER" in verdict.unusable


def test_n8_a_hash_from_before_the_first_pepper_verifies_and_is_made_anew() -> None:
    stored = Passwords(10).hash(PASSWORD)
    verdict = judged(Passwords(10, PEPPERS[:1]), PASSWORD, stored)
    assert verdict.ok
    assert verdict.fresh


def test_n7_the_pepper_is_not_in_the_hash() -> None:
    assert PEPPERS[0] not in Passwords(10, PEPPERS).hash(PASSWORD)


@pytest.mark.parametrize("cost", [4, 15])
def test_n8_costs_within_bounds_are_taken(cost: int) -> None:
    assert recipe(f"$2b${cost:02}${'.' * 53}") == (None, f"$2b${cost:02}${'.' * 53}")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "garbage",
        "$2b$03$" + "." * 53,
        "$2b$16$" + "." * 53,
        "$2b$31$" + "." * 53,
        "$2x$10$" + "." * 53,
        "$2b$10$" + "." * 52,
        "$2b$10$" + "." * 53 + "\n",
        "$1$salt$hash",
        "$hs384v2$0$2b$10$" + "." * 53,
    ],
)
@WITH_ENGINES
def test_n9_a_hash_that_cannot_be_read_is_told_apart_after_the_same_time(stored: str, engine: Engine) -> None:
    hashes: list[bytes] = []
    [verdict] = Passwords(10, engine=watched(engine, hashes)).verify([Claim(PASSWORD, stored)])
    assert not verdict.ok
    assert [stored[:7] for stored in hashes] == [b"$2b$10$"]
    assert verdict.unusable
    assert not stored or stored not in verdict.unusable


@pytest.mark.parametrize("password", [PASSWORD, "", "x" * 2000, "x" * 1_000_000, "a\0b", "\ud800"])
@pytest.mark.parametrize("known", [True, False])
@WITH_ENGINES
def test_a1_every_refusal_costs_one_hash_of_the_current_cost(engine: Engine, password: str, known: bool) -> None:
    hashes: list[bytes] = []
    stored = OTHER if known else None
    assert judged(Passwords(10, engine=watched(engine, hashes)), password, stored) == (False, None)
    assert [stored[:7] for stored in hashes] == [b"$2b$10$"]


def test_a1_nobody_has_the_dummys_password() -> None:
    assert not judged(Passwords(10), "", None).ok


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "empty"),
        ("a\0b", "control"),
        ("a\tb", "control"),
        ("a\x85b", "control"),
        ("\ud800", "control"),
        ("a\N{LINE SEPARATOR}b", "control"),
        ("a\ue000b", "control"),
        ("a\u0378b", "control"),
        ("a\uffffb", "control"),
        ("x" * 1025, "longer"),
    ],
)
def test_n4_what_may_not_be_set(password: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        prepare(password)


def test_n2_the_longest_password_may_be_set() -> None:
    assert len(prepare("x" * MAX_BYTES)) == MAX_BYTES


@pytest.mark.parametrize(
    "triple", ["\N{IDEOGRAPHIC SPACE}", "\u03b9\u0308\u0301", "\N{HANGUL CHOSEONG KIYEOK}\u1161\u11a8"]
)
def test_n2_what_becomes_a_third_of_its_bytes_may_be_as_long_in_the_end(triple: str) -> None:
    once = len(prepare(triple))
    assert len(triple.encode()) == 3 * once
    assert len(prepare(triple * (MAX_BYTES // once))) == MAX_BYTES // once * once


@pytest.mark.parametrize("password", ["x" * 3073, "\N{COMBINING ACUTE ACCENT}" * 1537, "\ud800" * 1025])
def test_n2_what_is_far_too_long_is_refused_before_it_costs_anything(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """NFC takes quadratic time for marks in the wrong order: 19 ms for 4,096 of them, 1,536 a seventh of that."""
    monkeypatch.setattr("function.credentials.passwords.unicodedata", None)
    with pytest.raises(ValueError, match="longer"):
        prepare(password)


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("a\N{NO-BREAK SPACE}b\N{OGHAM SPACE MARK}c\N{IDEOGRAPHIC SPACE}", "a b c "),
        ("e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("\N{ANGSTROM SIGN}", "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}"),
        # Width and case stay, compatibility characters too: that is NFC, not NFKC.
        ("\N{FULLWIDTH LATIN SMALL LETTER A}A\N{LATIN SMALL LIGATURE FI}", None),
        # RFC 8265 section 4.3: the examples that are allowed.
        ("correct horse battery staple", None),
        ("\u03c0\u00df\u00e5", None),
        ("Jack of \N{BLACK DIAMOND SUIT}s", None),
        ("foo\N{OGHAM SPACE MARK}bar", "foo bar"),
        # Emoji: joined, coloured, with a selector, and one that Unicode has yet to assign.
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", None),
        ("\U0001f44d\U0001f3fd\u2764\ufe0f", None),
        ("\U0001faff", None),
    ],
)
def test_n4_the_form_that_counts(typed: str, taken: str | None) -> None:
    assert prepare(typed).decode() == (typed if taken is None else taken)


def test_n9_whatever_reads_as_a_bcrypt_hash_is_compared_without_an_error() -> None:
    for letter in "./AOZaeuz09":
        assert judged(Passwords(10), PASSWORD, "$2b$04$" + letter * 53) == (False, None)


def test_n7_an_imported_hash_whose_salt_has_bits_to_spare_verifies() -> None:
    """As PHP's crypt() leaves them, where it is given 22 characters of salt."""
    stored = imported()
    alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    for spare in range(16):
        odd = stored[:28] + alphabet[alphabet.index(stored[28]) + spare] + stored[29:]
        assert judged(Passwords(10), PASSWORD, odd).ok


#: What one login of a batch may be, and whether it succeeds.
KINDS: Mapping[str, tuple[Claim, bool]] = {
    "right": (Claim(PASSWORD, OURS), True),
    "wrong": (Claim("not the password at all", OURS), False),
    "unknown": (Claim(PASSWORD, None), False),
    "unusable": (Claim(PASSWORD, "garbage"), False),
    "refused characters": (Claim(PASSWORD + "\0", OURS), False),
}


@WITH_ENGINES
@pytest.mark.parametrize("mates", list(itertools.permutations(KINDS, 2)), ids=" ".join)
def test_s1_whoever_is_hashed_along_has_a_verdict_of_its_own(engine: Engine, mates: Sequence[str]) -> None:
    claims = [KINDS[kind][0] for kind in itertools.islice(itertools.cycle(mates), engine.width)]
    verdicts = Passwords(4, engine=engine).verify(claims)
    assert [verdict.ok for verdict in verdicts] == [
        KINDS[kind][1] for kind in itertools.islice(itertools.cycle(mates), engine.width)
    ]
    assert [bool(verdict.unusable) for verdict in verdicts] == [claim.stored == "garbage" for claim in claims]


@WITH_ENGINES
def test_a1_a_batch_of_a_lower_cost_is_made_up_for_at_its_own_width(engine: Engine) -> None:
    hashes: list[bytes] = []
    passwords = Passwords(7, engine=watched(engine, hashes))
    claims = [Claim("wrong", imported()), *[Claim(PASSWORD, imported())] * (engine.width - 1)]
    assert {passwords.cost_of(claim.stored) for claim in claims} == {4}
    verdicts = passwords.verify(claims)
    assert verdicts == [Verdict(ok=False, stale=True), *[Verdict(ok=True, stale=True)] * (engine.width - 1)]
    assert [int(hashed[4:6]) for hashed in hashes] == [cost for cost in (4, 4, 5, 6) for _ in range(engine.width)]


@pytest.mark.parametrize(
    "stored",
    [None, "garbage", "$2b$16$" + "." * 53, Passwords(4, PEPPERS).hash(PASSWORD)],
    ids=["nobody", "garbage", "too dear", "unknown pepper"],  # not by a salt: two processes must collect the same
)
def test_a1_who_cannot_be_verified_goes_along_with_those_who_can(stored: str | None) -> None:
    assert Passwords(10).cost_of(stored) == Passwords(10).cost_of(OTHER) == 10
