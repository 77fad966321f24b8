"""What the API serves, as its clients ask for it: versions, groups and resources.

Aggregated discovery (apidiscovery.k8s.io/v2, and v2beta1 of the same shape) says all in two answers to those that ask
for it in their Accept header; others get the documents of each group and version.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Any, Final

from emulator.api.access import REVIEWS
from emulator.api.kinds import KINDS, REMOVE, Kind, sub_resources

Document = dict[str, Any]

#: The Kubernetes whose rules are followed. There was no build, but typed clients want all of its fields.
VERSION: Document = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}

_AGGREGATED: Final = re.compile(r"application/json;g=apidiscovery\.k8s\.io;v=(v2|v2beta1);as=APIGroupDiscoveryList")
_OF_CRD: Final = (*REMOVE, "get", "list", "patch", "create", "update", "watch")
_SERVED: Final = (*KINDS, *REVIEWS)


def aggregated(path: str, accept: str) -> tuple[Document, str] | None:
    """Aggregated discovery at `api` or `apis` and its media type, for those whose Accept header asks for it."""
    asked = _AGGREGATED.search(accept.replace(" ", ""))
    if path not in {"api", "apis"} or not asked:
        return None
    groups = [""] if path == "api" else _GROUPS
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{asked[1]}",
        "metadata": {},
        "items": [_discovered(group) for group in groups],
    }, asked[0]


def find(path: str) -> Document | None:
    """The discovery document at a path without slashes at its ends; None if there is none."""
    if path in _FIXED:
        return _FIXED[path]
    match path.split("/"):
        case ["api", version]:
            return _resources("", version)
        case ["apis", group] if any(kind.group == group for kind in _SERVED):
            return {"kind": "APIGroup", "apiVersion": "v1"} | _group(group)
        case ["apis", group, version]:
            return _resources(group, version)
        case _:
            return None


def _group(group: str) -> Document:
    entries = [{"groupVersion": f"{group}/{version}", "version": version} for version in _versions(group)]
    return {"name": group, "versions": entries, "preferredVersion": entries[0]}


def _versions(group: str) -> list[str]:
    return sorted({kind.version for kind in _SERVED if kind.group == group})


def _of(group: str, version: str) -> list[Kind]:
    return [kind for kind in _SERVED if (kind.group, kind.version) == (group, version)]


def _discovered(group: str) -> Document:
    versions = [
        {"version": version, "freshness": "Current", "resources": [_resource(kind) for kind in _of(group, version)]}
        for version in _versions(group)
    ]
    return {"metadata": {"name": group} if group else {}, "versions": versions}


def _resource(kind: Kind) -> Document:
    responds = {"group": kind.group, "version": kind.version, "kind": kind.name}
    return {
        "resource": kind.plural,
        "responseKind": responds,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.name.lower(),
        "verbs": _verbs(kind),
        "shortNames": list(kind.short),
        "categories": list(kind.categories),
        "subresources": [
            {"subresource": sub.name, "responseKind": responds | {"kind": sub.kind}, "verbs": list(sub.verbs)}
            for sub in sub_resources(kind)
        ],
    }


def _resources(group: str, version: str) -> Document | None:
    kinds = _of(group, version)
    if not kinds:
        return None
    entries = [entry for kind in kinds for entry in _entries(kind)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kinds[0].api_version,
        "resources": entries,
    }


def _entries(kind: Kind) -> Iterable[Document]:
    named = {"shortNames": list(kind.short), "categories": list(kind.categories)}
    yield _entry(kind, kind.plural, kind.name, _verbs(kind)) | {
        "singularName": kind.name.lower(),
        **{key: words for key, words in named.items() if words},
        **({"storageVersionHash": _storage_version_hash(kind)} if kind in KINDS else {}),
    }
    for sub in sub_resources(kind):
        yield _entry(kind, f"{kind.plural}/{sub.name}", sub.kind, sub.verbs)


def _storage_version_hash(kind: Kind) -> str:
    """By which a client sees that objects are stored in another version now (apiserver's StorageVersionHash)."""
    stored = f"{kind.group}/{kind.version}/{kind.name}"
    return base64.b64encode(hashlib.sha256(stored.encode()).digest()[:8]).decode()


def _verbs(kind: Kind) -> list[str]:
    """In the order in which the API server names them: that of its list for a CRD, or else of the alphabet."""
    return [verb for verb in _OF_CRD if verb in kind.verbs] if kind.is_custom else sorted(kind.verbs)


def _entry(kind: Kind, name: str, of: str, verbs: Iterable[str]) -> Document:
    return {
        "name": name,
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": of,
        "verbs": list(verbs),
    }


_GROUPS: Final = sorted({kind.group for kind in _SERVED if kind.group})
_FIXED: dict[str, Document] = {
    "version": VERSION,
    "api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group) for group in _GROUPS]},
}
