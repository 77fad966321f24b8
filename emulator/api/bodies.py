"""What comes in the body of a request: JSON or YAML that is looked at before anything believes it."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from emulator.api import protobuf
from emulator.api.core_types import invalid, unreadable
from emulator.api.kinds import Kind
from emulator.api.media_types import APPLY_PATCH, JSON, PROTOBUF, YAML
from emulator.api.store import Object
from emulator.api.yaml_body import read_yaml
from emulator.errors import UnknownFormat, UserError

#: Largest request body: etcd refuses objects over 1.5 MiB, and the API server bodies over 3 MiB.
BODY_LIMIT = 3 * 1024 * 1024
#: Deepest nesting. A Knative spec is at most 12 levels deep; without a limit a body could exhaust the stack.
NESTING_LIMIT = 64

_YAML = (YAML, APPLY_PATCH)


def read_json(raw: bytes) -> Any:
    """A JSON document; raises UserError."""
    try:
        document = msgspec.json.decode(raw)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise UserError(f"the request body is not JSON: {error}") from error
    check_nesting(document)
    return document


def read_object(raw: bytes, media_type: str) -> Object:
    """An object of a POST, PUT or apply. One without a Content-Type is JSON: Python's client sends none."""
    if media_type == PROTOBUF:
        try:
            return protobuf.decode(raw)
        except ValueError as error:
            raise UserError(f"the request body can't be read: {error}") from error
    if media_type not in {"", JSON, *_YAML}:
        known = f"{JSON}, {YAML}, {PROTOBUF}"
        raise UnknownFormat(f"the body of the request was in an unknown format - accepted media types include: {known}")
    document = read_yaml(raw, NESTING_LIMIT)[0] if _is_yaml(raw, media_type) else read_json(raw)
    if not isinstance(document, dict):
        raise UserError("the request body is not an object")
    return document


def _is_yaml(raw: bytes, media_type: str) -> bool:
    """Whether a body is to be read as YAML: kubectl sends JSON under YAML's name."""
    return media_type in _YAML and not raw.lstrip().startswith(b'{"')


def check_nesting(document: Any) -> None:
    """Raises UserError for a document that is nested too deeply."""
    level: Iterable[Any] = [document]
    for _ in range(NESTING_LIMIT):
        level = [inner for value in level for inner in _inner(value)]
        if not level:
            return
    raise UserError(f"the request body is nested more than {NESTING_LIMIT} levels deep")


def repeated_fields(raw: bytes, media_type: str) -> list[str]:
    """Paths of the keys that an object in a body (which is known to have one) has more than once."""
    if media_type == PROTOBUF:
        return []
    if _is_yaml(raw, media_type):
        return read_yaml(raw, NESTING_LIMIT)[1]
    return list(_repeated(json.loads(raw, object_pairs_hook=_Pairs), ""))


def check(kind: Kind, document: Object, namespace: str | None, name: str | None) -> Object:
    """An object that fits the path it was sent to, which fills in what it leaves out.

    Raises UserError and Unprocessable.
    """
    for field, expected in (("apiVersion", kind.api_version), ("kind", kind.name)):
        if document.get(field) not in (None, "", expected):
            words = f"the {field} in the data ({document[field]}) does not match the expected {field} ({expected})"
            raise unreadable(kind, words)
    meta = document.get("metadata")
    if not isinstance(meta, dict):
        if meta is not None:
            raise unreadable(kind, "json: metadata is not an object")
        meta = {}
    filled = {key: value for key, value in meta.items() if value is not None}
    for field, wanted in (("namespace", namespace), ("name", name)):
        given = filled.get(field)
        if given is not None and not isinstance(given, str):
            raise unreadable(kind, f"json: metadata.{field} is not a string")
        if wanted is None:
            continue
        if given and given != wanted:
            raise UserError(f"the {field} of the object ({given}) does not match the {field} on the URL ({wanted})")
        filled[field] = wanted
    if not filled.get("name") and not filled.get("generateName"):
        raise invalid(kind, "", "metadata.name", "Required value: name or generateName is required")
    return document | {"apiVersion": kind.api_version, "kind": kind.name, "metadata": filled}


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all its keys, also those that come twice."""


def _repeated(value: Any, path: str) -> Iterator[str]:
    seen: set[str] = set()
    if isinstance(value, _Pairs):
        for key, inner in value:
            where = f"{path}.{key}".lstrip(".")
            if key in seen:
                yield where
            seen.add(key)
            yield from _repeated(inner, where)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _repeated(inner, f"{path}[{index}]")


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
