"""The life of one instance and of its containers, as a table; when a crashed one starts again; which ones start or go.

Sources: the kubelet's container restarts (back-off 10 s, doubled up to 300 s, forgotten after 10 min without a crash,
the first restart at once) and the replica set controller's ranking of pods to delete.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from emulator.core.revision import RevisionKey

BACK_OFF_START = 10.0
BACK_OFF_LIMIT = 300.0
BACK_OFF_RESET = 600.0


class Phase(StrEnum):
    """Where an instance, or a container of it, is in its life."""

    PENDING = "Pending"
    STARTING = "Starting"
    READY = "Ready"
    UNREADY = "Unready"
    BACK_OFF = "CrashLoopBackOff"
    DRAINING = "Draining"
    STOPPING = "Stopping"
    GONE = "Gone"


class Signal(StrEnum):
    """What happens to an instance: reported by the kubelet, or decided by the controller (the last three).

    SCHEDULED is the scheduler's.
    """

    SCHEDULED = "scheduled"
    PROBE_OK = "probe succeeded"
    PROBE_FAILED = "probe failed"
    EXITED = "exited"
    RETRY = "restarted"
    DRAIN = "drain"
    STOP = "stop"


#: (phase, signal) -> next phase. What is not here can't happen, and is ignored: reports may come late.
TRANSITIONS = {
    (Phase.PENDING, Signal.SCHEDULED): Phase.STARTING,
    (Phase.PENDING, Signal.DRAIN): Phase.GONE,
    (Phase.STARTING, Signal.PROBE_OK): Phase.READY,
    (Phase.STARTING, Signal.EXITED): Phase.BACK_OFF,
    (Phase.STARTING, Signal.DRAIN): Phase.DRAINING,
    (Phase.READY, Signal.PROBE_FAILED): Phase.UNREADY,
    (Phase.READY, Signal.EXITED): Phase.BACK_OFF,
    (Phase.READY, Signal.DRAIN): Phase.DRAINING,
    (Phase.UNREADY, Signal.PROBE_OK): Phase.READY,
    (Phase.UNREADY, Signal.EXITED): Phase.BACK_OFF,
    (Phase.UNREADY, Signal.DRAIN): Phase.DRAINING,
    (Phase.BACK_OFF, Signal.RETRY): Phase.STARTING,
    (Phase.BACK_OFF, Signal.DRAIN): Phase.GONE,
    (Phase.DRAINING, Signal.STOP): Phase.STOPPING,
    (Phase.DRAINING, Signal.EXITED): Phase.GONE,
    (Phase.STOPPING, Signal.EXITED): Phase.GONE,
}

#: Phases of an instance that counts as a replica: the others are on their way out.
ALIVE = frozenset({Phase.PENDING, Phase.STARTING, Phase.READY, Phase.UNREADY, Phase.BACK_OFF})
#: Scale-down takes from the left: what serves nobody first, and the youngest of those.
_DELETE_ORDER = (Phase.PENDING, Phase.BACK_OFF, Phase.STARTING, Phase.UNREADY, Phase.READY)


@dataclass(slots=True, kw_only=True)
class Life:
    """What becomes of a container. Times are Unix seconds; `since` is when the phase began.

    It is pending until its instance has a place on the node, which that got at `scheduled`.
    `exit_code`, `reason` and `message` tell of the last failure, until the container is ready again.
    """

    phase: Phase = Phase.STARTING
    since: float = 0.0
    restarts: int = 0
    back_off: float = 0.0
    scheduled: float = 0.0
    started: float = 0.0
    exit_code: int | None = None
    message: str = ""
    reason: str = ""

    def signal(self, signal: Signal, now: float) -> bool:
        """Move along the table; False where the table has no such move."""
        following = TRANSITIONS.get((self.phase, signal))
        if following is None:
            return False
        if following is Phase.BACK_OFF:
            self.back_off = next_back_off(self, now)
        elif signal is Signal.SCHEDULED:
            self.scheduled = self.started = now
            self.reason = self.message = ""
        elif signal is Signal.RETRY:
            self.restarts += 1
            self.started = now
        self.phase, self.since = following, now
        return True

    @property
    def state(self) -> tuple[object, ...]:
        """What others tell of it: it changes when there is something new to tell."""
        return (self.phase, self.restarts, self.exit_code, self.reason, self.message)

    @property
    def retry_at(self) -> float:
        """When a container in back-off starts again."""
        return self.since + self.back_off


@dataclass(slots=True)
class Instance(Life):
    """One replica of a revision: its life is that of its serving container, with which all others start and end.

    It is ready when all are; `answers` says whether the serving one is. `sidecars` are the others, by name.
    """

    name: str
    revision: RevisionKey
    created: float
    phase: Phase = field(default=Phase.PENDING, kw_only=True)
    host: str = ""
    port: int = 0
    answers: bool = False
    sidecars: dict[str, Life] = field(default_factory=dict)

    @property
    def readiness(self) -> Signal:
        """What its containers come to."""
        ready = self.answers and all(each.phase is Phase.READY for each in self.sidecars.values())
        return Signal.PROBE_OK if ready else Signal.PROBE_FAILED

    @property
    def failure(self) -> tuple[str, Life] | None:
        """A container that has failed, and by what name: "" is the serving one."""
        lives = ("", self), *self.sidecars.items()
        return next((each for each in lives if each[1].reason or each[1].exit_code is not None), None)

    @property
    def states(self) -> tuple[object, ...]:
        """The same as `state`, of all containers."""
        return (self.name, self.answers, *self.state, *(each.state for each in self.sidecars.values()))


def next_back_off(life: Life, now: float) -> float:
    """Seconds to wait before the restart after a crash at `now`: 0, 10, 20, ... 300."""
    if life.restarts == 0 or now - life.started >= BACK_OFF_RESET:
        return 0.0
    return min(max(life.back_off * 2, BACK_OFF_START), BACK_OFF_LIMIT)


def surplus(instances: Iterable[Instance], wanted: int) -> list[Instance]:
    """Which of the living instances go when only `wanted` may stay."""
    alive = [instance for instance in instances if instance.phase in ALIVE]
    ranked = sorted(alive, key=lambda instance: (_DELETE_ORDER.index(instance.phase), -instance.created))
    return ranked[: max(len(alive) - wanted, 0)]
