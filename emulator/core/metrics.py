"""What a revision's load was: sums per second, averaged over a stable and a panic window.

Follows knative/serving pkg/autoscaler/aggregation/bucketing.go and pkg/autoscaler/metrics/collector.go. The rules
that are easily lost:

- samples of the same second add up, since every reporter tells its own share of the revision's load;
- a young window averages over the data it has, and silence since the last write is left out of the divisor, but a
  gap between two writes counts as zeros;
- at exactly one window of silence the average is 0 although there still is data; only later there is none.
"""

import math
from dataclasses import dataclass
from typing import Final

BUCKET_SECONDS: Final = 1.0
"""Width of a bucket: reporters send one sample a second."""

WEIGHTED: Final = "weighted-exponential"
"""The metric-aggregation-algorithm that weighs recent seconds more; all others are plain."""

WEIGHTED_SPELLINGS: Final = frozenset({WEIGHTED, "weightedExponential"})

MIN_COEFFICIENT: Final = 0.2
"""Least weight of the newest bucket in a weighted average."""

WEIGHT_PRECISION: Final = 0.9999
"""Share of all weight that must lie inside a weighted window; small windows need a larger newest weight for it."""

_NEVER: Final = -(1 << 62)
"""The slot of a write that has not happened: longer ago than any window."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """How the load of one revision is averaged.

    `stable_window` and `panic_window` are seconds. `scraped` is False when the activator reports all load (target
    burst capacity -1): then silence means a load of 0 instead of no data.
    """

    stable_window: float = 60.0
    panic_window: float = 6.0
    scraped: bool = True
    algorithm: str = ""


@dataclass(frozen=True, slots=True)
class Averages:
    """The load of a revision now: totals over all its instances, and the windows (seconds) they were taken over.

    `stable_covered` and `panic_covered` are the seconds of a window that there is data of, `silent` those since the
    last sample.
    """

    stable: float
    panic: float
    stable_window: float
    panic_window: float
    stable_covered: float = 0.0
    panic_covered: float = 0.0
    silent: float = 0.0


class Window:
    """Sums per bucket over the last `seconds`, with their plain and their exponentially weighted average.

    Times are Unix seconds, since buckets are cut on whole multiples of `granularity` (seconds) of that clock.
    """

    __slots__ = ("_buckets", "_coefficient", "_first", "_granularity", "_last", "_seconds", "_total")

    def __init__(self, seconds: float, granularity: float = BUCKET_SECONDS) -> None:
        self._granularity = granularity
        self._first = _NEVER
        self._last = _NEVER
        self._total = 0.0
        self._reshape(seconds, [0.0] * math.ceil(seconds / granularity))

    def record(self, when: float, value: float) -> None:
        """Add `value` to the bucket of `when`; one that is a window older than the newest sample is dropped."""
        slot = int(when // self._granularity)
        buckets = self._buckets
        last = self._last
        if slot != last:
            if (last - slot) * self._granularity >= self._seconds:
                return
            if self._first == _NEVER or slot < self._first:
                self._first = slot
            if slot > last:
                self._last = slot
                if (slot - last) * self._granularity >= self._seconds:
                    buckets[:] = [0.0] * len(buckets)
                    self._total = 0.0
                    self._first = slot
                else:
                    for passed in range(last + 1, slot + 1):
                        self._total -= buckets[passed % len(buckets)]
                        buckets[passed % len(buckets)] = 0.0
        buckets[slot % len(buckets)] += value
        self._total += value

    def empty(self, now: float) -> bool:
        """Whether nothing was recorded for longer than the window."""
        return (int(now // self._granularity) - self._last) * self._granularity > self._seconds

    def average(self, now: float) -> float:
        """Plain average per bucket, rounded to 6 digits."""
        buckets = self._buckets
        last = self._last
        silent = max(0, int(now // self._granularity) - last)
        if silent * self._granularity >= self._seconds:
            return 0.0
        total = self._total
        for passed in range(last + 1, last + silent + 1):
            total -= buckets[passed % len(buckets)]
        return _round_to_6_digits(total / self._covered(silent))

    def covered(self, now: float) -> float:
        """Seconds of the window that an average is made of now."""
        silent = max(0, int(now // self._granularity) - self._last)
        return 0.0 if silent * self._granularity >= self._seconds else self._covered(silent) * self._granularity

    def silent(self, now: float) -> float:
        """Seconds since the last sample."""
        return max(0, int(now // self._granularity) - self._last) * self._granularity

    def weighted_average(self, now: float) -> float:
        """Average in which each bucket weighs less than its successor by a constant factor.

        Not normalised: the weights of buckets that a young window does not have yet are simply missing.
        """
        if self.empty(now):
            return 0.0
        buckets = self._buckets
        last = self._last
        decay = 1 - self._coefficient
        silent = max(0, int(now // self._granularity) - last)
        weight = self._coefficient * decay**silent
        average = 0.0
        for slot in range(last, last - len(buckets) + silent, -1):
            average += buckets[slot % len(buckets)] * weight
            weight *= decay
        return average

    def resize(self, seconds: float, now: float) -> None:
        """Make the window `seconds` long and keep the newest data that fits.

        Data then counts as having begun one old window ago, so a grown window averages over that long at once.
        """
        if seconds == self._seconds:
            return
        old = self._buckets
        buckets = [0.0] * math.ceil(seconds / self._granularity)
        self._total = 0.0
        if self.empty(now):
            self._first = _NEVER
        else:
            for slot in range(self._last, self._last - min(len(old), len(buckets)), -1):
                buckets[slot % len(buckets)] = old[slot % len(old)]
                self._total += old[slot % len(old)]
            self._first = self._last - (len(old) - 1)
        self._reshape(seconds, buckets)

    def _covered(self, silent: int) -> int:
        return min(self._last - self._first + 1, len(self._buckets) - silent)

    def _reshape(self, seconds: float, buckets: list[float]) -> None:
        self._seconds = seconds
        self._buckets = buckets
        self._coefficient = max(MIN_COEFFICIENT, 1 - (1 - WEIGHT_PRECISION) ** (1 / len(buckets)))


class RevisionMetrics:
    """The load of one revision, as concurrency and as requests per second, each over both windows."""

    __slots__ = ("_concurrency", "_rps", "_spec")

    def __init__(self, spec: MetricSpec) -> None:
        self._spec = spec
        self._concurrency = (Window(spec.stable_window), Window(spec.panic_window))
        self._rps = (Window(spec.stable_window), Window(spec.panic_window))

    def record(self, when: float, concurrency: float, rps: float) -> None:
        """Add one reporter's sample of one second, with what another reporter has counted already taken off."""
        for window in self._concurrency:
            window.record(when, concurrency)
        for window in self._rps:
            window.record(when, rps)

    def averages(self, now: float, metric: str = "concurrency") -> Averages | None:
        """The averages of `metric` ("rps", or anything else for concurrency); None where there is nothing to go by."""
        stable, panic = self._rps if metric == "rps" else self._concurrency
        spec = self._spec
        if spec.scraped and stable.empty(now):
            return None
        if spec.algorithm in WEIGHTED_SPELLINGS:
            values = stable.weighted_average(now), panic.weighted_average(now)
        else:
            values = stable.average(now), panic.average(now)
        return Averages(
            *values,
            spec.stable_window,
            spec.panic_window,
            stable.covered(now),
            panic.covered(now),
            stable.silent(now),
        )

    def resize(self, spec: MetricSpec, now: float) -> None:
        """Follow a changed spec; what was recorded is kept as far as it fits."""
        self._spec = spec
        for stable, panic in (self._concurrency, self._rps):
            stable.resize(spec.stable_window, now)
            panic.resize(spec.panic_window, now)


def _round_to_6_digits(value: float) -> float:
    """Round half away from zero, as Go's math.Round does (Python's goes half to even); never -0.0."""
    scaled = abs(value) * 1e6
    whole = math.floor(scaled)
    if scaled - whole >= 0.5:
        whole += 1
    return math.copysign(whole / 1e6, value) + 0.0
