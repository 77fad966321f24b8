"""The way from hosts to revisions: what the gateway is told of each Route, at once or in the steps of a rollout.

DomainMappings are told to it as further names of a Route's hosts, so they go wherever the Route goes.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from emulator.api.store import Key, Object
from emulator.core import annotations as keys
from emulator.core.conditions import Condition
from emulator.core.config_defaults import ENABLED, features
from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.gotext import parse_duration
from emulator.core.ingress import Way
from emulator.core.naming import DomainError, RouteNames, Visibility, external_url
from emulator.core.revision import RevisionKey
from emulator.core.rollout import Rollout, advance, is_done
from emulator.core.settings import load
from emulator.core.status import RouteFacts
from emulator.core.traffic import DEFAULT, Traffic, rollout_goal, splits, status_traffic
from emulator.dataplane.door import ByHeader, Plane, Routes, Target
from emulator.placeholders import Placeholders

#: The domain of hosts where config-domain names none: curl and browsers resolve all of it to the loopback.
LOCAL_DOMAINS = {"localhost": ""}
#: Bare hosts that lead to the public service while there is just one.
BARE_HOSTS = ("localhost", "127.0.0.1", "[::1]")

#: Seconds after which a Route is looked at again one of whose names another's Service has.
RETRY_SECONDS = 1.0

_SECOND: Final = 10**9
#: Unix seconds as a float are good to a quarter of a microsecond: a step looked for that much early is not due yet.
_CLOCK_STEP: Final = 1e-6


class Led(NamedTuple):
    """What a pass over a Route came to; `due` is when there is more to do (Unix seconds), None when there is not.

    `way` is where it leads now, None where that stays as it was.
    """

    facts: RouteFacts
    due: float | None
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class _Hosts:
    """The hosts of one Route. `own` is its own public one, empty if it has none; `by_header` are those of all."""

    public: Routes = field(default_factory=dict)
    private: Routes = field(default_factory=dict)
    own: str = ""
    by_header: Mapping[str, ByHeader] = field(default_factory=dict)


class RouteTables:
    """Keeps the gateway's two tables, public and cluster-local, those of all Routes by their keys."""

    def __init__(self, config_maps: Mapping[str, Mapping[str, str]], placeholders: Placeholders) -> None:
        """Raises ConfigError."""
        self._placeholders = placeholders
        self._network = load(NetworkConfig, config_maps.get("config-network", {}))
        self._by_header = features(config_maps.get("config-features", {}))["tag-header-based-routing"] == ENABLED
        self._domains = DomainConfig.parse(config_maps.get("config-domain", LOCAL_DOMAINS))
        self._hosts: dict[Key, _Hosts] = {}
        self._rollouts: dict[Key, Rollout] = {}
        #: The cluster-local host that each DomainMapping leads to.
        self._mapped: dict[Key, str] = {}

    def connect(self, plane: Plane, port: int) -> None:
        """Name the data plane and the port that public URLs carry."""
        self._plane = plane
        self._port = port

    def forget(self, key: Key) -> None:
        """The Route is gone."""
        self._rollouts.pop(key, None)
        if self._hosts.pop(key, None):
            self._publish()

    def url(self, host: str) -> str:
        """Where a public host is reached."""
        return external_url(self._network, host, self._port)

    def map(self, mapping: Key, host: str) -> bool:
        """Lead a DomainMapping's name where a cluster-local host leads, now and later; whether that is anywhere now.

        Of several mappings of one name the newest has it: whoever claims the name later, rightly has it then.
        """
        if self._mapped.get(mapping) != host:
            self._mapped[mapping] = host
            self._publish()
        return any(host in each.private for each in self._hosts.values())

    def unmap(self, mapping: Key) -> None:
        """The DomainMapping is gone."""
        if self._mapped.pop(mapping, None):
            self._publish()

    def lead(self, route: Object, traffic: Traffic, revisions: Container[str], now: float) -> Led:
        """Lead the Route's hosts to the revisions that its traffic came to, once all of them are ready.

        Until then, and when one of them is not ready any more, the tables stay as they are. `revisions` are all that
        there are in its namespace.
        """
        meta = route["metadata"]
        key = meta["namespace"], meta["name"]
        labels, annotations = meta.get("labels", {}), meta.get("annotations", {})
        names = RouteNames(
            meta["name"], meta["namespace"], self._network, self._domains, labels, annotations, self._port
        )
        address = f"http://{names.service_host}"
        labelled = self._placeholders.labels(route)
        visibility = {tag: names.visibility(tag, labelled) for tag in {DEFAULT, *traffic.targets}}
        try:
            url = names.url(DEFAULT, visibility[DEFAULT])
            if traffic.problem:
                return Led(RouteFacts(url, address, problem=traffic.problem.condition), None)
            if taken := self._placeholders.taken(route, map(names.hostname, visibility)):
                return Led(RouteFacts(url, address, taken=taken), now + RETRY_SECONDS)
            rollout, due = self._advanced(key, route, traffic, revisions, now)
            way = Way(names, rollout, splits(traffic, rollout), visibility, self._by_header)
            hosts = _hosts(way)
            entries = status_traffic(traffic, rollout, names, visibility)
        except DomainError as error:
            return Led(RouteFacts("", address, problem=Condition("False", "InvalidDomain", f"{error}.")), None)
        self._rollouts[key] = rollout
        if self._hosts.get(key) != hosts:
            self._hosts[key] = hosts
            self._publish()
        facts = RouteFacts(url, address, traffic=entries, ingress_ready=True, rolling_out=not is_done(rollout))
        return Led(facts, due, way)

    def _advanced(
        self, key: Key, route: Object, traffic: Traffic, revisions: Container[str], now: float
    ) -> tuple[Rollout, float | None]:
        """The rollout after a pass at `now`, and when the next one is due."""
        previous = self._rollouts.get(key, ())
        if any(share.revision not in revisions for one in previous for share in one.shares):
            previous = ()  # A revision that had a share was deleted: nothing to go on from.
        duration = self._duration(route)
        # The gateway takes a table at once, so what an earlier pass gave to a new revision has arrived by now.
        rollout, wait = advance(rollout_goal(traffic), previous, round(now * _SECOND), duration, ingress_ready=True)
        if wait is not None:
            return rollout, now + wait + _CLOCK_STEP
        return rollout, None if is_done(rollout) else now

    def _duration(self, route: Object) -> float:
        """Seconds that a rollout of this Route takes: its own, or the default of all."""
        text = keys.ROLLOUT_DURATION.value(route["metadata"].get("annotations", {}))
        own = parse_duration(text) if text else 0.0
        return own if own > 0 else self._network.rollout_duration

    def _publish(self) -> None:
        public = {host: targets for each in self._hosts.values() for host, targets in each.public.items()}
        private = {host: targets for each in self._hosts.values() for host, targets in each.private.items()}
        by_header = {host: header for each in self._hosts.values() for host, header in each.by_header.items()}
        own = [each.own for each in self._hosts.values() if each.public]
        # Further names of hosts; those come first that are a Route's own.
        also = {name: host for (_, name), host in self._mapped.items() if host in private and name not in public}
        names = {name: private[host] for name, host in also.items()}
        if len(own) == 1 and own[0]:
            also |= dict.fromkeys(BARE_HOSTS, own[0])
            public |= dict.fromkeys(BARE_HOSTS, public[own[0]])
        by_header |= {name: by_header[host] for name, host in also.items() if host in by_header}
        self._plane.set_routes(names | public, private, names.keys() - public.keys(), by_header)


def _hosts(way: Way) -> _Hosts:
    """All hosts of a Route; every target has cluster-local ones. Raises DomainError."""
    names = way.names
    public: dict[str, tuple[Target, ...]] = {}
    private: dict[str, tuple[Target, ...]] = {}
    by_header: dict[str, ByHeader] = {}
    by_tag = {
        tag: tuple(Target(RevisionKey(names.namespace, share.revision), share.percent) for share in shares)
        for tag, shares in way.shares.items()
    }
    others = {tag: targets for tag, targets in by_tag.items() if tag != DEFAULT}
    for tag, targets in by_tag.items():
        private |= (local := dict.fromkeys(names.hosts(tag, Visibility.LOCAL), targets))
        external: dict[str, tuple[Target, ...]] = {}
        if way.visibility[tag] is Visibility.EXTERNAL:
            public |= (external := dict.fromkeys(names.hosts(tag, Visibility.EXTERNAL), targets))
        if way.by_header:
            header = ByHeader(tag) if tag != DEFAULT else ByHeader("", others)
            by_header |= dict.fromkeys((*local, *external), header)
    own = names.domain(DEFAULT, way.visibility[DEFAULT])
    return _Hosts(public, private, own if own in public else "", by_header)
