"""Instances as Pods: what `get pods` lists, and what a log is asked for by."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from emulator.api.kinds import POD
from emulator.api.store import Object, Store
from emulator.core.conditions import timestamp
from emulator.core.instance import Instance, Life, Phase
from emulator.core.naming import SUFFIX_LENGTH
from emulator.core.pod_template import DEFAULT_CONTAINER, QUEUE, QUEUE_IMAGE, pod_template
from emulator.events import NORMAL, WARNING, Events, Happened

#: The one node, which is this machine.
NODE: Final = "knative-emulator"
_SCHEDULER: Final = "default-scheduler"
_HOST_IP: Final = "127.0.0.1"
#: A pod's phase by its instance's; those on their way out are running still.
_POD_PHASE: Final = {Phase.PENDING: "Pending", Phase.STARTING: "Pending"}
#: What a pod has been given, beside what its template says.
_GIVEN: Final = {
    "preemptionPolicy": "PreemptLowerPriority",
    "priority": 0,
    "serviceAccount": "default",
    "serviceAccountName": "default",
    "tolerations": [
        {"effect": "NoExecute", "key": f"node.kubernetes.io/{key}", "operator": "Exists", "tolerationSeconds": 300}
        for key in ("not-ready", "unreachable")
    ],
}
_PLACED: Final = {"nodeName": NODE}
#: Phases in which the container of an instance runs, or has been told to end.
_RUNNING: Final = frozenset({Phase.READY, Phase.UNREADY, Phase.DRAINING, Phase.STOPPING})
_LEAVING: Final = frozenset({Phase.DRAINING, Phase.STOPPING})


#: What is to be seen of a container: its phase, how often it was restarted, reason and message of its failure.
_Look = tuple[Phase, int, str, str]
#: That of an instance's containers by their names, "" for the serving one.
_Seen = Mapping[str, _Look]

#: What an instance was, if anything, whose container has not been told to have started.
_NOT_STARTED: Final = frozenset({None, Phase.PENDING, Phase.STARTING})


class Pods:
    """Keeps the stored Pods those of the living instances."""

    def __init__(self, store: Store, events: Events) -> None:
        self._store = store
        self._events = events
        #: What was last seen of the instances of a Revision, by its uid and their names.
        self._known: dict[str, dict[str, _Seen]] = {}

    def update(self, revision: Object, instances: Iterable[Instance]) -> list[str]:
        """Store what is to be seen of a revision's instances now; returns the names of the Pods that are new."""
        namespace, uid = revision["metadata"]["namespace"], revision["metadata"]["uid"]
        before, known, new = self._known.pop(uid, {}), dict[str, _Seen](), list[str]()
        for instance in instances:
            pod = self._store.find(POD, namespace, instance.name)
            if pod is None:
                pod = self._store.create(POD, _pod(revision, instance))
                new.append(instance.name)
            elif instance.phase is not Phase.PENDING and "nodeName" not in pod["spec"]:
                pod = self._store.update(POD, pod | {"spec": pod["spec"] | _PLACED})
            pod = self._store.update_status(POD, pod, _status(pod, instance))
            known[instance.name] = seen = {"": _seen(instance)} | {
                name: _seen(life) for name, life in instance.sidecars.items()
            }
            if seen != (was := before.get(instance.name, {})):
                self._events.tell(pod, *_happened(pod, instance, seen, was))
        for name in before.keys() - known.keys():
            self._store.delete(POD, namespace, name)
        if known:
            self._known[uid] = known
        return new


def _pod(revision: Object, instance: Instance) -> Object:
    template = pod_template(revision)
    prefix = instance.name[:-SUFFIX_LENGTH]
    replica_set = prefix.rstrip("-")
    meta = template["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": instance.name,
            "generateName": prefix,
            "namespace": revision["metadata"]["namespace"],
            "labels": meta["labels"] | {"pod-template-hash": replica_set.rpartition("-")[2]},
            "annotations": meta["annotations"],
        },
        "spec": template["spec"] | _GIVEN | ({} if instance.phase is Phase.PENDING else _PLACED),
    }


def _status(pod: Object, instance: Instance) -> Object:
    if instance.phase is Phase.PENDING:
        said = {"reason": instance.reason, "message": instance.message}
        waits = _condition(pod, "PodScheduled", "False", timestamp(instance.since)) | said
        return {"phase": "Pending", "qosClass": "Burstable", "conditions": [waits]}
    ready = instance.phase is Phase.READY
    started = timestamp(instance.started)
    since = timestamp(instance.since)
    began = timestamp(instance.scheduled)
    conditions = {
        "PodReadyToStartContainers": (True, started),
        "Initialized": (True, began),
        "Ready": (ready, since),
        "ContainersReady": (ready, since),
        "PodScheduled": (True, began),
    }
    address = {"podIP": instance.host, "podIPs": [{"ip": instance.host}]} if instance.host else {}
    return {
        "phase": _POD_PHASE.get(instance.phase, "Running"),
        **address,
        "hostIP": _HOST_IP,
        "hostIPs": [{"ip": _HOST_IP}],
        "startTime": began,
        "observedGeneration": pod["metadata"]["generation"],
        "qosClass": "Burstable",
        "conditions": [
            _condition(pod, type_, str(status), time) | ({} if status else {"reason": "ContainersNotReady"})
            for type_, (status, time) in conditions.items()
        ],
        "containerStatuses": sorted(
            (_container_status(each, instance) for each in pod["spec"]["containers"]), key=lambda each: each["name"]
        ),
    }


def _condition(pod: Object, type_: str, status: str, time: str) -> Object:
    return {
        "type": type_,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": time,
        "observedGeneration": pod["metadata"]["generation"],
    }


def _container_status(container: Object, instance: Instance) -> Object:
    """Of the queue-proxy it is told what would be true if there were one: it is as ready as what stands behind it."""
    queue = container["image"] == QUEUE_IMAGE and container["name"] == QUEUE
    # Of the queue-proxy it is told what is told of the serving container.
    life = instance.sidecars.get(container["name"], instance)
    waits = instance.answers and instance.phase in {Phase.STARTING, Phase.UNREADY}
    resources = container.get("resources", {})
    asked = {"allocatedResources": resources["requests"]} if "requests" in resources else {}
    return {
        **asked,
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": life.phase is Phase.READY or (life is instance and waits),
        "resources": resources,
        "started": queue or life.phase in _RUNNING,
        "restartCount": 0 if queue else life.restarts,
        "state": {"running": {"startedAt": timestamp(instance.started)}} if queue else _state(life),
        "lastState": {} if queue else _last_state(life),
    }


def _state(life: Life) -> Object:
    if life.phase is Phase.BACK_OFF:
        return {"waiting": {"reason": life.reason or life.phase.value, "message": life.message}}
    return {"running": {"startedAt": timestamp(life.started)}}


def _last_state(life: Life) -> Object:
    if life.exit_code is None:
        return {}
    return {
        "terminated": {
            "exitCode": life.exit_code,
            "reason": "Error" if life.exit_code else "Completed",
            "message": life.message,
            "startedAt": timestamp(life.started),
            "finishedAt": timestamp(life.since),
        }
    }


def _seen(life: Life) -> _Look:
    return life.phase, life.restarts, life.reason, life.message


def _happened(pod: Object, instance: Instance, seen: _Seen, before: _Seen) -> Iterator[Happened]:
    """What a scheduler and a kubelet tell of a pod, by what has become of its instance since it was seen last."""
    meta = pod["metadata"]
    if instance.phase is Phase.PENDING:
        yield Happened(WARNING, "FailedScheduling", instance.message, _SCHEDULER)
        return
    if not before or before[""][0] is Phase.PENDING:
        words = f"Successfully assigned {meta['namespace']}/{meta['name']} to {NODE}"
        yield Happened(NORMAL, "Scheduled", words, _SCHEDULER)
    for name, look in seen.items():
        was = before.get(name)
        if look != was:
            life = instance.sidecars.get(name, instance)
            yield from _happened_to(_container_of(pod, name), life, was[0] if was else None, meta)
    leaving = instance.phase in _LEAVING
    if leaving and not (before and before[""][0] in _LEAVING):
        for name in seen:
            yield _told(NORMAL, "Killing", f"Stopping container {_container_of(pod, name)['name']}")


def _container_of(pod: Object, sidecar: str) -> Object:
    name = sidecar or pod["metadata"]["annotations"][DEFAULT_CONTAINER]
    found: Object = next(each for each in pod["spec"]["containers"] if each["name"] == name)
    return found


def _happened_to(container: Object, life: Life, before: Phase | None, pod: Object) -> Iterator[Happened]:
    """What a kubelet tells of one container. `pod` is its pod's metadata."""
    match life.phase:
        case Phase.READY if before in _NOT_STARTED:
            yield from _started(container["image"])
        case Phase.BACK_OFF if life.reason == "ImagePullBackOff":
            yield _told(NORMAL, "BackOff", f'Back-off pulling image "{container["image"]}"')
            yield _told(WARNING, "Failed", "Error: ImagePullBackOff")
        case Phase.BACK_OFF if life.reason:
            yield _told(WARNING, "Failed", f"Error: {life.message}")
        case Phase.BACK_OFF:
            if before in _NOT_STARTED:
                yield from _started(container["image"])
            at = f"{pod['name']}_{pod['namespace']}({pod['uid']})"
            yield _told(WARNING, "BackOff", f"Back-off restarting failed container {container['name']} in pod {at}")
        case Phase.STARTING | Phase.UNREADY if life.message and life.exit_code is None and not life.reason:
            yield _told(WARNING, "Unhealthy", f"Readiness probe failed: {life.message}")


def _started(image: str) -> Iterator[Happened]:
    yield _told(
        NORMAL, "Pulled", f'Container image "{image}" already present on machine and can be accessed by the pod'
    )
    yield _told(NORMAL, "Created", "Container created")
    yield _told(NORMAL, "Started", "Container started")


def _told(type_: str, reason: str, message: str) -> Happened:
    return Happened(type_, reason, message, "kubelet")
