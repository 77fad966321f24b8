"""What a Service's `spec.traffic` is to become: decisions over stored objects, without a cluster."""

from collections.abc import Mapping, Sequence
from typing import Any

Traffic = list[dict[str, Any]]


class TrafficError(Exception):
    """The traffic can't be led so; the text says what to do."""


def everything_to_latest() -> Traffic:
    """All to the newest ready revision, whichever that becomes."""
    return [{"latestRevision": True, "percent": 100}]


def canary(service: Mapping[str, Any], percent: int) -> Traffic:
    """`percent` to the revision that comes, the rest to the one that has most of the traffic now.

    Raises TrafficError.
    """
    return [
        {"revisionName": _main(service), "percent": 100 - percent},
        {"latestRevision": True, "percent": percent, "tag": "canary"},
    ]


def rollback(service: Mapping[str, Any], ready: Sequence[str]) -> Traffic:
    """All to the revision before: in a canary the one beside it, else the ready one before the one that serves.

    `ready` are the names of the Service's ready revisions, newest first. Raises TrafficError.
    """
    serving = {target["revisionName"] for target in service["status"].get("traffic", ()) if target.get("percent")}
    if len(serving) > 1:
        back = _main_beside_latest(service)
    else:
        older = ready[ready.index(_main(service)) + 1 :] if _main(service) in ready else ready
        if not older:
            raise TrafficError("there is no ready revision before the one that serves: nothing to roll back to")
        back = older[0]
    return [{"revisionName": back, "percent": 100}]


def _main(service: Mapping[str, Any]) -> str:
    traffic = service.get("status", {}).get("traffic") or ()
    if not traffic:
        raise TrafficError(
            "no revision of the Service has traffic yet: wait until it is ready, or deploy without --canary"
        )
    name: str = max(traffic, key=lambda target: target.get("percent") or 0)["revisionName"]
    return name


def _main_beside_latest(service: Mapping[str, Any]) -> str:
    others = [target for target in service["status"]["traffic"] if not target.get("latestRevision")]
    name: str = max(others, key=lambda target: target.get("percent") or 0)["revisionName"]
    return name
