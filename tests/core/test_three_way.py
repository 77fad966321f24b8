from typing import Any

from emulator.core.annotations import LAST_APPLIED
from emulator.core.three_way import applied


def manifest(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "annotations": {"mine": "1"}}, "spec": spec}


def test_a_first_manifest_is_stored_with_itself_as_a_note() -> None:
    stored = applied(manifest(a=1), None)
    assert stored["spec"] == {"a": 1}
    assert stored["metadata"]["annotations"]["mine"] == "1"
    assert '"spec":{"a":1}' in stored["metadata"]["annotations"][LAST_APPLIED]


def test_what_the_server_added_stays_and_what_the_manifest_lost_goes() -> None:
    stored = applied(manifest(a=1, b=2, deep={"x": 1, "y": 2}, items=[1, 2]), None)
    stored["spec"] |= {"server": "default"}
    stored["metadata"]["annotations"]["creator"] = "admin"
    after = applied(manifest(a=3, deep={"y": 2}, items=[3]), stored)
    assert after["spec"] == {"a": 3, "deep": {"y": 2}, "items": [3], "server": "default"}
    assert after["metadata"]["annotations"]["creator"] == "admin"


def test_the_same_manifest_again_changes_nothing() -> None:
    stored = applied(manifest(a={"b": [1]}), None)
    assert applied(manifest(a={"b": [1]}), stored) == stored
