"""How long things take: fixed, or drawn from a distribution, said in a few words.

50ms                     always that
exp 50ms                 exponential with that mean
uniform 20ms..80ms       even between two
lognormal 50ms p99 200ms the median, and what one of a hundred exceeds: how services and starts measure
"""

import math
import re
from collections.abc import Callable
from random import Random
from statistics import NormalDist
from typing import Final

from emulator.core.gotext import parse_duration

#: Draws one time, in seconds.
Draw = Callable[[Random], float]

_P99: Final = NormalDist().inv_cdf(0.99)
FORMS: Final = "50ms, `exp 50ms`, `uniform 20ms..80ms` or `lognormal 50ms p99 200ms`"


class Times:
    """A distribution of durations, as it was written.

    Raises:
        ValueError: it is none; the text says what may be written.
    """

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.split())
        self.draw: Draw = _drawer(self.text)

    def __repr__(self) -> str:
        return f"Times({self.text!r})"


def seconds(text: str) -> float:
    """A duration such as 90s, 1m30s or 500ms, in seconds. Raises ValueError."""
    try:
        value = parse_duration(text)
    except ValueError:
        raise ValueError(f"{text!r} is no duration: write it like 500ms, 90s or 1h30m") from None
    if value < 0:
        raise ValueError(f"{text!r} is less than no time at all")
    return value


def _drawer(text: str) -> Draw:
    if match := re.fullmatch(r"exp (\S+)", text):
        mean = seconds(match[1])
        return lambda rng: rng.expovariate(1 / mean) if mean else 0.0
    if match := re.fullmatch(r"uniform (\S+?)\.\.(\S+)", text):
        low, high = seconds(match[1]), seconds(match[2])
        if low > high:
            raise ValueError(f"{text!r}: the first is the shortest")
        return lambda rng: rng.uniform(low, high)
    if match := re.fullmatch(r"lognormal (\S+) p99 (\S+)", text):
        median, p99 = seconds(match[1]), seconds(match[2])
        if not 0 < median <= p99:
            raise ValueError(f"{text!r}: the median must be above 0, and p99 not below it")
        mu, sigma = math.log(median), math.log(p99 / median) / _P99
        return lambda rng: rng.lognormvariate(mu, sigma)
    if " " in text:
        raise ValueError(f"{text!r} is no time: write {FORMS}")
    fixed = seconds(text)
    return lambda _: fixed
