"""Two ways to say a change: merge patch (RFC 7386) and JSON patch (RFC 6902). No document is changed in place."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

#: Characters that the `copy` operations of one patch may copy: each could double the document.
COPY_LIMIT = 3 * 1024 * 1024
#: Operations of one patch; the API server's own limit.
OPERATION_LIMIT = 10_000

_INDEX = re.compile("0|[1-9][0-9]{0,8}")


class MalformedPatch(ValueError):
    """It is no patch at all."""


class InapplicablePatch(ValueError):
    """It does not fit the document."""


def merge_patch(document: Any, patch: Any) -> Any:
    """RFC 7386: maps are merged key by key, null removes a key, everything else is replaced."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def merge_patch_between(before: Any, after: Any) -> Any:
    """The merge patch that makes `after` of `before`; {} where they are the same map."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    gone = {key: None for key in before if key not in after}
    return gone | {
        key: merge_patch_between(before[key], value) if key in before else value
        for key, value in after.items()
        if key not in before or before[key] != value
    }


def json_patch(document: Any, operations: Any) -> Any:
    """RFC 6902: the operations in their order. Raises MalformedPatch and InapplicablePatch."""
    if not isinstance(operations, list) or len(operations) > OPERATION_LIMIT:
        raise MalformedPatch(f"a JSON patch is a list of at most {OPERATION_LIMIT} operations")
    # The document hangs at the key "", which is what the first part of every pointer is.
    root = {"": copy.deepcopy(document)}
    copied = 0
    for operation in operations:
        apply = _OPERATIONS.get(str(operation.get("op"))) if isinstance(operation, dict) else None
        if apply is None:
            raise MalformedPatch(f"an operation has an op, which is one of {', '.join(_OPERATIONS)}: {operation!r:.80}")
        if apply is _copy:
            copied += len(_text(_read(root, operation, "from")))
            if copied > COPY_LIMIT:
                raise InapplicablePatch("the patch copies more than a document may hold")
        apply(root, operation)
    return root[""]


def _add(root: Any, operation: dict[str, Any]) -> None:
    _put(root, operation, _value(operation))


def _remove(root: Any, operation: dict[str, Any]) -> None:
    _take(root, operation, "path")


def _replace(root: Any, operation: dict[str, Any]) -> None:
    node, key = _place(root, operation, "path")
    node[_present(node, key, operation)] = _value(operation)


def _move(root: Any, operation: dict[str, Any]) -> None:
    _put(root, operation, _take(root, operation, "from"))


def _copy(root: Any, operation: dict[str, Any]) -> None:
    _put(root, operation, copy.deepcopy(_read(root, operation, "from")))


def _test(root: Any, operation: dict[str, Any]) -> None:
    if _text(_read(root, operation, "path")) != _text(_value(operation)):
        raise InapplicablePatch(f"testing value {operation['path']} failed")


_OPERATIONS: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _put(root: Any, operation: dict[str, Any], value: Any) -> None:
    node, key = _place(root, operation, "path")
    if isinstance(node, list):
        index = len(node) if key == "-" else _index(key)
        if index is None or index > len(node):
            raise _missing(operation)
        node.insert(index, value)
    else:
        node[key] = value


def _take(root: Any, operation: dict[str, Any], field: str) -> Any:
    node, key = _place(root, operation, field)
    if node is root:
        raise InapplicablePatch("the whole document can't be removed")
    return node.pop(_present(node, key, operation))


def _read(root: Any, operation: dict[str, Any], field: str) -> Any:
    node, key = _place(root, operation, field)
    return node[_present(node, key, operation)]


def _place(root: Any, operation: dict[str, Any], field: str) -> tuple[Any, str]:
    """The map or list that a pointer leads into, and the key in it."""
    pointer = operation.get(field)
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise MalformedPatch(f"{field} must be a JSON pointer: {pointer!r:.80}")
    *way, last = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]
    node = root
    for step in way:
        node = node[_present(node, step, operation)]
    if not isinstance(node, dict | list):
        raise _missing(operation)
    return node, last


def _present(node: Any, key: str, operation: dict[str, Any]) -> Any:
    """The key, as a map's or list's own, of something that is there."""
    if isinstance(node, list):
        index = _index(key)
        if index is not None and index < len(node):
            return index
    elif isinstance(node, dict) and key in node:
        return key
    raise _missing(operation)


def _index(key: str) -> int | None:
    return int(key) if _INDEX.fullmatch(key) else None


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise MalformedPatch(f"{operation['op']} needs a value")
    return operation["value"]


def _missing(operation: dict[str, Any]) -> InapplicablePatch:
    where = " from " + str(operation["from"]) if "from" in operation else ""
    return InapplicablePatch(
        f"{operation['op']} operation does not apply: doc is missing path: {operation.get('path')}{where}"
    )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
