"""Why a revision had as many instances as it had, in sentences: what a record's numbers say, and no rule of its own.

Each number in a sentence is one of the decision's.
"""

from collections.abc import Sequence
from datetime import tzinfo

from emulator.core import limits
from emulator.core.limits import Limit
from emulator.core.scaler import Mode
from emulator.errors import UserError
from emulator.record.moments import Moment, moment, within
from emulator.record.reader import Record
from emulator.record.rows import Average, Decision, Instances

#: What an average counts, by metric.
_COUNTED = {"concurrency": "requests in flight", "rps": "requests per second"}

#: What a limit allows; others are seconds.
_BOUNDS = {
    limits.MAX_SCALE_UP_RATE: "at most {bound:g}, {up:g} times {base}",
    limits.MAX_SCALE_DOWN_RATE: "at least {bound:g}, {base} divided by {down:g}",
    limits.PANIC: "not below {bound:g}",
    limits.SCALE_DOWN_DELAY: "not below {bound:g}, the most of that time",
    limits.MIN_SCALE: "at least {bound:g}",
    limits.INITIAL_SCALE: "at least {bound:g}",
    limits.ACTIVATION_SCALE: "at least {bound:g}",
    limits.MAX_SCALE: "at most {bound:g}",
    limits.ENABLE_SCALE_TO_ZERO: "false",
}
_UNSET_AT_0 = {limits.MIN_SCALE, limits.INITIAL_SCALE, limits.ACTIVATION_SCALE, limits.MAX_SCALE}


def revisions(record: Record, name: str, at: float) -> list[str]:
    """The revisions that a Service's or a Revision's name (namespace/name) means at that moment; "" means all."""
    latest = {row.revision: row for row in record.of(Instances) if row.t <= at}
    found = [row for row in latest.values() if name in {"", row.revision, row.service}]
    # Those that had instances have more to say; where none had any, the newest has.
    alive = [row for row in found if row.phases or row.wanted or row.revision == name]
    return [row.revision for row in alive or found[-1:]]


def explain(record: Record, revision: str, at: float, zone: tzinfo | None = None) -> list[str]:
    """The lines of the explanation of one revision at one moment; none where nothing is known of it by then."""
    moment = Moment(record.header.started, zone)
    decisions = [row for row in record.of(Decision) if row.revision == revision and row.t <= at]
    counts = [row for row in record.of(Instances) if row.revision == revision and row.t <= at]
    if not decisions or not counts:
        return []
    decision = decisions[-1]
    lines = [f"At {moment(at)} {revision} had {_counted(counts[-1])}."]
    if decision.decided is None:
        lines.append("Its autoscaler had not decided yet.")
    elif decision.stable and decision.panic:
        lines.append(_stable(decision, decision.stable, moment))
        lines.append(_panic(decision, decision.panic, decisions, moment))
    else:
        # Below 0 nothing was ever asked for: there is no number that could stay.
        stayed = f"{_number(decision.desired)} stayed as desired" if decision.desired >= 0 else "nothing was asked for"
        lines.append(
            f"When it was decided last, at {moment(decision.decided)}, there were no samples to decide on, so {stayed}."
        )
    if decision.limits:
        lines.append("Limits, in the order in which they were met:")
        lines += [f"  {_limit(it, decision, at)}" for it in decision.limits]
    lines.append(f"So {decision.wanted} were wanted: {decision.reason}.")
    lines.append(_mode(decision))
    return lines


def _counted(row: Instances) -> str:
    count = sum(row.phases.values())
    phases = ", ".join(f"{number} {phase.lower()}" for phase, number in row.phases.items())
    return f"{_number(count)} ({phases}), and {row.wanted} were wanted" if count else f"none, and {row.wanted} wanted"


def _stable(row: Decision, average: Average, moment: Moment) -> str:
    utilization = f"{100 * row.target / row.total:g} % of the {row.total:g} that it can take"
    return (
        f"At {moment(row.decided or 0.0)} it was decided: over the last {average.window:g} s {_data(average, row)}"
        f" {_COUNTED.get(row.metric, row.metric)} averaged {average.average:.2f}; an instance should get"
        f" {row.target:g} ({utilization}), so {average.wants} were asked for."
    )


def _data(average: Average, row: Decision) -> str:
    """How much of the window there is data of."""
    if not row.silent:
        return f"({average.covered:g} s of data)"
    return f"({average.covered:g} s of data, none for {row.silent:g} s)"


def _panic(row: Decision, average: Average, decisions: Sequence[Decision], moment: Moment) -> str:
    base = max(1, row.ready)
    share, threshold = 100 * average.wants / base, 100 * row.panic_threshold
    over = average.wants / base >= row.panic_threshold
    words = (
        f"Over the {average.window:g} s panic window they averaged {average.average:.2f}, which asks for"
        f" {average.wants}: {share:.0f} % of {row.ready} ready{'' if row.ready else ' (counted as 1)'},"
        f" {'at or over' if over else 'below'} the {threshold:g} % of panic-threshold-percentage"
    )
    if row.panic_since is None or row.panic_until is None:
        return f"{words}, so there was no panic."
    return (
        f"{words}; there was panic since {moment(_begin(decisions))}, and while it lasts, until"
        f" {moment(row.panic_until)} if the threshold is not reached again, the number does not fall."
    )


def _begin(decisions: Sequence[Decision]) -> float:
    """When the panic that the last decision is in began, as far as is known."""
    begin = decisions[-1].t
    for row in reversed(decisions):
        if row.panic_since is None:
            break
        begin = row.panic_since
    return begin


def _limit(it: Limit, row: Decision, at: float) -> str:
    of = f" ({it.of} average)" if it.of else ""
    what = _bound(it, row)
    if it.left is not None:
        # As of the row, which is the first of all that said the same.
        what += f", {max(0.0, it.left - (at - row.t)):.1f} s left"
    changed = f"{it.before} became {it.after}" if it.before != it.after else f"did not apply, {it.after} stayed"
    return f"{it.name}{of}: {what}; {changed}"


def _bound(it: Limit, row: Decision) -> str:
    if it.name in _UNSET_AT_0 and not it.bound:
        return "not set"
    if it.name == limits.MAX_SCALE_DOWN_RATE and not row.reachable:
        return "no bound, as no route leads there"
    words = _BOUNDS.get(it.name, "{bound:g} s")
    return words.format(bound=it.bound, base=max(1, row.ready), up=row.scale_up_rate, down=row.scale_down_rate)


def _mode(row: Decision) -> str:
    by = "the activator" if row.mode == Mode.PROXY else "no activator"
    words = f"Requests went through {by} (mode {row.mode}, the revision's Active is {row.active})"
    if row.target_burst_capacity < 0:
        return f"{words}: target-burst-capacity {row.target_burst_capacity:g} keeps it in the path."
    if row.target_burst_capacity == 0:
        return f"{words}: target-burst-capacity 0 takes it out of the path except at zero."
    return (
        f"{words}: what {row.ready} ready could take, less target-burst-capacity {row.target_burst_capacity:g} and the"
        f" load, was {row.excess_burst_capacity}."
    )


def _number(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"


def tell(record: Record, name: str, text: str, end: float) -> str:
    """The explanations of all that a name means at a moment.

    Args:
        record: what happened.
        name: of a Service or a Revision (namespace/name); "" means all.
        text: the moment, as `moments.moment` reads it.
        end: the last second of the record; now, where it goes on.

    Raises:
        UserError: the moment is none, it is not in the record, or nothing is known of it.
    """
    started = record.header.started
    # A simulation's record tells what was before its load, too.
    begin = min(0.0, record.rows[0].t) if record.rows else 0.0
    at = within(moment(text, started, end), text, started, begin, end)
    told = ["\n".join(explain(record, revision, at)) for revision in revisions(record, name, at)]
    if not any(told):
        raise UserError(f"nothing is known of {name or 'any revision'} at second {at:.1f} of the record")
    return "\n\n".join(filter(None, told))
