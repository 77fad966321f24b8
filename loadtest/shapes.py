"""When people come: a table of shapes, and the moments that one of them gives. Times are seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

#: The same people come at the same moments in every run, so that two runs can be compared.
SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Shape:
    """Everybody comes between two parts (0 to 1) of the time; before and after it is quiet.

    Attributes:
        begin: when the first may come.
        end: when the last has come.
        from_zero: whether nothing must run when it begins.
        says: what it is for, in words.
    """

    begin: float
    end: float
    from_zero: bool
    says: str


SHAPES: Final[Mapping[str, Shape]] = {
    "steady": Shape(0.05, 0.75, from_zero=False, says="people come evenly, whatever runs by then"),
    "spike": Shape(0.1, 0.5, from_zero=True, says="nobody at all, then people come evenly, to a service at zero"),
    "storm": Shape(0.1, 0.12, from_zero=True, says="everybody comes at once, to a service at zero"),
}


def arrivals(shape: Shape, people: int, seconds: float) -> list[float]:
    """When each of `people` comes, in order.

    Moments are drawn evenly at random, which is a Poisson process of which the count is known: people who know nothing
    of each other bunch, and a metronome would flatter whoever has to serve them.
    """
    rng = Random(SEED)  # noqa: S311 # no secret
    return sorted(rng.uniform(shape.begin * seconds, shape.end * seconds) for _ in range(people))
