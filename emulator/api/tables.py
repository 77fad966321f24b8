"""The columns that a person sees, per kind: Kubernetes' additional printer columns, as rows.

kubectl asks the server for its tables (`as=Table`); our own command line makes them from the same rows.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from emulator.api import kinds
from emulator.api.kinds import Kind

Object = Mapping[str, Any]


class Column(NamedTuple):
    """One column: its heading, what is in it (of an object, at a Unix time), and its OpenAPI type.

    With priority 1 it is shown by `-o wide` alone.
    """

    name: str
    read: Callable[[Object, float], Any]
    type: str = "string"
    priority: int = 0


def _status(*path: str) -> Callable[[Object, float], Any]:
    def read(document: Object, _now: float) -> Any:
        value: Any = document.get("status", {})
        for key in path:
            value = value.get(key, {}) if isinstance(value, Mapping) else {}
        return value if value != {} else None

    return read


def _label(key: str) -> Callable[[Object, float], Any]:
    return lambda document, _now: document["metadata"].get("labels", {}).get(key)


def _ready(field: str) -> Callable[[Object, float], Any]:
    def read(document: Object, _now: float) -> Any:
        conditions = document.get("status", {}).get("conditions", ())
        return next((c.get(field) for c in conditions if c["type"] == "Ready"), None)

    return read


def _keys(document: Object, _now: float) -> int:
    return len(document.get("data") or {}) + len(document.get("binaryData") or {})


def _containers(document: Object) -> list[Any]:
    """What is told of a Pod's containers: nothing before it has its place."""
    told: list[Any] = document["status"].get("containerStatuses", [])
    return told


def _pod_ready(document: Object, _now: float) -> str:
    return f"{sum(s['ready'] for s in _containers(document))}/{len(document['spec']['containers'])}"


def _pod_phase(document: Object, _now: float) -> str:
    """As kubectl's own printer says it: what a container waits for says more than the phase."""
    if "deletionTimestamp" in document["metadata"]:
        return "Terminating"
    states = (status["state"] for status in _containers(document))
    waiting = next((state["waiting"]["reason"] for state in states if "waiting" in state), None)
    return str(waiting or document["status"]["phase"])


def _restarts(document: Object, now: float) -> str:
    """How many, and how long ago the last one of a container that had run was."""
    told = _containers(document)
    count = sum(status["restartCount"] for status in told)
    ended = [status["lastState"]["terminated"]["finishedAt"] for status in told if status["lastState"]]
    return f"{count} ({_passed(max(ended), now)} ago)" if count and ended else str(count)


def _age(document: Object, now: float) -> str:
    return _passed(document["metadata"]["creationTimestamp"], now)


def _passed(time: str, now: float) -> str:
    return human_duration(max(0.0, now - datetime.fromisoformat(time).timestamp()))


def _since(field: str) -> Callable[[Object, float], str]:
    return lambda document, now: _passed(document[field], now)


def _involved(document: Object, _now: float) -> str:
    involved = document["involvedObject"]
    return f"{involved['kind'].lower()}/{involved['name']}"


def _field(*path: str) -> Callable[[Object, float], Any]:
    def read(document: Object, _now: float) -> Any:
        value: Any = document
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    return read


def _ratio(document: Object, _now: float) -> str:
    return f"{document['status'].get('readyReplicas', 0)}/{document['spec']['replicas']}"


def _count(field: str) -> Callable[[Object, float], int]:
    return lambda document, _now: document["status"].get(field, 0)


def _ports(document: Object, _now: float) -> str:
    shown = (
        f"{each['port']}{':' + str(each['nodePort']) if each.get('nodePort') else ''}/{each['protocol']}"
        for each in document["spec"].get("ports", ())
    )
    return ",".join(shown) or "<none>"


def _outside(document: Object, _now: float) -> str:
    """Where a Service is reached from outside, as kubectl's own printer says it."""
    spec = document["spec"]
    if spec["type"] == "ExternalName":
        return str(spec["externalName"])
    given = document["status"]["loadBalancer"].get("ingress", ())
    found = [each.get("ip") or each.get("hostname") for each in given] + spec.get("externalIPs", [])
    return ",".join(found) or ("<pending>" if spec["type"] == "LoadBalancer" else "<none>")


def _some(values: list[str]) -> str:
    """The first three, as kubectl's own printer has it."""
    more = f" + {len(values) - 3} more..." if len(values) > 3 else ""
    return ",".join(values[:3]) + more or "<unset>"


def _slice_ports(document: Object, _now: float) -> str:
    return _some([str(each["port"]) for each in document["ports"]])


def _endpoints(document: Object, _now: float) -> str:
    return _some([address for each in document["endpoints"] for address in each["addresses"]])


def _or_none(*path: str) -> Callable[[Object, float], Any]:
    read = _field(*path)
    return lambda document, now: read(document, now) or "<none>"


_READY = (Column("Ready", _ready("status")), Column("Reason", _ready("reason")))
_LATEST = (
    Column("LatestCreated", _status("latestCreatedRevisionName")),
    Column("LatestReady", _status("latestReadyRevisionName")),
)
_AGE = Column("Age", _age)

#: Columns beside NAME. Knative's kinds have no AGE.
COLUMNS: Mapping[Kind, tuple[Column, ...]] = {
    kinds.SERVICE: (Column("URL", _status("url")), *_LATEST, *_READY),
    kinds.CONFIGURATION: (*_LATEST, *_READY),
    kinds.REVISION: (
        Column("Config Name", _label("serving.knative.dev/configuration")),
        Column("Generation", _label("serving.knative.dev/configurationGeneration")),
        *_READY,
        Column("Actual Replicas", _status("actualReplicas"), "integer"),
        Column("Desired Replicas", _status("desiredReplicas"), "integer"),
    ),
    kinds.ROUTE: (Column("URL", _status("url")), *_READY),
    kinds.DOMAIN_MAPPING: (Column("URL", _status("url")), *_READY),
    kinds.POD: (
        Column("Ready", _pod_ready),
        Column("Status", _pod_phase),
        Column("Restarts", _restarts),
        _AGE,
    ),
    kinds.SECRET: (Column("Type", _field("type")), Column("Data", _keys, "integer"), _AGE),
    kinds.CONFIG_MAP: (Column("Data", _keys, "integer"), _AGE),
    kinds.NAMESPACE: (Column("Status", _status("phase")), _AGE),
    kinds.DEPLOYMENT: (
        Column("Ready", _ratio),
        Column("Up-to-date", _count("updatedReplicas"), "integer"),
        Column("Available", _count("availableReplicas"), "integer"),
        _AGE,
    ),
    kinds.REPLICA_SET: (
        Column("Desired", _field("spec", "replicas"), "integer"),
        Column("Current", _count("replicas"), "integer"),
        Column("Ready", _count("readyReplicas"), "integer"),
        _AGE,
    ),
    kinds.CORE_SERVICE: (
        Column("Type", _field("spec", "type")),
        Column("Cluster-IP", _or_none("spec", "clusterIP")),
        Column("External-IP", _outside),
        Column("Port(s)", _ports),
        _AGE,
    ),
    kinds.ENDPOINT_SLICE: (
        Column("AddressType", _field("addressType")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _endpoints),
        _AGE,
    ),
    kinds.POD_AUTOSCALER: (
        Column("DesiredScale", _status("desiredScale"), "integer"),
        Column("ActualScale", _status("actualScale"), "integer"),
        *_READY,
    ),
    kinds.METRIC: _READY,
    kinds.SERVERLESS_SERVICE: (
        Column("Mode", _field("spec", "mode")),
        Column("Activators", _field("spec", "numActivators"), "integer"),
        Column("ServiceName", _status("serviceName")),
        Column("PrivateServiceName", _status("privateServiceName")),
        *_READY,
    ),
    kinds.INGRESS: _READY,
    kinds.CLUSTER_DOMAIN_CLAIM: (_AGE,),
    kinds.EVENT: (
        Column("Last Seen", _since("lastTimestamp")),
        Column("Type", _field("type")),
        Column("Reason", _field("reason")),
        Column("Object", _involved),
        Column("Subobject", _field("involvedObject", "fieldPath"), priority=1),
        Column("Source", _field("source", "component"), priority=1),
        Column("Message", _field("message")),
        Column("First Seen", _since("firstTimestamp"), priority=1),
        Column("Count", _field("count"), "integer", 1),
        Column("Name", _field("metadata", "name"), priority=1),
    ),
}


def columns(kind: Kind) -> tuple[Column, ...]:
    """All columns of a kind; the first one is the name, but for Events, whose names say nothing."""
    of = COLUMNS[kind]
    return of if kind is kinds.EVENT else (Column("Name", _field("metadata", "name")), *of)


def rows(kind: Kind, objects: Iterable[Object], now: float, *, namespaces: bool = False) -> list[list[str]]:
    """A heading and one row an object; what is missing is blank, as for custom resources."""
    shown = [column for column in columns(kind) if not column.priority]
    table = [[*(["NAMESPACE"] if namespaces else []), *(column.name.upper() for column in shown)]]
    for document in objects:
        meta = document["metadata"]
        cells = ["" if cell is None else str(cell) for cell in _cells(shown, document, now)]
        table.append([*([meta.get("namespace", "")] if namespaces else []), *cells])
    return table


def table(kind: Kind, objects: Iterable[Object], version: str, now: float, include: str = "Metadata") -> dict[str, Any]:
    """A meta.k8s.io/v1 Table; `include` says what of each object goes with its row: None, Metadata or Object."""
    shown = columns(kind)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": [
            {
                "name": column.name,
                "type": column.type,
                "format": "name" if column.name == "Name" else "",
                "description": "",
                "priority": column.priority,
            }
            for column in shown
        ],
        "rows": [{"cells": _cells(shown, document, now)} | _included(document, include) for document in objects],
    }


def human_duration(seconds: float) -> str:
    """An age as kubectl writes it: two units at most, and only where the second still says something."""
    whole = int(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    for limit, text in (
        (120, f"{whole}s"),
        (600, f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"),
        (3 * 3600, f"{minutes}m"),
        (8 * 3600, f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"),
        (48 * 3600, f"{hours}h"),
        (8 * 86400, f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"),
    ):
        if whole < limit:
            return text
    return f"{days}d"


def _cells(shown: Iterable[Column], document: Object, now: float) -> list[Any]:
    return [column.read(document, now) for column in shown]


def _included(document: Object, include: str) -> dict[str, Any]:
    if include == "None":
        return {}
    if include == "Object":
        return {"object": document}
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": document["metadata"]}
    return {"object": partial}
