from typing import Any

import pytest

from emulator.core.config import GcConfig
from emulator.core.gc import Candidate, collect
from emulator.core.settings import load

NOW = 1_700_000_000.0


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
