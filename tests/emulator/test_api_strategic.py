"""Strategic merge patches of the core kinds."""

from typing import Any

import pytest
from bare_api import Api, error

from emulator.api.kinds import CONFIG_MAP
from emulator.api.patch import MalformedPatch
from emulator.api.strategic import strategic_merge

MAPS = "/api/v1/namespaces/default/configmaps"
STRATEGIC = "application/strategic-merge-patch+json"


def merged(document: dict[str, Any], patch: Any) -> Any:
    return strategic_merge(CONFIG_MAP, document, patch)


def meta(**fields: Any) -> dict[str, Any]:
    return {"metadata": fields}


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"data": {"a": "1", "b": "2"}}, {"data": {"a": None, "c": "3"}}, {"data": {"b": "2", "c": "3"}}),
        ({"data": {"a": "1"}}, {"data": {"$patch": "replace", "b": "2"}}, {"data": {"b": "2"}}),
        ({"data": {"a": "1"}}, {"data": {"$patch": "delete"}}, {"data": {}}),
        ({"data": {"a": "1", "b": "2"}}, {"data": {"$retainKeys": ["b"], "b": "3"}}, {"data": {"b": "3"}}),
        (meta(finalizers=["a"]), meta(finalizers=["b", "a"]), meta(finalizers=["a", "b"])),
        (
            meta(finalizers=["a", "b"]),
            {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}},
            meta(finalizers=["b"]),
        ),
        (
            meta(finalizers=["a", "b"]),
            {"metadata": {"$setElementOrder/finalizers": ["c", "a"], "finalizers": ["c"]}},
            meta(finalizers=["c", "b", "a"]),
        ),
        (
            meta(ownerReferences=[{"uid": "1", "name": "a"}, {"uid": "2", "name": "b"}]),
            meta(ownerReferences=[{"uid": "2", "name": "c"}, {"uid": "1", "$patch": "delete"}, {"uid": "3"}]),
            meta(ownerReferences=[{"uid": "2", "name": "c"}, {"uid": "3"}]),
        ),
        (
            meta(ownerReferences=[{"uid": "1"}]),
            meta(ownerReferences=[{"uid": "2"}, {"$patch": "replace"}]),
            meta(ownerReferences=[{"uid": "2"}]),
        ),
    ],
)
def test_rules(document: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    assert merged(document, patch) == expected


@pytest.mark.parametrize(
    "patch",
    [
        [],
        {"data": {"$patch": "steal"}},
        {"data": {"$patch": {}}},
        {"data": {"$retainKeys": "b"}},
        meta(ownerReferences=[{"name": "a"}]),
        meta(ownerReferences=["a"]),
        {"metadata": {"$setElementOrder/finalizers": "a", "finalizers": ["b"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": {}}},
    ],
)
def test_what_is_no_patch(patch: Any) -> None:
    with pytest.raises(MalformedPatch):
        merged({"data": {"a": "1"}}, patch)


def test_through_the_api() -> None:
    api = Api()
    api("POST", MAPS, {"metadata": {"name": "m", "finalizers": ["x/a"]}, "data": {"a": "1"}})
    _, now = api.patch(f"{MAPS}/m", meta(finalizers=["x/b"]), STRATEGIC)
    assert now["metadata"]["finalizers"] == ["x/a", "x/b"]
    assert error(api.patch(f"{MAPS}/m", [], STRATEGIC))[:2] == (400, "BadRequest")
