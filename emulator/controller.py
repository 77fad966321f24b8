"""Observe, plan, act: the only writer of status, and the only one who tells the data plane and the node what to do.

What happens is left at its doors (`changed`, `demanded`, `reported`), which never block; `step` then does all that is
due, and says when it wants to be called next. On the wall's clock `step` is called by a greenlet, on a simulated one by
the simulation.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from math import inf
from typing import Any

from emulator.api import kinds
from emulator.api.store import Change, Object, Store, is_deleted
from emulator.core import annotations as keys
from emulator.core.clock import Clock
from emulator.core.environment import Lookup, environment
from emulator.core.pod_template import pod_template
from emulator.core.resources import Container, RevisionSpec, revision_spec
from emulator.core.revision import RevisionKey
from emulator.core.scheduling import ENDLESS, Amounts, requests_of, total
from emulator.core.scheduling import Node as Capacity
from emulator.core.volumes import volume_files
from emulator.dataplane.door import Backend, Plane, RevisionStat
from emulator.describe import describe
from emulator.events import KEPT_EVENTS, Events
from emulator.pods import Pods
from emulator.record.history import History
from emulator.replicas import Replicas
from emulator.revision import RevisionController
from emulator.runtimes.base import Launch, Node, Report
from emulator.scaling import RevisionScaler, ScalingConfig, next_report
from emulator.serving import Serving
from emulator.shown import Shown

#: (container, lookup) -> its environment.
Resolver = Callable[[Mapping[str, Any], Lookup], dict[str, str]]


class Controller:
    """Runs everything that the store's objects ask for. `wake` is called when there is something to do.

    `history` is what it decided of late.
    """

    def __init__(
        self,
        clock: Clock,
        store: Store,
        config_maps: Mapping[str, Mapping[str, str]],
        wake: Callable[[], None],
        rng: random.Random | None = None,
        *,
        most: float = inf,
        capacity: Capacity = ENDLESS,
        resolve: Resolver = environment,
        shown: bool = True,
    ) -> None:
        """Raises ConfigError for a ConfigMap that can't be used.

        `most` is how many instances are made at most, `capacity` what the node has for them; `resolve` makes a
        container's environment. `shown` says whether there is anybody to show the cluster's own objects and Events to:
        a simulation has nobody.
        """
        self._clock = clock
        self._store = store
        self._config = ScalingConfig.read(config_maps)
        self._wake = wake
        self._rng = rng or random.Random()  # noqa: S311 - names of instances
        self._most = most
        self._capacity = capacity
        self._resolve = resolve
        self._revisions: dict[RevisionKey, RevisionController] = {}
        self._retired: list[RevisionController] = []
        self._events = Events(store, KEPT_EVENTS if shown else 0)
        self._pods = Pods(store, self._events)
        self._shown = Shown(store, self._events, shown=shown)
        self._serving = Serving(store, config_maps, self._revisions, self._events, self._shown)
        self._started = clock.now()
        self.history = History(self._started, config_maps)
        self._next_report = next_report(self._started)
        store.subscribe(self.changed)

    def connect(self, plane: Plane, node: Node, port: int) -> None:
        """Name the data plane, the node, and the port under which the gateway is reached."""
        self._plane = plane
        self._node = node
        self._port = port
        self._serving.connect(plane, port)

    def changed(self, change: Change) -> None:
        """An object was stored or deleted."""
        if change.kind in kinds.SHOWN:
            return
        if change.kind is kinds.REVISION:
            self._follow(change)
        elif change.kind is kinds.POD and is_deleted(change.object):
            for revision in self._all():
                revision.evict(change.object["metadata"]["name"], self._clock.now())
        self._serving.changed(change)
        self._wake()

    def demanded(self, key: RevisionKey) -> None:
        """The first request of an idle revision: one request at a time, from now."""
        revision = self._revisions.get(key)
        if revision is not None:
            revision.record(RevisionStat(key, 1.0, 1.0), self._clock.now())
            self._wake()

    def reported(self, report: Report) -> None:
        """Something became of an instance."""
        now = self._clock.now()
        for revision in self._all():
            revision.take(report, now)
        self._wake()

    def step(self) -> float:
        """Do all that is due, and nothing about what is not; returns when something is due next (Unix seconds)."""
        now = self._clock.now()
        if now >= self._next_report:
            stats = {stat.revision: stat for stat in self._plane.report()}
            for key, revision in self._revisions.items():
                revision.record(stats.get(key), now)
            self._next_report = next_report(now)
        self._serving.reconcile(now)
        place = self._place_for_more()
        stepped = [each for each in self._all() if each.due <= now or (place and each.replicas.short)]
        for revision in stepped:
            revision.step(now)
        self.history.look(stepped, now)
        self._show_changes()
        expires = self._events.expire(now)
        again = self._serving.reconcile(now)
        due = min((revision.due for revision in self._all()), default=again)
        if self._place_for_more() and not place:
            due = now
        return max(now, min(self._next_report, again, expires, due))

    def describe(self) -> dict[str, Any]:
        """The document of `knative-emulator status`."""
        now = self._clock.now()
        described = describe(self._store, self._revisions, self._plane, now)
        return {"gateway": f"http://localhost:{self._port}", "up": now - self._started} | described

    @property
    def revisions(self) -> Mapping[RevisionKey, RevisionController]:
        """The living ones."""
        return self._revisions

    def _all(self) -> Iterator[RevisionController]:
        return chain(self._revisions.values(), self._retired)

    def _show_changes(self) -> None:
        for revision in self._all():
            if revision.changed:
                revision.changed = False
                pods = self._pods.update(revision.document, revision.replicas)
                meta = revision.document["metadata"]
                stored = self._store.find(kinds.REVISION, meta["namespace"], meta["name"])
                if stored and stored["metadata"]["uid"] == meta["uid"]:
                    self._shown.revision(stored, revision, pods)
                self._serving.look_at(kinds.REVISION, meta["namespace"], meta["name"])
        self._retired = [revision for revision in self._retired if not revision.gone]

    def _follow(self, change: Change) -> None:
        meta = change.object["metadata"]
        key = RevisionKey(meta["namespace"], meta["name"])
        if change.verb == "ADDED":
            self._revisions[key] = self._bring_up(key, change.object)
            if "status" in change.object:
                self._revisions[key].resume(self._clock.now())
        elif change.verb == "MODIFIED":
            self._revisions[key].describe_anew(change.object, self._clock.now())
        elif change.verb == "DELETED":
            gone = self._revisions.pop(key)
            gone.retire()
            self._retired.append(gone)

    def _bring_up(self, key: RevisionKey, revision: Object) -> RevisionController:
        spec = revision_spec(revision)
        limits = Backend(
            container_concurrency=spec.container_concurrency,
            timeout=spec.timeout,
            response_start_timeout=spec.response_start_timeout,
            idle_timeout=spec.idle_timeout,
        )
        scaler = RevisionScaler(spec.annotations, spec.container_concurrency, self._config, self._clock.now())
        replicas = Replicas(
            key,
            timeout=spec.timeout,
            h2c=spec.is_http2,
            node=self._node,
            plane=self._plane,
            launch=partial(self._launch, key, spec, revision),
            room=self._room,
            requests=requests_of(pod_template(revision)["spec"]),
            refusal=lambda requests: self._capacity.refusal(requests, self._scheduled(), self._requested),
            rng=self._rng,
        )
        return RevisionController(revision, limits, scaler, replicas, self._plane)

    def _room(self) -> float:
        most = min(self._most, self._capacity.pods)
        return most - sum(revision.replicas.alive for revision in self._revisions.values())

    def _place_for_more(self) -> bool:
        """Whether those that wait for a place are to look again."""
        return any(each.replicas.short for each in self._all()) and self._scheduled() < self._capacity.pods

    def _scheduled(self) -> int:
        return sum(revision.replicas.scheduled for revision in self._all())

    def _requested(self) -> Amounts:
        """What all instances that have a place request together."""
        return total((each.replicas.requests, each.replicas.scheduled) for each in self._all())

    def _launch(self, key: RevisionKey, spec: RevisionSpec, revision: Object, instance: str) -> Launch:
        """What one instance of a revision runs, with its environment as of now. Raises UnresolvedReference."""
        labels, lookup = revision["metadata"].get("labels", {}), partial(self._lookup, key.namespace)
        contract = {
            "K_SERVICE": labels.get(keys.SERVICE_LABEL, ""),
            "K_CONFIGURATION": labels.get(keys.CONFIGURATION_LABEL, ""),
            "K_REVISION": key.name,
        }
        files = volume_files(revision["spec"], lookup)

        def launch(container: Container, port: int, **beside: Any) -> Launch:
            return Launch(
                instance,
                key,
                container.image,
                container.command,
                container.args,
                self._resolve(container.document, lookup) | contract,
                container.working_dir,
                port,
                container.probes,
                container.document,
                revision["spec"],
                files,
                **beside,
            )

        sidecars = tuple(launch(each, 0, sidecar=each.name) for each in spec.sidecars)
        return launch(spec.serving, spec.port, sidecars=sidecars)

    def _lookup(self, namespace: str, kind: str, name: str) -> Object | None:
        return self._store.find(kinds.SECRET if kind == "Secret" else kinds.CONFIG_MAP, namespace, name)
