"""One living revision: its scaler says how many, its replicas make it so, and the data plane hears what there is."""

from dataclasses import replace
from typing import Any

from emulator.core.annotations import ROUTING_STATE_LABEL
from emulator.core.conditions import TRUE, Condition, Conditions
from emulator.core.instance import Life, Phase
from emulator.core.resources import revision_spec
from emulator.core.revision_status import (
    DEADLINE_EXCEEDED,
    RESOURCES,
    Autoscaler,
    Deployment,
    Exited,
    Failure,
    RevisionFacts,
    Unschedulable,
    Waiting,
    unable_to_fetch,
)
from emulator.core.scaler import Mode
from emulator.dataplane.door import Backend, Plane, RevisionStat
from emulator.replicas import Replicas
from emulator.runtimes.base import Report
from emulator.scaling import RevisionScaler


class RevisionController:
    """Steps one revision. `document` is the Revision, `limits` are its concurrency and timeouts for the data plane.

    `changed` says that something was seen since it was last set to False that the status tells of. `due` is when the
    next step is (Unix seconds): what is heard in between makes it due at once.
    """

    def __init__(
        self, document: dict[str, Any], limits: Backend, scaler: RevisionScaler, replicas: Replicas, plane: Plane
    ) -> None:
        self.document = document
        self.scaler = scaler
        self.replicas = replicas
        self._plane = plane
        self._backend = limits
        self._stopping = False
        self._seen: tuple[object, ...] = ()
        #: Why its image can't be had; it stays true when nothing is left that tried.
        self._image_error = ""
        self.changed = True
        self.due = 0.0
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
        self.due = min(self.due, self.scaler.due)

    def take(self, report: Report, now: float) -> None:
        """Believe a report about one of the instances, if it is one of ours."""
        if self.replicas.take(report, now):
            self.due = 0.0

    def evict(self, name: str, now: float) -> None:
        """Let one instance go, if it is one of ours: another takes its place if it is still wanted."""
        if self.replicas.evict(name, now):
            self.due = 0.0

    def facts(self) -> RevisionFacts:
        """What the status of the Revision is made of, as of the last step."""
        instances = list(self.replicas)
        name, failed = next(filter(None, (i.failure for i in instances)), ("", None))
        if failed is not None and failed.reason == "ContainerMissing":
            self._image_error = unable_to_fetch(revision_spec(self.document).container(name).image, failed.message)
        elif failed is not None or self.replicas.ready:
            self._image_error = ""
        if self._image_error:
            return RevisionFacts(image_error=self._image_error)
        # A cluster says what an instance waits for when the progress deadline has passed. Waiting alone won't help,
        # so it is said at once here.
        failure = _failure(failed)
        progressing = Condition("False", DEADLINE_EXCEEDED) if isinstance(failure, Waiting) else TRUE
        return RevisionFacts(
            digests={},
            deployment=Deployment(self.replicas.wanted, self.replicas.ready, {"Progressing": progressing}),
            failure=failure,
            autoscaler=Autoscaler.of(self.scaler.outcome, self.replicas.key.name),
        )

    def describe_anew(self, document: dict[str, Any], now: float) -> None:
        """Take in what was changed of the Revision's metadata: scaling annotations and routes take effect at once."""
        meta, before = document["metadata"], self.document["metadata"]
        self.changed = self.changed or any(meta.get(key) != before.get(key) for key in ("labels", "annotations"))
        self.document = document
        self.scaler.set_annotations(meta.get("annotations", {}), now)
        self.scaler.set_reachable(meta.get("labels", {}).get(ROUTING_STATE_LABEL) != "reserve", now)
        self.due = min(self.due, self.scaler.due)

    def resume(self, now: float) -> None:
        """Go on with a Revision that another emulator ran: its instances are gone, what they showed of it holds."""
        self.describe_anew(self.document, now)
        shown = Conditions("Revision", self.document["status"], self.document["metadata"]["generation"])
        self.scaler.resume(initialized=shown[RESOURCES].status == "True", now=now)

    def retire(self) -> None:
        """The revision was deleted: requests in hand end, no other comes in, then all instances go."""
        self._stopping = True
        self.due = 0.0
        self._plane.remove_backend(self.replicas.key)

    def step(self, now: float) -> None:
        """Do what is due now."""
        replicas = self.replicas
        if self._stopping:
            replicas.wanted = 0
            self.due = replicas.act(now)
            self._look(*(i.states for i in replicas))
            return
        ready = replicas.ready
        self.scaler.step(ready, now)
        replicas.wanted = self.scaler.wanted
        self.due = min(self.scaler.due, replicas.act(now))
        if replicas.ready != ready:
            self.due = now
        outcome = self.scaler.outcome
        self._look(
            outcome.conditions,
            outcome.desired_scale,
            outcome.activators,
            outcome.mode,
            replicas.wanted,
            *(i.states for i in replicas),
        )
        backend = replace(
            self._backend,
            endpoints=replicas.endpoints(),
            proxied=outcome.mode is Mode.PROXY,
            activators=outcome.activators,
        )
        if backend != self._backend:
            self._backend = backend
            self._plane.set_backend(replicas.key, backend)

    def _look(self, *seen: object) -> None:
        self.changed = self.changed or seen != self._seen
        self._seen = seen


def _failure(failed: Life | None) -> Failure | None:
    if failed is None:
        return None
    if failed.phase is Phase.PENDING:
        return Unschedulable(failed.reason, failed.message)
    if failed.reason:
        return Waiting(failed.reason, failed.message)
    return Exited(failed.exit_code or 0, failed.message)
