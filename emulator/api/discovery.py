"""What the API serves, as its clients ask for it: versions, groups and resources (Kubernetes' legacy discovery)."""

from collections.abc import Iterable
from typing import Any

from emulator.api.kinds import KINDS, POD, Kind

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


def find(path: str) -> Document | None:
    """The discovery document at a path without slashes at its ends; None if there is none."""
    if path in _FIXED:
        return _FIXED[path]
    match path.split("/"):
        case ["api", version]:
            return _resources("", version)
        case ["apis", group] if any(kind.group == group for kind in KINDS):
            return {"kind": "APIGroup", "apiVersion": "v1"} | _group(group)
        case ["apis", group, version]:
            return _resources(group, version)
        case _:
            return None


def _group(group: str) -> Document:
    versions = sorted({kind.version for kind in KINDS if kind.group == group})
    entries = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": entries, "preferredVersion": entries[0]}


def _resources(group: str, version: str) -> Document | None:
    kinds = [kind for kind in KINDS if (kind.group, kind.version) == (group, version)]
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
    yield _entry(kind, kind.plural, kind.verbs) | {
        "singularName": kind.name.lower(),
        "shortNames": list(kind.short),
        "categories": list(kind.categories),
    }
    if kind.status:
        yield _entry(kind, f"{kind.plural}/status", ("get",))
    if kind is POD:
        yield _entry(kind, f"{kind.plural}/log", ("get",))


def _entry(kind: Kind, name: str, verbs: tuple[str, ...]) -> Document:
    return {
        "name": name,
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": list(verbs),
    }


_FIXED: dict[str, Document] = {
    "version": VERSION,
    "api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(group) for group in sorted({kind.group for kind in KINDS if kind.group})],
    },
}
