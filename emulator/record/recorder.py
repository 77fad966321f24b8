"""`up --record FILE`: everything that came, what was decided about it, and what became of it.

A record is shown to others, so it holds nothing that is a secret by its nature: of requests the method and the path
without its query, of objects what rules scaling and routing, and neither Secrets nor a container's environment.
"""

import time
from typing import Any

from emulator.api import kinds
from emulator.api.store import Change, Object, Store
from emulator.core.annotations import LAST_APPLIED
from emulator.core.revision import RevisionKey
from emulator.dataplane.door import Finished
from emulator.record.decisions import service_of
from emulator.record.history import History
from emulator.record.rows import Applied, Arrival
from emulator.record.writer import Writer

#: Characters of a path that are kept; more is no address that anybody types, and it is kept in memory for a moment.
PATH_KEPT = 2048

_KINDS = (kinds.SERVICE, kinds.CONFIGURATION, kinds.ROUTE)
_METADATA = ("namespace", "name", "generation", "labels")
_POD = ("containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds")
_CONTAINER = ("name", "image", "ports", "resources")


class Recorder:
    """Hands rows to the writer: of the store's objects, of the history, and of requests that have ended."""

    def __init__(self, store: Store, history: History, writer: Writer) -> None:
        self._writer = writer
        self._started = history.header.started
        # Requests are measured by the clock that nobody sets; its zero is put where the record began.
        self._offset = time.monotonic() - (time.time() - self._started)
        self._services: dict[RevisionKey, str | None] = {}
        history.tell = writer.put
        store.subscribe(self._changed)

    def finished(self, request: Finished) -> None:
        """A request has ended."""
        key = request.revision
        target = request.target.partition(b"?")[0].decode("latin-1")
        self._writer.put(
            Arrival(
                t=round(request.arrived - self._offset, 6),
                service=self._services.get(key) if key else None,
                revision=str(key) if key else None,
                instance=request.instance or None,
                seconds=round(request.seconds, 6) if request.instance else None,
                latency=round(request.latency, 6),
                status=request.status,
                method=request.method.decode("latin-1"),
                path=target[:PATH_KEPT],
                cold=request.cold and round(request.cold, 6),
                error=request.error or None,
            )
        )

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()

    def _changed(self, change: Change) -> None:
        meta = change.object["metadata"]
        if change.kind is kinds.REVISION:
            self._services[RevisionKey(meta["namespace"], meta["name"])] = service_of(change.object)
        elif change.kind in _KINDS:
            told, before = _ruling(change.object), change.before and _ruling(change.before)
            if change.verb != "MODIFIED" or told != before:
                self._writer.put(Applied(t=round(time.time() - self._started, 6), verb=change.verb, object=told))


def _ruling(document: Object) -> dict[str, Any]:
    """What of an object rules scaling and routing."""
    meta, spec = document["metadata"], dict(document["spec"])
    metadata = _some(meta, _METADATA)
    if annotations := {key: value for key, value in meta.get("annotations", {}).items() if key != LAST_APPLIED}:
        metadata["annotations"] = annotations
    if template := spec.get("template"):
        pod = template["spec"]
        containers = [_some(container, _CONTAINER) for container in pod["containers"]]
        spec["template"] = {
            "metadata": _some(template.get("metadata", {}), ("name", "labels", "annotations")),
            "spec": _some(pod, _POD) | {"containers": containers},
        }
    return {"apiVersion": document["apiVersion"], "kind": document["kind"], "metadata": metadata, "spec": spec}


def _some(document: Object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: document[name] for name in names if name in document}
