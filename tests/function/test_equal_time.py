"""Every refusal takes the same time (A1).

What takes time is the hash, and what differs between refusals is the computing around it; so what is compared is the
CPU time of the thread, which does not see who else uses the machine. A neighbour on the same core does slow it down,
for as long as many samples: so each sample is compared with the one of a wrong password that was taken in the same
round, and the median does not mind what falls in between.

The cost is the lowest that there is, which is the strictest: the 10 us by which two refusals may differ are 1 % of a
hash of cost 4, and 0.005 % of one of cost 12.
"""

import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import bcrypt
import pytest

from function.credentials.engine import Engine
from function.credentials.passwords import MAX_BYTES, Claim, Passwords
from function.settings import load
from tests.function.conftest import ENGINES, judged, watched

COST = 4
ROUNDS = 2000
#: Where the intervals are not narrow after so many, they are what they are.
MOST = 20_000
WRONG = "not the password at all"
RIGHT = "correct horse battery staple"
STORED = Passwords(COST).hash(RIGHT)
Work = Callable[[], object]


class Interval(NamedTuple):
    """The 99 % interval of the median difference from a wrong password, in parts of a hash."""

    low: float
    high: float


def refuse(passwords: Passwords, stored: str | None = STORED, password: str = WRONG) -> Work:
    """In a full batch, with others who are wrong."""
    batch = [Claim(password, stored), *[Claim(WRONG, STORED)] * (passwords.engine.width - 1)]
    return lambda: passwords.verify(batch)


def took(work: Work) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started


def longer(work: Work, part: float) -> Work:
    """`work`, and that part of its own time more."""
    extra = part * statistics.median(took(work) for _ in range(200))

    def both() -> None:
        work()
        end = time.thread_time() + extra
        while time.thread_time() < end:
            pass

    return both


#: What depends on the account alone, so that a difference would tell about it: the stored hash.
ACCOUNTS: Mapping[str, str | None] = {
    "unknown user, disabled, or no password set": None,
    "unusable hash": STORED.replace("$04$", "$16$"),
}
#: What depends on what was typed, and so tells nothing that whoever typed it does not know.
TYPED: Mapping[str, str] = {
    "empty": "",
    "over-long": "x" * (MAX_BYTES + 1),
    "NUL": WRONG + "\0",
}
PLANTED = "planted"


def interval(differences: list[float], hashed: float) -> Interval:
    """By ranks: the median of n lies between the (n/2 - 1.288 sqrt n)th and its mirror with 99 % (z / 2 = 1.288)."""
    ranked, count = sorted(differences), len(differences)
    reach = 1.288 * count**0.5
    return Interval(ranked[int(count / 2 - reach)] / hashed, ranked[int(count / 2 + reach)] / hashed)


@pytest.fixture(scope="module", params=ENGINES, ids=lambda engine: engine.name)
def measured(request: pytest.FixtureRequest) -> Mapping[str, Interval]:
    """All kinds in turns, in another order each round, until the intervals are at most 1 % wide.

    When to stop is decided by their width, never by where they lie, so it favours no result.
    """
    passwords = Passwords(COST, engine=request.param)
    wrong = refuse(passwords)
    works = {
        **{kind: refuse(passwords, stored) for kind, stored in ACCOUNTS.items()},
        **{kind: refuse(passwords, password=password) for kind, password in TYPED.items()},
        PLANTED: longer(wrong, 0.02),
        "": wrong,
    }
    order, randomness = list(works), random.Random(1)
    differences: dict[str, list[float]] = {kind: [] for kind in works}
    hashes: list[float] = []
    intervals: dict[str, Interval] = {}
    while len(hashes) < MOST:
        for _ in range(ROUNDS):
            randomness.shuffle(order)
            sample = {kind: took(works[kind]) for kind in order}
            hashes.append(sample[""])
            for kind in works:
                differences[kind].append(sample[kind] - sample[""])
        hashed = statistics.median(hashes)
        intervals = {kind: interval(found, hashed) for kind, found in differences.items() if kind}
        if all(high - low <= 0.01 for low, high in intervals.values()):
            break
    for kind, (low, high) in intervals.items():
        print(f"{kind}: {low:+.3%} to {high:+.3%} of {hashed * 1e6:.0f} us, {len(hashes)} rounds")
    return intervals


def equal(found: Interval, within: float = 0.01) -> bool:
    return -within <= found.low and found.high <= within


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_a1_no_refusal_tells_by_its_time_what_there_is(measured: Mapping[str, Interval], kind: str) -> None:
    assert equal(measured[kind]), measured


@pytest.mark.parametrize("kind", TYPED)
def test_a1_what_was_typed_changes_less_than_a_hundredth_of_the_cheapest_hash_that_may_be_set(
    measured: Mapping[str, Interval], kind: str
) -> None:
    with pytest.raises(Exception, match="HASH_COST"):
        load({"HASH_COST": "9"})
    assert equal(measured[kind], 0.01 * 2 ** (10 - COST)), measured


def test_a1_a_difference_of_2_percent_would_be_seen(measured: Mapping[str, Interval]) -> None:
    assert not equal(measured[PLANTED]), measured


LEGACY = {cost: bcrypt.hashpw(RIGHT.encode(), bcrypt.gensalt(cost)).decode() for cost in (4, 6, 8)}


@pytest.mark.parametrize(
    ("stored", "password"),
    [
        (None, WRONG),
        (None, RIGHT),
        (Passwords(8).hash(RIGHT), WRONG),
        (Passwords(8).hash(RIGHT), ""),
        (Passwords(8).hash(RIGHT), RIGHT + "\0"),
        (Passwords(8).hash(RIGHT), "x" * (MAX_BYTES + 1)),
        # Of a lower cost, from another system or from before HASH_COST was raised.
        *((stored, WRONG) for stored in LEGACY.values()),
        (LEGACY[4], ""),
        (Passwords(5).hash(RIGHT), WRONG),
        ("garbage", WRONG),
    ],
    ids=map(str, range(99)),
)
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_a1_a_refusal_is_one_hash_of_work(
    monkeypatch: pytest.MonkeyPatch, stored: str | None, password: str, engine: Engine
) -> None:
    work: list[bytes] = []
    monkeypatch.delattr(bcrypt, "hashpw")
    assert not judged(Passwords(8, engine=watched(engine, work)), password, stored).ok
    assert sum(2 ** int(hashed[4:6]) for hashed in work) == 2**8
