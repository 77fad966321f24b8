"""The instances of one revision: as many as wanted, each through its life, none taken away with a request in hand.

This is what a ReplicaSet, a Deployment's status and an EndpointSlice are in a cluster. It acts through the node and
the data plane, and believes only what they report.
"""

import random
from collections.abc import Callable, Iterator

from emulator.core.environment import UnresolvedReference
from emulator.core.instance import ALIVE, Instance, Life, Phase, Signal, surplus
from emulator.core.naming import LONGEST_NAME, SUFFIX_LENGTH, SUFFIX_LETTERS, RevisionNames
from emulator.core.revision import RevisionKey
from emulator.core.scheduling import UNSCHEDULABLE, Amounts
from emulator.dataplane.door import Endpoint, Plane
from emulator.runtimes.base import Launch, Node, Report

#: Seconds between two looks at a draining instance that still has requests in hand.
DRAIN_POLL = 0.25


class Replicas:
    """All instances of one revision.

    `timeout` (seconds) is what a request may take, and so what an instance gets to finish; with `h2c` each is spoken to
    in HTTP/2. `launch` makes what to run
    from an instance's name (raises UnresolvedReference); `room` says how many more instances the node takes, `refusal`
    why it has no place for one with these `requests`, or "".
    """

    def __init__(
        self,
        key: RevisionKey,
        *,
        timeout: float,
        h2c: bool,
        node: Node,
        plane: Plane,
        launch: Callable[[str], Launch],
        room: Callable[[], float],
        requests: Amounts,
        refusal: Callable[[Amounts], str],
        rng: random.Random,
    ) -> None:
        self.key = key
        self.wanted = 0
        #: Whether some of them wait for the node to have a place.
        self.short = False
        self.served_by_gone = 0
        self.requests = requests
        self._timeout = timeout
        self._h2c = h2c
        self._node = node
        self._plane = plane
        self._launch = launch
        self._room = room
        self._refusal = refusal
        self._rng = rng
        prefix = f"{RevisionNames(key.name).deployment}-{self._letters(10)}-"
        self._prefix = prefix[: LONGEST_NAME - SUFFIX_LENGTH]
        self._instances: dict[str, Instance] = {}

    @property
    def replica_set(self) -> str:
        """What all of their names begin with."""
        return self._prefix.rstrip("-")

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._instances.values())

    def count(self, *phases: Phase) -> int:
        """How many instances are in one of the phases."""
        return sum(instance.phase in phases for instance in self._instances.values())

    @property
    def alive(self) -> int:
        return self.count(*ALIVE)

    @property
    def scheduled(self) -> int:
        """How many have a place: those on their way out have theirs until they are gone."""
        return len(self._instances) - self.count(Phase.PENDING, Phase.GONE)

    @property
    def ready(self) -> int:
        return self.count(Phase.READY)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the ready instances listen, in the order of their addresses as Knative sorts them."""
        ready = (instance for instance in self._instances.values() if instance.phase is Phase.READY)
        return tuple(Endpoint(i.name, i.host, i.port, self._h2c) for i in sorted(ready, key=lambda i: (i.host, i.port)))

    def take(self, report: Report, now: float) -> bool:
        """Believe a report about one of the instances; False if it is about none of them."""
        instance = self._instances.get(report.instance)
        if instance is None:
            return False
        if report.sidecar:
            _believe(instance.sidecars[report.sidecar], report, now)
            # The serving container has nothing new to tell, but what all come to may be new.
            message = "" if instance.readiness is Signal.PROBE_OK else instance.message
            report = report._replace(message=message, signal=instance.readiness)
        elif report.signal is Signal.EXITED:
            instance.answers = False
            for each in instance.sidecars.values():
                each.signal(Signal.EXITED, now)
        else:
            instance.answers = report.signal is Signal.PROBE_OK
            instance.host, instance.port = report.host or instance.host, report.port or instance.port
            report = report._replace(signal=instance.readiness)
        _believe(instance, report, now)
        return True

    def evict(self, name: str, now: float) -> bool:
        """Let one instance go, as its pod was deleted: it drains. False if it is none of them."""
        if name not in self._instances:
            return False
        return self._instances[name].signal(Signal.DRAIN, now)

    def act(self, now: float) -> float:
        """Start, restart, drain and stop what is due; returns when to look again (infinity: when something happens)."""
        for instance in surplus(self._instances.values(), self.wanted):
            instance.signal(Signal.DRAIN, now)
        if (missing := self.wanted - self.alive) > 0:
            room = self._room()
            if room < 1 and not self.count(Phase.PENDING) and self._refusal(self.requests):
                # The node is full: one that waits says so for all.
                room = 1
            for _ in range(int(min(missing, room))):
                name = self._prefix + self._letters(SUFFIX_LENGTH)
                self._instances[name] = Instance(name, self.key, created=now, since=now)
        for instance in self._instances.values():
            if instance.phase is Phase.PENDING:
                self._schedule(instance, now)
        self.short = self.count(*ALIVE) - self.count(Phase.PENDING) < self.wanted
        due = [self._act_on(instance, now) for instance in list(self._instances.values())]
        return min(due, default=float("inf"))

    def _schedule(self, instance: Instance, now: float) -> None:
        if why := self._refusal(self.requests):
            instance.reason, instance.message = UNSCHEDULABLE, why
        else:
            instance.signal(Signal.SCHEDULED, now)
            self._start(instance, now)

    def _start(self, instance: Instance, now: float, sidecar: str = "") -> None:
        """Start all of an instance, or one sidecar of it anew."""
        try:
            launch = self._launch(instance.name)
        except UnresolvedReference as error:
            why, reason = str(error), "CreateContainerConfigError"
            self.take(Report(instance.name, Signal.EXITED, message=why, reason=reason, sidecar=sidecar), now)
            return
        for each in launch.sidecars:
            instance.sidecars.setdefault(each.sidecar, Life(since=now, started=now))
        self._node.start(next(each for each in (launch, *launch.sidecars) if each.sidecar == sidecar))

    def _act_on(self, instance: Instance, now: float) -> float:
        match instance.phase:
            case Phase.BACK_OFF if now >= instance.retry_at:
                for each in (instance, *instance.sidecars.values()):
                    each.signal(Signal.RETRY, now)
                self._start(instance, now)
            case Phase.BACK_OFF:
                return instance.retry_at
            case Phase.STARTING | Phase.READY | Phase.UNREADY:
                return self._restart_sidecars(instance, now)
            case Phase.DRAINING:
                # The endpoint left the data plane with the phase, so what is in hand can only become less.
                if self._plane.in_flight(instance.name) and now - instance.since < self._timeout:
                    return now + DRAIN_POLL
                instance.signal(Signal.STOP, now)
                self._node.stop(instance.name, self._timeout)
            case Phase.GONE:
                self.served_by_gone += self._plane.served(instance.name)
                del self._instances[instance.name]
            case _:
                pass
        return float("inf")

    def _restart_sidecars(self, instance: Instance, now: float) -> float:
        waiting = [(name, life) for name, life in instance.sidecars.items() if life.phase is Phase.BACK_OFF]
        for name, life in waiting:
            if now >= life.retry_at:
                life.signal(Signal.RETRY, now)
                self._start(instance, now, name)
        return min((life.retry_at for _, life in waiting if life.phase is Phase.BACK_OFF), default=float("inf"))

    def _letters(self, count: int) -> str:
        return "".join(self._rng.choices(SUFFIX_LETTERS, k=count))


def _believe(life: Life, report: Report, now: float) -> None:
    """Let a container's life follow what was reported of it."""
    if not life.signal(report.signal, now):
        if life.phase is Phase.STARTING and life.exit_code is None:
            # Not ready yet is no news, but why it isn't is what a person who waits wants to know.
            life.message = report.message
        return
    life.message = report.message
    if report.signal is Signal.PROBE_OK:
        life.exit_code, life.reason = None, ""
    elif report.signal is Signal.EXITED:
        life.exit_code, life.reason = report.exit_code, report.reason
