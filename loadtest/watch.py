"""What the emulator says of itself, twice a second. Times are seconds of the run."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

#: Seconds between two looks; the autoscaler decides every two.
INTERVAL = 0.5


class Sample(NamedTuple):
    """A revision at one moment.

    Attributes:
        at: when.
        wanted: instances that the autoscaler wants.
        ready: instances that take requests.
        running: instances there are, whatever their state.
        waiting: requests that wait for an instance, or for room in one.
        served: answers that its instances have given since they are there, those of gone instances included.
        reason: why it wants so many.
    """

    at: float
    wanted: int
    ready: int
    running: int
    waiting: int
    served: int
    reason: str


def read(status: Mapping[str, Any], service: str, at: float) -> Sample:
    """Out of the document of `knative-emulator status`: the newest revision of a service."""
    [revisions] = (it["revisions"] for it in status["services"] if it["name"] == service)
    newest = revisions[0]
    return Sample(
        at,
        newest["wanted"],
        newest["ready"],
        len(newest["instances"]),
        newest["waiting"],
        newest["served_by_gone"] + sum(instance["served"] for instance in newest["instances"]),
        newest["reason"],
    )


class Step(NamedTuple):
    """The autoscaler changed its mind."""

    at: float
    before: int
    after: int
    reason: str


def steps(samples: Sequence[Sample]) -> list[Step]:
    """The changes of what is wanted, each with the reason that was given when it was first seen."""
    pairs = pairwise(samples)
    return [Step(now.at, was.wanted, now.wanted, now.reason) for was, now in pairs if was.wanted != now.wanted]
