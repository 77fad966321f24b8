"""Strategic merge patches of the core kinds.

Rules: apimachinery pkg/util/strategicpatch. A list with a key is merged item by item, a list of texts is added to, any
other is replaced; `$patch`, `$retainKeys`, `$setElementOrder/LIST` and `$deleteFromPrimitiveList/LIST` say the rest.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from emulator.api.core_types import CORE
from emulator.api.kinds import Kind
from emulator.api.patch import MalformedPatch
from emulator.core.admission.schema import keys_of

_DIRECTIVE: Final = "$patch"
_RETAIN: Final = "$retainKeys"
_ORDER: Final = "$setElementOrder/"
_DELETE: Final = "$deleteFromPrimitiveList/"


def strategic_merge(kind: Kind, document: Any, patch: Any) -> Any:
    """The document with the patch; neither is changed in place. Raises MalformedPatch."""
    if not isinstance(patch, dict):
        raise MalformedPatch("a strategic merge patch is an object")
    return _merged(kind.name, document, patch)


def _merged(type_: str, document: Any, patch: dict[str, Any]) -> Any:
    directive = patch.get(_DIRECTIVE, "merge")
    plain = {key: value for key, value in patch.items() if not key.startswith("$")}
    if directive == "delete":
        return {}
    if directive == "replace":
        return plain
    if directive != "merge":
        raise MalformedPatch(f"{_DIRECTIVE} is merge, replace or delete: {directive!r:.80}")
    merged = _retained(dict(document) if isinstance(document, dict) else {}, patch)
    rows = CORE.types.get(type_, {})
    for key, value in plain.items():
        row = rows.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _merged(row.type if row else "any", merged.get(key), value)
        elif isinstance(value, list) and row is not None:
            merged[key] = _list(row.words, merged.get(key) or [], value)
        else:
            merged[key] = value
    for key, order in _directives(patch, _ORDER):
        if isinstance(merged.get(key), list):
            merged[key] = _ordered(rows[key].words if key in rows else frozenset(), merged[key], order)
    return merged


def _retained(document: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The document without what the patch's directives take out."""
    for _, kept in _directives(patch, _RETAIN):
        document = {key: value for key, value in document.items() if key in kept}
    for key, gone in _directives(patch, _DELETE):
        if isinstance(document.get(key), list):
            document[key] = [item for item in document[key] if item not in gone]
    return document


def _directives(patch: dict[str, Any], prefix: str) -> Iterator[tuple[str, list[Any]]]:
    """The lists of a directive, and the keys that they are about."""
    for key, value in patch.items():
        if key.startswith(prefix):
            if not isinstance(value, list):
                raise MalformedPatch(f"{key} is a list")
            yield key.removeprefix(prefix), value


def _list(words: frozenset[str], items: list[Any], changes: list[Any]) -> list[Any]:
    if "set" in words:
        return [*items, *(each for each in changes if each not in items)]
    key = _key(words)
    if not key:
        return changes
    if any(isinstance(each, dict) and each.get(_DIRECTIVE) == "replace" and len(each) == 1 for each in changes):
        return [each for each in changes if _DIRECTIVE not in each]
    merged = {item[key]: item for item in items}
    for change in changes:
        if not isinstance(change, dict) or not isinstance(change.get(key), str | int):
            raise MalformedPatch(f"map: {change!r:.80} does not contain declared merge key: {key}")
        if change.get(_DIRECTIVE) == "delete":
            merged.pop(change[key], None)
        else:
            merged[change[key]] = _merged("any", merged.get(change[key]), change)
    return list(merged.values())


def _ordered(words: frozenset[str], items: list[Any], order: list[Any]) -> list[Any]:
    """The items that the order names in its order, where the first of them stood; the others stay before or after."""
    key = _key(words)
    wanted = [each.get(key) if isinstance(each, Mapping) else each for each in order]
    names = [item[key] if key else item for item in items]
    ranked = [(wanted.index(name) if name in wanted else -1, item) for name, item in zip(names, items, strict=True)]
    told = iter(item for _, item in sorted((each for each in ranked if each[0] >= 0), key=lambda each: each[0]))
    return [next(told) if rank >= 0 else item for rank, item in ranked]


def _key(words: frozenset[str]) -> str:
    return next(iter(keys_of(words)), "")
