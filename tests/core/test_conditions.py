"""Conditions as the recorded runs of Knative's own code have them."""

from emulator.core import conditions as kinds
from emulator.core import status
from emulator.core.conditions import READY, TRUE, Conditions


def test_ready_gives_the_reason_that_came_last() -> None:
    stored = {
        "conditions": [
            {"type": type_, "status": "Unknown", "reason": reason, "lastTransitionTime": time}
            for type_, reason, time in (
                ("AllTrafficAssigned", "Older", "2026-11-23T11:00:00Z"),
                ("IngressReady", "Newer", "2026-11-23T11:00:01Z"),
            )
        ]
    }
    conditions = Conditions("Route", stored)
    conditions.mark(status.CERTIFICATE, TRUE)
    assert conditions[READY].reason == "Newer"


def test_a_new_generation_of_what_had_failed() -> None:
    failed = {"type": "ContainerHealthy", "status": "False", "lastTransitionTime": "2026-11-23T11:00:00Z"}
    status_ = {"observedGeneration": 1, "conditions": [failed]}
    assert Conditions("Revision", status_, 2)[READY] == kinds.NEW_GENERATION._replace(status="False")
