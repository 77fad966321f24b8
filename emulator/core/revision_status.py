"""The status of a Revision, from what is known of its images, its deployment and its PodAutoscaler.

Follows knative/serving pkg/apis/serving/v1/revision_lifecycle.go and pkg/reconciler/revision.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from emulator.core.conditions import TRUE, Condition, Conditions
from emulator.core.scaler import Outcome

RESOURCES: Final = "ResourcesAvailable"
CONTAINER: Final = "ContainerHealthy"
ACTIVE: Final = "Active"

RESOLVING: Final = Condition("Unknown", "ResolvingDigests")
DEPLOYING: Final = Condition("Unknown", "Deploying")
DEADLINE_EXCEEDED: Final = "ProgressDeadlineExceeded"
NEVER_SCALED: Final = Condition("False", DEADLINE_EXCEEDED, "Initial scale was never achieved")


@dataclass(frozen=True, slots=True)
class Deployment:
    """How the instances are doing: replicas asked for, those that are available, conditions as apps/v1 has them."""

    replicas: int
    available: int
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    @property
    def timed_out(self) -> bool:
        """Whether the progress deadline went by without progress."""
        progressing = self.conditions.get("Progressing", TRUE)
        return progressing.status == "False" and progressing.reason == DEADLINE_EXCEEDED


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """An instance finds no place: reason and message of its pod's PodScheduled condition."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The serving container of an instance ended before; `message` is its last words."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The serving container of an instance does not start: ImagePullBackOff, CreateContainerConfigError, ..."""

    reason: str
    message: str


Failure = Unschedulable | Exited | Waiting


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A PodAutoscaler's status. `ready` is None before it has one; scales are None or below 0 when not known."""

    ready: Condition | None
    initialized: bool
    service_name: str
    actual: int | None = None
    desired: int | None = None

    @classmethod
    def of(cls, outcome: Outcome, service_name: str) -> "Autoscaler":
        """From what the scaler came to; `service_name` is "" until the revision's service has its name."""
        ready = Condition(outcome.ready.status, outcome.ready.reason, outcome.ready.message)
        initialized = outcome.initialized.status == "True"
        return cls(ready, initialized, service_name, outcome.actual_scale, outcome.desired_scale)


@dataclass(frozen=True, slots=True)
class RevisionFacts:
    """All that a Revision's status is made of.

    `digests` gives each container's image digest by its name ("" for a registry whose tags are not resolved), and is
    None while that is under way; `image_error` is the sentence why it failed (see `unable_to_fetch`). `deployment`
    and `autoscaler` are None before they are made. `failure` is of any instance, and looked at while none is available.
    """

    digests: Mapping[str, str] | None = None
    image_error: str = ""
    deployment: Deployment | None = None
    failure: Failure | None = None
    autoscaler: Autoscaler | None = None


def unable_to_fetch(image: str, why: str) -> str:
    """The sentence for an image that could not be resolved."""
    return f'Unable to fetch image "{image}": {why}'


def revision_status(revision: Mapping[str, Any], facts: RevisionFacts, now: float) -> dict[str, Any]:
    """The next status of a stored Revision; `now` is Unix seconds."""
    status = revision.get("status") or {}
    if facts.image_error:
        status = _unresolved(status)
    conditions = Conditions("Revision", status, revision["metadata"]["generation"])
    if facts.image_error:
        conditions.mark(RESOURCES, RESOLVING)
        conditions.mark(CONTAINER, Condition("False", "ContainerMissing", facts.image_error))
        return conditions.status(now)
    if facts.digests is None:
        conditions.mark(RESOURCES, RESOLVING)
        return conditions.status(now)

    if facts.deployment is None:
        conditions.mark(RESOURCES, DEPLOYING)
        conditions.mark(CONTAINER, DEPLOYING)
    else:
        _follow_deployment(conditions, facts.deployment, facts.failure)
    scales = follow_autoscaler(conditions, facts.autoscaler or Autoscaler(None, initialized=False, service_name=""))
    spec = revision["spec"]
    return conditions.status(
        now,
        containerStatuses=_container_statuses(spec["containers"], facts.digests),
        initContainerStatuses=_container_statuses(spec.get("initContainers") or (), facts.digests) or None,
        **scales,
    )


def resources_of(deployment: Deployment) -> Condition:
    """What a deployment says of the resources: its progress, and whether its replica set could make pods."""
    conditions = Conditions("Deployment")
    conditions.mark("ReplicaSetReady", TRUE)
    conditions.follow("Progressing", deployment.conditions.get("Progressing", DEPLOYING))
    if failed := deployment.conditions.get("ReplicaFailure"):
        opposite = {"True": "False", "False": "True", "Unknown": "Unknown"}[failed.status]
        conditions.follow("ReplicaSetReady", failed._replace(status=opposite))
    return conditions["Ready"]


def follow_autoscaler(conditions: Conditions, autoscaler: Autoscaler) -> dict[str, int | None]:
    """Let a Revision's conditions follow its PodAutoscaler; gives the numbers of replicas for the status."""
    unavailable = "False" in (conditions[RESOURCES].status, conditions[CONTAINER].status)
    ready = autoscaler.ready
    if ready is None:
        conditions.mark(ACTIVE, DEPLOYING)
        if not unavailable:
            conditions.mark(RESOURCES, DEPLOYING)
    else:
        if autoscaler.initialized and not unavailable:
            # It once had the ready instances it was to begin with: so there is room, and the container works.
            conditions.mark(RESOURCES, TRUE)
            conditions.mark(CONTAINER, TRUE)
        usable = autoscaler.initialized and autoscaler.service_name
        if conditions[RESOURCES].status == "True" and not usable:
            conditions.mark(RESOURCES, DEPLOYING)
        gave_up = ready.status == "False" and not autoscaler.initialized and autoscaler.service_name
        if gave_up and not unavailable:
            conditions.mark(RESOURCES, NEVER_SCALED)
        conditions.follow(ACTIVE, ready)
    return {"actualReplicas": _known(autoscaler.actual), "desiredReplicas": _known(autoscaler.desired)}


def _follow_deployment(conditions: Conditions, deployment: Deployment, failure: Failure | None) -> None:
    conditions.follow(RESOURCES, resources_of(deployment))
    if deployment.available > 0:
        if conditions[CONTAINER].status == "False":
            # An instance made it after all. The reference would stay with the failure for good.
            conditions.mark(CONTAINER, DEPLOYING)
    elif deployment.replicas > 0:
        match failure:
            case Unschedulable(reason, message):
                conditions.mark(RESOURCES, Condition("False", reason, message))
            case Exited(code, message):
                words = message or ("container exited with no error" if code == 0 else "")
                conditions.mark(CONTAINER, Condition("False", f"ExitCode{code}", f"Container failed with: {words}"))
            case Waiting(reason, message) if deployment.timed_out:
                conditions.mark(RESOURCES, Condition("False", reason, message))


def _container_statuses(containers: Iterable[Mapping[str, Any]], digests: Mapping[str, str]) -> list[dict[str, str]]:
    named = ((container["name"], digests.get(container["name"])) for container in containers)
    return [{"name": name, **({"imageDigest": digest} if digest else {})} for name, digest in named]


def _unresolved(status: Mapping[str, Any]) -> dict[str, Any]:
    """A status without what is told of a Revision only after its images have been found."""
    later = ("containerStatuses", "initContainerStatuses", "actualReplicas", "desiredReplicas")
    conditions = [each for each in status.get("conditions") or () if each["type"] != ACTIVE]
    return {key: value for key, value in status.items() if key not in later} | {"conditions": conditions}


def _known(scale: int | None) -> int | None:
    return scale if scale is not None and scale >= 0 else None
