"""What is in a volume that a ConfigMap, a Secret or several of them make: its files, as the kubelet lays them out.

Source: Kubernetes pkg/volume/{configmap,secret,projected} and pkg/volume/util/atomic_writer.go.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from emulator.core.environment import Lookup, UnresolvedReference

Document = Mapping[str, Any]

#: Permissions of files for which the manifest names none.
DEFAULT_MODE: Final = 0o644
#: Field of a source -> kind of object.
KINDS: Final = {"secret": "Secret", "configMap": "ConfigMap"}


class File(NamedTuple):
    """Content and permissions."""

    data: bytes
    mode: int


#: Path in the volume -> file.
Files = Mapping[str, File]


def volume_files(pod: Document, lookup: Lookup) -> dict[str, Callable[[], Files]]:
    """Each such volume of a pod by its name, with what tells its files as of now (raises UnresolvedReference)."""
    volumes = [volume for volume in pod.get("volumes") or () if any(field in volume for field in (*KINDS, "projected"))]
    return {volume["name"]: partial(_volume, volume, lookup) for volume in volumes}


def _volume(volume: Document, lookup: Lookup) -> Files:
    try:
        return {path: file for it in _sources(volume) for path, file in _files(*it, lookup).items()}
    except UnresolvedReference as error:
        raise UnresolvedReference(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from error


def _sources(volume: Document) -> Iterator[tuple[str, Document, int | None]]:
    """Field, source and mode of its files. Of projected ones the later win."""
    projected = volume.get("projected") or {}
    for field in KINDS:
        if field in volume:
            yield field, volume[field], volume[field].get("defaultMode")
    for source in projected.get("sources") or ():
        for field in KINDS:
            if field in source:
                yield field, source[field], projected.get("defaultMode")


def _files(field: str, source: Document, mode: int | None, lookup: Lookup) -> Files:
    kind, name = KINDS[field], source.get("secretName") or source.get("name") or ""
    default = DEFAULT_MODE if mode is None else mode
    found, optional = lookup(kind, name), source.get("optional")
    if found is None and not optional:
        raise UnresolvedReference(f'{kind.lower()} "{name}" not found')
    data = _data(kind, found or {})
    if not source.get("items"):
        return {key: File(content, default) for key, content in data.items()}
    files = {}
    for item in source["items"]:
        if item["key"] in data:
            given = item.get("mode")
            files[_inside(item["path"])] = File(data[item["key"]], default if given is None else given)
        elif not optional:
            raise UnresolvedReference(f"references non-existent {kind.lower()} key: {item['key']}")
    return files


def _data(kind: str, found: Document) -> dict[str, bytes]:
    encoded = found.get("data" if kind == "Secret" else "binaryData") or {}
    plain = {} if kind == "Secret" else found.get("data") or {}
    texts = {key: text.encode() for key, text in plain.items()}
    return texts | {key: base64.b64decode(value) for key, value in encoded.items()}


def _inside(path: str) -> str:
    """A path that stays in the volume (Kubernetes' ValidateVolumeItemPath)."""
    if path.startswith(("/", "..")) or ".." in PurePosixPath(path).parts:
        raise UnresolvedReference(f'path "{path}" of an item must be relative, without ".." in it')
    return str(PurePosixPath(path))
