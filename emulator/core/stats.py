"""Load as it is reported once a second: concurrency weighted by time, requests counted as they come.

Follows knative.dev/networking pkg/http/stats/request.go (what queue-proxy keeps) and knative/serving
pkg/activator/handler/concurrency_reporter.go. A request that came through the activator is counted by both; what the
queue-proxy marks as proxied is therefore taken off its report before it is recorded (Report.own).
"""

from dataclasses import dataclass

from emulator.core.revision import RevisionKey


@dataclass(frozen=True, slots=True)
class Sample:
    """A reporter's share of a revision's load: mean concurrency, and requests that came, since its last report."""

    concurrency: float
    requests: int


@dataclass(frozen=True, slots=True)
class Report:
    """All of an instance's load since its last report, and the part of it that came through the activator."""

    total: Sample
    proxied: Sample

    @property
    def own(self) -> Sample:
        """What nobody else has reported."""
        return Sample(
            self.total.concurrency - self.proxied.concurrency,
            self.total.requests - self.proxied.requests,
        )


class RequestStats:
    """Load of one instance. Times are seconds of any one clock; one that goes back counts as standing still."""

    __slots__ = ("_busy", "_changed", "_count", "_proxied", "_proxied_busy", "_proxied_count", "_reported", "running")

    def __init__(self, now: float) -> None:
        self.running = self._proxied = 0
        self._changed = self._reported = now
        self._reset()

    def _reset(self) -> None:
        self._busy = self._proxied_busy = 0.0
        self._count = self._proxied_count = 0
        self._reported = self._changed

    def _advance(self, now: float) -> None:
        elapsed = now - self._changed
        if elapsed > 0:
            self._busy += self.running * elapsed
            self._proxied_busy += self._proxied * elapsed
            self._changed = now

    def request_in(self, now: float, *, proxied: bool = False) -> None:
        """A request begins."""
        self._advance(now)
        self.running += 1
        self._count += 1
        if proxied:
            self._proxied += 1
            self._proxied_count += 1

    def request_out(self, now: float, *, proxied: bool = False) -> None:
        """A request ends; `proxied` as at its begin."""
        self._advance(now)
        self.running -= 1
        if proxied:
            self._proxied -= 1

    def report(self, now: float) -> Report:
        """The load since the last report; the next one begins at `now`."""
        self._advance(now)
        period = self._changed - self._reported
        report = Report(
            Sample(self._busy / period if period > 0 else 0.0, self._count),
            Sample(self._proxied_busy / period if period > 0 else 0.0, self._proxied_count),
        )
        self._reset()
        return report


class ActivatorStats:
    """Load of all revisions at one activator.

    The first request of a revision is told at once, as concurrency 1: it is what wakes a revision from zero. The next
    report leaves that request out. A revision without load over a whole period is forgotten, so that its next request
    is a first one again.
    """

    __slots__ = ("_fresh", "_stats")

    def __init__(self) -> None:
        self._stats: dict[RevisionKey, RequestStats] = {}
        self._fresh: set[RevisionKey] = set()

    def __len__(self) -> int:
        return len(self._stats)

    def request_in(self, revision: RevisionKey, now: float) -> Sample | None:
        """A request begins; returns what must be told to the autoscaler at once, if anything."""
        stats = self._stats.get(revision)
        first = stats is None
        if stats is None:
            stats = self._stats[revision] = RequestStats(now)
            self._fresh.add(revision)
        stats.request_in(now)
        return Sample(1.0, 1) if first else None

    def request_out(self, revision: RevisionKey, now: float) -> None:
        """A request ends."""
        self._stats[revision].request_out(now)

    def report(self, now: float) -> list[tuple[RevisionKey, Sample]]:
        """The load of each revision since the last report."""
        samples = []
        for revision, stats in list(self._stats.items()):
            load = stats.report(now).total
            told = revision in self._fresh
            samples.append((revision, Sample(max(0.0, load.concurrency - told), load.requests - told)))
            if load.concurrency == 0 and stats.running == 0:
                del self._stats[revision]
        self._fresh.clear()
        return samples
