import base64
from typing import Any

import pytest

from emulator.core.environment import UnresolvedReference, environment, expand

OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    ("Secret", "db"): {"data": {"url": base64.b64encode(b"sqlite:///x").decode()}},
    ("ConfigMap", "c"): {"data": {"A": "1", "B": "2"}},
}


def lookup(kind: str, name: str) -> dict[str, Any] | None:
    return OBJECTS.get((kind, name))


def reference(source: str, name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"name": "X", "valueFrom": {source: {"name": name, "key": key} | more}}


def test_values_come_from_where_they_are_kept() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "c"}, "prefix": "P_"}],
        "env": [{"name": "B", "value": "b"}, reference("secretKeyRef", "db", "url")],
    }
    assert environment(container, lookup) == {"P_A": "1", "P_B": "2", "B": "b", "X": "sqlite:///x"}


def test_env_wins_over_env_from_and_may_refer_to_it() -> None:
    container = {"envFrom": [{"configMapRef": {"name": "c"}}], "env": [{"name": "A", "value": "<$(A)$(NO)$$(A)>"}]}
    assert environment(container, lookup)["A"] == "<1$(NO)$(A)>"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (reference("secretKeyRef", "nope", "url"), 'secret "nope" not found'),
        (reference("secretKeyRef", "db", "no"), "couldn't find key no in Secret db"),
        (reference("configMapKeyRef", "nope", "url"), 'configmap "nope" not found'),
    ],
)
def test_what_is_missing_is_named(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(UnresolvedReference, match=message):
        environment({"env": [entry]}, lookup)
    entry["valueFrom"] = {source: {**ref, "optional": True} for source, ref in entry["valueFrom"].items()}
    assert environment({"env": [entry]}, lookup) == {}


def test_a_lone_dollar_stays() -> None:
    assert expand("$ $PORT $(X", {"PORT": "1", "X": "2"}) == "$ $PORT $(X"
