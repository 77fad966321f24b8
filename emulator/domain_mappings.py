"""A DomainMapping's way to a host of the cluster: the claim of its name, what it refers to, and its status."""

from collections.abc import Iterable, Mapping

from emulator.api import kinds
from emulator.api.kinds import CLUSTER_DOMAIN_CLAIM, DOMAIN_MAPPING
from emulator.api.store import Key, Object, Store, is_deleted
from emulator.core.domain_mapping import (
    FINALIZER,
    Host,
    Problem,
    claim,
    claim_problem,
    is_claimed,
    mapping_status,
    resolve,
)
from emulator.core.domains import NetworkConfig
from emulator.core.settings import load
from emulator.events import WARNING, Events, Happened
from emulator.finalizers import Finalizer
from emulator.route_tables import RouteTables
from emulator.shown import Shown

_COMPONENT = "domainmapping-controller"
#: Who has the emulator to himself may have any name, so claims are made where config-network doesn't speak of it (in a
#: cluster they are not). It is said in the old spelling: both of the user's win over it.
AUTOCREATE = {"autocreateClusterDomainClaims": "true"}


class DomainMappingReconciler:
    """Reconciles DomainMappings. `tables` are where the gateway is told of their names."""

    def __init__(
        self,
        store: Store,
        config_maps: Mapping[str, Mapping[str, str]],
        tables: RouteTables,
        events: Events,
        shown: Shown,
    ) -> None:
        """Raises ConfigError."""
        self._store = store
        self._tables = tables
        self._events = events
        self._shown = shown
        network = load(NetworkConfig, {**AUTOCREATE, **config_maps.get("config-network", {})})
        self._autocreate = network.autocreate_cluster_domain_claims
        self._finalizer = Finalizer(store, events, DOMAIN_MAPPING, FINALIZER, _COMPONENT)

    def named(self, name: str) -> Iterable[Key]:
        """Keys of the mappings of a name, in whatever namespace: one claim decides among them."""
        return [_key(each) for each in self._store.all(DOMAIN_MAPPING) if each["metadata"]["name"] == name]

    def within(self, namespace: str) -> Iterable[Key]:
        """Keys of the mappings that may refer to an object of a namespace."""
        return [_key(each) for each in self._store.all(DOMAIN_MAPPING, namespace)]

    def reconcile(self, key: Key, now: float) -> None:
        """One pass over a DomainMapping at `now` (Unix seconds)."""
        mapping = self._store.find(DOMAIN_MAPPING, *key)
        if mapping is None or is_deleted(mapping):
            self._tables.unmap(key)
            if mapping is not None:
                self._give_up(mapping)
            return
        mapping = self._finalizer.hold(mapping, held=True)
        found, led = self._claimed(mapping) or self._resolved(mapping), False
        if isinstance(found, Host):
            led = self._tables.map(key, found.name)
            self._shown.mapping(mapping, found)
        problem = found if isinstance(found, Problem) else None
        status = mapping_status(mapping, self._tables.url(key[1]), problem, now, led=led)
        if problem and status != mapping.get("status"):
            self._events.tell(mapping, Happened(WARNING, "InternalError", problem.words, _COMPONENT))
        self._store.update_status(DOMAIN_MAPPING, mapping, status)

    def _claimed(self, mapping: Object) -> Problem | None:
        """Make sure of the mapping's name, or say why it can't be had."""
        stored = self._claim_of(mapping)
        problem = claim_problem(mapping, stored, autocreate=self._autocreate)
        if stored is None and problem is None:
            self._store.create(CLUSTER_DOMAIN_CLAIM, claim(mapping))
        return problem

    def _resolved(self, mapping: Object) -> Host | Problem:
        ref = mapping["spec"]["ref"]
        kind = kinds.by_type(ref["apiVersion"], ref["kind"])
        return resolve(ref, self._store.find(kind, ref["namespace"], ref["name"]) if kind else None)

    def _give_up(self, mapping: Object) -> None:
        """The claim is only the controller's to delete where it is the controller's to make."""
        if self._autocreate and is_claimed(mapping, self._claim_of(mapping)):
            self._store.delete(CLUSTER_DOMAIN_CLAIM, "", mapping["metadata"]["name"])
        self._finalizer.hold(mapping, held=False)

    def _claim_of(self, mapping: Object) -> Object | None:
        return self._store.find(CLUSTER_DOMAIN_CLAIM, "", mapping["metadata"]["name"])


def _key(mapping: Object) -> Key:
    return mapping["metadata"]["namespace"], mapping["metadata"]["name"]
