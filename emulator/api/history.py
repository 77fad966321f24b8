"""The latest changes of the store, and watches over them.

All watches read the same ring, each from its own place in it: a watcher that reads slowly, or not at all, costs the
others nothing, and when the ring has gone on past its place it is told that its version has expired.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice

from gevent.event import Event

from emulator.api.kinds import Kind
from emulator.api.selectors import Selection
from emulator.api.store import Change, Object, Store
from emulator.errors import Expired

#: Changes kept: minutes of a busy emulator. They share their objects with the store, so they cost little.
CHANGES_KEPT = 10_000


#: Seconds between two times that a watch is told how far it has come; the API server's own are a minute.
BOOKMARK_SECONDS = 60.0


class History:
    """Keeps what happens to a store from now on."""

    def __init__(self, store: Store, kept: int = CHANGES_KEPT, bookmarks: float = BOOKMARK_SECONDS) -> None:
        self._store = store
        self._changes: deque[Change] = deque(maxlen=kept)
        self._news = Event()
        self._bookmarks = bookmarks
        store.subscribe(self._keep)

    def since(self, version: int) -> list[Change]:
        """The changes after a version, oldest first; raises Expired where some of them are not known any more.

        A version from the future is one of an emulator that ran before: it has expired too.
        """
        newest = int(self._store.version)
        oldest = newest - len(self._changes)
        if not oldest <= version <= newest:
            raise Expired(f"too old resource version: {version} ({oldest})")
        # From the new end: who watches has seen nearly all of them.
        return list(islice(reversed(self._changes), newest - version))[::-1]

    def watch(self, kind: Kind, wanted: Selection, version: int | None, seconds: float) -> Iterator[tuple[str, Object]]:
        """What becomes of the wanted objects of a kind after a version, for so many seconds: the verb and the object.

        Without a version, those that there are come first, as ADDED, and then a BOOKMARK which says so; another tells
        now and then how far it has come. Raises Expired.
        """
        end, due = time.monotonic() + seconds, time.monotonic() + self._bookmarks
        if version is None:
            version = int(self._store.version)
            for document in [document for document in self._store.all(kind) if wanted(document)]:
                yield "ADDED", document
            yield "BOOKMARK", _bookmark(kind, version, {"k8s.io/initial-events-end": "true"})
        while True:
            for change in self.since(version):
                version = int(change.object["metadata"]["resourceVersion"])
                if change.kind is kind and (verb := _seen_as(change, wanted)):
                    yield verb, change.object
            now = time.monotonic()
            if now >= end:
                return
            if now >= due:
                yield "BOOKMARK", _bookmark(kind, version)
                due = now + self._bookmarks
            if version == int(self._store.version):
                self._news.wait(min(end, due) - now)

    def _keep(self, change: Change) -> None:
        self._changes.append(change)
        self._news.set()
        self._news = Event()


def _seen_as(change: Change, wanted: Selection) -> str:
    """The change's verb for one who sees the wanted objects alone; "" if it is none of them."""
    before = change.before is not None and wanted(change.before)
    after = change.verb != "DELETED" and wanted(change.object)
    if after:
        return "MODIFIED" if before else "ADDED"
    return "DELETED" if before else ""


def _bookmark(kind: Kind, version: int, annotations: Mapping[str, str] | None = None) -> Object:
    """How far a watch has come: from there another can go on."""
    meta = {"resourceVersion": str(version)} | ({"annotations": annotations} if annotations else {})
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": meta}
