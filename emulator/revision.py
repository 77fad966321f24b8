"""One living revision: its scaler says how many, its replicas make it so, and the data plane hears what there is."""

from dataclasses import replace

from emulator.core.scaler import Mode
from emulator.dataplane.door import Backend, Plane, RevisionStat
from emulator.replicas import Replicas
from emulator.runtimes.base import Report
from emulator.scaling import RevisionScaler


class RevisionController:
    """Steps one revision. `limits` are its concurrency and timeouts as the data plane keeps them."""

    def __init__(self, limits: Backend, scaler: RevisionScaler, replicas: Replicas, plane: Plane) -> None:
        self.scaler = scaler
        self.replicas = replicas
        self._plane = plane
        self._backend = limits
        self._stopping = False
        plane.set_backend(replicas.key, limits)

    @property
    def gone(self) -> bool:
        """Whether nothing is left of a revision that was told to go."""
        return self._stopping and not list(self.replicas)

    def record(self, stat: RevisionStat | None, now: float) -> None:
        """Take in what the data plane reported. None is a second without requests: ready instances then report 0."""
        if stat is not None:
            self.scaler.record(stat.concurrency, stat.requests, now)
        elif self.replicas.ready:
            self.scaler.record(0.0, 0.0, now)

    def take(self, report: Report, now: float) -> None:
        self.replicas.take(report, now)

    def retire(self) -> None:
        """The revision was deleted: requests in hand end, no other comes in, then all instances go."""
        self._stopping = True
        self._plane.remove_backend(self.replicas.key)

    def step(self, now: float) -> float:
        """Do what is due; returns when something is due next (Unix seconds)."""
        replicas = self.replicas
        if self._stopping:
            replicas.wanted = 0
            return replicas.act(now)
        due = self.scaler.step(replicas.ready, now)
        replicas.wanted = self.scaler.wanted
        due = min(due, replicas.act(now))
        outcome = self.scaler.outcome
        backend = replace(
            self._backend,
            endpoints=replicas.endpoints(),
            proxied=outcome.mode is Mode.PROXY,
            activators=outcome.activators,
        )
        if backend != self._backend:
            self._backend = backend
            self._plane.set_backend(replicas.key, backend)
        return due
