"""The files of volumes that ConfigMaps and Secrets make."""

from typing import Any

import pytest

from emulator.core.environment import UnresolvedReference
from emulator.core.volumes import File, volume_files

OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    ("ConfigMap", "texts"): {"data": {"a": "one", "b": "two"}, "binaryData": {"raw": "/w=="}},
    ("Secret", "keys"): {"data": {"a": "c2VjcmV0"}},
}


def files(source: dict[str, Any]) -> dict[str, File]:
    volumes = volume_files({"volumes": [{"name": "v"} | source]}, lambda *which: OBJECTS.get(which))
    return dict(volumes["v"]())


def test_each_key_is_a_file_with_the_default_mode() -> None:
    found = files({"configMap": {"name": "texts"}})
    assert found == {"a": File(b"one", 0o644), "b": File(b"two", 0o644), "raw": File(b"\xff", 0o644)}
    assert files({"secret": {"secretName": "keys", "defaultMode": 0o400}}) == {"a": File(b"secret", 0o400)}


def test_items_are_chosen_and_named_and_later_sources_win() -> None:
    sources = [
        {"configMap": {"name": "texts", "items": [{"key": "a", "path": "a"}, {"key": "b", "path": "x/b", "mode": 0}]}},
        {"secret": {"name": "keys"}},
        {"secret": {"name": "none", "optional": True}},
    ]
    found = files({"projected": {"sources": sources, "defaultMode": 0o440}})
    assert found == {"a": File(b"secret", 0o440), "x/b": File(b"two", 0)}
    assert files({"projected": {"sources": []}}) == {}


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"name": "none"}, 'volume "v" : configmap "none" not found'),
        ({"name": "texts", "items": [{"key": "z", "path": "z"}]}, "references non-existent configmap key: z"),
        ({"name": "texts", "items": [{"key": "a", "path": "../a"}]}, "must be relative"),
        ({"name": "texts", "items": [{"key": "a", "path": "/a"}]}, "must be relative"),
    ],
)
def test_what_is_missing_or_outside_is_said(source: dict[str, Any], why: str) -> None:
    with pytest.raises(UnresolvedReference, match=why):
        files({"configMap": source})


def test_what_is_optional_may_be_missing() -> None:
    assert files({"configMap": {"name": "none", "optional": True}}) == {}
    assert files({"configMap": {"name": "texts", "optional": True, "items": [{"key": "z", "path": "z"}]}}) == {}
