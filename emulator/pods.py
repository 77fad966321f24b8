"""Instances as Pods: what `get pods` lists, and what a log is asked for by."""

from collections.abc import Iterable, Mapping

from emulator.api.kinds import POD
from emulator.api.store import Object, Store
from emulator.core import annotations as keys
from emulator.core.conditions import timestamp
from emulator.core.instance import Instance, Phase

#: A pod's phase by its instance's; those on their way out are running still.
_POD_PHASE = {Phase.STARTING: "Pending"}
#: Labels of a Revision that its pods don't carry: they change while the pod lives.
_NOT_OF_PODS = (keys.ROUTE_LABEL, keys.ROUTING_STATE_LABEL)


class Pods:
    """Keeps the stored Pods those of the living instances."""

    def __init__(self, store: Store) -> None:
        self._store = store
        #: Names of the pods of a Revision, by its uid.
        self._known: dict[str, set[str]] = {}

    def update(self, revision: Object, instances: Iterable[Instance]) -> None:
        """Store what is to be seen of a revision's instances now."""
        namespace, uid = revision["metadata"]["namespace"], revision["metadata"]["uid"]
        pods = {instance.name: _pod(revision, instance) for instance in instances}
        for name, pod in pods.items():
            known = self._store.find(POD, namespace, name)
            stored = self._store.create(POD, pod) if known is None else known
            self._store.update_status(POD, stored, pod["status"])
        for name in self._known.pop(uid, set()) - set(pods):
            self._store.delete(POD, namespace, name)
        if pods:
            self._known[uid] = set(pods)


def _pod(revision: Object, instance: Instance) -> Object:
    meta, [container, *_] = revision["metadata"], revision["spec"]["containers"]
    labels: Mapping[str, str] = {key: value for key, value in meta["labels"].items() if key not in _NOT_OF_PODS}
    ready = instance.phase is Phase.READY
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": instance.name,
            "namespace": meta["namespace"],
            "labels": {
                **labels,
                "app": meta["name"],
                f"{keys.SERVING_GROUP}/revision": meta["name"],
                f"{keys.SERVING_GROUP}/revisionUID": meta["uid"],
            },
            "annotations": {"kubectl.kubernetes.io/default-container": container["name"]},
        },
        "spec": revision["spec"],
        "status": {
            "phase": _POD_PHASE.get(instance.phase, "Running"),
            "podIP": instance.host,
            "startTime": timestamp(instance.created),
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "",
                    "ready": ready,
                    "started": ready,
                    "restartCount": instance.restarts,
                    "state": _state(instance),
                }
            ],
        },
    }


def _state(instance: Instance) -> Object:
    if instance.phase is Phase.BACK_OFF:
        return {"waiting": {"reason": instance.reason or instance.phase.value, "message": instance.message}}
    return {"running": {"startedAt": timestamp(instance.started)}}
