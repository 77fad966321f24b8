"""The throttle's decisions (A1 to A3)."""

import heapq

import pytest

from function import settings
from function.guard import throttle
from function.guard.throttle import BROKER, DEVICE, LOCKED, Bucket, Count, Guess, Key, Limits, Verdict, Via, decide

NOW = 1_800_000_000_000
LIMITS = Limits(per_origin=5, per_account=20, per_network=1000, cap=100, delay=1000, window=86_400_000)
HOUR = 3_600_000
ORIGIN, ACCOUNT, NETWORK = Via.NETWORK.value
STRANGER = Guess("alice", "192.0.2.1", Via.NETWORK)
KNOWN = Guess("alice", DEVICE + "d1", Via.DEVICE)


class Books:
    """What the store would hold."""

    def __init__(self) -> None:
        self.counts: dict[Key, Count] = {}

    def fail(self, guess: Guess, now: int) -> None:
        for rule, key in zip(guess.via.value, guess.keys(), strict=True):
            held = self.counts.get(key, Count())
            level = max(held.level, now) + throttle.step(LIMITS, rule)
            self.counts[key] = Count(level, now, held.total + 1)

    def decide(self, guess: Guess, now: int, arrived: int | None = None, **pending: int) -> throttle.Decision:
        return decide(LIMITS, guess.buckets(self.counts, pending), now if arrived is None else arrived, now)


def failed(times: int, guess: Guess = STRANGER, now: int = NOW) -> Books:
    books = Books()
    for _ in range(times):
        books.fail(guess, now)
    return books


def test_the_limits_here_are_the_defaults() -> None:
    loaded = settings.load({})
    assert loaded.throttle_limit == LIMITS.per_origin
    assert loaded.throttle_account_limit == LIMITS.per_account
    assert loaded.throttle_network_limit == LIMITS.per_network
    assert loaded.throttle_cap == LIMITS.cap
    assert loaded.throttle_delay * 1000 == LIMITS.delay
    assert loaded.throttle_window * 1000 == LIMITS.window


@pytest.mark.parametrize(("times", "delay"), [(4, 0), (5, 1), (6, 2), (7, 4), (10, 32), (15, 1024)])
def test_a2_each_failure_from_the_limit_on_doubles_the_delay(times: int, delay: int) -> None:
    books = failed(times)
    if delay:
        decision = books.decide(STRANGER, NOW)
        assert decision == (Verdict.REFUSE, ORIGIN.reason, NOW + delay * 1000)
        assert books.decide(STRANGER, NOW + delay * 1000 - 1).verdict is Verdict.REFUSE
    assert books.decide(STRANGER, NOW + delay * 1000).verdict is Verdict.GO


def test_a2_no_delay_is_longer_than_the_window() -> None:
    assert failed(90).decide(STRANGER, NOW).until == NOW + LIMITS.window


def test_a2_a_failure_drains_in_its_part_of_the_window() -> None:
    books = failed(5)
    part = LIMITS.window // 5
    held = books.counts[STRANGER.keys()[0]]
    for hours, left in ((0, 5), (1, 4), (4, 1), (5, 0), (9, 0)):
        assert throttle.failures(LIMITS, ORIGIN, held, NOW + hours * part) == left
    assert throttle.failures(LIMITS, ORIGIN, held, NOW + 1) == 5


@pytest.mark.parametrize(
    ("times", "pending", "verdict"),
    [(0, 4, Verdict.GO), (0, 5, Verdict.WAIT), (3, 1, Verdict.GO), (3, 2, Verdict.WAIT), (4, 1, Verdict.WAIT)],
)
def test_a2_those_under_evaluation_count_as_failures_until_their_verdict(
    times: int, pending: int, verdict: Verdict
) -> None:
    assert failed(times).decide(STRANGER, NOW, **{STRANGER.origin: pending}).verdict is verdict


def test_a2_after_a_delay_it_is_one_at_a_time() -> None:
    books = failed(8)
    later = NOW + 8000
    assert books.decide(STRANGER, later).verdict is Verdict.GO
    assert books.decide(STRANGER, later, **{STRANGER.origin: 1}).verdict is Verdict.WAIT


def test_a2_who_came_before_a_bucket_opens_is_refused_however_long_the_wait_was() -> None:
    assert failed(5).decide(STRANGER, NOW + HOUR, arrived=NOW - 1).verdict is Verdict.REFUSE


def test_a2_all_networks_together_have_one_limit_too() -> None:
    books = Books()
    for number in range(20):
        books.fail(STRANGER._replace(origin=f"192.0.2.{number}"), NOW)
    assert books.decide(STRANGER._replace(origin="198.51.100.1"), NOW).reason == ACCOUNT.reason
    others = {f"192.0.2.{number}": 4 for number in range(5)}
    assert Books().decide(STRANGER._replace(origin="198.51.100.1"), NOW, **others).verdict is Verdict.WAIT


def test_a3_a_network_that_tries_many_accounts_is_throttled_and_its_crowd_at_once_is_not() -> None:
    books = Books()
    for number in range(1000):
        books.fail(STRANGER._replace(account=f"name-{number}"), NOW)
    assert books.decide(STRANGER._replace(account="another"), NOW).reason == NETWORK.reason
    assert books.decide(STRANGER._replace(account="another", origin="198.51.100.1"), NOW).verdict is Verdict.GO
    crowd = {STRANGER.origin: 10_000}
    buckets = Books().counts
    only_network = [Bucket(NETWORK, buckets.get(Key("", STRANGER.origin), Count()), crowd[STRANGER.origin])]
    assert decide(LIMITS, only_network, NOW, NOW).verdict is Verdict.GO


def flood(networks: int, hours: int) -> tuple[Books, int, int]:
    """Everybody guesses at the first moment at which they may; the books, failures and the most in the account's."""
    books, failures, most = Books(), 0, 0
    due = [(NOW, f"192.0.2.{number}") for number in range(networks)]
    while due[0][0] < NOW + hours * HOUR:
        now, origin = heapq.heappop(due)
        guess = STRANGER._replace(origin=origin)
        decision = books.decide(guess, now)
        if decision.verdict is Verdict.GO:
            books.fail(guess, now)
            failures += 1
            most = max(most, throttle.failures(LIMITS, ACCOUNT, books.counts[Key("alice", "")], now))
        heapq.heappush(due, (decision.until or now, origin))
        if decision.reason == LOCKED:
            break
    return books, failures, most


def test_a3_a_flood_from_one_address_never_shuts_out_another_network() -> None:
    _, failures, most = flood(1, hours=24 * 15)
    assert most < LIMITS.per_account
    assert failures < LIMITS.cap


def test_a3_a_flood_from_everywhere_shuts_out_strangers_and_no_known_device() -> None:
    books, failures, most = flood(100, hours=72)
    assert most > LIMITS.per_account
    assert failures < LIMITS.cap
    later = NOW + 72 * HOUR
    assert books.decide(STRANGER._replace(origin="198.51.100.1"), later).verdict is Verdict.REFUSE
    assert books.decide(KNOWN, later).verdict is Verdict.GO


def test_a3_after_100_consecutive_failures_it_is_locked_for_good() -> None:
    books, failures, _ = flood(100, hours=24 * 30)
    assert failures == 100
    decision = books.decide(STRANGER._replace(origin="198.51.100.1"), NOW + 1000 * 24 * HOUR)
    assert (decision.verdict, decision.reason) == (Verdict.REFUSE, LOCKED)
    assert books.decide(KNOWN, NOW).verdict is Verdict.GO


def test_a3_the_cap_holds_for_those_under_evaluation_too() -> None:
    key = Key("alice", "")
    books = Books()
    books.counts[key] = Count(0, 0, 98)
    assert books.decide(STRANGER, NOW, other=1).verdict is Verdict.GO
    assert books.decide(STRANGER, NOW, other=2).verdict is Verdict.WAIT


def test_a3_a_known_device_has_a_count_and_a_cap_of_its_own() -> None:
    books = failed(5, KNOWN)
    assert books.decide(KNOWN, NOW).verdict is Verdict.REFUSE
    assert books.decide(STRANGER, NOW).verdict is Verdict.GO
    assert books.decide(KNOWN._replace(origin=DEVICE + "d2"), NOW).verdict is Verdict.GO
    books = failed(100, KNOWN)
    assert books.decide(KNOWN, NOW + 1000 * 24 * HOUR).reason == LOCKED
    # Its evaluations are nothing to strangers.
    assert Books().decide(STRANGER, NOW, **{KNOWN.origin: 50}).verdict is Verdict.GO


def test_a_broker_is_no_network_of_its_own() -> None:
    books = Books()
    for number in range(2000):
        books.fail(Guess(f"name-{number}", BROKER, Via.BROKER), NOW)
    assert books.decide(Guess("another", BROKER, Via.BROKER), NOW).verdict is Verdict.GO


@pytest.mark.parametrize(
    ("times", "ratelimit"),
    [(0, "r=5"), (1, "r=4;t=17280"), (4, "r=1;t=17280"), (5, "r=0;t=1"), (18, "r=0;t=8192"), (20, "r=0;t=32768")],
)
def test_a5_ratelimit_says_what_may_fail_at_once_and_when_one_more_may(times: int, ratelimit: str) -> None:
    held = failed(times).counts.get(STRANGER.keys()[0], Count())
    headers = throttle.fields(LIMITS, ORIGIN, held, NOW)
    assert headers == {"RateLimit-Policy": '"login";q=5;w=86400', "RateLimit": f'"login";{ratelimit}'}


def test_a5_a_refusal_says_when_to_come_back_and_never_at_once() -> None:
    for later, wait in ((0, 1), (31_000, 1), (90_000, 1)):
        books = failed(10)
        refused = books.decide(STRANGER, NOW, arrived=NOW)
        headers = throttle.fields(LIMITS, ORIGIN, Count(), NOW + later, refused)
        expected = str(max(wait, 32 - later // 1000))
        assert headers["Retry-After"] == expected
        assert headers["RateLimit"] == f'"login";r=0;t={expected}'
