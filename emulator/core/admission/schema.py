"""What the API's objects may hold, as tables; and what Go's JSON decoder and the CRD's pruning make of a document.

A table is text: a line with a type's name, then its fields, one a line: name, type, and words about it.

    Container
      name!      string
      stdin      bool     refused pruned
      resources  Resources
      ports      []ContainerPort
      env        map string

`!` after a name: written even when it is zero (no `omitempty`); the CRD requires it, if it is not `optional`. `*`
before a type: a pointer, so that a zero which was set differs from none. `any` is taken as it is. The words:

    refused            Knative's field mask leaves it out: "must not set the field(s)"
    unless-false       refused, except with the value false
    flag:KEY           refused while the feature flag KEY is Disabled
    enabled:KEY        refused unless the feature flag KEY is Enabled
    optional           the CRD does not require it, though it is always written
    pruned             the CRD's schema lacks it: the API server drops it before any webhook sees it
    open               the CRD keeps whatever is in it
    key:NAME, set      the CRD knows the items of this list by their field NAME, by their value (see core.managed);
                       `key:NAME,OTHER=X`: by both, where OTHER is X in an item that lacks it
    atomic             the CRD takes this map as one value; `atomic-items`: each item of this list
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from emulator.core.gotext import format_float
from emulator.core.quantity import parse_quantity

Flags = Mapping[str, str]


class DecodeError(ValueError):
    """A document does not fit its type; the text is that of Go's JSON decoder."""


class FieldSchema(NamedTuple):
    """One field of a type."""

    name: str
    type: str
    pointer: bool
    always: bool
    words: frozenset[str]

    @property
    def is_required(self) -> bool:
        """Whether the CRD requires it."""
        return self.always and "optional" not in self.words

    def is_refused(self, value: Any, flags: Flags) -> bool:
        """Whether Knative's field mask leaves this field out."""
        for word in self.words:
            rule, _, key = word.partition(":")
            if (
                (rule == "refused")
                or (rule == "unless-false" and value is not False)
                or (rule == "flag" and flags[key] == "Disabled")
                or (rule == "enabled" and flags[key] != "Enabled")
            ):
                return True
        return False


class _Mismatch(Exception):
    """What was found, and what was wanted; the path is added on the way up."""

    def __init__(self, found: str, wanted: str) -> None:
        self.found, self.wanted = found, wanted
        self.path: list[str] = []


@dataclass(frozen=True)
class Schema:
    """All types of a set of tables."""

    types: Mapping[str, Mapping[str, FieldSchema]]

    @classmethod
    def parse(cls, *tables: str) -> "Schema":
        """Read tables in the notation above."""
        types: dict[str, dict[str, FieldSchema]] = {}
        for line in "\n".join(tables).splitlines():
            if not line.strip():
                continue
            if not line.startswith(" "):
                fields = types[line.strip()] = {}
                continue
            name, type_, *words = line.replace("map ", "map:").split()
            key = name.rstrip("!")
            pointer = type_.startswith("*")
            fields[key] = FieldSchema(key, type_.lstrip("*"), pointer, name.endswith("!"), frozenset(words))
        return cls(types)

    def decode(self, type_: str, document: Any) -> dict[str, Any]:
        """A document as Go would write it back: unknown fields and zeros gone. Raises DecodeError."""
        try:
            decoded: dict[str, Any] = self._decode(type_, document)
        except _Mismatch as error:
            path = ".".join([type_, *reversed(error.path)])
            raise DecodeError(
                f"json: cannot unmarshal {error.found} into Go struct field {path} of type {error.wanted}"
            ) from None
        return decoded

    def _decode(self, type_: str, value: Any) -> Any:
        if type_ == "any":
            return value
        if type_.startswith("[]"):
            return self._decode_list(type_, value)
        if type_.startswith("map:"):
            return self._decode_map(type_, value)
        if type_ in _SCALARS:
            scalar = _SCALARS[type_]
            return scalar.zero if value is None else scalar.read(value)
        return self._decode_object(type_, value)

    def _decode_list(self, type_: str, value: Any) -> list[Any]:
        if not isinstance(value, list | None):
            raise _Mismatch(_described(value), _go_type(type_))
        return [_within(str(index), self._decode, type_[2:], item) for index, item in enumerate(value or ())]

    def _decode_map(self, type_: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict | None):
            raise _Mismatch(_described(value), _go_type(type_))
        return {str(key): _within(str(key), self._decode, type_[4:], item) for key, item in (value or {}).items()}

    def _decode_object(self, type_: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict | None):
            raise _Mismatch(_described(value), _go_type(type_))
        document = value or {}
        decoded: dict[str, Any] = {}
        for field in self.types[type_].values():
            given = document.get(field.name)
            is_struct = field.type in self.types
            if given is None and not (field.always or (is_struct and not field.pointer)):
                continue
            if given is None and (field.pointer or field.type.startswith("[]")):
                continue
            read = _within(field.name, self._decode, field.type, given)
            if read or field.always or field.pointer or is_struct:
                decoded[field.name] = read
        return decoded

    def prune(self, type_: str, document: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """What the API server keeps of a document, and the paths of what it drops."""
        dropped: list[str] = []
        kept: dict[str, Any] = self._prune(type_, document, "", dropped)
        return kept, dropped

    def _prune(self, type_: str, value: Any, path: str, dropped: list[str]) -> Any:
        if type_.startswith("[]") and isinstance(value, list):
            return [self._prune(type_[2:], item, f"{path}[{i}]", dropped) for i, item in enumerate(value)]
        if type_ not in self.types or not isinstance(value, Mapping):
            return value
        fields = self.types[type_]
        kept: dict[str, Any] = {}
        for key, item in value.items():
            inner = f"{path}.{key}".lstrip(".")
            if key not in fields or "pruned" in fields[key].words:
                dropped.append(inner)
            elif "open" in fields[key].words:
                kept[key] = item
            else:
                kept[key] = self._prune(fields[key].type, item, inner, dropped)
        return kept

    def refused(self, type_: str, document: Mapping[str, Any], flags: Flags) -> Iterator[str]:
        """The fields of a decoded object (not of what is in them) that Knative's mask leaves out."""
        fields = self.types[type_]
        return (name for name, value in document.items() if fields[name].is_refused(value, flags))


def keys_of(words: frozenset[str]) -> dict[str, str]:
    """The fields by which a row's words say that items are known, in order, and what one is that is left out."""
    word = next((word for word in words if word.startswith("key:")), "key:").removeprefix("key:")
    return {name: default for name, _, default in (each.partition("=") for each in word.split(",") if each)}


def _within(step: str, read: Callable[[str, Any], Any], type_: str, value: Any) -> Any:
    try:
        return read(type_, value)
    except _Mismatch as error:
        error.path.append(step)
        raise


class _Scalar(NamedTuple):
    zero: Any
    read: Callable[[Any], Any]


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _Mismatch(_described(value), "string")
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Mismatch(_described(value), "bool")
    return value


def _int(bits: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise _Mismatch(_described(value), f"int{bits}")
        return value

    return read


def _int_or_string(value: Any) -> int | str:
    return value if isinstance(value, str) else _int(32)(value)


def _quantity(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Mismatch(_described(value), "resource.Quantity")
    try:
        return str(parse_quantity(value if isinstance(value, str) else format_float(float(value))))
    except ValueError as error:
        raise DecodeError(str(error)) from None


_SCALARS = {
    "string": _Scalar("", _string),
    "bool": _Scalar(False, _bool),
    "int32": _Scalar(0, _int(32)),
    "int64": _Scalar(0, _int(64)),
    "intstr": _Scalar(0, _int_or_string),
    "quantity": _Scalar("0", _quantity),
}


def _described(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return f"number {value}"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _go_type(type_: str) -> str:
    if type_.startswith("[]"):
        return f"[]{_go_type(type_[2:])}"
    if type_.startswith("map:"):
        return f"map[string]{_go_type(type_[4:])}"
    return type_ if type_ in _SCALARS else f"v1.{type_}"
