"""Objects with versions, and who wants to hear of their changes.

Rules are those of the API server's conventions: one global counter gives every stored change its resourceVersion;
generation moves with the spec alone; a write that changes nothing keeps the version; a stale version is a Conflict.
Stored objects are never changed in place: what `get` returns may be kept, and must not be written to. A change that
can't be made to last is none: `journal` hears of each before it is stored.
"""

import copy
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from emulator.api import objects, ownership
from emulator.api.kinds import NAMESPACE, POD, Kind
from emulator.api.objects import Objects, key_of, owners_of
from emulator.api.ownership import CONTROLLER
from emulator.core.clock import Clock
from emulator.core.conditions import timestamp
from emulator.errors import AlreadyExists, Conflict, NotFound

Object = objects.Object
Key = objects.Key


class Change(NamedTuple):
    """One stored change, from `before` (if there was one) to `object`.

    `verb` is the watch's word: ADDED, MODIFIED or DELETED; a deleted object is told as it was last.
    """

    verb: str
    kind: Kind
    object: Object
    before: Object | None = None


#: Metadata that is the server's: what a document says of it is not taken.
SERVER_SET = (
    "uid",
    "creationTimestamp",
    "generation",
    "resourceVersion",
    "deletionTimestamp",
    "selfLink",
)

#: Keeps an owner that is deleted in the foreground until all that it owns is gone.
FOREGROUND = "foregroundDeletion"
#: Why an update of an old version is refused.
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"

Listener = Callable[[Change], None]


class Store:
    """All objects of one emulator.

    `journal` is told of each change before it is stored, and raises where it can't be made to last.
    """

    def __init__(self, clock: Clock, journal: Listener = lambda _: None) -> None:
        self.clock = clock
        self._journal = journal
        self._version = 0
        self._objects = Objects()
        self._listeners: list[Listener] = []

    @property
    def version(self) -> str:
        """The resourceVersion of a list that is read now."""
        return str(self._version)

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with every later change, in order, inside the write that made it: it must not block."""
        self._listeners.append(listener)

    def restore(self, kept: Iterable[tuple[Kind, Object]], version: int) -> None:
        """Begin with what was stored before, and count versions on from `version`. Nobody hears of it yet."""
        for kind, stored in kept:
            self._objects.keep(kind, stored)
        self._version = version

    def announce(self) -> None:
        """Tell the listeners of all that is stored, as ADDED, and end what was being deleted when an emulator ended."""
        for kind, stored in self._objects:
            self._notify(Change("ADDED", kind, stored))
        for kind, stored in self._objects:
            owners = owners_of(stored)
            if owners and not any(self._objects.of(uid) for uid in owners):
                self._delete_all([(kind, stored)])
        for kind, stored in self._objects:
            if is_deleted(stored):
                self._go_on(kind, stored)

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self._objects.find(kind, (namespace, name))

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises NotFound."""
        found = self.find(kind, namespace, name)
        if found is None:
            raise NotFound(f'{kind.resource} "{name}" not found', kind.details(name))
        return found

    def all(self, kind: Kind, namespace: str | None = None) -> Iterator[Object]:
        """All objects of a kind, of one namespace or of all, by namespace and name."""
        return self._objects.all(kind, namespace)

    def owned_by(self, uid: str) -> list[tuple[Kind, Object]]:
        """What refers to the object of a uid as an owner, in the order in which it came to."""
        return self._objects.owned_by(uid)

    def create(
        self, kind: Kind, document: Object, *, dry_run: bool = False, manager: str | None = CONTROLLER
    ) -> Object:
        """Store a new object under a new uid, at generation 1 where its kind counts them; a dry run only returns it.

        `manager` writes it; None where the document itself says who manages its fields. Raises AlreadyExists.
        """
        meta = document["metadata"]
        name = meta["name"]
        if self.find(kind, meta.get("namespace", ""), name) is not None:
            raise AlreadyExists(f'{kind.resource} "{name}" already exists', kind.details(name))
        stored = copy.deepcopy(document)
        stored["metadata"] = _without_server_set(stored["metadata"]) | {
            "uid": str(uuid.uuid4()),
            "creationTimestamp": self._now(),
        }
        if kind.counts_generations:
            stored["metadata"]["generation"] = 1
        if manager is not None:
            stored = ownership.tracked(kind, None, stored, manager, self._now())
        return stored if dry_run else self._put("ADDED", kind, stored)

    def update(
        self, kind: Kind, document: Object, *, dry_run: bool = False, manager: str | None = CONTROLLER
    ) -> Object:
        """Replace spec, data and metadata; the stored status stays where the kind keeps it apart.

        A dry run only returns what would be stored; `manager` is as for `create`. Raises NotFound, and Conflict where
        the document carries a resourceVersion or a uid that is not the stored one.
        """
        stored = self._read_before(kind, document)
        current = stored["metadata"]
        replaced = copy.deepcopy(document)
        kept = {field: current[field] for field in SERVER_SET if field in current}
        replaced["metadata"] = _without_server_set(replaced["metadata"]) | kept
        if kind.status:
            replaced.pop("status", None)
            if "status" in stored:
                replaced["status"] = stored["status"]
        if manager is not None and replaced != stored:
            replaced = ownership.tracked(kind, stored, replaced, manager, self._now())
        if ownership.same(replaced, stored):
            return stored
        if kind.counts_generations and replaced.get("spec") != stored.get("spec"):
            replaced["metadata"]["generation"] += 1
        if dry_run:
            return replaced
        if is_deleted(stored) and current.get("finalizers") and self._may_go(kind, replaced):
            return self._remove(kind, replaced)
        return self._put("MODIFIED", kind, replaced)

    def update_status(self, kind: Kind, stored: Object, status: Object) -> Object:
        """Write what the controller finds of an object that is stored; an equal status is no change."""
        current = self.get(kind, stored["metadata"]["namespace"], stored["metadata"]["name"])
        if current.get("status") == status:
            return current
        return self._put("MODIFIED", kind, ownership.with_status(kind, current, copy.deepcopy(status), self._now()))

    def replace_status(
        self, kind: Kind, document: Object, status: Object, *, dry_run: bool, manager: str | None
    ) -> Object:
        """Write the status that a user has for a document as it was read; dry run and errors are those of `update`."""
        current = self._read_before(kind, document)
        if current.get("status") == status:
            return current
        new = ownership.with_status(kind, current, copy.deepcopy(status), self._now(), manager or CONTROLLER)
        return new if dry_run else self._put("MODIFIED", kind, new)

    def _read_before(self, kind: Kind, document: Object) -> Object:
        """What is stored of a document; raises NotFound, and Conflict where that is not what its writer has read."""
        meta = document["metadata"]
        stored = self.get(kind, meta.get("namespace", ""), meta["name"])
        current = stored["metadata"]
        if meta.get("uid", current["uid"]) != current["uid"]:
            raise _conflict(kind, current, _other_uid(meta["uid"], current))
        if meta.get("resourceVersion", current["resourceVersion"]) != current["resourceVersion"]:
            raise _conflict(kind, current, MODIFIED)
        return stored

    def terminate(self, kind: Kind, stored: Object) -> Object:
        """Mark an object as on its way out: it goes when what it stands for has ended, or with its last finalizer."""
        if is_deleted(stored):
            return stored
        gone = {"deletionTimestamp": self._now()}
        return self._put("MODIFIED", kind, stored | {"metadata": stored["metadata"] | gone})

    def delete(
        self, kind: Kind, namespace: str, name: str, *, orphan: bool = False, foreground: bool = False
    ) -> Object:
        """Remove an object and, by owner reference, all that it owns; a namespace with all that is in it.

        An orphan's owner leaves it behind as it is; in the foreground, the owner goes last. An object with finalizers
        is only marked: it goes with the last of them. Raises NotFound.
        """
        gone = self.get(kind, namespace, name)
        owned = self.owned_by(gone["metadata"]["uid"])
        if orphan:
            for child_kind, child in owned:
                self._put("MODIFIED", child_kind, _without_owner(child, gone["metadata"]["uid"]))
        if kind is NAMESPACE:
            return self._close(gone)
        if foreground and owned:
            held = gone | {"metadata": gone["metadata"] | {"finalizers": [*_finalizers(gone), FOREGROUND]}}
            marked = self.terminate(kind, gone if FOREGROUND in _finalizers(gone) else held)
            self._delete_all(owned, foreground=True)
            return marked
        if gone["metadata"].get("finalizers"):
            return self.terminate(kind, gone)
        return self._remove(kind, gone)

    def _remove(self, kind: Kind, gone: Object) -> Object:
        meta, key = gone["metadata"], key_of(gone)
        change = Change("DELETED", kind, self._next_version(gone), self._objects.find(kind, key))
        self._commit(change)
        self._objects.forget(kind, key)
        self._notify(change)
        self._delete_all(self.owned_by(meta["uid"]))
        for uid in owners_of(gone):
            self._let_go(uid)
        self._leave(self.find(NAMESPACE, "", meta.get("namespace", "")))
        return gone

    def _delete_all(self, goners: Iterable[tuple[Kind, Object]], *, foreground: bool = False) -> None:
        for kind, document in goners:
            meta = document["metadata"]
            if self.find(kind, meta.get("namespace", ""), meta["name"]) is not None:
                self.delete(kind, meta.get("namespace", ""), meta["name"], foreground=foreground)

    def _let_go(self, uid: str) -> None:
        """An owner that waited in the foreground for what it owned goes with the last of it."""
        found = self._objects.of(uid)
        if found is None or self.owned_by(uid):
            return
        kind, owner = found
        if is_deleted(owner) and FOREGROUND in _finalizers(owner):
            rest = [each for each in _finalizers(owner) if each != FOREGROUND]
            free = owner | {"metadata": owner["metadata"] | {"finalizers": rest}}
            if rest:
                self._put("MODIFIED", kind, free)
            else:
                self._remove(kind, free)

    def _close(self, namespace: Object) -> Object:
        """A namespace takes nothing new from now on, and goes once nothing is left in it."""
        if is_deleted(namespace):
            return namespace
        closed = self.terminate(NAMESPACE, namespace | {"status": {"phase": "Terminating"}})
        self._empty(closed["metadata"]["name"])
        return closed

    def _empty(self, name: str) -> None:
        """Delete what is in a namespace, and the namespace with the last of it."""
        # Pods go when their instances have ended, which they do with their Revisions.
        self._delete_all([each for each in self._objects.within(name) if each[0] is not POD])
        self._leave(self.find(NAMESPACE, "", name))

    def _go_on(self, kind: Kind, marked: Object) -> None:
        """What follows from a mark of deletion, once more: an emulator may have ended in the middle of it."""
        meta = marked["metadata"]
        if kind is NAMESPACE:
            self._empty(meta["name"])
        elif FOREGROUND in _finalizers(marked):
            self._delete_all(self.owned_by(meta["uid"]), foreground=True)
            self._let_go(meta["uid"])

    def _leave(self, namespace: Object | None) -> None:
        if namespace is not None and is_deleted(namespace) and self._may_go(NAMESPACE, namespace):
            self._remove(NAMESPACE, namespace)

    def _may_go(self, kind: Kind, document: Object) -> bool:
        """Whether nothing keeps an object that is on its way out."""
        name = document["metadata"]["name"]
        inhabited = kind is NAMESPACE and any(self._objects.within(name))
        return not inhabited and not document["metadata"].get("finalizers")

    def _now(self) -> str:
        return timestamp(self.clock.now())

    def _put(self, verb: str, kind: Kind, document: Object) -> Object:
        stored = self._next_version(document)
        change = Change(verb, kind, stored, self._objects.find(kind, key_of(stored)))
        self._commit(change)
        self._objects.keep(kind, stored)
        self._notify(change)
        return stored

    def _next_version(self, document: Object) -> Object:
        return document | {"metadata": document["metadata"] | {"resourceVersion": str(self._version + 1)}}

    def _commit(self, change: Change) -> None:
        self._journal(change)
        self._version += 1

    def _notify(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)


def is_deleted(stored: Mapping[str, Any]) -> bool:
    """Whether an object is on its way out."""
    return "deletionTimestamp" in stored["metadata"]


def _finalizers(stored: Mapping[str, Any]) -> Iterable[str]:
    found: Iterable[str] = stored["metadata"].get("finalizers", ())
    return found


def check_preconditions(kind: Kind, stored: Object, wanted: Mapping[str, Any]) -> None:
    """What a DELETE may demand of the object that it finds: a uid, a resourceVersion. Raises Conflict."""
    meta = stored["metadata"]
    if wanted.get("uid") not in (None, meta["uid"]):
        raise _conflict(kind, meta, _other_uid(wanted["uid"], meta))
    if wanted.get("resourceVersion") not in (None, meta["resourceVersion"]):
        found = meta["resourceVersion"]
        words = f"ResourceVersion in precondition: {wanted['resourceVersion']}, ResourceVersion in object meta: {found}"
        raise _conflict(kind, meta, f"Precondition failed: {words}")


def _without_owner(child: Object, uid: str) -> Object:
    meta = {key: value for key, value in child["metadata"].items() if key != "ownerReferences"}
    others = [reference for reference in child["metadata"]["ownerReferences"] if reference["uid"] != uid]
    return child | {"metadata": meta | ({"ownerReferences": others} if others else {})}


def _conflict(kind: Kind, meta: Object, why: str) -> Conflict:
    name = meta["name"]
    return Conflict(f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}', kind.details(name))


def _other_uid(wanted: str, meta: Object) -> str:
    return f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {meta['uid']}"


def _without_server_set(meta: Object) -> Object:
    return {key: value for key, value in meta.items() if key not in SERVER_SET}
