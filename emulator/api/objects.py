"""The objects of a store, found without a look at the others: by key in order, by uid, by the uid that owns them."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from emulator.api.kinds import Kind

Object = dict[str, Any]
#: Namespace ("" for objects that are in none) and name of an object.
Key = tuple[str, str]


class Objects:
    """What is stored now, one object to a kind and a key."""

    def __init__(self) -> None:
        self._of: defaultdict[Kind, dict[Key, Object]] = defaultdict(dict)
        self._sorted: defaultdict[Kind, list[Key]] = defaultdict(list)
        self._places: dict[str, tuple[Kind, Key]] = {}
        self._owned: defaultdict[str, dict[tuple[Kind, Key], None]] = defaultdict(dict)

    def __iter__(self) -> Iterator[tuple[Kind, Object]]:
        """All there are now, kind by kind in the order in which they came."""
        return iter([(kind, stored) for kind, objects in self._of.items() for stored in objects.values()])

    def find(self, kind: Kind, key: Key) -> Object | None:
        return self._of[kind].get(key)

    def of(self, uid: str) -> tuple[Kind, Object] | None:
        """The object of a uid."""
        place = self._places.get(uid)
        return (place[0], self._of[place[0]][place[1]]) if place else None

    def all(self, kind: Kind, namespace: str | None = None) -> Iterator[Object]:
        """All objects of a kind, of one namespace or of all, by namespace and name."""
        objects, keys = self._of[kind], self._sorted[kind]
        if namespace is None:
            return (objects[key] for key in keys[:])
        first, end = (bisect_left(keys, (edge, "")) for edge in (namespace, namespace + "\0"))
        return (objects[key] for key in keys[first:end])

    def owned_by(self, uid: str) -> list[tuple[Kind, Object]]:
        """What refers to a uid as an owner, in the order in which it came to."""
        return [(kind, self._of[kind][key]) for kind, key in self._owned.get(uid, ())]

    def within(self, namespace: str) -> Iterator[tuple[Kind, Object]]:
        """All that is in a namespace."""
        return ((kind, stored) for kind in list(self._of) for stored in self.all(kind, namespace))

    def keep(self, kind: Kind, stored: Object) -> None:
        """Store an object, in the place of the one with its key if there is one."""
        key = key_of(stored)
        before = self._of[kind].get(key)
        self._of[kind][key] = stored
        if before is None:
            insort(self._sorted[kind], key)
            self._places[stored["metadata"]["uid"]] = kind, key
        owned = owners_of(before) if before else ()
        if owned != (owners := owners_of(stored)):
            self._disown(owned, kind, key)
            for uid in owners:
                self._owned[uid][kind, key] = None

    def forget(self, kind: Kind, key: Key) -> None:
        """Let an object go that is there."""
        gone = self._of[kind].pop(key)
        keys = self._sorted[kind]
        del keys[bisect_left(keys, key)]
        # Files of objects may have been copied by hand, uid and all.
        self._places.pop(gone["metadata"]["uid"], None)
        self._disown(owners_of(gone), kind, key)

    def _disown(self, uids: Iterable[str], kind: Kind, key: Key) -> None:
        for uid in uids:
            self._owned[uid].pop((kind, key), None)
            if not self._owned[uid]:
                del self._owned[uid]


def key_of(stored: Object) -> Key:
    meta = stored["metadata"]
    return meta.get("namespace", ""), meta["name"]


def owners_of(stored: Object) -> tuple[str, ...]:
    """The uids that an object refers to as its owners."""
    return tuple(reference["uid"] for reference in stored["metadata"].get("ownerReferences", ()))
