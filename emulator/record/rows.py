"""The lines of a record, each a JSON object: first the header, then rows that say their `kind`.

Moments (`t` and others) are seconds since the header's `started`. Rows stand in the order in which they were known: an
arrival after it was answered. No row holds a body, a header field or a query.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from emulator.core.limits import Limit

#: What the header says it is. A change that old readers would misread gets the next number.
FORMAT: Final = "knative-emulator/1"


class Header(Struct, frozen=True, kw_only=True):
    """What is needed to read the rest: when it began (Unix seconds), and Knative's ConfigMaps in force."""

    record: str = FORMAT
    started: float = 0.0
    config: Mapping[str, Mapping[str, str]] = {}


class Row(Struct, frozen=True, tag_field="kind"):
    """Something that happened at `t`."""

    t: float


class Applied(Row, frozen=True, tag="applied"):
    """A Service, Configuration or Route was stored or deleted: what rules scaling and routing is told of it."""

    verb: str
    object: dict[str, Any]


class Arrival(Row, frozen=True, tag="arrival"):
    """A request that has ended; `t` is when its head was there. Whoever writes one by hand may leave most of it out.

    Attributes:
        service: namespace/name; None where the revision is no Service's, or the host is nobody's.
        revision: namespace/name; None where the host is nobody's.
        instance: which one it was in; None where it reached none.
        seconds: how long it was there.
        latency: from its head to the end of its answer.
        status: of the answer; 0 where there was none.
        method: as it came.
        path: as it came, without the query.
        cold: seconds that it waited for the revision's first instance; None where one was there.
        error: what kept it from ending well.
    """

    service: str | None
    revision: str | None = None
    instance: str | None = None
    seconds: float | None = None
    latency: float = 0.0
    status: int = 0
    method: str = ""
    path: str = ""
    cold: float | None = None
    error: str | None = None


class Average(Struct, frozen=True):
    """An average over the last `window` seconds, of which `covered` have data, and the instances that it asks for."""

    window: float
    average: float
    covered: float
    wants: int


class Decision(Row, frozen=True, tag="decision"):
    """How many instances a revision should have, and all that it follows from.

    Attributes:
        revision: namespace/name.
        decided: when the autoscaler decided last; None before it did. What was made of it may be later.
        valid: whether there was data to decide on; else `desired` is the one from before.
        desired: instances that the autoscaler wants; -1 before it decided.
        ready: instances that were ready for it.
        metric: concurrency or rps.
        target: of the metric, what an instance should get.
        total: what an instance can take.
        stable, panic: the averages; None without data.
        silent: seconds since the last sample.
        panic_threshold: wanted for ready instances from which on there is panic.
        panic_since: when the threshold was reached last; None where there is no panic.
        panic_until: when the panic ends if it is not reached again.
        reachable: whether a route leads there.
        scale_up_rate, scale_down_rate: of what is ready, how many times as much, or what part, is allowed.
        limits: the rules that the number came by, in that order.
        excess_burst_capacity: what is left of the ready instances after the load and the burst; negative: too little.
        target_burst_capacity: that burst.
        mode: Serve or Proxy, whether the activator is in the path.
        activators: how many of them.
        active: status of the PodAutoscaler's condition, and its reason where there is one.
        wanted: instances that are to be there now.
        reason: the same in one line.
    """

    revision: str
    decided: float | None
    valid: bool
    desired: int
    ready: int
    metric: str
    target: float
    total: float
    stable: Average | None
    panic: Average | None
    silent: float | None
    panic_threshold: float
    panic_since: float | None
    panic_until: float | None
    reachable: bool
    scale_up_rate: float
    scale_down_rate: float
    limits: tuple[Limit, ...]
    excess_burst_capacity: int
    target_burst_capacity: float
    mode: str
    activators: int
    active: str
    wanted: int
    reason: str


class Instances(Row, frozen=True, tag="instances"):
    """How many instances a revision (of a service, or of none) has, by phase, and how many it should have."""

    revision: str
    service: str | None
    wanted: int
    phases: dict[str, int]


class Gap(Row, frozen=True, tag="gap"):
    """So many rows are missing here: they came faster than the disk took them."""

    lost: int


AnyRow = Applied | Arrival | Decision | Instances | Gap
