from collections.abc import Callable
from typing import Any

import pytest

from emulator.core import annotations as keys
from emulator.core.conditions import timestamp
from emulator.core.config import GcConfig
from emulator.core.gc import Candidate, collect
from emulator.core.settings import load

NOW = 1_700_000_000.0


def stored(recorded: dict[str, Any]) -> dict[str, Any]:
    """The Revision that a recorded one was."""
    modified, no_gc = recorded["routing_state_modified_s_ago"], recorded.get("no_gc")
    annotations = {} if modified is None else {keys.ROUTING_STATE_MODIFIED: timestamp(NOW - modified)}
    annotations |= {"serving.knative.dev/no-gc": no_gc} if no_gc else {}
    state = recorded["routing_state"]
    meta = {"name": recorded["name"], "creationTimestamp": timestamp(NOW - recorded["created_s_ago"])}
    labels = {keys.ROUTING_STATE_LABEL: state} if state else {}
    return {"metadata": meta | {"annotations": annotations, "labels": labels}}


def differences(cases: list[dict[str, Any]]) -> list[str]:
    wrong = []
    for case in cases:
        revisions = [Candidate.of(stored(each)) for each in case["revisions"]]
        got = collect(revisions, case["latest_ready"], load(GcConfig, case["config_gc"]), NOW)
        if got != case["deleted"]:
            wrong.append(f"{case['name']}: got {got}, want {case['deleted']}")
    return wrong


def test_every_recorded_collection(vectors: Callable[[str], Any]) -> None:
    cases = vectors("gc")["cases"]
    assert len(cases) > 50
    assert not differences(cases)


def test_a_changed_expectation_is_found(vectors: Callable[[str], Any]) -> None:
    several = next(case for case in vectors("gc")["cases"] if len(case["deleted"]) > 1)
    assert not differences([several])
    for changed in ([], several["deleted"][1:], several["deleted"][::-1]):
        assert differences([{**several, "deleted": changed}])


HOUR = 3600.0
OLD = {"created": NOW - 100 * HOUR, "last_active": NOW - 50 * HOUR, "reserve": True, "preserved": False}


def named(**changes: dict[str, Any]) -> list[Candidate]:
    return [Candidate(name, **{**OLD, **change}) for name, change in changes.items()]


@pytest.mark.parametrize(
    ("changes", "data", "deleted"),
    [
        # Each of the ages counts alone, and an age that is reached exactly is reached.
        ({"a": {"created": NOW - 47 * HOUR}}, {}, []),
        ({"a": {"last_active": NOW - 14 * HOUR}}, {}, []),
        ({"a": {"created": NOW - 48 * HOUR, "last_active": NOW - 15 * HOUR}}, {}, ["a"]),
        ({"a": {"created": NOW}}, {"retain-since-create-time": "disabled"}, ["a"]),
        # What a person or a route holds is kept, whatever its age.
        ({"a": {"reserve": False}}, {}, []),
        ({"a": {"preserved": True}}, {}, []),
        ({"latest": {}}, {}, []),
        # The longest without a route goes first, not the oldest.
        (
            {"a": {"created": NOW - 200 * HOUR}, "b": {"last_active": NOW - 60 * HOUR}},
            {"min-non-active-revisions": "1"},
            ["b"],
        ),
        # The maximum looks at no age.
        (
            {"a": {"created": NOW - 2}, "b": {"created": NOW - 1}},
            {"max-non-active-revisions": "1"},
            ["a"],
        ),
        ({"a": {}, "b": {}}, {"retain-since-create-time": "Disabled", "max-non-active-revisions": "disabled"}, "ab"),
        (
            {"a": {}, "b": {}},
            {
                "retain-since-create-time": "disabled",
                "retain-since-last-active-time": "disabled",
                "max-non-active-revisions": "disabled",
            },
            [],
        ),
    ],
)
def test_what_is_garbage(changes: dict[str, Any], data: dict[str, str], deleted: list[str]) -> None:
    config = load(GcConfig, {"min-non-active-revisions": "0", **data})
    assert collect(named(**changes), "latest", config, NOW) == list(deleted)


def test_the_defaults_keep_twenty() -> None:
    revisions = named(**{f"r{number:02}": {"last_active": NOW - (50 - number) * HOUR} for number in range(22)})
    assert collect(revisions, "", GcConfig(), NOW) == ["r00", "r01"]
