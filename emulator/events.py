"""What controllers have done, as Kubernetes' Events: `kubectl get events`, and the end of what `describe` prints.

Follows client-go tools/record: what is said again of the same object is counted, not repeated.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from emulator.api.kinds import EVENT, NAMESPACE
from emulator.api.store import Key, Object, Store, is_deleted
from emulator.core.conditions import timestamp

#: Seconds that an Event is kept after it was last said: the API server's default (--event-ttl).
KEPT_SECONDS: Final = 3600.0
#: Events that are kept at most, about 1 KB each; the one that was said longest ago goes first. A cluster has no such
#: limit, but also no one process that holds all in memory.
KEPT_EVENTS: Final = 1000

NORMAL: Final = "Normal"
WARNING: Final = "Warning"


class Happened(NamedTuple):
    """What is told of an object."""

    type: str
    reason: str
    message: str
    component: str


class Events:
    """Stores what happened to objects. With a limit of 0 nobody is to be told, and nothing is stored."""

    def __init__(self, store: Store, limit: int = KEPT_EVENTS) -> None:
        self._store = store
        self._limit = limit
        #: Where each is stored and when it was said last (Unix seconds), the one that is oldest in that first.
        self._said: OrderedDict[tuple[str, Happened], tuple[Key, float]] = OrderedDict()
        self._last_nano = 0

    def tell(self, involved: Object, *happened: Happened) -> None:
        """Say these of a stored object, in this order."""
        home = self._store.find(NAMESPACE, "", involved["metadata"]["namespace"])
        if self._limit == 0 or home is None or is_deleted(home):
            return
        for each in happened:
            self._tell(involved, each)

    def expire(self, now: float) -> float:
        """Let go what is too old or too much; returns when the next one is too old (Unix seconds)."""
        while self._said:
            key, (where, since) = next(iter(self._said.items()))
            if len(self._said) <= self._limit and now < since + KEPT_SECONDS:
                return since + KEPT_SECONDS
            del self._said[key]
            # It may have gone with its namespace.
            if self._store.find(EVENT, *where):
                self._store.delete(EVENT, *where)
        return float("inf")

    def _tell(self, involved: Object, happened: Happened) -> None:
        now = self._store.clock.now()
        meta = involved["metadata"]
        said = self._said.pop((meta["uid"], happened), None)
        stored = self._store.find(EVENT, *said[0]) if said else None
        if stored:
            self._store.update(EVENT, stored | {"count": stored["count"] + 1, "lastTimestamp": timestamp(now)})
        else:
            stored = self._store.create(EVENT, self._event(involved, happened, now))
        self._said[meta["uid"], happened] = (meta["namespace"], stored["metadata"]["name"]), now
        if len(self._said) > self._limit:
            self.expire(now)

    def _event(self, involved: Object, happened: Happened, now: float) -> Object:
        meta = involved["metadata"]
        # Names are the time in nanoseconds, which goes on when the clock does not.
        self._last_nano = max(self._last_nano + 1, int(now * 1e9))
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name']}.{self._last_nano:x}", "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": involved["apiVersion"],
                "kind": involved["kind"],
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
            }
            | {key: meta[key] for key in ("resourceVersion",) if key in meta},
            "reason": happened.reason,
            "message": happened.message,
            "source": {"component": happened.component},
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "count": 1,
            "type": happened.type,
            "eventTime": None,
            "reportingComponent": happened.component,
            "reportingInstance": "",
        }


def created(kind: str, name: str, component: str) -> Happened:
    return Happened(NORMAL, "Created", f'Created {kind} "{name}"', component)


def finalizers_updated(name: str, component: str) -> Happened:
    return Happened(NORMAL, "FinalizerUpdate", f'Updated "{name}" finalizers', component)


def scaled(replica_set: str, was: int, replicas: int) -> Happened:
    way = "up" if replicas > was else "down"
    words = f"Scaled {way} replica set {replica_set} from {was} to {replicas}"
    return Happened(NORMAL, "ScalingReplicaSet", words, "deployment-controller")


def pod_created(name: str) -> Happened:
    return Happened(NORMAL, "SuccessfulCreate", f"Created pod: {name}", "replicaset-controller")


def of_configuration(before: Object, after: Object) -> Iterable[Happened]:
    """What a pass over a Configuration tells of it, from the statuses before and after."""
    component = "configuration-controller"
    ready = after.get("latestReadyRevisionName")
    if ready and ready != before.get("latestReadyRevisionName"):
        if not before.get("latestReadyRevisionName"):
            yield Happened(NORMAL, "ConfigurationReady", "Configuration becomes ready", component)
        yield Happened(NORMAL, "LatestReadyUpdate", f'LatestReadyRevisionName updated to "{ready}"', component)
    condition = _ready(after)
    said = {key: value for key, value in condition.items() if key != "lastTransitionTime"}
    was = {key: value for key, value in _ready(before).items() if key != "lastTransitionTime"}
    created_last = after.get("latestCreatedRevisionName")
    if condition.get("status") == "False" and said != was and created_last:
        of = "LatestReady" if created_last == ready else "LatestCreated"
        what = "ready" if created_last == ready else "created"
        yield Happened(WARNING, f"{of}Failed", f'Latest {what} revision "{created_last}" has failed', component)


def of_revision(before: Object, after: Object) -> Iterable[Happened]:
    """The same of a Revision."""
    if _ready(after).get("status") == "True" and _ready(before).get("status") != "True":
        words = "Revision becomes ready upon all resources being ready"
        yield Happened(NORMAL, "RevisionReady", words, "revision-controller")


def _ready(status: Object) -> Object:
    return next((each for each in status.get("conditions", ()) if each["type"] == "Ready"), {})
