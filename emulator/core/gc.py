"""Garbage collection: which of a Configuration's old revisions are to be deleted.

Follows knative/serving pkg/reconciler/gc/gc.go. A revision that a route leads to, or may lead to again without being
asked, is no garbage however old it is; of the others, those that are stale go first, and of what is left then, as many
as there are above a maximum.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emulator.core import annotations as keys
from emulator.core.config import DISABLED, GcConfig


@dataclass(frozen=True, slots=True)
class Candidate:
    """One revision. Times are Unix seconds; `last_active` is when its routing state changed last, or its creation.

    `reserve` says that its routing state is that word: one that is pending, or has no state, counts as active.
    """

    name: str
    created: float
    last_active: float
    reserve: bool
    preserved: bool

    @classmethod
    def of(cls, revision: Mapping[str, Any]) -> "Candidate":
        """From a stored Revision."""
        meta = revision["metadata"]
        annotations = meta.get("annotations", {})
        created = _seconds(meta["creationTimestamp"])
        modified = annotations.get(keys.ROUTING_STATE_MODIFIED)
        return cls(
            meta["name"],
            created=created,
            last_active=_seconds(modified) if modified else created,
            reserve=meta.get("labels", {}).get(keys.ROUTING_STATE_LABEL) == "reserve",
            preserved=keys.NO_GC.value(annotations).lower() == "true",
        )

    def is_stale(self, config: GcConfig, now: float) -> bool:
        """Whether it is old by all the ages that count. With none there is no such thing as stale."""
        ages = (
            (now - self.created, config.retain_since_create_time),
            (now - self.last_active, config.retain_since_last_active_time),
        )
        counting = [age >= least for age, least in ages if least != DISABLED]
        return bool(counting) and all(counting)


def collect(revisions: Iterable[Candidate], latest_ready: str, config: GcConfig, now: float) -> list[str]:
    """Names of the revisions to delete at `now`, in that order.

    `revisions` are all of one Configuration, `latest_ready` is the one that it would route to.
    """
    idle = [each for each in revisions if each.reserve and not each.preserved and each.name != latest_ready]
    idle.sort(key=lambda each: each.last_active)
    spare = max(0, len(idle) - config.min_non_active_revisions)
    doomed = [each.name for each in idle if each.is_stale(config, now)][:spare]
    if config.max_non_active_revisions != DISABLED:
        left = [each.name for each in idle if each.name not in doomed]
        doomed += left[: max(0, len(left) - config.max_non_active_revisions)]
    return doomed


def _seconds(rfc3339: str) -> float:
    return datetime.fromisoformat(rfc3339).timestamp()
