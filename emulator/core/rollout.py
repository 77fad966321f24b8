"""Gradual rollout: a new revision of a Configuration gets 1 %, and the rest of its share step by step.

Follows knative/serving pkg/reconciler/route/traffic/rollout.go. Percents are of the whole traffic of a target (the
tag's, or "" for the route itself); times are Unix nanoseconds, as in the reference. A rollout's state is passed on from
pass to pass:

    state, wait = advance(goal, state, now_ns, duration, ingress_ready=...)
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

_SECOND: Final = 10**9


class Share(NamedTuple):
    """What one revision gets."""

    revision: str
    percent: int


@dataclass(frozen=True, slots=True)
class ConfigurationRollout:
    """Where the share of one Configuration in one target stands; `shares` go from the oldest revision to the newest.

    One share is the state of rest. `step_size` (percent) and `step_duration` (ns) are 0 until the first percent was
    seen to arrive at the new revision; then each `next_step` moves one more step.
    """

    configuration: str
    tag: str
    percent: int
    shares: tuple[Share, ...]
    start: int = 0
    next_step: int = 0
    step_duration: int = 0
    step_size: int = 0

    @property
    def is_done(self) -> bool:
        return len(self.shares) < 2

    @property
    def is_consistent(self) -> bool:
        """Whether the state can be gone on with: it may come from a store that others write to."""
        total = sum(share.percent for share in self.shares)
        return self.percent <= 100 and 0 <= self.step_size <= self.percent and total == self.percent


Rollout = tuple[ConfigurationRollout, ...]
"""All Configurations of a route, sorted by tag and name."""


def is_done(rollout: Rollout) -> bool:
    """Whether nothing is under way."""
    return all(one.is_done for one in rollout)


def advance(
    goal: Rollout, previous: Rollout, now: int, duration: float, *, ingress_ready: bool
) -> tuple[Rollout, float | None]:
    """One pass at `now`; returns the new state, and in how many seconds the next step is due (None: no step is).

    `goal` is what is asked for, each Configuration that gets any traffic with its newest revision alone. `duration`
    is how long a rollout shall take, in seconds; 0 turns it off. `ingress_ready` says that the routes became ready
    since the last pass, so that the traffic of before has arrived.
    """
    if duration <= 0 or not previous or not all(one.is_consistent for one in previous):
        return goal, None
    if ingress_ready:
        previous = tuple(_observed(one, now, duration) for one in previous)
    stepped = _sorted(one for tag in {each.tag for each in goal} for one in _step_tag(tag, goal, previous, now))
    due = [one.next_step for one in stepped if one.next_step > 0]
    return stepped, (min(due) - now) / _SECOND if due else None


def _sorted(rollout: Iterable[ConfigurationRollout]) -> Rollout:
    return tuple(sorted(rollout, key=lambda one: (one.tag, one.configuration)))


def _step_tag(tag: str, goal: Rollout, previous: Rollout, now: int) -> list[ConfigurationRollout]:
    """The Configurations of one target. One that is new in it is not rolled out: there is nothing to roll from."""
    before = {one.configuration: one for one in previous if one.tag == tag}
    wanted = [one for one in goal if one.tag == tag]
    if not before:
        # The reference keeps but the first one here; the others go on without a state.
        return wanted[:1]
    # A single percent can't be split: it moves at once.
    return [
        _step(one, before[one.configuration], now) if one.configuration in before and one.percent > 1 else one
        for one in wanted
    ]


def _step(goal: ConfigurationRollout, previous: ConfigurationRollout, now: int) -> ConfigurationRollout:
    shares = _resized(previous, goal.percent)
    newest = goal.shares[0].revision
    if not shares:
        return goal
    if shares[-1].revision != newest:
        return replace(goal, shares=(*_less_one(shares), Share(newest, 1)), start=now)
    if len(shares) == 1:
        return goal
    going = replace(previous, percent=goal.percent, shares=shares)
    return _moved(going, now) if going.step_size > 0 and now >= going.next_step else going


def _resized(rollout: ConfigurationRollout, percent: int) -> tuple[Share, ...]:
    """The shares when the Configuration gets more or less: the newest gains, the oldest lose."""
    if not rollout.shares:
        return ()
    gain = percent - rollout.percent
    if gain >= 0:
        *others, newest = rollout.shares
        return (*others, newest._replace(percent=newest.percent + gain))
    shares, loss = list(rollout.shares), -gain
    while loss and loss >= shares[0].percent:
        loss -= shares.pop(0).percent
    return (shares[0]._replace(percent=shares[0].percent - loss), *shares[1:])


def _less_one(shares: tuple[Share, ...]) -> tuple[Share, ...]:
    """The percent for a new revision is taken from the newest that has any."""
    giver = max(index for index, share in enumerate(shares) if share.percent > 0)
    left = (share._replace(percent=share.percent - (index == giver)) for index, share in enumerate(shares))
    return tuple(share for share in left if share.percent > 0)


def _moved(rollout: ConfigurationRollout, now: int) -> ConfigurationRollout:
    """One step further: the newest gains it, the others lose it, from the second newest on."""
    *others, newest = rollout.shares
    remaining = rollout.step_size
    while others and others[-1].percent <= remaining:
        remaining -= others.pop().percent
    if others:
        others[-1] = others[-1]._replace(percent=others[-1].percent - remaining)
    gained = min(newest.percent + rollout.step_size, rollout.percent)
    moved = replace(rollout, shares=(*others, newest._replace(percent=gained)))
    if others:
        return replace(moved, next_step=now + rollout.step_duration)
    return replace(moved, start=0, next_step=0, step_duration=0, step_size=0)


def _observed(rollout: ConfigurationRollout, now: int, duration: float) -> ConfigurationRollout:
    """Size the steps by the time that the first percent took: a faster ingress allows for smaller steps.

    The floats, and where they are truncated, are the reference's.
    """
    if rollout.step_duration or not rollout.start:
        return rollout
    step_seconds = max(1.0, math.ceil((now - rollout.start) / _SECOND))
    left = max(1.0, duration - step_seconds)
    to_move = float(rollout.percent - 1)
    steps = min(to_move, max(1.0, left / step_seconds))
    pause = left / steps * _SECOND
    return replace(
        rollout,
        step_size=math.floor(to_move / steps + 0.5),
        step_duration=int(pause),
        next_step=int(float(now) + pause),
    )
