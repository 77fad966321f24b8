"""Outcomes as series over time: what came, how it was answered, how long that took. Times are seconds of the run."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.ledger import Outcome

#: More columns are too thin to hold enough requests for a percentile.
MAX_COLUMNS: Final = 80
#: Widths of a column in seconds that a person can count in.
WIDTHS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

#: Kinds of answers in the order in which they are stacked: what they are, in words.
KINDS: Final[Mapping[str, str]] = {
    "ok": "2xx or 3xx, done",
    "refused": "4xx, refused",
    "later": "429 or 503, come back later",
    "late": "504, not in time",
    "failed": "other errors",
    "lost": "no answer",
}


def kind(status: int) -> str:
    """Which of KINDS a status is; 0 stands for none."""
    exact = {0: "lost", 429: "later", 503: "later", 504: "late"}
    return exact.get(status) or {2: "ok", 3: "ok", 4: "refused"}.get(status // 100, "failed")


@dataclass(frozen=True, slots=True)
class Column:
    """A short while.

    Attributes:
        begin: when it begins.
        end: when it ends.
        offered: requests that were meant to begin in it.
        answers: how those that ended in it ended, by KINDS.
        latencies: of those, in order.
        open: requests that are open at its end: meant to have begun, and not answered.
    """

    begin: float
    end: float
    offered: int
    answers: Counter[str]
    latencies: Sequence[float]
    open: int


def columns(moments: Sequence[float], outcomes: Sequence[Outcome], seconds: float) -> list[Column]:
    """Cut the run into equal columns.

    Args:
        moments: when each request was meant to begin, in order.
        outcomes: what became of them.
        seconds: length of the run.
    """
    width = next((width for width in WIDTHS if seconds / width <= MAX_COLUMNS), WIDTHS[-1])
    count = max(1, int(-(-seconds // width)))
    ended = sorted(outcome.ended for outcome in outcomes)
    offered = Counter(min(int(moment / width), count - 1) for moment in moments)
    within: list[list[Outcome]] = [[] for _ in range(count)]
    for outcome in outcomes:
        within[min(int(outcome.ended / width), count - 1)].append(outcome)
    return [
        Column(
            number * width,
            (number + 1) * width,
            offered[number],
            Counter(kind(it.status) for it in here),
            sorted(it.latency for it in here),
            bisect_right(moments, (number + 1) * width) - bisect_right(ended, (number + 1) * width),
        )
        for number, here in enumerate(within)
    ]
