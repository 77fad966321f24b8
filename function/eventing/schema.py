"""The part of JSON Schema 2020-12 that schemas/ is written in.

Interpreted here rather than by a library: an import of jsonschema would cost as much as Flask. A test compares the two.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).with_name("schemas")
_TYPES: Mapping[str, type] = {"object": dict, "string": str, "boolean": bool, "integer": int, "array": list}
_ANNOTATIONS = {"$schema", "title", "description"}


@cache
def load(type_: str) -> Mapping[str, Any]:
    """The schema of an event type's data."""
    schema: Mapping[str, Any] = json.loads((_FOLDER / f"{type_}.json").read_text())
    return schema


def fault(schema: Mapping[str, Any], value: Any, where: str = "data") -> str:
    """What is wrong with `value`, in words without the value itself; an empty string where it fits."""
    for keyword, wanted in schema.items():
        if keyword not in _ANNOTATIONS:
            for why in _KEYWORDS[keyword](wanted, value, where, schema):
                return why
    return ""


def _type(wanted: str, value: Any, where: str, _: Mapping[str, Any]) -> Iterator[str]:
    # To Python a boolean is an integer, to JSON it is not.
    if not isinstance(value, _TYPES[wanted]) or (wanted == "integer" and isinstance(value, bool)):
        yield f"{where} is no {wanted}"


def _properties(wanted: Mapping[str, Any], value: Any, where: str, _: Mapping[str, Any]) -> Iterator[str]:
    for name in wanted.keys() & value.keys():
        if why := fault(wanted[name], value[name], f"{where}.{name}"):
            yield why


def _items(wanted: Mapping[str, Any], value: Any, where: str, _: Mapping[str, Any]) -> Iterator[str]:
    yield from (why for item in value if (why := fault(wanted, item, f"an item of {where}")))


def _required(wanted: list[str], value: Any, where: str, _: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{where}.{name} is missing" for name in wanted if name not in value)


def _no_others(wanted: bool, value: Any, where: str, schema: Mapping[str, Any]) -> Iterator[str]:
    if not wanted and value.keys() - schema["properties"].keys():
        yield f"{where} has members other than {', '.join(schema['properties'])}"


def _not(wanted: Mapping[str, Any], value: Any, where: str, _: Mapping[str, Any]) -> Iterator[str]:
    if not fault(wanted, value, where):
        yield f"{where} must not have all of {', '.join(wanted['required'])}"


def _at_least(wanted: int, value: Any, where: str, _: Mapping[str, Any]) -> Iterator[str]:
    if len(value) < wanted:
        yield f"{where} is shorter than {wanted}"


def _at_most(wanted: int, value: Any, where: str, _: Mapping[str, Any]) -> Iterator[str]:
    if len(value) > wanted:
        yield f"{where} is longer than {wanted}"


# Asked in the schema's order: each schema has `type` before what only holds for values of that type.
_KEYWORDS: Mapping[str, Callable[[Any, Any, str, Mapping[str, Any]], Iterator[str]]] = {
    "type": _type,
    "properties": _properties,
    "items": _items,
    "required": _required,
    "additionalProperties": _no_others,
    "not": _not,
    "minLength": _at_least,
    "minProperties": _at_least,
    "maxLength": _at_most,
    "maxProperties": _at_most,
}
