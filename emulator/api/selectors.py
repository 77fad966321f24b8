"""Label and field selectors: which objects of a list or a watch are meant.

Grammar of labels: Kubernetes' apimachinery pkg/labels (`=`, `==`, `!=`, `in`, `notin`, `key`, `!key`; all must hold).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from emulator.api.kinds import Kind
from emulator.errors import UserError

Selection = Callable[[Mapping[str, Any]], bool]

_BETWEEN = re.compile(r",(?![^()]*\))")
_LABEL = re.compile(
    r"\s*(?P<absent>!\s*)?(?P<key>[\w./-]+)"
    r"(?:\s*(?P<op>==|=|!=)\s*(?P<value>[\w.-]*)|\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?\s*",
    re.ASCII,
)
_FIELD = re.compile(r"(?P<path>[\w.]+)(?P<op>==|=|!=)(?P<value>[^=]*)", re.ASCII)


def selection(kind: Kind, labels: str, fields: str, namespace: str | None = None) -> Selection:
    """What is wanted of a kind by two selectors ("" selects all), in one namespace or in all. Raises UserError."""
    wanted = [*_label_rules(labels), *_field_rules(kind, fields)]
    if namespace is not None:
        wanted.append(lambda document: document["metadata"].get("namespace") == namespace)
    return lambda document: all(rule(document) for rule in wanted)


def _label_rules(text: str) -> Iterator[Selection]:
    for part in _parts(text):
        found = _LABEL.fullmatch(part)
        if not found or (found["absent"] and (found["op"] or found["set"])):
            raise UserError(f"unable to parse requirement: {part!r}: write key=value, key!=value, key in (a,b) or !key")
        if found["set"]:
            values = {value.strip() for value in found["values"].split(",")}
        else:
            values = {found["value"]} if found["op"] else set()
        without = bool(found["absent"]) or found["op"] == "!=" or found["set"] == "notin"
        yield _label_rule(found["key"], values, without)


def _label_rule(key: str, values: set[str], without: bool) -> Selection:
    def rule(document: Mapping[str, Any]) -> bool:
        labels = document["metadata"].get("labels") or {}
        return bool(key in labels and (not values or labels[key] in values)) != without

    return rule


def _field_rules(kind: Kind, text: str) -> Iterator[Selection]:
    for part in _parts(text):
        found = _FIELD.fullmatch(part)
        if not found:
            raise UserError(f"invalid field selector: {part!r}: write metadata.name=NAME")
        if found["path"] not in {"metadata.name", "metadata.namespace", *kind.fields}:
            raise UserError(f"field label not supported: {found['path']}")
        yield _field_rule(found["path"].split("."), found["value"], found["op"] == "!=")


def _field_rule(path: list[str], value: str, without: bool) -> Selection:
    def rule(document: Mapping[str, Any]) -> bool:
        found: Any = document
        for step in path:
            found = found.get(step, "") if isinstance(found, Mapping) else ""
        return bool(found == value) != without

    return rule


def _parts(text: str) -> Iterator[str]:
    return (part for part in _BETWEEN.split(text) if part.strip())
