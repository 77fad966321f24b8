"""What is wrong with volumes and their mounts (knative/serving pkg/apis/serving/k8s_validation.go)."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from emulator.core.admission.field_error import (
    Problem,
    disallowed_fields,
    invalid_value,
    missing_field,
    missing_one_of,
    multiple_one_of,
    within,
)
from emulator.core.admission.tables import SERVING
from emulator.core.config_defaults import ENABLED, Flags
from emulator.core.gotext import quote
from emulator.core.kubernetes_names import dns_1123_label
from emulator.core.quantity import parse_quantity

Document = Mapping[str, Any]

RESERVED_PATHS: Final = frozenset({"/", "/dev", "/dev/log"})

_CLAIM_FLAG: Final = "kubernetes.podspec-persistent-volume-claim"
_CLAIM_WRITE_FLAG: Final = "kubernetes.podspec-persistent-volume-write"
_PROPAGATION_FLAG: Final = "kubernetes.podspec-volumes-mount-propagation"

#: Source of a volume that needs a flag -> its name in messages and the flag, which must be exactly Enabled.
_FLAGGED: Final = {
    "emptyDir": ("EmptyDir", "kubernetes.podspec-volumes-emptydir"),
    "hostPath": ("HostPath", "kubernetes.podspec-volumes-hostpath"),
    "csi": ("CSI", "kubernetes.podspec-volumes-csi"),
    "image": ("Image", "kubernetes.podspec-volumes-image"),
    "ephemeral": ("Ephemeral", "kubernetes.podspec-volumes-ephemeral"),
}
_ALWAYS: Final = ("secret", "configMap", "projected")
_SOURCES: Final = (*_ALWAYS, "persistentVolumeClaim", *_FLAGGED)

#: A mount of these need not be read-only.
_WRITABLE: Final = ("emptyDir", "persistentVolumeClaim", "hostPath", "csi", "ephemeral")
_PROJECTIONS: Final = ("secret", "configMap", "serviceAccountToken", "downwardAPI")
_PROPAGATIONS: Final = ("None", "HostToContainer")


def volumes(documents: Iterable[Document], mounted: frozenset[str], flags: Flags) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, volume in enumerate(documents):
        yield from within(f"[{index}]", _named(volume["name"], seen, mounted))
        yield from within(f"[{index}]", _volume(volume, flags))
        seen.add(volume["name"])


def _named(name: str, seen: set[str], mounted: frozenset[str]) -> Iterator[Problem]:
    if name in seen:
        yield Problem(f"duplicate volume name {quote(name)}", ("name",))
    if name not in mounted:
        yield Problem(f"volume with name {quote(name)} not mounted", ("name",))


def _volume(volume: Document, flags: Flags) -> Iterator[Problem]:
    name = volume["name"]
    if not name:
        yield missing_field("name")
    elif dns_1123_label(name):
        yield invalid_value(name, "name")
    else:
        yield from _switched_off(volume, flags)
    for field in SERVING.refused("Volume", volume, flags):
        yield disallowed_fields(field)
    for source in ("secret", "configMap"):
        yield from _items(volume.get(source, {}))
    for index, projection in enumerate(volume.get("projected", {}).get("sources", ())):
        yield from within(f"projected[{index}]", _projection(projection))
    if "emptyDir" in volume:
        yield from within("emptyDir", _empty_dir(volume["emptyDir"]))
    specified = [source for source in _SOURCES if source in volume]
    if not specified:
        open_ = [source for source, (_, flag) in _FLAGGED.items() if flags[flag] == ENABLED]
        claim = ["persistentVolumeClaim"] if flags[_CLAIM_FLAG] == ENABLED else []
        yield missing_one_of(*_ALWAYS, *claim, *open_)
    elif len(specified) > 1:
        yield multiple_one_of(*specified)


def _switched_off(volume: Document, flags: Flags) -> Iterator[Problem]:
    for source, (title, flag) in _FLAGGED.items():
        if source in volume and flags[flag] != ENABLED:
            yield Problem(f"{title} volume support is disabled, but found {title} volume {volume['name']}")
    claim = volume.get("persistentVolumeClaim")
    if claim is None:
        return
    found = f"but found persistent volume claim {claim['claimName']}"
    if flags[_CLAIM_FLAG] != ENABLED:
        yield Problem(f"Persistent volume claim support is disabled, {found}")
    if not claim.get("readOnly") and flags[_CLAIM_WRITE_FLAG] != ENABLED:
        yield Problem(f"Persistent volume write support is disabled, {found} that is not read-only")


def _items(source: Document) -> Iterator[Problem]:
    for index, item in enumerate(source.get("items", ())):
        for field in ("key", "path"):
            if not item[field]:
                yield from within(f"items[{index}]", [missing_field(field)])


def _projection(projection: Document) -> Iterator[Problem]:
    for field in SERVING.refused("VolumeProjection", projection, {}):
        yield disallowed_fields(field)
    for source in ("secret", "configMap"):
        if source in projection:
            if not projection[source].get("name"):
                yield from within(source, [missing_field("name")])
            yield from within(source, _items(projection[source]))
    if "serviceAccountToken" in projection and not projection["serviceAccountToken"]["path"]:
        yield from within("serviceAccountToken", [missing_field("path")])
    for index, file in enumerate(projection.get("downwardAPI", {}).get("items", ())):
        yield from within(f"downwardAPI.items[{index}]", _downward_file(file))
    specified = [source for source in _PROJECTIONS if source in projection]
    if not specified:
        yield missing_one_of(*_PROJECTIONS)
    elif len(specified) > 1:
        yield multiple_one_of(*specified)


def _downward_file(file: Document) -> Iterator[Problem]:
    references = ("fieldRef", "resourceFieldRef")
    given = [field for field in references if field in file]
    if not given:
        yield missing_one_of(*references)
    elif len(given) > 1:
        yield Problem("Within a single item, cannot set both", references)
    if not file["path"]:
        yield missing_field("path")


def _empty_dir(source: Document) -> Iterator[Problem]:
    if source.get("medium", "") not in {"", "Memory"}:
        yield invalid_value(source["medium"], "medium")
    if parse_quantity(source.get("sizeLimit", "0")).value < 0:
        yield invalid_value(source["sizeLimit"], "sizeLimit")


def mounts(documents: Iterable[Document], by_name: Mapping[str, Document], flags: Flags) -> Iterator[Problem]:
    """The mounts of one container; `by_name` are the volumes of its pod."""
    seen: set[str] = set()
    for index, mount in enumerate(documents):
        problems = [*_mount(mount, by_name.get(mount["name"]), flags), *_mount_path(mount["mountPath"], seen)]
        yield from within(f"[{index}]", problems)
        seen.add(_clean(mount["mountPath"]))


def _mount(mount: Document, volume: Document | None, flags: Flags) -> Iterator[Problem]:
    for field in SERVING.refused("VolumeMount", mount, flags):
        yield disallowed_fields(field)
    if volume is None:
        yield Problem("volumeMount has no matching volume", ("name",))
    volume = volume or {}
    if not mount.get("readOnly"):
        if not any(source in volume for source in _WRITABLE):
            yield Problem("volume mount should be readOnly for this type of volume", ("readOnly",))
        if volume.get("persistentVolumeClaim", {}).get("readOnly"):
            yield Problem("volume is readOnly but volume mount is not", ("readOnly",))
    if "mountPropagation" in mount:
        if flags[_PROPAGATION_FLAG] != ENABLED:
            yield Problem(
                "Volume Mount Propagation support is disabled, but found volume mount"
                f" {mount['name']} with mount propagation"
            )
        elif mount["mountPropagation"] not in _PROPAGATIONS:
            yield Problem("mount propagation should be set to None or HostToContainer", ("mountPropagation",))


def _mount_path(path: str, seen: set[str]) -> Iterator[Problem]:
    clean = _clean(path)
    if not path:
        yield missing_field("mountPath")
    elif clean in RESERVED_PATHS:
        yield Problem(f"mountPath {quote(clean)} is a reserved path", ("mountPath",))
    elif not path.startswith("/"):
        yield invalid_value(path, "mountPath")
    elif clean in seen:
        yield invalid_value(f"{quote(path)} must be unique", "mountPath")


def _clean(path: str) -> str:
    """path.Clean: normpath, but with one slash at the front, never two."""
    return posixpath.normpath(path).replace("//", "/")
