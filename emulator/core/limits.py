"""The rules that a number of instances comes by on its way from the load to what is done, in Knative's words."""

from dataclasses import dataclass
from typing import Final

#: The averages, as Limit.of has them. A panic is also a rule itself: never down in one.
STABLE: Final = "stable"
PANIC: Final = "panic"

MAX_SCALE_UP_RATE: Final = "max-scale-up-rate"
MAX_SCALE_DOWN_RATE: Final = "max-scale-down-rate"
ACTIVATION_SCALE: Final = "activation-scale"
SCALE_DOWN_DELAY: Final = "scale-down-delay"

MIN_SCALE: Final = "min-scale"
INITIAL_SCALE: Final = "initial-scale"
MAX_SCALE: Final = "max-scale"
ENABLE_SCALE_TO_ZERO: Final = "enable-scale-to-zero"
PROGRESS_DEADLINE: Final = "progress-deadline"
STABLE_WINDOW: Final = "stable-window"
POD_RETENTION: Final = "scale-to-zero-pod-retention-period"
GRACE_PERIOD: Final = "scale-to-zero-grace-period"


@dataclass(frozen=True, slots=True)
class Limit:
    """A rule that a number of instances came by on its way from the load to what is done.

    Attributes:
        name: Knative's word for it, where it has one.
        bound: what it allows: instances, or seconds.
        before: instances that were asked for.
        after: instances that it left; as many as before where it had nothing to say.
        of: the average that asked ("stable", "panic"); empty for what became of both.
        left: seconds until it lets go, of a rule that holds for a while.
    """

    name: str
    bound: float
    before: int
    after: int
    of: str = ""
    left: float | None = None
