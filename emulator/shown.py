"""Keeps what a cluster has for each revision and Route stored: see core.revision_objects and core.ingress."""

from collections.abc import Iterable, Mapping
from typing import Any

from emulator.api import kinds
from emulator.api.kinds import Kind
from emulator.api.store import Object, Store
from emulator.core import revision_objects as made
from emulator.core.children import added, merged
from emulator.core.domain_mapping import Host
from emulator.core.ingress import Way, ingress, mapping_ingress
from emulator.core.instance import Phase
from emulator.core.scaler import Mode
from emulator.core.shown_conditions import stamped
from emulator.core.status import is_controlled_by
from emulator.dataplane.door import Endpoint
from emulator.events import Events, created, pod_created, scaled
from emulator.pods import NODE
from emulator.revision import RevisionController

#: Where the activator answers: the emulator itself.
_ACTIVATOR = made.Address("127.0.0.1", NODE)


class Shown:
    """Stores objects that are there to be seen; where nobody is there to see, none."""

    def __init__(self, store: Store, events: Events, *, shown: bool) -> None:
        self._store = store
        self._events = events
        self._shown = shown

    def put(self, kind: Kind, wanted: Object) -> Object:
        """Make a stored object say this; its conditions are given by type, and its generation is filled in."""
        meta = wanted["metadata"]
        stored = self._store.find(kind, meta["namespace"], meta["name"])
        bare = {key: value for key, value in wanted.items() if key != "status"}
        if stored is None:
            stored = self._store.create(kind, bare)
        elif (whole := merged(bare, stored)) != {key: value for key, value in stored.items() if key != "status"}:
            stored = self._store.update(kind, whole)
        return stored if "status" not in wanted else self._with_status(kind, stored, wanted["status"])

    def revision(self, stored: Object, living: RevisionController, pods: Iterable[str]) -> None:
        """Make the objects of a stored Revision say what its controller knows; `pods` are those that are new."""
        facts = living.facts()
        if not self._shown or facts.image_error or facts.deployment is None:
            return
        replicas = living.replicas
        seen = made.Seen(
            living.scaler.outcome,
            living.scaler.spec,
            replicas.replica_set,
            wanted=replicas.wanted,
            alive=replicas.alive,
            ready=tuple(self._address(each, replicas.key.namespace) for each in replicas.endpoints()),
            leaving=replicas.count(Phase.DRAINING, Phase.STOPPING),
            timed_out=facts.deployment.timed_out,
        )
        deployment = self.put(kinds.DEPLOYMENT, made.deployment(stored, seen))
        self._scale(deployment, made.replica_set(deployment, seen), pods)
        autoscaler = self.put(kinds.POD_AUTOSCALER, made.pod_autoscaler(stored, seen))
        self.put(kinds.METRIC, made.metric(stored, seen, autoscaler))
        serverless = self.put(kinds.SERVERLESS_SERVICE, made.serverless_service(stored, seen, autoscaler))
        proxied = seen.outcome.mode is Mode.PROXY or not seen.ready
        endpoints = ((_ACTIVATOR,) if proxied else seen.ready), seen.ready
        for wanted, addresses in zip(made.services(stored, seen, serverless), endpoints, strict=True):
            if service := self._service(wanted, serverless):
                self.put(kinds.ENDPOINT_SLICE, made.endpoint_slice(service, addresses))

    def _scale(self, deployment: Object, wanted: Object, pods: Iterable[str]) -> None:
        """Store the ReplicaSet of a Deployment, and tell of both what their controllers have done."""
        meta, replicas = wanted["metadata"], wanted["spec"]["replicas"]
        before = self._store.find(kinds.REPLICA_SET, meta["namespace"], meta["name"])
        was = before["spec"]["replicas"] if before else 0
        stored = self.put(kinds.REPLICA_SET, wanted)
        if replicas != was:
            self._events.tell(deployment, scaled(meta["name"], was, replicas))
        self._events.tell(stored, *(pod_created(name) for name in pods))

    def _service(self, wanted: Object, serverless: Object) -> Object | None:
        """A Service of a revision, which users may label; None where another has its name, and keeps it."""
        stored = self._store.find(kinds.CORE_SERVICE, wanted["metadata"]["namespace"], wanted["metadata"]["name"])
        if stored is None:
            return self._store.create(kinds.CORE_SERVICE, wanted)
        if not is_controlled_by(stored, serverless):
            return None
        return self._store.update(kinds.CORE_SERVICE, added(wanted, stored))

    def _address(self, endpoint: Endpoint, namespace: str) -> made.Address:
        pod = self._store.find(kinds.POD, namespace, endpoint.instance)
        return made.Address(endpoint.host, NODE, endpoint.instance, pod["metadata"]["uid"] if pod else "")

    def route(self, route: Object, way: Way) -> None:
        """Make the Ingress of a stored Route say where it leads."""
        if not self._shown:
            return
        self._ingress(route, ingress(route, way), "route-controller")

    def mapping(self, mapping: Object, host: Host) -> None:
        """Make the Ingress of a stored DomainMapping say which host it leads to."""
        if self._shown:
            self._ingress(mapping, mapping_ingress(mapping, host), "domainmapping-controller")

    def _ingress(self, owner: Object, wanted: Object, component: str) -> None:
        meta = wanted["metadata"]
        new = self._store.find(kinds.INGRESS, meta["namespace"], meta["name"]) is None
        self.put(kinds.INGRESS, wanted)
        if new:
            self._events.tell(owner, created("Ingress", meta["name"], component))

    def _with_status(self, kind: Kind, stored: Object, status: Mapping[str, Any]) -> Object:
        whole = dict(status)
        if "conditions" in whole:
            before = stored.get("status", {}).get("conditions", ())
            whole["conditions"] = stamped(whole["conditions"], before, self._store.clock.now())
        if kind.counts_generations:
            whole["observedGeneration"] = stored["metadata"]["generation"]
        return self._store.update_status(kind, stored, whole)
