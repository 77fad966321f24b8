"""When a signing key is made, signs, and is let go (T3).

    made, published      signs                    another signs            gone
    |------- lead -------|------- interval -------|------ AFTERLIFE -------|

Decided by the keys and the time alone, so that instances that share a store and have clocks agree without a word
between them. A key is published before it signs for longer than an instance may not have read it, and a relying party
may not have fetched it, added up; and twice that, for a read that failed and for clocks that differ. It is let go when
the last token that it may have signed has expired.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from function.settings import MAX_ACCESS_TOKEN_TTL

#: Seconds by which clocks may differ (T1).
LEEWAY = 60
#: How long a key verifies after it has signed for the last time. Tokens may have been issued under a longer
#: ACCESS_TOKEN_TTL than today's, by a clock that is late, and be checked by one that is early.
AFTERLIFE = MAX_ACCESS_TOKEN_TTL + 2 * LEEWAY


class Timed(Protocol):
    """What the decision needs to know of a key."""

    @property
    def signs_from(self) -> int: ...


K = TypeVar("K", bound=Timed)


class Policy(NamedTuple):
    """Attributes, in seconds: `interval` for which a key signs (0: until rotated by hand), and `lead`; see above."""

    interval: int
    lead: int


def policy(interval: int, jwks_max_age: int, reload: int) -> Policy:
    return Policy(interval, 2 * (jwks_max_age + reload))


def signer(keys: Sequence[K], now: int) -> K:
    """The key that signs now: the latest whose time has come. `keys` are in the order of their times, and not empty."""
    return next((key for key in reversed(keys) if key.signs_from <= now), keys[0])


def due(keys: Sequence[Timed], now: int, policy: Policy) -> int | None:
    """When the key that is to be made now has to begin to sign; None where none is to be made."""
    if not keys:
        return now
    newest = keys[-1].signs_from
    if policy.interval and newest <= now and newest + policy.interval - policy.lead <= now:
        return now + policy.lead
    return None


def over(keys: Sequence[K], now: int) -> Sequence[K]:
    """Those that can go: another has been signing for AFTERLIFE."""
    return [key for key, heir in itertools.pairwise(keys) if heir.signs_from + AFTERLIFE <= now]


def state(keys: Sequence[Timed], key: Timed, now: int) -> str:
    """A word for people: what a key does now."""
    if key == signer(keys, now):
        return "signs"
    return "next" if key.signs_from > now else "verifies"
