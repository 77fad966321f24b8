"""What a simulation found: each request, each second, each decision, and the figures that they come to."""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

from emulator.record.rows import AnyRow, Decision, Header

#: Statuses of requests that an instance did not answer, in words.
LOST: Final[Mapping[int, str]] = {
    0: "without an answer",
    404: "404, no such service",
    502: "502, broken off",
    503: "503, too many wait",
    504: "504, not in time",
}


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed (nearest rank); `ordered` is sorted and not empty."""
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


class Requests:
    """All requests, in the order in which they ended. Times are seconds since the load began."""

    def __init__(self) -> None:
        self.begun = array("d")
        self.ended = array("d")
        self.status = array("H")

    def __len__(self) -> int:
        return len(self.ended)

    def add(self, begun: float, ended: float, status: int) -> None:
        self.begun.append(begun)
        self.ended.append(ended)
        self.status.append(status)

    def latencies(self, begin: float = 0.0, end: float = float("inf")) -> list[float]:
        """Of those that an instance answered in [begin, end), in order of size."""
        first, last = bisect_left(self.ended, begin), bisect_left(self.ended, end)
        rows = zip(self.begun[first:last], self.ended[first:last], self.status[first:last], strict=True)
        return sorted([ended - begun for begun, ended, status in rows if status not in LOST])


class Second(NamedTuple):
    """The state of everything at the end of a second of the load.

    Attributes:
        at: seconds since the load began.
        instances: that exist and were not told to go.
        ready: of those, that take requests.
        wanted: that the autoscaler wants.
        waiting: requests that wait for an instance, or for room in one.
        open: requests that have come and are not answered, the waiting ones included.
        cores: cores in use, on average over the second.
        offered: requests that came in it.
    """

    at: float
    instances: int
    ready: int
    wanted: int
    waiting: int
    open: int
    cores: float
    offered: int


class Decided(NamedTuple):
    """A decision, of which moments are seconds since the load began, and the instances wanted until then."""

    before: int
    row: Decision


@dataclass(slots=True)
class Result:
    """A run. `title` says of what, `seconds` how long it was watched from the beginning of the load.

    `decisions` leaves out those that say what the one before said. `header` and `rows` are what `explain` reads, with
    negative moments before the load; `warnings` is what admission has to say of the manifests.
    """

    title: str
    load_seconds: float
    seconds: float = 0.0
    requests: Requests = field(default_factory=Requests)
    series: list[Second] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)
    header: Header = field(default_factory=Header)
    rows: list[AnyRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    #: Seconds that instances existed, in sum; core-seconds that they computed, and that they were promised.
    instance_seconds: float = 0.0
    core_seconds: float = 0.0
    promised_core_seconds: float = 0.0
    offered: int = 0

    @property
    def lost(self) -> Counter[int]:
        """Requests that no instance answered, by status."""
        counts = Counter(self.requests.status)
        return Counter({status: counts[status] for status in LOST if counts[status]})

    @property
    def answered(self) -> int:
        return len(self.requests) - self.lost.total()

    @property
    def steps(self) -> list[Decided]:
        """The decisions that changed what is wanted."""
        return [decided for decided in self.decisions if decided.before != decided.row.wanted]

    def latency(self, percent: float) -> float:
        """A percentile of the answered requests' latencies, in seconds; 0 where there is none."""
        found = self.requests.latencies()
        return percentile(found, percent) if found else 0.0

    @property
    def most_instances(self) -> int:
        return max((second.instances for second in self.series), default=0)

    @property
    def mean_instances(self) -> float:
        return self.instance_seconds / self.seconds if self.seconds else 0.0

    @property
    def most_waiting(self) -> int:
        return max((second.waiting for second in self.series), default=0)

    def summary(self) -> dict[str, Any]:
        """The figures, by name; times are seconds."""
        found = self.requests.latencies()
        shown = {f"p{percent}": percentile(found, percent) if found else None for percent in (50, 90, 95, 99)}
        return {
            "offered": self.offered,
            "answered": self.answered,
            "lost": self.lost.total(),
            "lost_by_status": {str(status): count for status, count in sorted(self.lost.items())},
            "latency": shown | {"max": found[-1] if found else None},
            "instances": {"max": self.most_instances, "mean": self.mean_instances},
            "instance_seconds": self.instance_seconds,
            "core_seconds": self.core_seconds,
            "promised_core_seconds": self.promised_core_seconds,
            "waiting_max": self.most_waiting,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Column:
    """A span of the run that is drawn as one: `latencies` in order of size, answers by status."""

    begin: float
    end: float
    offered: int
    answers: Counter[int]
    latencies: Sequence[float]


def columns(result: Result, most: int) -> list[Column]:
    """Cut the run into at most `most` equal spans of whole seconds."""
    width = max(1, -(-int(result.seconds) // most))
    edges = list(range(0, int(result.seconds) + width, width))
    found = []
    for begin, end in pairwise(edges):
        first, last = (bisect_left(result.requests.ended, edge) for edge in (begin, end))
        found.append(
            Column(
                begin,
                min(end, result.seconds),
                sum(second.offered for second in result.series[begin:end]),
                Counter(result.requests.status[first:last]),
                result.requests.latencies(begin, end),
            )
        )
    return found
