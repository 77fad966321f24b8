"""A container's environment and command line, resolved as the kubelet resolves them.

Order: `envFrom` in its order, then `env` over it, then what the runtime contract adds. `$(NAME)` in a value, a command
or an argument stands for a variable defined before it; `$$` escapes (Kubernetes, third_party/forked/golang/expansion).
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: (kind, name) -> the stored object of this namespace, or None.
Lookup = Callable[[str, str], Mapping[str, Any] | None]

_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")
_SOURCES = (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap"))
_ALL_SOURCES = (("secretRef", "Secret"), ("configMapRef", "ConfigMap"))


class UnresolvedReference(Exception):
    """The environment refers to an object or a key that isn't there; the text is the kubelet's."""


def environment(container: Mapping[str, Any], lookup: Lookup) -> dict[str, str]:
    """The variables that a container's `envFrom` and `env` give; raises UnresolvedReference."""
    env: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix", "")
        for field, kind in _ALL_SOURCES:
            if field in source:
                values = _values(kind, source[field], lookup)
                env |= {prefix + key: value for key, value in (values or {}).items()}
    for entry in container.get("env") or ():
        value = entry.get("value")
        for field, kind in _SOURCES:
            if field in (entry.get("valueFrom") or {}):
                value = _key(kind, entry["valueFrom"][field], lookup)
                break
        else:
            value = expand(value or "", env)
        if value is not None:
            env[entry["name"]] = value
    return env


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace `$(NAME)`; a name that isn't defined stays as it is written."""

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else env.get(name, match.group(0))

    return _REFERENCE.sub(replacement, text)


def expand_all(texts: Sequence[str], env: Mapping[str, str]) -> tuple[str, ...]:
    """The same for a command and its arguments."""
    return tuple(expand(text, env) for text in texts)


def _values(kind: str, reference: Mapping[str, Any], lookup: Lookup) -> Mapping[str, str] | None:
    found = lookup(kind, reference["name"])
    if found is None:
        if reference.get("optional"):
            return None
        raise UnresolvedReference(f'{kind.lower()} "{reference["name"]}" not found')
    data: Mapping[str, str] = found.get("data") or {}
    if kind == "Secret":
        return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
    return data


def _key(kind: str, reference: Mapping[str, Any], lookup: Lookup) -> str | None:
    values = _values(kind, reference, lookup)
    if values is None:
        return None
    if reference["key"] not in values and not reference.get("optional"):
        raise UnresolvedReference(f"couldn't find key {reference['key']} in {kind} {reference['name']}")
    return values.get(reference["key"])
