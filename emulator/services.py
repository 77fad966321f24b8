"""A Service's way to what runs: its Configuration and Route, a Revision for each generation, their statuses, the hosts.

One pass over a Service does the work of four controllers in their order, so that each sees what the one before it made.
Passes are called for by changes: of the Service or what it owns, or of what is known of one of its revisions.
"""

from collections.abc import Iterable, Mapping

from emulator.api.kinds import CONFIGURATION, REVISION, ROUTE, SERVICE, Kind
from emulator.api.store import Change, Object, Store
from emulator.core import annotations as keys
from emulator.core import children
from emulator.core.conditions import timestamp
from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.naming import RouteNames, Visibility, revision_name
from emulator.core.revision import RevisionKey
from emulator.core.revision_status import revision_status
from emulator.core.settings import load
from emulator.core.status import RouteFacts, configuration_status, name_conflict, route_status, service_status
from emulator.core.traffic import DEFAULT, assign, rollout_goal, splits, status_traffic
from emulator.dataplane.door import Plane, Target
from emulator.revision import RevisionController

#: The domain of hosts where config-domain names none: curl and browsers resolve all of it to the loopback.
LOCAL_DOMAINS = {"localhost": ""}
#: Bare hosts that lead to the public service while there is just one.
BARE_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class ServiceReconciler:
    """Reconciles Services. `revisions` are the living ones, by key."""

    def __init__(
        self,
        store: Store,
        config_maps: Mapping[str, Mapping[str, str]],
        revisions: Mapping[RevisionKey, RevisionController],
    ) -> None:
        """Raises ConfigError."""
        self._store = store
        self._revisions = revisions
        self._network = load(NetworkConfig, config_maps.get("config-network", {}))
        self._domains = DomainConfig.parse(config_maps.get("config-domain", LOCAL_DOMAINS))
        self._dirty: set[RevisionKey] = set()
        self._public: dict[RevisionKey, tuple[Mapping[str, tuple[Target, ...]], tuple[Target, ...]]] = {}

    def connect(self, plane: Plane, port: int) -> None:
        """Name the data plane and the port that URLs carry."""
        self._plane = plane
        self._port = port

    def changed(self, change: Change) -> None:
        """Look again at the Service that a changed object is, or belongs to."""
        meta = change.object["metadata"]
        if change.kind is SERVICE:
            self.look_at(meta["namespace"], meta["name"])
        elif change.kind in {CONFIGURATION, ROUTE, REVISION}:
            self.look_at(meta["namespace"], meta["labels"][keys.SERVICE_LABEL])

    def look_at(self, namespace: str, name: str) -> None:
        """Reconcile this Service at the next pass."""
        self._dirty.add(RevisionKey(namespace, name))

    def reconcile(self, now: float) -> None:
        """One pass over all Services that have something new about them."""
        while self._dirty:
            namespace, name = self._dirty.pop()
            service = self._store.find(SERVICE, namespace, name)
            if service is None:
                self._publish(RevisionKey(namespace, name), {})
            else:
                self._reconcile(service, now)

    def _reconcile(self, service: Object, now: float) -> None:
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        configuration = self._put(CONFIGURATION, children.configuration(service))
        route = self._put(ROUTE, children.route(service))
        created, conflict = self._revision(configuration, now)
        revisions = [self._with_status(revision, now) for revision in self._revisions_of(configuration)]
        status = configuration_status(configuration, created, revisions, now, creation_error=conflict)
        configuration = self._store.update_status(CONFIGURATION, configuration, status)
        facts = self._assign(route, configuration, revisions)
        route = self._store.update_status(ROUTE, route, route_status(route, facts, now))
        self._mark_routed(revisions, configuration, route, now)
        service = self._store.get(SERVICE, namespace, name)
        status = service_status(service, configuration, route, now, name_conflict=conflict)
        self._store.update_status(SERVICE, service, status)

    def _put(self, kind: Kind, wanted: Object) -> Object:
        meta = wanted["metadata"]
        stored = self._store.find(kind, meta["namespace"], meta["name"])
        if stored is None:
            return self._store.create(kind, wanted)
        return self._store.update(kind, children.merged(wanted, stored))

    def _revision(self, configuration: Object, now: float) -> tuple[str, str]:
        """The name of the Revision for a Configuration's generation, made if it is missing, or why it can't be."""
        meta = configuration["metadata"]
        of = configuration["spec"]["template"].get("metadata") or {}
        name = revision_name(meta["name"], meta["generation"], of.get("name") or "")
        named = self._store.find(REVISION, meta["namespace"], name)
        if named is None:
            self._store.create(REVISION, children.revision(configuration, name, timestamp(now)))
        return name, name_conflict(configuration, named)

    def _revisions_of(self, configuration: Object) -> Iterable[Object]:
        meta = configuration["metadata"]
        return [
            revision
            for revision in self._store.all(REVISION, meta["namespace"])
            if revision["metadata"]["labels"].get(keys.CONFIGURATION_LABEL) == meta["name"]
        ]

    def _with_status(self, revision: Object, now: float) -> Object:
        living = self._revisions.get(RevisionKey(revision["metadata"]["namespace"], revision["metadata"]["name"]))
        if living is None:
            return revision
        return self._store.update_status(REVISION, revision, revision_status(revision, living.facts(), now))

    def _assign(self, route: Object, configuration: Object, revisions: Iterable[Object]) -> RouteFacts:
        """Lead the Route's hosts to the revisions that its traffic names, once all of them are ready.

        Until then, and when one of them is not ready any more, the gateway's table stays as it is.
        """
        meta = route["metadata"]
        namespace, name = meta["namespace"], meta["name"]
        names = RouteNames(
            *(name, namespace, self._network, self._domains, meta["labels"], meta["annotations"]), port=self._port
        )
        address = f"http://{names.service_host}"
        url = names.url(DEFAULT, names.visibility(DEFAULT, {}))
        traffic = assign(route, {name: configuration}, {r["metadata"]["name"]: r for r in revisions})
        if traffic.problem:
            return RouteFacts(url, address, problem=traffic.problem.condition)
        rest = rollout_goal(traffic)
        visibility = {tag: names.visibility(tag, {}) for tag in traffic.targets}
        hosts = {
            host: tuple(Target(RevisionKey(namespace, share.revision), share.percent) for share in shares)
            for tag, shares in splits(traffic, rest).items()
            if visibility[tag] is Visibility.EXTERNAL
            for host in names.hosts(tag, visibility[tag])
        }
        self._publish(RevisionKey(namespace, name), hosts, names.domain(DEFAULT, visibility[DEFAULT]))
        entries = status_traffic(traffic, rest, names, visibility)
        return RouteFacts(url, address, traffic=entries, ingress_ready=True)

    def _mark_routed(self, revisions: Iterable[Object], configuration: Object, route: Object, now: float) -> None:
        """Say of each revision whether a route leads to it, or is about to: one that none leads to may go to zero."""
        routed = {
            configuration["status"].get(name) for name in ("latestCreatedRevisionName", "latestReadyRevisionName")
        }
        routed |= {target["revisionName"] for target in route["status"].get("traffic", ())}
        for revision in revisions:
            meta = revision["metadata"]
            active = meta["name"] in routed
            marked = children.with_routing_state(revision, "active" if active else "reserve", timestamp(now))
            self._store.update(REVISION, marked)
            self._revisions[RevisionKey(meta["namespace"], meta["name"])].scaler.set_reachable(active, now)

    def _publish(self, service: RevisionKey, hosts: Mapping[str, tuple[Target, ...]], main: str = "") -> None:
        """Put the hosts of a Service into the gateway's table; without hosts it leaves the table.

        `main` is the host of the Service itself: where it is the only public one, the bare hosts lead there too.
        """
        before = self._public.get(service)
        if hosts:
            self._public[service] = (hosts, hosts.get(main, ()))
        else:
            self._public.pop(service, None)
        if self._public.get(service) == before:
            return
        table = {host: targets for hosts, _ in self._public.values() for host, targets in hosts.items()}
        if len(self._public) == 1:
            [(_, targets)] = self._public.values()
            table |= dict.fromkeys(BARE_HOSTS, targets) if targets else {}
        self._plane.set_routes(table)
