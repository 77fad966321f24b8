"""The columns that a person sees, per kind: Kubernetes' additional printer columns, as rows."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from emulator.api import kinds
from emulator.api.kinds import Kind

Object = Mapping[str, Any]
Column = tuple[str, Callable[[Object], Any]]


def _status(*path: str) -> Callable[[Object], Any]:
    def read(document: Object) -> Any:
        value: Any = document.get("status", {})
        for key in path:
            value = value.get(key, {}) if isinstance(value, Mapping) else {}
        return value if value != {} else None

    return read


def _label(key: str) -> Callable[[Object], Any]:
    return lambda document: document["metadata"].get("labels", {}).get(key)


def _ready(field: str) -> Callable[[Object], Any]:
    def read(document: Object) -> Any:
        conditions = document.get("status", {}).get("conditions", ())
        return next((c.get(field) for c in conditions if c["type"] == "Ready"), None)

    return read


def _keys(document: Object) -> int:
    return len(document.get("data") or {})


def _pod_ready(document: Object) -> str:
    statuses = document["status"]["containerStatuses"]
    return f"{sum(s['ready'] for s in statuses)}/{len(statuses)}"


_READY: tuple[Column, ...] = (("Ready", _ready("status")), ("Reason", _ready("reason")))
_LATEST: tuple[Column, ...] = (
    ("LatestCreated", _status("latestCreatedRevisionName")),
    ("LatestReady", _status("latestReadyRevisionName")),
)

#: Columns after NAME.
COLUMNS: Mapping[Kind, tuple[Column, ...]] = {
    kinds.SERVICE: (("URL", _status("url")), *_LATEST, *_READY),
    kinds.CONFIGURATION: (*_LATEST, *_READY),
    kinds.REVISION: (
        ("Config Name", _label("serving.knative.dev/configuration")),
        ("Generation", _label("serving.knative.dev/configurationGeneration")),
        *_READY,
        ("Actual Replicas", _status("actualReplicas")),
        ("Desired Replicas", _status("desiredReplicas")),
    ),
    kinds.ROUTE: (("URL", _status("url")), *_READY),
    kinds.POD: (
        ("Ready", _pod_ready),
        ("Status", _status("phase")),
        ("Restarts", lambda pod: sum(s["restartCount"] for s in pod["status"]["containerStatuses"])),
    ),
    kinds.SECRET: (("Type", lambda secret: secret.get("type", "Opaque")), ("Data", _keys)),
    kinds.CONFIG_MAP: (("Data", _keys),),
}


def rows(kind: Kind, objects: Iterable[Object], *, namespaces: bool = False) -> list[list[str]]:
    """A heading and one row an object; what is missing is blank, as for custom resources."""
    columns = COLUMNS[kind]
    heading = [*(["NAMESPACE"] if namespaces else []), "NAME", *(name.upper() for name, _ in columns)]
    table = [heading]
    for document in objects:
        meta = document["metadata"]
        values = (read(document) for _, read in columns)
        cells = ["" if value is None else str(value) for value in values]
        table.append([*([meta["namespace"]] if namespaces else []), meta["name"], *cells])
    return table
