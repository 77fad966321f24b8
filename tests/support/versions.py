"""Versions of a Service for tests, and the entries of its traffic."""

from collections.abc import Mapping
from typing import Any

from running import manifest

ROLLOUT = "serving.knative.dev/rollout-duration"


def service(
    version: str,
    *traffic: dict[str, Any],
    name: str = "hello",
    meta: Mapping[str, Mapping[str, str]] | None = None,
    revision: str = "",
    **template: Any,
) -> dict[str, Any]:
    """A version of a Service; `meta` are annotations and labels of the Service itself, `traffic` its entries."""
    document = manifest(name, env={"TARGET": version}, **template)
    document["metadata"] |= dict(meta or {})
    document["spec"] |= {"traffic": list(traffic)} if traffic else {}
    document["spec"]["template"]["metadata"] |= {"name": revision} if revision else {}
    return document


def to(revision: str, percent: int, tag: str = "") -> dict[str, Any]:
    return {"revisionName": revision, "percent": percent} | ({"tag": tag} if tag else {})


def latest(percent: int, tag: str = "") -> dict[str, Any]:
    return {"latestRevision": True, "percent": percent} | ({"tag": tag} if tag else {})


def rolling(duration: str = "10s") -> dict[str, dict[str, str]]:
    return {"annotations": {ROLLOUT: duration}}
