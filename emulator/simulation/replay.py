"""`knative-emulator replay`: what came to a real emulator, and what another manifest would have done with it.

The arrivals are an open loop: they come when they came, however long the answers take. Each takes an instance as long
as it took then; so what is simulated is the waiting and the scaling, and not how much faster or slower an instance with
another number of requests at a time would work.
"""

import argparse
import json
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from math import ceil
from statistics import median

from emulator.api import kinds
from emulator.core.annotations import CREATOR, LAST_MODIFIER, SERVICE_LABEL
from emulator.core.instance import ALIVE, Phase
from emulator.core.settings import ConfigError
from emulator.errors import UserError
from emulator.manifests import read_manifests
from emulator.record.decisions import since
from emulator.record.reader import Record, read
from emulator.record.rows import Applied, Arrival, Decision, Header, Instances
from emulator.settings import read_settings
from emulator.simulation import terminal
from emulator.simulation.command import Documents, document, machine, warn
from emulator.simulation.engine import side_by_side, start
from emulator.simulation.load import Recorded, recorded
from emulator.simulation.plane import OK
from emulator.simulation.result import LOST, Decided, Result, Second
from emulator.simulation.times import Times


def run(options: argparse.Namespace) -> int:
    """Replay and print; returns 0. Raises UserError."""
    record = read(options.file)
    try:
        load = recorded(record)
    except ValueError as error:
        raise UserError(f"{options.file}: {error}") from error
    notes = ["requests come when they came, however long the answers take, and take their instance as long as then"]
    if options.start is None and (found := starts(record)):
        options.start = Times(f"{median(found):.3f}s")
        notes.append(f"instances start in {options.start.text}, the median of {len(found)} recorded starts")
    if ready := _ready_at(record, load.begin):
        notes.append(f"the recording began with {ready} ready; a simulation begins at rest")
    try:
        results = [as_recorded(record, load), *_simulated(options, record, load, notes)]
    except ConfigError as error:
        raise UserError(f"the ConfigMaps of {options.config or options.file}: {error}") from error
    if options.json:
        json.dump([document(result) for result in results], sys.stdout)
        sys.stdout.write("\n")
        return 0
    for line in chain(terminal.comparison(results), (f"note: {note}" for note in notes)):
        print(line)
    return 0


def _simulated(options: argparse.Namespace, record: Record, load: Recorded, notes: list[str]) -> list[Result]:
    """What the recorded manifests make of the load, and what the other ones do. Raises ConfigError."""
    config = record.header.config
    again = partial(start, load=load, machine=machine(options), seed=options.seed)
    manifests, changed = in_force(record, load.begin)
    notes += changed
    runs = []
    if manifests:
        runs.append(again(manifests, config_maps=config, title="simulated, as it was"))
    elif not options.against:
        raise UserError(f"{options.file} holds no manifest: name one with --against")
    if options.against:
        other = read_manifests(options.against, options.namespace)
        missing = _missing(load, other)
        if len(missing) == len({it.service for it in load.arrivals}):
            there = ", ".join(_services(other)) or "none"
            raise UserError(
                f"the record is of {', '.join(missing)}; {' '.join(options.against)} has {there}:"
                " give its Service the recorded name and namespace"
            )
        notes += [f"no manifest makes {name}: what came to it is answered 404" for name in missing]
        config = read_settings(options.config).config if options.config else config
        runs.append(again(other, config_maps=config, title=" ".join(options.against)))
    results = side_by_side(runs)
    if options.against:
        warn(results[-1:])
    return results


def _ready_at(record: Record, at: float) -> int:
    """Ready instances at a moment."""
    latest = {row.revision: row.phases.get(Phase.READY, 0) for row in record.of(Instances) if row.t <= at}
    return sum(latest.values())


def _missing(load: Recorded, documents: Documents) -> list[str]:
    """Services that something came to, and that the manifests don't have."""
    return sorted({it.service for it in load.arrivals if it.service} - set(_services(documents)))


def _services(documents: Documents) -> list[str]:
    """The Services of manifests (namespace/name)."""
    return ["{namespace}/{name}".format(**it["metadata"]) for kind, it in documents if kind is kinds.SERVICE]


def in_force(record: Record, at: float) -> tuple[Documents, list[str]]:
    """What was applied by then and not deleted, as manifests; and what can't be replayed of it, in sentences."""
    known: dict[tuple[str, str, str], Applied] = {}
    notes = []
    for row in record.of(Applied):
        meta = row.object["metadata"]
        key = row.object["kind"], meta["namespace"], meta["name"]
        if SERVICE_LABEL in meta.get("labels", {}):
            continue  # its Service makes it
        if row.t <= at:
            known[key] = row
        else:
            notes.append(f"{key[0]} {key[1]}/{key[2]} was {row.verb.lower()} at {row.t:.1f} s: not replayed")
    documents: Documents = []
    for row in known.values():
        kind = kinds.by_type(row.object["apiVersion"], row.object["kind"])
        if kind is None or row.verb == "DELETED":
            continue
        meta, spec = row.object["metadata"], dict(row.object["spec"])
        annotations = {k: v for k, v in meta.get("annotations", {}).items() if k not in {CREATOR, LAST_MODIFIER}}
        if any("revisionName" in target for target in spec.get("traffic", ())):
            spec.pop("traffic")
            notes.append(f"{meta['namespace']}/{meta['name']} split its traffic: all goes to the newest revision here")
        metadata = {name: meta[name] for name in ("namespace", "name", "labels") if name in meta}
        documents.append((kind, {**row.object, "metadata": metadata | {"annotations": annotations}, "spec": spec}))
    return documents, notes


def starts(record: Record) -> list[float]:
    """Seconds that instances took from start to readiness, where whichever started first was ready first."""
    found = []
    for rows in _by_revision(record.of(Instances)).values():
        waiting: deque[float] = deque()
        alive = ready = 0
        for row in rows:
            now_alive, now_ready = _alive(row), row.phases.get(Phase.READY, 0)
            waiting.extend([row.t] * (now_alive - alive))
            found += [row.t - waiting.popleft() for _ in range(min(now_ready - ready, len(waiting)))]
            alive, ready = now_alive, now_ready
    return found


def as_recorded(record: Record, load: Recorded) -> Result:
    """The recording itself, in the terms of a simulation's result."""
    begin = load.begin
    services = {it.service for it in load.arrivals}
    counts = [row for row in record.of(Instances) if row.service in services]
    header = Header(started=record.header.started + begin, config=record.header.config)
    result = Result("recorded", load.seconds, max(record.end, _end(load)) - begin, header=header)
    for arrival in sorted(load.arrivals, key=lambda it: it.t + it.latency):
        result.requests.add(arrival.t - begin, arrival.t + arrival.latency - begin, _status(arrival))
    result.offered = len(load.arrivals)
    result.series = list(_series(load, counts, begin, ceil(result.seconds)))
    result.instance_seconds = sum(
        sum(row.phases.values()) * (max(0.0, until - begin) - max(0.0, row.t - begin))
        for rows in _by_revision(counts).values()
        for row, until in zip(rows, [*(it.t for it in rows[1:]), begin + result.seconds], strict=True)
    )
    revisions = {row.revision for row in counts}
    wanted: dict[str, int] = {}
    for row in record.of(Decision):
        if row.revision in revisions and row.t >= begin:
            result.decisions.append(Decided(wanted.get(row.revision, row.wanted), since(row, begin)))
        if row.revision in revisions:
            wanted[row.revision] = row.wanted
    return result


def _status(arrival: Arrival) -> int:
    """An instance's own answer is one, whatever it says: refusals of a service are not the platform's."""
    if arrival.error:
        return arrival.status if arrival.status in LOST else 0
    return OK if arrival.instance else arrival.status


def _series(load: Recorded, counts: Sequence[Instances], begin: float, seconds: int) -> Iterator[Second]:
    latest: dict[str, Instances] = {}
    upcoming = deque(counts)
    came = deque(load.arrivals)
    there: list[Arrival] = []
    for second in range(1, seconds + 1):
        now = begin + second
        while upcoming and upcoming[0].t <= now:
            row = upcoming.popleft()
            latest[row.revision] = row
        offered = 0
        while came and came[0].t <= now:
            there.append(came.popleft())
            offered += 1
        there = [it for it in there if it.t + it.latency > now]
        yield Second(
            float(second),
            sum(_alive(row) for row in latest.values()),
            sum(row.phases.get(Phase.READY, 0) for row in latest.values()),
            sum(row.wanted for row in latest.values()),
            sum(it.t + it.latency - (it.seconds or 0.0) > now for it in there),
            len(there),
            0.0,
            offered,
        )


def _by_revision(rows: Sequence[Instances]) -> Mapping[str, list[Instances]]:
    found: dict[str, list[Instances]] = {}
    for row in rows:
        found.setdefault(row.revision, []).append(row)
    return found


def _alive(row: Instances) -> int:
    return sum(row.phases.get(phase, 0) for phase in ALIVE)


def _end(load: Recorded) -> float:
    return max(it.t + it.latency for it in load.arrivals)
