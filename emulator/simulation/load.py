"""What comes, and when: the words of `--load`, and the moments that they stand for.

    50 rps 60s                   50 requests a second, for 60 s
    ramp 0..500 rps 60s          from none to 500 a second, evenly more
    storm 100000 logins 60s      so many within 60 s, each a password to hash: HASH_SECONDS of one core, HASH_BATCH
    clients 50 500ms 90s         closed loop: 50 clients for 90 s that ask again when answered; requests take 500 ms
    pause 30s                    nothing

Phases follow each other, separated by commas. Moments are drawn at random with the count that the rate gives, which is
a Poisson process of which the count is known: people who know nothing of each other bunch, and a metronome would
flatter whoever has to serve them. `even` is that metronome.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from emulator.record.reader import Record
from emulator.record.rows import Arrival
from emulator.simulation.cores import Batch
from emulator.simulation.times import Times, seconds

#: Core-seconds of one login: a bcrypt hash of cost 12, as knative/service.yaml counts.
HASH_SECONDS: Final = 0.22
#: Logins that wait are hashed up to four at a time, in 1.05 of the time of one: what the function does by default
#: (HASH_ENGINE=auto), as docs/operations.md measured it (0.22 s for one, 0.23 s for four).
HASH_BATCH: Final = Batch(4, 1.05)
#: Seconds that any other request waits for something else, where nothing is said.
SERVICE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests that come whether or not earlier ones were answered, at a rate that goes evenly from `first` to `last`.

    Attributes:
        first: requests per second at the beginning.
        last: and at the end.
        seconds: how long it takes.
        hashed: each is a password to hash.
        text: as it was written.
    """

    first: float
    last: float
    seconds: float
    hashed: bool = False
    text: str = field(default="", compare=False)

    @property
    def count(self) -> int:
        return round((self.first + self.last) / 2 * self.seconds)

    def moments(self, rng: Random, *, even: bool = False) -> list[float]:
        """When each request comes, in seconds from the beginning, in order."""
        count = self.count
        if even:
            shares = [(number + 0.5) / count for number in range(count)]
        else:
            shares = sorted([rng.random() for _ in range(count)])
        rise = self.last - self.first
        if not rise:
            return [share * self.seconds for share in shares]
        # The share of all that has come by t is (first t + rise t^2 / (2 seconds)) / (mean seconds): solved for t.
        first, last = self.first, self.last
        scale, square, span = self.seconds / rise, first * first, last * last - first * first
        return [scale * (math.sqrt(square + span * share) - first) for share in shares]


@dataclass(frozen=True, slots=True)
class Clients:
    """Closed loop: so many clients ask, wait for the answer and ask again, until `seconds` have passed."""

    count: int
    seconds: float
    times: Times | None = None
    text: str = field(default="", compare=False)


Phase = Arrivals | Clients


@dataclass(frozen=True, slots=True)
class Phases:
    """Phases, one after the other, on one Service (`namespace/name`); `even` makes them a metronome."""

    phases: Sequence[Phase]
    service: str
    even: bool = False

    @property
    def seconds(self) -> float:
        return sum(phase.seconds for phase in self.phases)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a record says that came, by time, again with the same moments between."""

    arrivals: Sequence[Arrival]

    @property
    def begin(self) -> float:
        """The moment of the first."""
        return self.arrivals[0].t

    @property
    def seconds(self) -> float:
        """From the first to the last."""
        return self.arrivals[-1].t - self.begin


def recorded(record: Record) -> Recorded:
    """The requests of a record that were for a Service. Raises ValueError if there was none."""
    arrivals = [arrival for arrival in record.of(Arrival) if arrival.service]
    if not arrivals:
        raise ValueError("it holds no request for a Service")
    return Recorded(arrivals)


def parse_load(text: str) -> tuple[Phase, ...]:
    """Read phases. Raises ValueError with what is wrong and what may be written."""
    phases = tuple(_phase(" ".join(part.split())) for part in text.split(","))
    if all(isinstance(phase, Arrivals) and not phase.count for phase in phases):
        raise ValueError(f"{text!r} sends no request at all")
    return phases


def _phase(text: str) -> Phase:
    for pattern, make in _FORMS.items():
        if match := re.fullmatch(pattern, text):
            try:
                return replace(make(*match.groups()), text=text)
            except ValueError as error:
                raise ValueError(f"{text!r}: {error}") from None
    forms = "`50 rps 60s`, `ramp 0..500 rps 60s`, `storm 100000 logins 60s`, `clients 50 500ms 90s` or `pause 30s`"
    raise ValueError(f"{text!r} is no load: write {forms}, several with commas between them")


def _number(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError(f"{text!r} is no number of 0 or more")
    return float(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{text!r} is no whole number of 1 or more")
    return int(text)


def _long(text: str) -> float:
    value = seconds(text)
    if not value:
        raise ValueError("it lasts no time at all")
    return value


def _storm(count: str, text: str) -> Arrivals:
    rate = _count(count) / _long(text)
    return Arrivals(rate, rate, _long(text), hashed=True)


_FORMS: Mapping[str, Callable[..., Phase]] = {
    r"(\S+) rps (\S+)": lambda rate, time: Arrivals(_number(rate), _number(rate), _long(time)),
    r"ramp (\S+?)\.\.(\S+) rps (\S+)": lambda a, b, time: Arrivals(_number(a), _number(b), _long(time)),
    r"storm (\S+) logins (\S+)": _storm,
    r"clients (\S+) (\S.*) (\S+)": lambda count, times, time: Clients(_count(count), _long(time), Times(times)),
    r"clients (\S+) (\S+)": lambda count, time: Clients(_count(count), _long(time)),
    r"pause (\S+)": lambda time: Arrivals(0.0, 0.0, _long(time)),
}
