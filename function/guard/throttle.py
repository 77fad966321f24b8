"""How often a password may be guessed: who may try now, who waits for the verdict on others, who came too early.

Decisions only; gate.py acts on them. Successes cost nothing: what is counted are failures, each in every bucket of its
row, whether the name exists or not (A1).

    who tries            bucket                   setting                    while others are tried
    an unknown device    account and network      THROTTLE_LIMIT             waits
                         account                  THROTTLE_ACCOUNT_LIMIT     waits
                         network                  THROTTLE_NETWORK_LIMIT     goes on: many people are behind one address
    a known device       account and device       THROTTLE_LIMIT             waits
    a broker             account and broker       THROTTLE_LIMIT             waits
                         account                  THROTTLE_ACCOUNT_LIMIT     waits
    a sign-up, a reset   what, and network        THROTTLE_NETWORK_LIMIT     goes on: each request counts as a failure
    a code               account, of codes        MFA_LIMIT                  goes on (see second_factor.py)

A bucket lets `limit` failures a window pass. It drains evenly, one failure every window / limit (the generic cell rate
algorithm: `level` is the moment at which it is empty). Each failure at the limit or above closes it for a delay that
doubles with the next: first 1 s, then 2 s, 4 s ... Who goes on at the first moment possible ends where the delay is
what it takes to drain one failure. With the defaults one network ends at 19 failures, and one more every 4.8 hours; in
the account's bucket, which drains faster, there are 17 of them at most, and it bears 20. So a flood from one address
shuts out that address, and neither the owner's other networks nor their known devices (A3). From three or more it shuts
out the unknown devices, for as long as it lasts.

At most `limit` less the failures so far are tried at once: as if those under evaluation had failed already. When a
bucket is closed, whoever came before it opens again is refused, also one who has been waiting since before.

`total` is what NIST SP 800-63B-4 section 3.2.2 caps at 100: failures since the last success, however slow. At the cap
only an administrator or a password reset opens the bucket again. It counts an account's failures from unknown devices
in one bucket and those of each known device in another, so strangers cannot lock a known device out. From one address
it takes them 16 days, from many 3.4, and the owner must not log in meanwhile.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Limits(NamedTuple):
    """The settings; times are milliseconds."""

    per_origin: int
    per_account: int
    per_network: int
    cap: int
    delay: int
    window: int


class Rule(NamedTuple):
    """A kind of bucket.

    Attributes:
        reason: what a refusal by it is called in logs and metrics.
        limit: which of the limits is its own.
        account, origin: whether there is a bucket for each account, for each origin.
        waits: whether those under evaluation count as failures until their verdict.
        capped: whether its total is what the cap is for.
    """

    reason: str
    limit: str
    account: bool
    origin: bool
    waits: bool
    capped: bool


_ORIGIN = Rule("account from this network", "per_origin", account=True, origin=True, waits=True, capped=False)
_ACCOUNT = Rule("account", "per_account", account=True, origin=False, waits=True, capped=True)
_NETWORK = Rule("network", "per_network", account=False, origin=True, waits=False, capped=False)
_DEVICE = Rule("account from this device", "per_origin", account=True, origin=True, waits=True, capped=True)
_ASKED = Rule("requests from this network", "per_network", account=True, origin=True, waits=False, capped=False)
_CODES = Rule("second factor", "per_account", account=True, origin=False, waits=False, capped=True)
LOCKED = "locked"
#: What the origin of a known device begins with; the rest is its id. No network looks so.
DEVICE = "device "
#: The origin of all that a broker delivers: it hands on what others have sent, and nobody knows from where.
BROKER = "broker"


class Via(enum.Enum):
    """How an attempt came, and by which buckets it is counted; the first of them is told in RateLimit."""

    NETWORK = (_ORIGIN, _ACCOUNT, _NETWORK)
    DEVICE = (_DEVICE,)
    BROKER = (_ORIGIN, _ACCOUNT)
    ASKED = (_ASKED,)
    SECOND_FACTOR = (_CODES,)


class Key(NamedTuple):
    """Of a bucket: see 0002_throttle.sql."""

    account: str
    origin: str


class Count(NamedTuple):
    """What a bucket holds. `level`: Unix ms at which the last failure has drained; `failed_at`: of the last failure."""

    level: int = 0
    failed_at: int = 0
    total: int = 0


class Bucket(NamedTuple):
    """A bucket, and how many of its attempts are under evaluation."""

    rule: Rule
    held: Count
    pending: int


class Guess(NamedTuple):
    """An attempt to log in: on which account (SHA-256 of the name), from which network, device or broker."""

    account: str
    origin: str
    via: Via

    def keys(self) -> Sequence[Key]:
        """Of its buckets, in the order of `via.value`."""
        return [Key(self.account * rule.account, self.origin * rule.origin) for rule in self.via.value]

    def buckets(self, counts: Mapping[Key, Count], pending: Mapping[str, int]) -> Sequence[Bucket]:
        """Its buckets, from what the store has of them and of the account's evaluations by origin."""
        strangers = sum(number for origin, number in pending.items() if not origin.startswith(DEVICE))
        return [
            Bucket(rule, counts.get(key, Count()), pending.get(self.origin, 0) if rule.origin else strangers)
            for rule, key in zip(self.via.value, self.keys(), strict=True)
        ]


class Verdict(enum.Enum):
    """What an attempt may do."""

    GO = "go"
    WAIT = "wait"
    REFUSE = "refuse"


class Decision(NamedTuple):
    """`reason` and `until` (Unix ms) are those of a refusal."""

    verdict: Verdict
    reason: str = ""
    until: int = 0


def decide(limits: Limits, buckets: Sequence[Bucket], arrived: int, now: int) -> Decision:
    """What an attempt that `arrived` (Unix ms) may do: every bucket has to let it."""
    refusals = [refusal for bucket in buckets if (refusal := _refusal(limits, bucket, arrived, now))]
    if refusals:
        return max(refusals, key=lambda refusal: refusal.until)
    free = all(bucket.pending < _places(limits, bucket, now) for bucket in buckets if bucket.rule.waits)
    return Decision(Verdict.GO if free else Verdict.WAIT)


def failures(limits: Limits, rule: Rule, count: Count, at: int) -> int:
    """How many failures are in the bucket at that moment, begun ones whole."""
    return max(0, -(-(count.level - at) // step(limits, rule)))


def locked(limits: Limits, rule: Rule, count: Count) -> bool:
    """Whether the cap is reached, so that only an administrator or a reset opens the bucket."""
    return rule.capped and count.total >= limits.cap


def step(limits: Limits, rule: Rule) -> int:
    """Milliseconds in which one failure drains."""
    return max(1, limits.window // _limit(limits, rule))


def fields(limits: Limits, rule: Rule, count: Count, now: int, refused: Decision | None = None) -> Mapping[str, str]:
    """RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers-10, and a refusal's Retry-After.

    What is counted are failures: `r` may follow at once, and in `t` seconds there may be one more.
    """
    quota = _limit(limits, rule)
    headers = {"RateLimit-Policy": f'"login";q={quota};w={limits.window // 1000}'}
    if refused:
        wait = max(1, -(-(refused.until - now) // 1000))
        return headers | {"RateLimit": f'"login";r=0;t={wait}', "Retry-After": str(wait)}
    held = failures(limits, rule, count, now)
    headers["RateLimit"] = f'"login";r={max(0, quota - held)}'
    if held:
        drained = count.level - (held - 1) * step(limits, rule)
        until = drained if held < quota else _opens(limits, rule, count)
        headers["RateLimit"] += f";t={max(1, -(-(until - now) // 1000))}"
    return headers


def _refusal(limits: Limits, bucket: Bucket, arrived: int, now: int) -> Decision | None:
    rule, count, _ = bucket
    if locked(limits, rule, count):
        return Decision(Verdict.REFUSE, LOCKED, now + limits.window)
    opens = _opens(limits, rule, count)
    return Decision(Verdict.REFUSE, rule.reason, opens) if arrived < opens else None


def _opens(limits: Limits, rule: Rule, count: Count) -> int:
    over = failures(limits, rule, count, count.failed_at) - _limit(limits, rule)
    if over < 0:
        return 0
    # The cap only keeps the number small: a delay as long as the window is more than it takes to drain.
    return count.failed_at + min(limits.delay << min(over, 32), limits.window)


def _places(limits: Limits, bucket: Bucket, now: int) -> int:
    rule, count, _ = bucket
    left = _limit(limits, rule) - failures(limits, rule, count, now)
    return min(max(1, left), limits.cap - count.total) if rule.capped else max(1, left)


def _limit(limits: Limits, rule: Rule) -> int:
    value: int = getattr(limits, rule.limit)
    return value
