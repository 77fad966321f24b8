"""Sets of fields: a field is a path of steps, each written as in `fieldsV1` of metadata.managedFields.

A step is `f:NAME` (a key of a map), `k:{"name":"x"}` (an item of a list that has keys) or `v:"x"` (an item of a set).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

Path = tuple[str, ...]
Fields = frozenset[Path]

#: In `fieldsV1`, the field itself beside those in it.
_ITSELF: Final = "."


def compact(value: Any) -> str:
    """JSON as it stands in a step."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def encoded(fields: Iterable[Path]) -> dict[str, Any]:
    """A set as `fieldsV1`."""
    root: dict[str, Any] = {}
    for path in sorted(fields):
        node = root
        for step in path:
            node = node.setdefault(step, {})
        node[_ITSELF] = {}
    return {step: _tidy(inner) for step, inner in root.items()}


def _tidy(node: dict[str, Any]) -> dict[str, Any]:
    """The same without the `.` of a field that has none in it."""
    return {} if list(node) == [_ITSELF] else {step: _tidy(inner) for step, inner in node.items()}


def decoded(document: Any, path: Path = ()) -> Fields:
    """The set that a `fieldsV1` stands for; raises ValueError for anything else."""
    if not isinstance(document, Mapping):
        raise ValueError("fieldsV1 is made of objects")  # noqa: TRY004 - a value that a client sent
    inner = [decoded(value, (*path, step)) for step, value in document.items() if step != _ITSELF]
    itself = {path} if path and (_ITSELF in document or not document) else set()
    return frozenset(itself).union(*inner)


def shown(path: Path) -> str:
    """A field as Kubernetes' errors name it: `.spec.volumes[name="a"].secret`."""
    return "".join(_SHOWN[step[0]](step[2:]) for step in path)


def _keys(step: str) -> str:
    return "[" + ",".join(f"{key}={compact(value)}" for key, value in json.loads(step).items()) + "]"


_SHOWN: Final[Mapping[str, Callable[[str], str]]] = {
    "f": lambda name: f".{name}",
    "k": _keys,
    "v": lambda value: f"[={value}]",
}
