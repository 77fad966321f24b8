"""YAML as the API server reads it in a body: one document of the values that JSON has.

It is read event by event: a tree first, as PyYAML makes it, would let a deeply nested body exhaust the C stack, and
aliases let a small one stand for a huge one.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import yaml

from emulator.api.media_types import YAML
from emulator.errors import UserError

#: Largest YAML body, in bytes: it is read a hundred times slower than JSON (which takes 3 MiB), and nobody else is
#: served meanwhile.
YAML_LIMIT: Final = 512 * 1024

_TAG: Final = "tag:yaml.org,2002:"
#: Knows the types of plain texts; it is given them one by one.
_LOADER: Final = yaml.SafeLoader("")
_SCALARS: Final = frozenset(_TAG + name for name in ("null", "bool", "int", "float", "str"))


def read_yaml(raw: bytes, nesting: int) -> tuple[Any, list[str]]:
    """The document in a body, and the paths of the keys that a map in it has twice; raises UserError.

    `nesting` is how deep it may be.
    """
    if len(raw) > YAML_LIMIT:
        raise UserError(f"a body of {YAML} may have {YAML_LIMIT} bytes: send more as JSON")
    repeated: list[str] = []
    try:
        events = yaml.parse(raw, yaml.CSafeLoader)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                document = _value(next(events), events, "", nesting, repeated)
                _end(events)
                return document, repeated
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"error decoding YAML: {error}") from error
    raise UserError("the request body is empty")


def _end(events: Iterator[Any]) -> None:
    if any(isinstance(event, yaml.DocumentStartEvent) for event in events):
        raise UserError("the request body has more than one YAML document")


def _value(event: Any, events: Iterator[Any], path: str, nesting: int, repeated: list[str]) -> Any:
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.AliasEvent):
        raise UserError("the request body has a YAML alias, which is not read here: write out what it stands for")
    if nesting == 0:
        raise UserError("the request body is nested too deeply")
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_value(event, events, f"{path}[{len(items)}]", nesting - 1, repeated))
        return items
    found: dict[str, Any] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _key(event)
        inner = f"{path}.{key}".lstrip(".")
        if key in found:
            repeated.append(inner)
        found[key] = _value(next(events), events, inner, nesting - 1, repeated)
    return found


def _key(event: Any) -> str:
    if not isinstance(event, yaml.ScalarEvent):
        raise UserError("a key of the request body is no text")
    value = _scalar(event)
    return value if isinstance(value, str) else event.value


def _scalar(event: yaml.ScalarEvent) -> Any:
    tag = event.tag or _LOADER.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call] # the stubs lack it
    if tag == _TAG + "timestamp" or ":" in event.value:
        tag = _TAG + "str"  # neither dates nor numbers to the base of 60 are known to JSON or to Go's reader
    if tag not in _SCALARS:
        raise UserError(f"the request body has a value that JSON lacks: {event.value!r:.80}")
    value = _LOADER.construct_document(yaml.ScalarNode(tag, event.value))
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError("the request body has a number that JSON lacks")
    return value
