"""From a revision as it stands now to the rows that tell of it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from emulator.core.annotations import SERVICE_LABEL
from emulator.core.scaler import Condition
from emulator.record.rows import AnyRow, Average, Decision, Instances
from emulator.revision import RevisionController

_Row = TypeVar("_Row", bound=AnyRow)


def decision_row(revision: RevisionController, now: float, started: float) -> Decision:
    """The last decision, and what was made of it."""
    scaler = revision.scaler
    spec, decision, outcome = scaler.spec.decider, scaler.decision, scaler.outcome
    grounds, since = decision.grounds, decision.panic_since
    averages = grounds.averages if grounds else None
    stable = panic = None
    if grounds and averages:
        stable = Average(averages.stable_window, averages.stable, averages.stable_covered, grounds.want_stable)
        panic = Average(averages.panic_window, averages.panic, averages.panic_covered, grounds.want_panic)
    return Decision(
        t=_moment(now, started),
        revision=str(revision.replicas.key),
        decided=_moment(grounds.at, started) if grounds else None,
        valid=decision.valid,
        desired=decision.desired,
        ready=grounds.ready if grounds else revision.replicas.ready,
        metric=spec.scaling_metric,
        target=spec.target_value,
        total=spec.total_value,
        stable=stable,
        panic=panic,
        silent=averages.silent if averages else None,
        panic_threshold=spec.panic_threshold,
        panic_since=None if since is None else _moment(since, started),
        panic_until=None if since is None else _moment(since + spec.stable_window, started),
        reachable=spec.reachable,
        scale_up_rate=spec.max_scale_up_rate,
        scale_down_rate=spec.max_scale_down_rate,
        limits=(*(grounds.limits if grounds else ()), *outcome.limits),
        excess_burst_capacity=decision.excess_burst_capacity,
        target_burst_capacity=spec.target_burst_capacity,
        mode=outcome.mode.value,
        activators=outcome.activators,
        active=_words(outcome.active),
        wanted=scaler.wanted,
        reason=scaler.reason,
    )


def instances_row(revision: RevisionController, now: float, started: float) -> Instances:
    """How many there are."""
    replicas = revision.replicas
    return Instances(
        t=_moment(now, started),
        revision=str(replicas.key),
        service=service_of(revision.document),
        wanted=replicas.wanted,
        phases=dict(Counter(instance.phase.value for instance in replicas)),
    )


def service_of(revision: Mapping[str, Any]) -> str | None:
    """The Service (namespace/name) of a Revision."""
    meta = revision.get("metadata", {})
    service = meta.get("labels", {}).get(SERVICE_LABEL)
    return f"{meta['namespace']}/{service}" if service else None


def since(row: _Row, begin: float) -> _Row:
    """The same row in a record that begins so many seconds later."""
    moments = {
        name: value - begin
        for name in ("t", "decided", "panic_since", "panic_until")
        if (value := getattr(row, name, None)) is not None
    }
    return replace(row, **moments)


def same(row: Decision, before: Decision | None) -> bool:
    """Whether it says nothing new: an idle revision is decided about as often as a busy one."""
    return before is not None and _timeless(row) == _timeless(before)


def _timeless(row: Decision) -> Decision:
    return replace(row, t=0.0, decided=None, silent=None)


def _moment(at: float, started: float) -> float:
    return round(at - started, 6)


def _words(condition: Condition) -> str:
    return f"{condition.status} ({condition.reason})" if condition.reason else condition.status
