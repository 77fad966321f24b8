"""What comes, and when: made of a shape, or of what came to an emulator before (`up --record`). Times are seconds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.record import reader
from emulator.record.rows import Arrival, Instances
from emulator.simulation.result import percentile
from loadtest.shapes import SHAPES, arrivals
from loadtest.target import LOGIN, Ask, TargetError


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        name: in a file's name.
        title: in a few words.
        moments: when each request is meant to begin, in order.
        asks: what each asks for; None where each is a login.
        seconds: how long it is watched at least.
        from_zero: whether nothing must run when it begins.
        notes: what else a reader of the report wants to know.
    """

    name: str
    title: str
    moments: Sequence[float]
    asks: Sequence[Ask] | None
    seconds: float
    from_zero: bool
    notes: Sequence[str] = ()


def of_shape(name: str, people: int, seconds: float) -> Plan:
    """So many logins, as a shape has them."""
    shape = SHAPES[name]
    title = f"{name.capitalize()}: {shape.says}"
    return Plan(name, title, arrivals(shape, people, seconds), None, seconds, shape.from_zero)


def of_record(file: Path, *, service: str, logins: bool, speed: float) -> Plan:
    """What came to a service, at the same moments: an open loop, as what came then did not wait for what comes now.

    Args:
        file: what `up --record` wrote.
        service: namespace/name; "" for the one that most came to.
        logins: leave out all but logins.
        speed: how many times as fast.

    Raises:
        TargetError: nothing of that came.
        UserError: the file is no record.
    """
    record = reader.read(file)
    came = [row for row in record.of(Arrival) if row.service and row.service == (service or row.service)]
    most = [name for name, _ in Counter(row.service for row in came).most_common(1)]
    came = [row for row in came if row.service in most]
    # A path that begins otherwise (`OPTIONS *`) would be joined with the target's address to another one.
    chosen = [row for row in came if row.path.startswith("/") and (not logins or (row.method, row.path) == LOGIN)]
    if not chosen:
        what = "POST /login" if logins else "request"
        raise TargetError(f"{file} has no {what} of {service or 'any service'}: name another with --service, or --url")
    begin, end = chosen[0].t, chosen[-1].t
    before = {row.revision: row for row in record.of(Instances) if row.service in most and row.t <= begin}
    latencies = sorted(row.latency for row in chosen)
    p50, p99 = (percentile(latencies, percent) for percent in (50, 99))
    notes = [
        f"{len(chosen)} of {len(came)} recorded requests of {most[0]}, {speed:g} times as fast",
        f"recorded: half answered within {p50:.3f} s, 99 % within {p99:.3f} s",
        f"{sum(not row.status for row in chosen)} without an answer",
    ]
    return Plan(
        name="replay",
        title=f"Replay of {file.name}",
        moments=[(row.t - begin) / speed for row in chosen],
        asks=None if logins else [Ask(row.method, row.path) for row in chosen],
        seconds=(end - begin) / speed,
        from_zero=not any(row.phases.get("Ready") for row in before.values()),
        notes=notes,
    )
