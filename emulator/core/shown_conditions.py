"""Conditions of the objects around a revision (core.revision_objects) as they are stored: when their times move."""

from collections.abc import Iterable, Mapping
from typing import Any

from emulator.core.conditions import timestamp
from emulator.core.scaler import Condition


def stamped(
    conditions: Mapping[str, Condition], before: Iterable[Mapping[str, Any]], now: float
) -> list[dict[str, Any]]:
    """Conditions by type as a list, sorted; a time moves when something else of its condition does.

    Args:
        conditions: what they say at `now`.
        before: the stored ones.
        now: Unix seconds.
    """
    old = {each["type"]: each for each in before}
    found = []
    for type_, condition in sorted(conditions.items()):
        said = {"type": type_, "status": condition.status, "reason": condition.reason, "message": condition.message}
        said = {key: value for key, value in said.items() if value}
        if type_ == "ActivatorEndpointsPopulated":
            said["severity"] = "Info"
        of_deployment = ("lastUpdateTime",) if type_ in {"Available", "Progressing"} else ()
        times = ("lastTransitionTime", *of_deployment)
        was = old.get(type_, {})
        same = said == {key: value for key, value in was.items() if key not in times}
        since = timestamp(condition.since or now)
        found.append(said | {time: was[time] if same and time in was else since for time in times})
    return found
