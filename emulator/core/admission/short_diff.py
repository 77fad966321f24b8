"""What changed between two objects, in the words of Knative's refusals: paths and values as Go's structs have them.

Source: knative.dev/pkg kmp/reporters.go (ShortDiffReporter) over the paths and edit scripts of google/go-cmp. Where Go
would print the address of what a pointer leads to, what it leads to is printed.
"""

import json
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import Any, Final

from emulator.core.admission.schema import FieldSchema
from emulator.core.admission.tables import SERVING

#: Not there at all: an item of a list or a map that only one of both has.
_MISSING: Final = object()
_ZEROS: Final[Mapping[str, Any]] = {"string": "", "bool": False, "int32": 0, "int64": 0, "quantity": "0", "intstr": 0}
#: Go's names where they are not the JSON names with a capital.
_GO_NAMES: Final = {
    "metadata": "ObjectMeta",
    "uid": "UID",
    "httpGet": "HTTPGet",
    "httpHeaders": "HTTPHeaders",
    "tcpSocket": "TCPSocket",
    "grpc": "GRPC",
    "tty": "TTY",
    "os": "OS",
    "dnsPolicy": "DNSPolicy",
    "dnsConfig": "DNSConfig",
    "serviceAccount": "DeprecatedServiceAccount",
    "fsGroup": "FSGroup",
    "fsGroupChangePolicy": "FSGroupChangePolicy",
    "seLinuxOptions": "SELinuxOptions",
    "seLinuxChangePolicy": "SELinuxChangePolicy",
    "gcePersistentDisk": "GCEPersistentDisk",
    "awsElasticBlockStore": "AWSElasticBlockStore",
    "nfs": "NFS",
    "iscsi": "ISCSI",
    "rbd": "RBD",
    "cephfs": "CephFS",
    "fc": "FC",
    "storageos": "StorageOS",
    "csi": "CSI",
}
#: Go structs that are embedded in a type, and the fields that are the type's own.
_OF_CONFIG_MAP: Final = ("LocalObjectReference", frozenset({"items", "defaultMode", "optional"}))
_EMBEDDED: Final = {
    "RevisionSpec": (
        "PodSpec",
        frozenset({"containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds"}),
    ),
    "Probe": ("ProbeHandler", SERVING.types["Probe"].keys() - {"exec", "httpGet", "tcpSocket", "grpc"}),
    "Volume": ("VolumeSource", frozenset({"name"})),
    "KeySelector": ("LocalObjectReference", frozenset({"key", "optional"})),
    "EnvFromReference": _OF_CONFIG_MAP,
    "ConfigMapVolume": _OF_CONFIG_MAP,
    "Projection": _OF_CONFIG_MAP,
}


def short_diff(type_: str, old: Mapping[str, Any], new: Mapping[str, Any], *, pointer: bool = False) -> str:
    """Each change of an object of a type of the tables (decoded) in three lines; "" where there is none.

    `pointer` says whether Knative compares pointers to both.
    """
    return "".join(_changes(type_, old, new, f"{{{'*' if pointer else ''}v1.{type_}}}"))


def _changes(type_: str, old: Any, new: Any, path: str) -> Iterator[str]:
    if old == new:
        return
    if _MISSING in (old, new):
        yield _told(type_, old, new, path)
    elif type_ in SERVING.types:
        for row in SERVING.types[type_].values():
            yield from _field(row, old.get(row.name), new.get(row.name), f"{path}.{_go_path(type_, row)}")
    elif None in (old, new) or not type_.startswith(("[]", "map:", "intstr")):
        yield _told(type_, old, new, path)
    else:
        for inner, before, after, step in _parts(type_, old, new):
            yield from _changes(inner, before, after, path + step)


def _parts(type_: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any, str]]:
    """What is in a list, in a map, or in Go's struct of a number or a string: its type, both values, the step there."""
    if type_.startswith("[]"):
        for before, after, at in _edits(old, new):
            yield type_[2:], before, after, f"[{at}]"
    elif type_.startswith("map:"):
        for key in sorted({*old, *new}):
            yield type_[4:], old.get(key, _MISSING), new.get(key, _MISSING), f"[{json.dumps(key)}]"
    else:
        before, after = _int_or_string(old), _int_or_string(new)
        for name in before:
            yield "string", before[name], after[name], f".{name}"


def _field(row: FieldSchema, old: Any, new: Any, path: str) -> Iterator[str]:
    if row.pointer and old != new and (old is None or new is None):
        yield _lines(path, _shown_field(row, old), _shown_field(row, new))
    elif row.pointer and row.type not in SERVING.types:
        yield from _changes(row.type, old, new, f"*{path}")
    else:
        yield from _changes(row.type, _or_zero(row.type, old), _or_zero(row.type, new), path)


def _edits(old: list[Any], new: list[Any]) -> Iterator[tuple[Any, Any, str]]:
    """What became of items, where: [3], [3->4], [3->?] of one that went, [?->3] of one that came."""
    before, after = ([json.dumps(each, sort_keys=True) for each in items] for items in (old, new))
    for verb, i1, i2, j1, j2 in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        for i, j in zip_longest(range(i1, i2), range(j1, j2)) if verb != "equal" else ():
            steps = ("?" if index is None else str(index) for index in (i, j))
            yield (
                _MISSING if i is None else old[i],
                _MISSING if j is None else new[j],
                str(i) if i == j else "->".join(steps),
            )


def _told(type_: str, old: Any, new: Any, path: str) -> str:
    """A whole value; structs say what they are."""
    name = f'v1.{type_}: "' if type_ in SERVING.types else '"'
    before, after = (None if value is _MISSING else _shown(type_, value) for value in (old, new))
    return _lines(path, before, after, name)


def _lines(path: str, old: str | None, new: str | None, opening: str = '"') -> str:
    sides = [f'\t{sign}: {opening}{value}"\n' for sign, value in (("-", old), ("+", new)) if value is not None]
    return f"{path}:\n{''.join(sides)}"


def _shown(type_: str, value: Any) -> str:
    """As Go prints it with %+v."""
    if type_ in SERVING.types:
        rows = groupby(SERVING.types[type_].values(), lambda row: _embedded(type_, row))
        return f"{{{' '.join(_shown_fields(embedded, [*group], value) for embedded, group in rows)}}}"
    if type_.startswith("[]"):
        return f"[{' '.join(_shown(type_[2:], each) for each in value or ())}]"
    if type_.startswith("map:"):
        return f"map[{' '.join(f'{key}:{_shown(type_[4:], each)}' for key, each in sorted((value or {}).items()))}]"
    if type_ == "intstr":
        return f"{{{' '.join(f'{name}:{each}' for name, each in _int_or_string(value).items())}}}"
    return value if isinstance(value, str) else "<nil>" if value is None else json.dumps(value)


def _shown_fields(embedded: str, rows: list[FieldSchema], value: Mapping[str, Any]) -> str:
    text = " ".join(f"{_go_name(row)}:{_shown_field(row, value.get(row.name))}" for row in rows)
    return f"{embedded}:{{{text}}}" if embedded else text


def _shown_field(row: FieldSchema, value: Any) -> str:
    if row.pointer:
        return "<nil>" if value is None else _shown(row.type, value)
    return _shown(row.type, _or_zero(row.type, value))


def _or_zero(type_: str, value: Any) -> Any:
    if value is not None:
        return value
    return {} if type_ in SERVING.types else _ZEROS.get(type_)


def _int_or_string(value: int | str) -> dict[str, str]:
    if isinstance(value, str):
        return {"Type": "1", "IntVal": "0", "StrVal": value}
    return {"Type": "0", "IntVal": str(value), "StrVal": ""}


def _go_path(type_: str, row: FieldSchema) -> str:
    embedded = _embedded(type_, row)
    return f"{embedded}.{_go_name(row)}" if embedded else _go_name(row)


def _embedded(type_: str, row: FieldSchema) -> str:
    name, own = _EMBEDDED.get(type_, ("", SERVING.types[type_].keys()))
    return "" if row.name in own else name


def _go_name(row: FieldSchema) -> str:
    return _GO_NAMES.get(row.name, row.name[:1].upper() + row.name[1:])
