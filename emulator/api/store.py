"""Objects with versions, in memory, and who wants to hear of their changes.

Rules are those of the API server's conventions: one global counter gives every stored change its resourceVersion;
generation moves with the spec alone; a write that changes nothing keeps the version; a stale version is a Conflict.
Stored objects are never changed in place: what `get` returns may be kept, and must not be written to.
"""

import copy
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from emulator.api.kinds import Kind
from emulator.core.clock import Clock
from emulator.core.conditions import timestamp
from emulator.errors import AlreadyExists, Conflict, NotFound

Object = dict[str, Any]


class Change(NamedTuple):
    """One stored change; `verb` is the watch's word: ADDED, MODIFIED or DELETED."""

    verb: str
    kind: Kind
    object: Object


Listener = Callable[[Change], None]


class Store:
    """All objects of one emulator."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._version = 0
        self._objects: dict[Kind, dict[tuple[str, str], Object]] = {}
        self._listeners: list[Listener] = []

    @property
    def version(self) -> str:
        """The resourceVersion of a list that is read now."""
        return str(self._version)

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with every later change, in order, inside the write that made it: it must not block."""
        self._listeners.append(listener)

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self._objects.get(kind, {}).get((namespace, name))

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises NotFound."""
        found = self.find(kind, namespace, name)
        if found is None:
            raise NotFound(f'{kind.resource} "{name}" not found')
        return found

    def all(self, kind: Kind, namespace: str | None = None) -> Iterator[Object]:
        """All objects of a kind, of one namespace or of all, by namespace and name."""
        objects = self._objects.get(kind, {})
        return (objects[key] for key in sorted(objects) if namespace in (None, key[0]))

    def create(self, kind: Kind, document: Object) -> Object:
        """Store a new object under a new uid, at generation 1. Raises AlreadyExists."""
        meta = document["metadata"]
        if self.find(kind, meta["namespace"], meta["name"]) is not None:
            raise AlreadyExists(f'{kind.resource} "{meta["name"]}" already exists')
        stored = copy.deepcopy(document)
        stored["metadata"] |= {
            "uid": str(uuid.uuid4()),
            "creationTimestamp": timestamp(self._clock.now()),
            "generation": 1,
        }
        return self._put("ADDED", kind, stored)

    def update(self, kind: Kind, document: Object) -> Object:
        """Replace spec, data and metadata; the stored status stays where the kind keeps it apart.

        Raises NotFound, and Conflict where the document carries a resourceVersion that is no longer the stored one.
        """
        meta = document["metadata"]
        stored = self.get(kind, meta["namespace"], meta["name"])
        if meta.get("resourceVersion", stored["metadata"]["resourceVersion"]) != stored["metadata"]["resourceVersion"]:
            raise Conflict(
                f'Operation cannot be fulfilled on {kind.resource} "{meta["name"]}": the object has been modified; '
                "please apply your changes to the latest version and try again"
            )
        replaced = copy.deepcopy(document)
        for field in ("uid", "creationTimestamp", "generation", "resourceVersion"):
            replaced["metadata"][field] = stored["metadata"][field]
        if kind.status:
            replaced.pop("status", None)
            if "status" in stored:
                replaced["status"] = stored["status"]
        if replaced == stored:
            return stored
        if replaced.get("spec") != stored.get("spec"):
            replaced["metadata"]["generation"] += 1
        return self._put("MODIFIED", kind, replaced)

    def update_status(self, kind: Kind, stored: Object, status: Object) -> Object:
        """Write the status of an object that is stored; an equal status is no change."""
        current = self.get(kind, stored["metadata"]["namespace"], stored["metadata"]["name"])
        if current.get("status") == status:
            return current
        return self._put(
            "MODIFIED",
            kind,
            current | {"metadata": dict(current["metadata"]), "status": copy.deepcopy(status)},
        )

    def delete(self, kind: Kind, namespace: str, name: str) -> Object:
        """Remove an object and, by owner reference, all that it owns. Raises NotFound."""
        gone = self.get(kind, namespace, name)
        del self._objects[kind][namespace, name]
        self._notify("DELETED", kind, self._next_version(gone))
        for child_kind, child in self._owned_by(gone["metadata"]["uid"]):
            meta = child["metadata"]
            if self.find(child_kind, meta["namespace"], meta["name"]) is not None:
                self.delete(child_kind, meta["namespace"], meta["name"])
        return gone

    def _owned_by(self, uid: str) -> list[tuple[Kind, Object]]:
        return [
            (kind, obj)
            for kind, objects in self._objects.items()
            for obj in objects.values()
            if any(ref["uid"] == uid for ref in obj["metadata"].get("ownerReferences", ()))
        ]

    def _put(self, verb: str, kind: Kind, document: Object) -> Object:
        stored = self._next_version(document)
        meta = stored["metadata"]
        self._objects.setdefault(kind, {})[meta["namespace"], meta["name"]] = stored
        self._notify(verb, kind, stored)
        return stored

    def _next_version(self, document: Object) -> Object:
        self._version += 1
        return document | {"metadata": document["metadata"] | {"resourceVersion": str(self._version)}}

    def _notify(self, verb: str, kind: Kind, document: Object) -> None:
        for listener in self._listeners:
            listener(Change(verb, kind, document))
