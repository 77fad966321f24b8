"""What the tables of types (see core.admission.schema) say of values: how they are walked, compared, merged, cut.

Lists are atomic, that is one field, unless their row has the word `set` or `key:NAMES`; maps are not, unless it has
`atomic`; what the tables call `any`, and what an `open` field holds beside its own, goes by what it is: maps key by
key, lists whole.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from emulator.core.admission.schema import Schema, keys_of
from emulator.core.managed.fields import Fields, Path, compact, shown

#: No value at all, which null is not.
ABSENT: Final = object()


class UntypedError(ValueError):
    """A value does not fit its type so far that its fields could be told."""


class Node(NamedTuple):
    """The type of a value, and the words of its row."""

    type: str
    words: frozenset[str] = frozenset()

    @property
    def keys(self) -> Mapping[str, Any]:
        """The fields by which the items of a list are known, each with what it is where it is left out."""
        return keys_of(self.words)


Items = dict[str, tuple[Node, Any]]
_ANY: Final = Node("any")
_ATOMIC: Final = Node("any", frozenset({"atomic"}))


class Comparison(NamedTuple):
    """The fields in which one value differs from another."""

    added: Fields
    removed: Fields
    modified: Fields


@dataclass(frozen=True)
class Typed:
    """Values of one type of a schema."""

    schema: Schema
    type: str

    @property
    def root(self) -> Node:
        return Node(self.type)

    def check(self, value: Any) -> None:
        """Raises UntypedError for a field that the type lacks, or list items without keys or with the same keys."""
        self._check(self.root, value, ())

    def fields(self, value: Any) -> Fields:
        """The fields that a value sets."""
        return frozenset(self._fields(self.root, value, ()))

    def compare(self, old: Any, new: Any) -> Comparison:
        found: tuple[set[Path], set[Path], set[Path]] = (set(), set(), set())
        self._compare(self.root, old, new, (), found)
        return Comparison(*(frozenset(each - {()}) for each in found))

    def merge(self, old: Any, new: Any) -> Any:
        """What `new` sets over what `old` has."""
        return self._merge(self.root, old, new)

    def without(self, value: Any, fields: Fields) -> Any:
        """A value without some of its fields, and what is in them."""
        return self._without(self.root, value, (), fields, {path[:n] for path in fields for n in range(len(path))})

    def with_named(self, fields: Fields) -> Fields:
        """A set together with the fields of the tables that its fields lie in."""
        return fields | {above for path in fields for above in self._named_above(path)}

    def _named_above(self, path: Path) -> Iterator[Path]:
        node = self.root
        for length, step in enumerate(path[:-1], 1):
            inner, named = self._into(node, step)
            if named:
                yield path[:length]
            node = inner

    def _into(self, node: Node, step: str) -> tuple[Node, bool]:
        """The node of a value's field, and whether the tables name it."""
        if node.type.startswith("[]"):
            return (_ATOMIC if "atomic-items" in node.words else Node(node.type[2:])), False
        if node.type.startswith("map:"):
            return Node(node.type[4:]), False
        row = self.schema.types.get(node.type, {}).get(step[2:])
        return (_ANY, False) if row is None or "pruned" in row.words else (Node(row.type, row.words), True)

    def _items(self, node: Node, value: Any) -> Items | None:
        """What is in a value, step by step; None for one that is a field as a whole."""
        if "atomic" in node.words:
            return None
        if isinstance(value, Mapping) and not node.type.startswith("[]"):
            steps = {f"f:{key}": item for key, item in value.items()}
        elif isinstance(value, list) and (node.keys or "set" in node.words):
            steps = {self._step(node, item): item for item in value}
        else:
            return None
        return {step: (self._into(node, step)[0], item) for step, item in steps.items()}

    @staticmethod
    def _step(node: Node, item: Any) -> str:
        if "set" in node.words:
            return f"v:{compact(item)}"
        defaults = {key: value for key, value in node.keys.items() if value}
        given = defaults | dict(item) if isinstance(item, Mapping) else {}
        if missing := [key for key in node.keys if key not in given]:
            raise UntypedError(f'associative list with keys has an element that omits key field "{missing[0]}"')
        return f"k:{compact({key: given[key] for key in node.keys})}"

    def _check(self, node: Node, value: Any, path: Path) -> None:
        try:
            items = self._items(node, value)
        except UntypedError as error:
            raise UntypedError(f"{shown(path)}: {error}") from error
        if items is None:
            return
        if isinstance(value, list) and len(items) < len(value):
            raise UntypedError(f"{shown(path)}: duplicate entries for one of its keys")
        closed = node.type in self.schema.types and "open" not in node.words
        for step, (inner, item) in items.items():
            if closed and not self._into(node, step)[1]:
                raise UntypedError(f"{shown((*path, step))}: field not declared in schema")
            self._check(inner, item, (*path, step))

    def _fields(self, node: Node, value: Any, path: Path) -> Iterator[Path]:
        items = self._items(node, value)
        if items is None:
            yield path
            return
        for step, (inner, item) in items.items():
            here = (*path, step)
            yield from self._fields(inner, item, here)
            if item == {} or not self._into(node, step)[1]:
                yield here

    def _compare(self, node: Node, old: Any, new: Any, path: Path, found: tuple[set[Path], ...]) -> None:
        added, removed, modified = found
        before, after = self._items(node, old) or {}, self._items(node, new) or {}
        for step in before | after:
            inner, _ = (before | after)[step]
            was, is_now = (items.get(step, (inner, ABSENT))[1] for items in (before, after))
            self._compare(inner, was, is_now, (*path, step), found)
        if old is ABSENT:
            added.add(path)
        elif new is ABSENT:
            removed.add(path)
        elif not (before or after) and old != new:
            modified.add(path)

    def _merge(self, node: Node, old: Any, new: Any) -> Any:
        before, after = self._items(node, old), self._items(node, new)
        if before is None or after is None:
            return new
        merged = {
            step: (before | after)[step][1]
            if step not in before or step not in after
            else self._merge(after[step][0], before[step][1], after[step][1])
            for step in _order(list(before), list(after))
        }
        return list(merged.values()) if isinstance(new, list) else _by_name(merged)

    def _without(self, node: Node, value: Any, path: Path, fields: Fields, above: set[Path]) -> Any:
        items = self._items(node, value)
        if items is None or path not in above:
            return value
        kept = {
            step: self._without(inner, item, (*path, step), fields, above)
            for step, (inner, item) in items.items()
            if (*path, step) not in fields
        }
        if not kept and path:
            return None
        return list(kept.values()) if isinstance(value, list) else _by_name(kept)


def _by_name(steps: Mapping[str, Any]) -> dict[str, Any]:
    return {step[2:]: value for step, value in steps.items()}


def _order(left: list[str], right: list[str]) -> Iterator[str]:
    """The items of both: the right's among themselves in their order, the left's own where they stood."""
    ours, theirs = set(left), set(right)
    rest, shared = deque(right), deque(step for step in right if step in ours)
    for step in left:
        if step not in theirs:
            yield step
        elif shared and step == shared[0]:
            shared.popleft()
            while True:
                yield rest[0]
                if rest.popleft() == step:
                    break
    yield from rest
