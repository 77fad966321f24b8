"""Which revisions a Route leads to, and how much of the traffic each of them gets.

Follows knative/serving pkg/reconciler/route/traffic. A target is named by its tag; "" is the route itself, to which all
entries of `spec.traffic` belong, and a tag is a target of its own that gets all of what is sent to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from emulator.core import annotations as keys
from emulator.core.conditions import Condition, is_ready, ready_of
from emulator.core.gotext import quote
from emulator.core.naming import RouteNames, Visibility
from emulator.core.rollout import ConfigurationRollout, Rollout, Share

Object = Mapping[str, Any]

DEFAULT: Final = ""


@dataclass(frozen=True, slots=True)
class RevisionTarget:
    """One entry of the traffic, led down to a revision. `configuration` is "" for a revision that belongs to none."""

    revision: str
    configuration: str
    latest: bool
    percent: int
    tag: str
    http2: bool


class Reference(NamedTuple):
    """An object that the traffic refers to."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the traffic can't be assigned: `condition` is what AllTrafficAssigned says."""

    condition: Condition
    words: str

    @property
    def is_failure(self) -> bool:
        """Whether it won't pass by itself; a failure is told rather than something that is only not ready yet."""
        return self.condition.status == "False"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What `spec.traffic` comes to. With a problem there are no targets.

    Attributes:
        targets: by tag, each revision once; the percents of a target sum to 100.
        entries: as status.traffic lists them, before a rollout splits them.
        referenced: what was looked up and found, `missing` what was not.
    """

    targets: Mapping[str, tuple[RevisionTarget, ...]]
    entries: tuple[RevisionTarget, ...]
    problem: Problem | None
    referenced: frozenset[Reference]
    missing: tuple[Reference, ...]


class _ProblemError(Exception):
    def __init__(self, problem: Problem, missing: Reference | None = None) -> None:
        self.problem = problem
        self.missing = missing


def assign(route: Object, configurations: Mapping[str, Object], revisions: Mapping[str, Object]) -> Traffic:
    """Resolve the traffic of a stored Route; `configurations` and `revisions` are those stored in its namespace."""
    lookup = _Lookup({"Configuration": configurations, "Revision": revisions})
    service = route["metadata"].get("labels", {}).get(keys.SERVICE_LABEL, "")
    found: list[RevisionTarget] = []
    problem: Problem | None = None
    missing: list[Reference] = []
    for entry in route["spec"].get("traffic") or ():
        try:
            found.append(_resolve(entry, lookup, service))
        except _ProblemError as error:
            if problem is None or error.problem.is_failure:
                problem = error.problem
            if error.missing:
                missing.append(error.missing)
    if problem:
        found = []
    tags = {target.tag for target in found if target.tag}
    targets = {tag: _consolidated(target for target in found if target.tag == tag) for tag in tags}
    if found:
        targets[DEFAULT] = _consolidated(found)
    return Traffic(targets, tuple(_merged(found)), problem, frozenset(lookup.found), tuple(missing))


class _Lookup:
    """Finds objects by name, and notes which."""

    def __init__(self, stored: Mapping[str, Mapping[str, Object]]) -> None:
        self._stored = stored
        self.found: set[Reference] = set()

    def get(self, kind: str, name: str) -> Object:
        reference = Reference(kind, name)
        if name not in self._stored[kind]:
            words = f"{kind} {quote(name)} referenced in traffic not found"
            raise _ProblemError(Problem(Condition("False", f"{kind}Missing", f"{words}."), words), reference)
        self.found.add(reference)
        return self._stored[kind][name]


def _resolve(entry: Object, lookup: _Lookup, service: str) -> RevisionTarget:
    """One entry. A Configuration stands for its latest ready revision."""
    name = entry.get("revisionName")
    if name:
        revision = lookup.get("Revision", name)
        _must_belong(revision, service)
        _must_be_ready(revision)
        configuration = revision["metadata"].get("labels", {}).get(keys.CONFIGURATION_LABEL, "")
        if configuration:
            lookup.get("Configuration", configuration)
    else:
        configuration = entry["configurationName"]
        name = _latest_ready(lookup.get("Configuration", configuration))
        revision = lookup.get("Revision", name)
        _must_be_ready(revision)
    return RevisionTarget(
        revision=name,
        configuration=configuration,
        latest=entry["latestRevision"],
        percent=entry["percent"],
        tag=entry.get("tag", ""),
        http2=_speaks_http2(revision),
    )


def _must_belong(revision: Object, service: str) -> None:
    """The Route of a Service may only name revisions of that Service."""
    name, owner = (revision["metadata"].get(field) for field in ("name", "labels"))
    owner = (owner or {}).get(keys.SERVICE_LABEL, "")
    if not service or owner == service:
        return
    belongs = f"belongs to Service {quote(owner)}, not" if owner else "does not belong to"
    words = f"Revision {quote(name)} {belongs} Service {quote(service)}"
    raise _ProblemError(Problem(Condition("False", "RevisionNotOwned", f"{words}."), words))


def _must_be_ready(revision: Object) -> None:
    if not is_ready(revision):
        raise _not_ready("Revision", revision, failed="failed to become ready", waiting="is not yet ready")


def _latest_ready(configuration: Object) -> str:
    name: str = (configuration.get("status") or {}).get("latestReadyRevisionName", "")
    if not name:
        failed, waiting = "does not have any ready Revision", "is waiting for a Revision to become ready"
        raise _not_ready("Configuration", configuration, failed=failed, waiting=waiting)
    return name


def _not_ready(kind: str, document: Object, *, failed: str, waiting: str) -> _ProblemError:
    ready = ready_of(document)
    is_failure = ready is not None and ready.status == "False"
    subject = f"{kind} {quote(document['metadata']['name'])}"
    message = f"{subject} {failed if is_failure else waiting}."
    condition = Condition("False" if is_failure else "Unknown", "RevisionMissing", message)
    return _ProblemError(Problem(condition, f"{subject} not ready, isFailure={str(is_failure).lower()}"))


def _speaks_http2(revision: Object) -> bool:
    ports = (container.get("ports") or () for container in revision["spec"]["containers"])
    return any(port.get("name") == "h2c" for of_one in ports for port in of_one)


def _merged(targets: Iterable[RevisionTarget]) -> list[RevisionTarget]:
    """Entries of the same tag, revision and sense as one."""
    merged: dict[tuple[str, str, bool], RevisionTarget] = {}
    for target in targets:
        key = (target.tag, target.revision, target.latest)
        merged[key] = replace(target, percent=target.percent + (merged[key].percent if key in merged else 0))
    return list(merged.values())


def _consolidated(targets: Iterable[RevisionTarget]) -> tuple[RevisionTarget, ...]:
    """Each revision once, as its first entry says; one that is alone gets everything."""
    by_revision: dict[str, RevisionTarget] = {}
    for target in targets:
        first = by_revision.get(target.revision)
        by_revision[target.revision] = replace(first, percent=first.percent + target.percent) if first else target
    alone = len(by_revision) == 1
    return tuple(replace(target, percent=100) if alone else target for target in by_revision.values())


def rollout_goal(traffic: Traffic) -> Rollout:
    """What a rollout leads to: each Configuration that gets traffic, in each target, with its latest revision alone."""
    goal = [
        ConfigurationRollout(target.configuration, tag, target.percent, (Share(target.revision, target.percent),))
        for tag, targets in traffic.targets.items()
        for target in targets
        if target.latest and target.percent > 0
    ]
    return tuple(sorted(goal, key=lambda one: (one.tag, one.configuration)))


def splits(traffic: Traffic, rollout: Rollout) -> dict[str, tuple[Share, ...]]:
    """By tag, what is sent to which revision while a rollout is where it is; the percents of a tag sum to 100."""
    by_target = {(one.tag, one.configuration): one.shares for one in rollout}
    return {
        tag: tuple(
            share
            for target in targets
            for share in (by_target.get((tag, target.configuration), ()) if target.latest else ())
            or (Share(target.revision, target.percent),)
        )
        for tag, targets in traffic.targets.items()
    }


def status_traffic(
    traffic: Traffic, rollout: Rollout, names: RouteNames, visibility: Mapping[str, Visibility]
) -> list[dict[str, Any]]:
    """The entries of status.traffic; `visibility` is by tag. Raises DomainError.

    During a rollout an entry is told for each revision, with as much of its percent as that revision has of the
    Configuration's share of the route.
    """
    by_configuration = {one.configuration: one.shares for one in rollout if one.tag == DEFAULT}
    told = []
    for entry in traffic.entries:
        shares = by_configuration.get(entry.configuration, ()) if entry.latest else ()
        shares = _apportioned(entry.percent, shares) if len(shares) > 1 else (Share(entry.revision, entry.percent),)
        url = {"url": names.url(entry.tag, visibility[entry.tag])} if entry.tag else {}
        tag = {"tag": entry.tag} if entry.tag else {}
        told += [
            {"latestRevision": entry.latest, "percent": percent, "revisionName": revision, **tag, **url}
            for revision, percent in shares
        ]
    return told


def _apportioned(percent: int, shares: Sequence[Share]) -> tuple[Share, ...]:
    """`percent` split as the shares are, in whole percents (the largest remainders are rounded up)."""
    total = sum(share.percent for share in shares)
    parts = [divmod(percent * share.percent, total) for share in shares]
    missing = percent - sum(whole for whole, _ in parts)
    up = sorted(range(len(parts)), key=lambda index: -parts[index][1])[:missing]
    return tuple(Share(share.revision, parts[i][0] + (i in up)) for i, share in enumerate(shares))
