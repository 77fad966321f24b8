"""The managers of an object's fields, as metadata.managedFields lists them: before and after a write.

Rules: structured-merge-diff merge/update.go, apimachinery pkg/util/managedfields. A write makes its manager the owner
of what it changes; an apply may not change what others own unless it is forced, and takes out what its manager applied
before, applies no more, and nobody else owns.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from emulator.core.managed.fields import Fields, Path, decoded, encoded
from emulator.core.managed.typed import Typed

Object = Mapping[str, Any]

UPDATE: Final = "Update"
APPLY: Final = "Apply"

#: The manager of what nobody had been told to manage when an object was first applied.
BEFORE_FIRST_APPLY: Final = "before-first-apply"

#: How many managers that update are told apart, and the name of those who were before them; the API server's own.
UPDATERS: Final = 10
ANCIENT: Final = "ancient-changes"

#: What is the server's own is managed by nobody.
_UNMANAGED: Final = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                *("name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation"),
                *("managedFields", "resourceVersion"),
            )
        ),
    }
)


class Manager(NamedTuple):
    """Who writes, and how: `operation` is Update or Apply; an applier is the same one in all versions of an API."""

    name: str
    operation: str = UPDATE
    api_version: str = ""
    subresource: str = ""


class Owned(NamedTuple):
    """What a manager owns, since its last write at `time` (RFC 3339), in terms of a version of the API."""

    fields: Fields
    time: str
    api_version: str


Owners = dict[Manager, Owned]


class ApplyConflict(Exception):
    """An apply would change what others own: each with its fields, in their order."""

    def __init__(self, conflicts: list[tuple[Manager, Path]]) -> None:
        super().__init__(f"{len(conflicts)} conflicts")
        self.conflicts = conflicts


def read(entries: Any) -> Owners:
    """The owners that managedFields lists; raises ValueError where it can't be read."""
    owners: Owners = {}
    for entry in entries or ():
        if not isinstance(entry, Mapping) or entry.get("operation") not in {UPDATE, APPLY}:
            raise ValueError("an entry of managedFields has an operation, Update or Apply")
        version = str(entry.get("apiVersion", ""))
        given = version if entry["operation"] == UPDATE else ""
        manager = Manager(str(entry.get("manager", "")), entry["operation"], given, str(entry.get("subresource", "")))
        owners[manager] = Owned(decoded(entry.get("fieldsV1") or {}), str(entry.get("time", "")), version)
    return owners


def write(owners: Owners) -> list[dict[str, Any]]:
    """Owners as managedFields: appliers first, then by the time of their last write."""
    return [
        {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": owned.api_version,
            **({"time": owned.time} if owned.time else {}),
            "fieldsType": "FieldsV1",
            "fieldsV1": encoded(owned.fields),
            **({"subresource": manager.subresource} if manager.subresource else {}),
        }
        for manager, owned in sorted(owners.items(), key=_rank)
        if owned.fields
    ]


def _rank(item: tuple[Manager, Owned]) -> tuple[str, ...]:
    manager, owned = item
    return manager.operation, owned.time, manager.name, owned.api_version, manager.subresource


def updated(typed: Typed, live: Object, new: Object, owners: Owners, manager: Manager, *, time: str) -> Owners:
    """The owners after `manager` has made `new` of `live` ({} for what is created)."""
    change = typed.compare(live, new)
    taken = (change.added | change.modified) - _UNMANAGED
    after = _less(owners, change.added | change.modified | change.removed)
    if taken:
        before = after.get(manager, Owned(frozenset(), "", ""))
        after[manager] = Owned(before.fields | taken, time, manager.api_version)
    return _capped(after)


def _capped(owners: Owners) -> Owners:
    """Owners of which no more than UPDATERS update: the oldest beyond that are one, for each version of the API.

    Source: apimachinery managedfields/internal/capmanagers.go. The first of a version gives way only to a second one.
    """
    updaters = sorted((each for each in owners if each.operation == UPDATE), key=lambda each: (owners[each].time, each))
    capped, firsts, over = dict(owners), dict[str, Manager](), len(updaters) - UPDATERS
    for manager in updaters:
        if over <= 0:
            break
        version = manager.api_version
        first = firsts.setdefault(version, manager)
        if first is manager:
            continue
        ancient = Manager(ANCIENT, UPDATE, version)
        before = capped.get(ancient) or capped.pop(first)
        own = capped.pop(manager)
        capped[ancient] = own._replace(fields=before.fields | own.fields)
        over -= 1
    return capped


def applied(
    typed: Typed, live: Object, config: Object, owners: Owners, manager: Manager, *, time: str, force: bool
) -> tuple[Any, Owners]:
    """The object after `manager` has applied `config` to `live` ({} for what is created), and its owners.

    Raises ApplyConflict, and UntypedError for a `config` that does not fit its type.
    """
    typed.check(config)
    wanted = Owned(typed.fields(config), time, manager.api_version)
    applier = manager._replace(api_version="")
    last = owners.get(applier)
    after = owners | {applier: wanted}
    merged = typed.merge(live, config)
    if last is not None and last.fields:
        merged = _pruned(typed, merged, after, last.fields)
    change = typed.compare(live, merged)
    others = {each: owned for each, owned in after.items() if each != applier}
    touched = change.added | change.modified
    conflicts = [
        (each, path) for each, owned in sorted(others.items(), key=_rank) for path in sorted(owned.fields & touched)
    ]
    if conflicts and not force:
        raise ApplyConflict(conflicts)
    own = {applier: wanted._replace(fields=wanted.fields - _UNMANAGED)}
    return merged, _less(others, touched | change.removed) | own


def allowed(typed: Typed, live: Object, last_applied: Object) -> Fields:
    """The fields that a client-side apply set and nobody changed since: kubectl's server-side apply may take them."""
    change = typed.compare(last_applied, live)
    return typed.fields(last_applied) - change.added - change.modified - change.removed


def _less(owners: Owners, fields: Iterable[Path]) -> Owners:
    """Owners without some fields, and without those that own nothing then."""
    rest = {manager: owned._replace(fields=owned.fields.difference(fields)) for manager, owned in owners.items()}
    return {manager: owned for manager, owned in rest.items() if owned.fields}


def _pruned(typed: Typed, merged: Any, owners: Owners, last: Fields) -> Any:
    """An object without what was applied last and has no owner now."""
    owned = typed.with_named(frozenset().union(*(each.fields for each in owners.values())))
    last, present = typed.with_named(last), typed.with_named(typed.fields(merged))
    rest = typed.with_named(typed.fields(typed.without(merged, last)))
    kept = typed.with_named(typed.fields(typed.without(merged, present - (rest | owned))))
    return typed.without(merged, (present - kept) & last)
