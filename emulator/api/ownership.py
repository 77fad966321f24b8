"""Who manages which field of a stored object: what a write makes of metadata.managedFields (see core.managed)."""

import json
from collections.abc import Mapping
from typing import Any, Final

from emulator.api import kinds
from emulator.api.core_types import CORE
from emulator.api.kinds import Kind
from emulator.core.admission.tables import SERVING
from emulator.core.annotations import LAST_APPLIED
from emulator.core.gotext import quote
from emulator.core.managed import owners
from emulator.core.managed.fields import Fields, Path, compact, shown
from emulator.core.managed.owners import APPLY, BEFORE_FIRST_APPLY, UPDATE, Manager, Owners
from emulator.core.managed.typed import Typed, UntypedError
from emulator.errors import Conflict, Untyped, UserError

Object = dict[str, Any]

#: The manager of what the emulator itself writes, as Knative's controller calls itself.
CONTROLLER: Final = "controller"
#: The manager whose applies go on from kubectl's client-side ones.
KUBECTL: Final = "kubectl"

#: The kinds whose fields have managers. What the controller alone writes (Pods, Events) has one writer.
_TYPED: Final[Mapping[Kind, Typed]] = {
    kind: Typed(SERVING if kind.group == kinds.SERVING else CORE, kind.name)
    for kind in kinds.KINDS
    if kind.group == kinds.SERVING or "create" in kind.verbs
}


def tracked(kind: Kind, live: Object | None, new: Object, manager: str, time: str) -> Object:
    """`new` with the managers of its fields, `manager` (an RFC 3339 time ago) among them; `live` is what is stored."""
    typed = _TYPED.get(kind)
    if typed is None:
        return new
    before = _told(live, new)
    if live is not None and not before:
        # Whoever cleared the list wants no managers: they come back with the first apply.
        return _with(new, {})
    changed_by = Manager(manager, UPDATE, kind.api_version)
    return _with(new, owners.updated(typed, _bare(kind, live or {}), _bare(kind, new), before, changed_by, time=time))


def with_status(kind: Kind, live: Object, status: Object, time: str, manager: str = CONTROLLER) -> Object:
    """`live` with a status that `manager` has written."""
    new, typed = live | {"metadata": dict(live["metadata"]), "status": status}, _TYPED.get(kind)
    if typed is None:
        return new
    writer = Manager(manager, UPDATE, kind.api_version, "status")
    old = {"status": live["status"]} if "status" in live else {}
    return _with(new, owners.updated(typed, old, {"status": status}, _told(live, live), writer, time=time))


def applied(kind: Kind, live: Object | None, config: Object, manager: str, time: str, *, force: bool) -> Object:
    """What `manager` makes of an object by applying `config` to it, with its managers.

    Raises Conflict where others manage what it would change, UserError and Untyped for what can't be applied.
    """
    typed = _TYPED.get(kind)
    if typed is None or config["metadata"].get("managedFields") is not None:
        raise UserError("metadata.managedFields must be nil" if typed else f"{kind.resource} can't be applied")
    applier = Manager(manager, APPLY, kind.api_version)
    stored, wanted = _bare(kind, live or {}), _bare(kind, config)
    before = _told(live, live) if live is not None else {}
    if live is not None and not before:
        first = Manager(BEFORE_FIRST_APPLY, UPDATE, kind.api_version)
        before = owners.updated(typed, {}, stored, {}, first, time=time)
    try:
        merged, after = owners.applied(typed, stored, wanted, before, applier, time=time, force=force)
    except UntypedError as error:
        raise Untyped(f"failed to create typed patch object ({_described(kind, config)}): {error}") from error
    except owners.ApplyConflict as error:
        ours = _from_client_side(kind, typed, stored) if manager == KUBECTL else frozenset()
        if left := [conflict for conflict in error.conflicts if conflict[1] not in ours]:
            raise _refused(left) from error
        merged, after = owners.applied(typed, stored, wanted, before, applier, time=time, force=True)
    if live and "status" in live:
        merged = merged | {"status": live["status"]}
    return _with(_synced(merged, config) if manager == KUBECTL else merged, after)


def same(one: Object, other: Object) -> bool:
    """Whether two objects are the same but for the times of their managers' writes."""
    return one == other or _timeless(one) == _timeless(other)


def _told(live: Object | None, new: Object) -> Owners:
    """The managers that a new object lists, or else the stored one: a client may not know of them, or clear them."""
    given = new["metadata"].get("managedFields")
    if given == [{}]:
        return {}
    try:
        found = owners.read(given)
    except ValueError:
        found = {}
    return found or (owners.read(live["metadata"].get("managedFields")) if live is not None else {})


def _with(document: Object, managers: Owners) -> Object:
    meta = {key: value for key, value in document["metadata"].items() if key != "managedFields"}
    return document | {"metadata": meta | ({"managedFields": owners.write(managers)} if managers else {})}


def _bare(kind: Kind, document: Object) -> Object:
    """What a write to the object itself can change."""
    return {key: value for key, value in document.items() if key != "status" or not kind.status}


def _timeless(document: Object) -> Object:
    meta = document["metadata"]
    entries = [{key: value for key, value in each.items() if key != "time"} for each in meta.get("managedFields", ())]
    return document | {"metadata": meta | {"managedFields": entries}}


def _from_client_side(kind: Kind, typed: Typed, stored: Object) -> Fields:
    try:
        last = json.loads(stored["metadata"].get("annotations", {}).get(LAST_APPLIED, ""))
    except ValueError:
        return frozenset()
    if not isinstance(last, dict) or last.get("apiVersion") != kind.api_version:
        return frozenset()
    return owners.allowed(typed, stored, _bare(kind, last))


def _synced(merged: Object, config: Object) -> Object:
    """The same with kubectl's own annotation, where there is one, telling what was applied now."""
    meta = merged["metadata"]
    annotations = meta.get("annotations") or {}
    if not annotations.get(LAST_APPLIED):
        return merged
    of = config["metadata"]
    told = {key: value for key, value in (of.get("annotations") or {}).items() if key != LAST_APPLIED}
    plain = {key: value for key, value in of.items() if key != "annotations"} | ({"annotations": told} if told else {})
    text = compact(config | {"metadata": plain}) + "\n"
    return merged | {"metadata": meta | {"annotations": annotations | {LAST_APPLIED: text}}}


def _refused(conflicts: list[tuple[Manager, Path]]) -> Conflict:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {_name(manager)}", "field": shown(path)}
        for manager, path in conflicts
    ]
    if len(conflicts) == 1:
        words = f"1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        by_manager: dict[str, list[str]] = {}
        for manager, path in conflicts:
            by_manager.setdefault(_name(manager), []).append(f"- {shown(path)}")
        lines = [line for name in sorted(by_manager) for line in (f"conflicts with {name}:", *by_manager[name])]
        words = f"{len(conflicts)} conflicts: " + "\n".join(lines)
    return Conflict(f"Apply failed with {words}", {"causes": causes})


def _name(manager: Manager) -> str:
    within = f" with subresource {quote(manager.subresource)}" if manager.subresource else ""
    using = f" using {manager.api_version}" if manager.operation == UPDATE else ""
    return f"{quote(manager.name)}{within}{using}"


def _described(kind: Kind, document: Object) -> str:
    meta = document["metadata"]
    return f"{meta.get('namespace', '')}/{meta['name']}; {kind.group}/{kind.version}, Kind={kind.name}"
