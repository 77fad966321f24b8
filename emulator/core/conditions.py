"""Conditions of a status as Knative keeps them: what stands behind Ready, who gives Ready its reason, when times move.

Follows knative.dev/pkg apis/condition_set.go and reconciler/reconcile_common.go. A pass over an object begins with
`Conditions(kind, status, generation)`, marks what it finds, and ends with `status()`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

READY: Final = "Ready"

GATING: Final[Mapping[str, tuple[str, ...]]] = {
    "Service": ("ConfigurationsReady", "RoutesReady"),
    "Configuration": (),
    "Route": ("AllTrafficAssigned", "IngressReady", "CertificateProvisioned"),
    "Revision": ("ResourcesAvailable", "ContainerHealthy"),
    "DomainMapping": ("DomainClaimed", "ReferenceResolved", "IngressReady", "CertificateProvisioned"),
    "Deployment": ("Progressing", "ReplicaSetReady"),
}
"""What Ready stands for, by kind. Any other condition informs: it has the severity Info and Ready leaves it out."""


class Condition(NamedTuple):
    """What a condition says; `status` is True, False or Unknown."""

    status: str
    reason: str = ""
    message: str = ""

    @classmethod
    def read(cls, stored: Mapping[str, str]) -> "Condition":
        """From a stored condition."""
        return cls(stored["status"], stored.get("reason", ""), stored.get("message", ""))


TRUE: Final = Condition("True")
UNKNOWN: Final = Condition("Unknown")
NEW_GENERATION: Final = Condition("Unknown", "NewObservedGenFailure", "unsuccessfully observed a new generation")
"""What Ready says from the moment that a generation is new: a pass that ends early must not leave an old True."""


def timestamp(now: float) -> str:
    """RFC 3339 with whole seconds, as Kubernetes writes metav1.Time; `now` is Unix seconds."""
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ready_of(document: Mapping[str, Any]) -> Condition | None:
    """The Ready condition of a stored object, None as long as it has none."""
    stored = (document.get("status") or {}).get("conditions") or ()
    return next((Condition.read(condition) for condition in stored if condition["type"] == READY), None)


def is_ready(document: Mapping[str, Any]) -> bool:
    """Whether a stored object is ready in the generation that it has."""
    ready = ready_of(document)
    return ready is not None and ready.status == "True" and is_observed(document)


def is_observed(document: Mapping[str, Any]) -> bool:
    """Whether a stored object's status is of the generation that it has."""
    return bool((document.get("status") or {}).get("observedGeneration") == document["metadata"]["generation"])


class Conditions:
    """The conditions of one object during one pass; those of `status` (as stored, may be empty) to begin with.

    Without a `generation` nothing is said of a new one.
    """

    def __init__(self, kind: str, status: Mapping[str, Any] | None = None, generation: int | None = None) -> None:
        self._gating = GATING[kind]
        self._status = status or {}
        self._generation = generation
        # A user may have written one without a time.
        stored = sorted(
            self._status.get("conditions") or (), key=lambda c: c.get("lastTransitionTime", ""), reverse=True
        )
        #: By type, in the order in which they changed, newest first: that decides whose reason Ready gets.
        self._held = {condition["type"]: Condition.read(condition) for condition in stored}
        for missing in (READY, *self._gating):
            if missing not in self._held:
                self._set(missing, UNKNOWN)
        if generation is not None and self._status.get("observedGeneration") != generation:
            self.mark(READY, NEW_GENERATION)

    def __getitem__(self, type_: str) -> Condition:
        return self._held[type_]

    def mark(self, type_: str, condition: Condition) -> None:
        """Say something in a condition, and let Ready follow."""
        self._set(type_, condition)
        gates = type_ in self._gating
        if condition.status == "True":
            self._set(READY, self._unhappy() or TRUE)
        elif condition.status == "Unknown" and any(self._says(gate, "False") for gate in self._gating):
            # What failed outweighs what is unknown. (The reason of the unknown is the reference's, odd as it is.)
            if not self._says(READY, "False"):
                self._set(READY, condition._replace(status="False"))
        elif gates:
            self._set(READY, condition)

    def follow(self, type_: str, other: Condition) -> None:
        """Say what the condition of another object says; its True comes without a reason."""
        self.mark(type_, TRUE if other.status == "True" else other)

    def status(self, now: float, **fields: Any) -> dict[str, Any]:
        """The status to store: `fields` over the previous ones (None takes one away), conditions, generation.

        A condition's time moves to `now` (Unix seconds) when its status, reason, message or severity has changed.
        """
        previous = {condition["type"]: condition for condition in self._status.get("conditions") or ()}
        conditions = []
        for type_, condition in sorted(self._held.items()):
            severity = "" if type_ == READY or type_ in self._gating else "Info"
            said = {"type": type_, "severity": severity, **condition._asdict()}
            said = {key: value for key, value in said.items() if value}
            before = previous.get(type_, {})
            since = before.get("lastTransitionTime")
            same = since and said == {key: value for key, value in before.items() if key != "lastTransitionTime"}
            conditions.append(said | {"lastTransitionTime": since if same else timestamp(now)})
        merged = {**self._status, **fields, "conditions": conditions, "observedGeneration": self._generation}
        return {key: value for key, value in merged.items() if value is not None}

    def _set(self, type_: str, condition: Condition) -> None:
        if self._held.get(type_) != condition:
            self._held.pop(type_, None)
            self._held = {type_: condition, **self._held}

    def _says(self, type_: str, status: str) -> bool:
        return self._held[type_].status == status

    def _unhappy(self) -> Condition | None:
        gates = [condition for type_, condition in self._held.items() if type_ in self._gating]
        return next((found for status in ("False", "Unknown") for found in gates if found.status == status), None)
