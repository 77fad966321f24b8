"""Which resource a path of the API means."""

from typing import NamedTuple

from emulator.api import kinds
from emulator.api.kinds import Kind, sub_resources


class Target(NamedTuple):
    """A collection (no name), an object, or a sub-resource of one; namespace None is all of them, or none at all."""

    kind: Kind
    namespace: str | None = None
    name: str | None = None
    sub: str = ""

    @property
    def home(self) -> str:
        """The namespace as the store knows it: "" for objects that are in none."""
        return self.namespace or ""


def find(path: str) -> Target | None:
    """The resource at a path without slashes at its ends; None if there is none."""
    match path.split("/"):
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            return None
    match rest:
        case ["namespaces", namespace, plural, *way] if namespace:
            target = _target(group, version, plural, namespace, way)
        case [plural, *way]:
            target = _target(group, version, plural, None, way)
        case _:
            return None
    return target


def _target(group: str, version: str, plural: str, namespace: str | None, way: list[str]) -> Target | None:
    kind = kinds.by_path(group, version, plural)
    if kind is None or not all(way) or (namespace is not None and not kind.namespaced):
        return None
    match way:
        case []:
            return Target(kind, namespace)
        case [name] if kind.namespaced == (namespace is not None):
            return Target(kind, namespace, name)
        case [name, sub] if kind.namespaced == (namespace is not None) and _has(kind, sub):
            return Target(kind, namespace, name, sub)
        case _:
            return None


def _has(kind: Kind, sub: str) -> bool:
    return any(each.name == sub for each in sub_resources(kind))
