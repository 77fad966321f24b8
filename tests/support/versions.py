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
    env: Mapping[str, str] | None = None,
    **template: Any,
) -> dict[str, Any]:
    """A version of a Service; `meta` are annotations and labels of the Service itself, `traffic` its entries."""
    document = manifest(name, env={"TARGET": version, **(env or {})}, **template)
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


def configuration(version: str, *, name: str = "conf", revision: str = "", **template: Any) -> dict[str, Any]:
    """A version of a Configuration that stands alone."""
    document = service(version, name=name, revision=revision, **template)
    return document | {"kind": "Configuration"}


def route(
    *traffic: dict[str, Any], name: str = "web", meta: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, Any]:
    """A Route that stands alone; `meta` are its annotations and labels."""
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Route",
        "metadata": {"name": name} | dict(meta or {}),
        "spec": {"traffic": list(traffic)},
    }


def follow(name: str, percent: int = 100, tag: str = "") -> dict[str, Any]:
    """Traffic for the latest ready revision of a Configuration."""
    return {"configurationName": name, "percent": percent} | ({"tag": tag} if tag else {})
