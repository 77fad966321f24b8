"""Answers of a real cluster (tests/measured), and how our own for the same case are laid beside them.

`compare` goes through both, leaf by leaf. What need not be equal is in MAY_DIFFER, each with its reason: leaves that
identify (they must still differ and agree among themselves as the cluster's do), times, and what is the node's own.
"""

import gzip
import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[1] / "measured"

Leaf = str | int | float | bool | None


@cache
def recorded(file: str) -> dict[str, Any]:
    """What is in tests/measured/FILE.json.gz: objects, or the tables that kubectl printed, by name."""
    read: dict[str, Any] = json.loads(gzip.decompress((FOLDER / f"{file}.json.gz").read_bytes()))
    return read


class Difference(NamedTuple):
    """A leaf that differs; None stands for one that is not there."""

    path: str
    theirs: Leaf
    ours: Leaf


class Rule(NamedTuple):
    """Leaves of this kind (a pattern of it) and path may differ so, for this reason."""

    kind: str
    path: str
    how: str
    why: str


#: How leaves may differ: `same as elsewhere` is one of ours for one of theirs, everywhere; `time` is any time;
#: `any` is another value, `any or none` may be missing too; `theirs` and `ours` are leaves that only one of both has.
MAY_DIFFER = (
    Rule(".*", r"\.metadata\.managedFields.*", "ours", "kubectl does not show them, and recorded the cluster's"),
    Rule("Pod", r"\.metadata\.ownerReferences\[0\]\..*", "theirs", "there is no ReplicaSet"),
    Rule("EndpointSlice", r"\.metadata\.ownerReferences\[0\]\.uid", "any", "there are no Endpoints beside the slices"),
    Rule(".*", r"\.metadata(\.ownerReferences\[\d+\])?\.uid|.*\bUID|.*UID$", "same as elsewhere", "made at random"),
    Rule(".*", r"\.metadata\.resourceVersion", "any", "counts the writes to everything that there is"),
    Rule(".*", r"\.metadata\.creationTimestamp", "time", "when it was"),
    Rule(".*", r".*\.lastTransitionTime", "time", "when it was"),
    Rule(".*", r"\.metadata\.annotations\.serving\.knative\.dev/routingStateModified", "time", "when it was"),
    Rule("Pod", r".*\.(startTime|startedAt)", "time", "when it was"),
    Rule("Pod", r"\.metadata\.(name|generateName)|.*\.pod-template-hash", "any", "made at random"),
    Rule("Pod", r"\.spec\.nodeName|\.status\.(hostIP|podIP).*", "any", "the node is this machine"),
    Rule("Pod", r".*\.containerID", "theirs", "the node's: not told by every runtime"),
    Rule("Pod", r".*\.imageID", "any", "the node's: not told by every runtime"),
    Rule("Pod", r"\.status\.(allocatedResources|resources)\..*", "theirs", "the node's: what its cgroups allow"),
    Rule("Pod", r".*\.volumeMounts\[0\]\..*|\.spec\.volumes\[0\].*", "theirs", "no service account, no token"),
    Rule("Pod", r"\.spec\.containers\[1\]\.image", "any", "the queue-proxy is a part of the emulator"),
    Rule("Pod", r"\.status\.containerStatuses\[0\]\.image", "any", "the queue-proxy is a part of the emulator"),
    Rule("Deployment", r"\.spec\.template\.spec\.containers\[1\]\.image", "any", "as of Pods"),
    Rule("Deployment", r".*/deployment-hash|.*\.conditions\[1\]\.message", "any", "made at random"),
    Rule("Deployment", r".*\.lastUpdateTime", "time", "when it was"),
    Rule(
        "ServerlessService|EndpointSlice", r".*\.(observedGeneration|generation)", "any", "counts the steps on the way"
    ),
    Rule("Ingress", r"\.metadata\.finalizers\[0\]", "theirs", "the gateway has nothing to clean up"),
    Rule("Service", r"\.spec\.clusterIPs?(\[0\])?", "any", "there is no virtual network to have an address in"),
    Rule(
        "EndpointSlice",
        r"\.endpoints\[0\]\.(addresses\[0\]|nodeName)",
        "any",
        "the node is this machine",
    ),
    Rule("EndpointSlice", r".*\.targetRef\.(name|uid)", "any or none", "made at random; the activator is no pod"),
    Rule("EndpointSlice", r".*\.targetRef\.\w+", "theirs", "the activator is no pod"),
    Rule("EndpointSlice", r"\.metadata\.name", "any", "made at random"),
    Rule("EndpointSlice", r".*/last-change-trigger-time", "theirs", "how Kubernetes measures itself"),
    Rule("EndpointSlice", r"\.metadata\.ownerReferences\[0\]\.kind", "any", "there are no Endpoints beside the slices"),
    Rule("Revision", r"\.status\.desiredReplicas", "ours", "split-00002 was looked at before its first decision"),
    Rule(".*", r".*\.serving\.knative\.dev/(creator|lastModifier)", "any", "who the kubeconfig says that one is"),
)


def compare(theirs: Any, ours: Any, known: dict[Leaf, Leaf] | None = None) -> list[Difference]:
    """Where two objects differ that may not. `known` are identities of theirs and ours, from objects seen before."""
    known = {} if known is None else known
    kind = theirs["kind"]
    left, right = dict(leaves(theirs)), dict(leaves(ours))
    return [
        Difference(path, left.get(path), right.get(path))
        for path in sorted({*left, *right})
        if not _agree(kind, path, left.get(path, ...), right.get(path, ...), known)
    ]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Leaf]]:
    """Paths and values; an empty list or object is a leaf too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    empty = True
    for key, each in inner:
        empty = False
        yield from leaves(each, f"{path}.{key}" if isinstance(value, dict) else f"{path}[{key}]")
    if empty:
        yield path, json.dumps(value) if isinstance(value, dict | list) else value


def _agree(kind: str, path: str, theirs: Any, ours: Any, known: dict[Leaf, Leaf]) -> bool:
    rule = next((r for r in MAY_DIFFER if re.fullmatch(r.kind, kind) and re.fullmatch(r.path, path)), None)
    match rule.how if rule else "":
        case "same as elsewhere":
            both = theirs is not ... and ours is not ...
            return both and known.setdefault(theirs, ours) == ours and [*known.values()].count(ours) == 1
        case "time":
            return _is_time(theirs) and _is_time(ours)
        case "any":
            return theirs is not ... and ours is not ...
        case "any or none":
            return theirs is not ...
        case "ours" | "theirs" as only:
            return (theirs if only == "ours" else ours) is ... or bool(theirs == ours)
        case _:
            return bool(theirs == ours)


def _is_time(value: Any) -> bool:
    try:
        return bool(datetime.fromisoformat(value)) and value.endswith("Z")
    except (TypeError, ValueError):
        return False
