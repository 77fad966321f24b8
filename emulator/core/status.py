"""The statuses of Service, Configuration and Route: each from the stored object and those it depends on.

Follows knative/serving pkg/apis/serving/v1/{service,configuration,route}_lifecycle.go and pkg/reconciler/{service,
configuration,route}. Each function takes a stored object and gives its next status; nothing is changed in place.
`now` is Unix seconds. A Revision's status is in revision_status.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from emulator.core import annotations as keys
from emulator.core.conditions import READY, TRUE, UNKNOWN, Condition, Conditions, is_observed, is_ready, ready_of

Object = Mapping[str, Any]

CONFIGURATIONS: Final = "ConfigurationsReady"
ROUTES: Final = "RoutesReady"
TRAFFIC: Final = "AllTrafficAssigned"
INGRESS: Final = "IngressReady"
CERTIFICATE: Final = "CertificateProvisioned"

CONFIGURATION_OUT_OF_DATE: Final = Condition(
    "Unknown", "OutOfDate", "The Configuration is still working to reflect the latest desired specification."
)
ROUTE_OUT_OF_DATE: Final = Condition(
    "Unknown", "OutOfDate", "The Route is still working to reflect the latest desired specification."
)
TRAFFIC_NOT_MIGRATED: Final = Condition(
    "Unknown", "TrafficNotMigrated", "Traffic is not yet migrated to the latest revision."
)
INGRESS_NOT_CONFIGURED: Final = Condition("Unknown", "IngressNotConfigured", "Ingress has not yet been reconciled.")
ROLLOUT_IN_PROGRESS: Final = Condition(
    "Unknown", "RolloutInProgress", "A gradual rollout of the latest revision(s) is in progress."
)
TLS_NOT_ENABLED: Final = Condition("True", "TLSNotEnabled", "external-domain-tls is not enabled")

#: What a Service's status repeats of its Configuration's and its Route's.
_OF_CONFIGURATION: Final = ("latestCreatedRevisionName", "latestReadyRevisionName")
_OF_ROUTE: Final = ("url", "address", "traffic")
#: What a Route can't know while its spec is compared with its status.
_NOT_COMPARED: Final = frozenset({"url", "latestRevision"})


def not_owned(kind: str, name: str) -> Condition:
    return Condition("False", "NotOwned", f'There is an existing {kind} "{name}" that we do not own.')


def revision_name_taken(name: str) -> Condition:
    message = f'The revision name "{name}" is taken by a conflicting Revision, so traffic will not be migrated'
    return Condition("False", "RevisionNameTaken", message)


def revision_failed(name: str, message: str) -> Condition:
    return Condition("False", "RevisionFailed", f'Revision "{name}" failed with message: {message}.')


def revision_creation_failed(message: str) -> Condition:
    return Condition("False", "RevisionFailed", f"Revision creation failed with message: {message}.")


def revision_deleted(name: str) -> Condition:
    return Condition("False", "RevisionDeleted", f'Revision "{name}" was deleted.')


def is_controlled_by(child: Object, owner: Object) -> bool:
    """Whether one object is made and kept by another."""
    return owner["metadata"]["uid"] in controllers_of(child)


def controllers_of(document: Object) -> list[str]:
    """The uid of the object that makes and keeps this one; none for one that stands alone."""
    references = document["metadata"].get("ownerReferences") or ()
    return [reference["uid"] for reference in references if reference.get("controller")]


def given_name(document: Object) -> str:
    """The name that the template of a Service or Configuration gives to its revision, "" if it leaves that open."""
    return str((document["spec"]["template"].get("metadata") or {}).get("name", ""))


def name_conflict(configuration: Object, named: Object | None) -> str:
    """Why the name of a Configuration's next Revision can't be used, "" if it can.

    `named` is the stored Revision of that name. With a name that the template gives, the Configuration's own is taken
    up again if it is of this generation or has the same spec: so a template can go back to a name that it had before.
    A name made from the generation is known again by its labels alone.
    """
    if named is None:
        return ""
    same_generation = _generation(named) == configuration["metadata"]["generation"]
    if given_name(configuration):
        same_spec = configuration["spec"]["template"]["spec"] == named["spec"]
        own = is_controlled_by(named, configuration) and (same_generation or same_spec)
    else:
        own = same_generation and _configuration_of(named) == configuration["metadata"]["name"]
    if own:
        return ""
    return f'revisions.{keys.SERVING_GROUP} "{named["metadata"]["name"]}" already exists'


def service_status(
    service: Object, configuration: Object | None, route: Object | None, now: float, *, name_conflict: str = ""
) -> dict[str, Any]:
    """The next status of a Service; its children are None before they are made.

    `name_conflict` is what the function of that name says of the Configuration.
    """
    meta = service["metadata"]
    conditions = Conditions("Service", service.get("status"), meta["generation"])
    fields: dict[str, Any] = {}

    def done() -> dict[str, Any]:
        return conditions.status(now, **fields)

    if configuration is not None and not is_controlled_by(configuration, service):
        conditions.mark(CONFIGURATIONS, not_owned("Configuration", meta["name"]))
        return done()
    if configuration is not None and is_observed(configuration):
        fields |= _taken(configuration["status"], _OF_CONFIGURATION)
        follow_child(conditions, CONFIGURATIONS, ready_of(configuration))
    else:
        conditions.mark(CONFIGURATIONS, CONFIGURATION_OUT_OF_DATE)
        if given_name(service):
            # The Route must not lead to a revision of that name before the Configuration has seen whose it is.
            return done()
    if name_conflict:
        conditions.mark(ROUTES, revision_name_taken(given_name(service)))
        return done()

    if route is not None and not is_controlled_by(route, service):
        conditions.mark(ROUTES, not_owned("Route", meta["name"]))
        return done()
    if route is None or not is_observed(route):
        conditions.mark(ROUTES, ROUTE_OUT_OF_DATE)
        return done()
    fields |= _taken(route["status"], _OF_ROUTE)
    follow_child(conditions, ROUTES, ready_of(route))
    if conditions[ROUTES].status == "True" and not _is_migrated(route, configuration):
        conditions.mark(ROUTES, TRAFFIC_NOT_MIGRATED)
    return done()


def route_may_follow(service: Object, configuration: Object, *, name_conflict: str) -> bool:
    """Whether a Service's Route is made as the Service says now.

    Not before the Configuration has seen whose a revision is that the template names, and not if it is another's.
    """
    named = given_name(service)
    return is_controlled_by(configuration, service) and not (
        named and (name_conflict or not is_observed(configuration))
    )


def follow_child(conditions: Conditions, type_: str, ready: Condition | None) -> None:
    """Let a Service's condition follow a child's Ready; a child that has none yet changes nothing."""
    if ready is not None:
        conditions.follow(type_, ready)


@dataclass(slots=True)
class LatestRevisions:
    """The two names in a Configuration's status, and what becomes of Ready as they move."""

    conditions: Conditions
    created: str = ""
    ready: str = ""

    def created_is(self, name: str) -> None:
        self.created = name
        if self.ready != name:
            self.conditions.mark(READY, UNKNOWN)

    def ready_is(self, name: str) -> None:
        self.ready = name
        if self.created == name:
            self.conditions.mark(READY, TRUE)


def configuration_status(
    configuration: Object, latest_created: str, revisions: Iterable[Object], now: float, *, creation_error: str = ""
) -> dict[str, Any]:
    """The next status of a Configuration.

    `latest_created` is the name of the Revision for its generation, `revisions` are all of the Configuration's as
    stored. `creation_error` tells why there is no Revision for the generation (see `name_conflict`).
    """
    status = configuration.get("status") or {}
    conditions = Conditions("Configuration", status, configuration["metadata"]["generation"])
    if creation_error:
        # Of a name that was made from the generation nothing is told, except that the generation is still new.
        if given_name(configuration):
            conditions.mark(READY, revision_creation_failed(creation_error))
        return conditions.status(now)

    latest = LatestRevisions(conditions, *(status.get(name, "") for name in _OF_CONFIGURATION))
    by_name = {revision["metadata"]["name"]: revision for revision in revisions}
    latest.created_is(latest_created)
    ready = ready_of(by_name.get(latest_created, {}))
    if ready is not None and ready.status == "False":
        conditions.mark(READY, revision_failed(latest_created, ready.message))
    newest = _newest_ready(configuration, by_name, latest)
    if newest:
        latest.ready_is(newest)
    elif latest.ready and latest.ready not in by_name:
        conditions.mark(READY, revision_deleted(latest.ready))
    return conditions.status(
        now, latestCreatedRevisionName=latest.created, latestReadyRevisionName=latest.ready or None
    )


def _newest_ready(configuration: Object, by_name: Mapping[str, Object], latest: LatestRevisions) -> str | None:
    """The ready revision of the newest generation, not older than the one that was ready last.

    Only a name that the template gives leads back to an older one.
    """
    named = given_name(configuration)
    since = _generation(by_name[latest.ready]) if latest.ready in by_name else 0
    candidates = [
        (name == named, _generation(revision), name)
        for name, revision in by_name.items()
        if is_ready(revision) and (name == named or _generation(revision) >= since)
    ]
    return max(candidates)[-1] if candidates else None


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """What a Route's status is made of.

    `problem` is why its traffic can't be assigned; then `traffic`, the address and the ingress stay as they were.
    `traffic` are the entries for status.traffic, during a rollout those in between. `url` is "" if no host could be
    named (which is a problem too), `address` the cluster-local URL. `taken` is the first part of a host, as the name of
    the placeholder Service for it, that another Route has; then `traffic` and the certificate stay as they were.
    """

    url: str
    address: str
    problem: Condition | None = None
    traffic: Sequence[Object] = ()
    ingress_ready: bool = False
    rolling_out: bool = False
    taken: str = ""


def route_status(route: Object, facts: RouteFacts, now: float) -> dict[str, Any]:
    """The next status of a Route."""
    conditions = Conditions("Route", route.get("status"), route["metadata"]["generation"])
    if not is_observed(route):
        conditions.mark(INGRESS, INGRESS_NOT_CONFIGURED)
    fields: dict[str, Any] = {"url": facts.url} if facts.url else {}
    if facts.problem is not None:
        conditions.mark(TRAFFIC, facts.problem)
        return conditions.status(now, **fields)
    conditions.mark(TRAFFIC, TRUE)
    if facts.taken:
        conditions.mark(INGRESS, not_owned("placeholder Service", facts.taken))
        return conditions.status(now, **fields, address={"url": facts.address})
    conditions.mark(CERTIFICATE, TLS_NOT_ENABLED)
    if facts.rolling_out:
        conditions.mark(INGRESS, ROLLOUT_IN_PROGRESS)
    else:
        conditions.mark(INGRESS, TRUE if facts.ingress_ready else INGRESS_NOT_CONFIGURED)
    traffic = [dict(target) for target in facts.traffic]
    return conditions.status(now, **fields, address={"url": facts.address}, traffic=traffic)


def _taken(status: Object, names: Iterable[str]) -> dict[str, Any]:
    return {name: status.get(name) for name in names}


def _is_migrated(route: Object, configuration: Object | None) -> bool:
    """Whether a Route's status shows the traffic that its spec asks for."""
    meta = configuration["metadata"] if configuration else {}
    latest = ((configuration or {}).get("status") or {}).get("latestReadyRevisionName")

    def wanted(target: Object) -> dict[str, Any]:
        if target.get("configurationName") != meta.get("name"):
            return _comparable(target)
        others = {key: value for key, value in target.items() if key != "configurationName"}
        return _comparable(others | {"revisionName": latest})

    return [wanted(target) for target in route["spec"]["traffic"]] == [
        _comparable(target) for target in route["status"].get("traffic") or ()
    ]


def _comparable(target: Object) -> dict[str, Any]:
    return {key: value for key, value in target.items() if value is not None and key not in _NOT_COMPARED}


def _generation(revision: Object) -> int:
    return int(revision["metadata"].get("labels", {}).get(keys.CONFIGURATION_GENERATION_LABEL, 0))


def _configuration_of(revision: Object) -> str:
    return str(revision["metadata"].get("labels", {}).get(keys.CONFIGURATION_LABEL, ""))
