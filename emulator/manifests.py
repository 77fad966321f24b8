"""Manifest files: YAML or JSON documents, from files, folders or standard input, checked before anything is sent."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from emulator.api import kinds
from emulator.api.kinds import Kind
from emulator.errors import UserError

#: Objects are applied in this order, so that what one refers to is there before it.
_ORDER = (kinds.SECRET, kinds.CONFIG_MAP, kinds.CONFIGURATION, kinds.SERVICE, kinds.ROUTE, kinds.DOMAIN_MAPPING)
#: Those that become Ready.
AWAITED = (kinds.CONFIGURATION, kinds.SERVICE, kinds.ROUTE, kinds.DOMAIN_MAPPING)


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: what looks like a date stays a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_manifests(names: Iterable[str], namespace: str) -> list[tuple[Kind, dict[str, Any]]]:
    """All documents of the named files (`-` is standard input), each with its kind and a namespace.

    Raises UserError that names the file, before any of them has an effect.
    """
    found = [checked(document, source, namespace) for name in names for source, document in _documents(name)]
    if not found:
        raise UserError("the manifest files hold no object")
    return in_order(found)


def in_order(found: Iterable[tuple[Kind, dict[str, Any]]]) -> list[tuple[Kind, dict[str, Any]]]:
    """Documents in the order in which they are applied."""
    return sorted(found, key=lambda pair: _ORDER.index(pair[0]))


def parsed(text: str, source: str) -> list[Any]:
    """The documents in a text, empty ones aside. Raises UserError that names the source."""
    try:
        return [document for document in yaml.load_all(text, _Loader) if document is not None]
    except yaml.YAMLError as error:
        raise UserError(f"{source} is not YAML: {error}") from error


def checked(document: Any, source: str, namespace: str) -> tuple[Kind, dict[str, Any]]:
    """A document with its kind and namespace filled in; raises UserError where it is none that can be applied."""
    if not isinstance(document, dict):
        raise UserError(f"{source}: a document must be an object with apiVersion, kind and metadata")
    kind = kinds.by_type(str(document.get("apiVersion")), str(document.get("kind")))
    if kind not in _ORDER:
        served = ", ".join(f"{kind.api_version} {kind.name}" for kind in _ORDER)
        raise UserError(
            f"{source}: apiVersion {document.get('apiVersion')!r}, kind {document.get('kind')!r} can't be applied: "
            f"the emulator takes {served}"
        )
    meta = document.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str):
        raise UserError(f"{source}: missing field(s): metadata.name")
    return kind, document | {"metadata": {"namespace": namespace} | meta}


def _documents(name: str) -> Iterator[tuple[str, Any]]:
    path = Path(name)
    if path.is_dir():
        for file in sorted(path.iterdir()):
            # kustomize's own file is no manifest.
            if file.suffix in {".yaml", ".yml", ".json"} and file.stem != "kustomization":
                yield from _documents(str(file))
        return
    try:
        text = sys.stdin.read() if name == "-" else path.read_text()
    except OSError as error:
        raise UserError(f"can't read the manifest {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not a text file: {error.reason}") from error
    yield from ((name, document) for document in parsed(text, name))
