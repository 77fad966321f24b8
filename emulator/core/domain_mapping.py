"""What a DomainMapping comes to: whose its name is, which host it leads to, its status.

Follows knative/serving pkg/reconciler/domainmapping and pkg/apis/serving/v1beta1/domainmapping_lifecycle.go; references
are resolved as in knative.dev/pkg resolver/addressable_resolver.go.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from emulator.core.conditions import TRUE, Condition, Conditions, is_observed
from emulator.core.domains import CLUSTER_LOCAL_DOMAIN
from emulator.core.gotext import quote
from emulator.core.revision_objects import NETWORKING
from emulator.core.status import CERTIFICATE, INGRESS, INGRESS_NOT_CONFIGURED, TLS_NOT_ENABLED

Object = Mapping[str, Any]

#: What keeps a deleted DomainMapping in the store until its claim has been given up.
FINALIZER: Final = "domainmappings.serving.knative.dev"

CLAIMED: Final = "DomainClaimed"
REFERENCE: Final = "ReferenceResolved"

ALREADY_CLAIMED: Final = Condition(
    "False", "DomainAlreadyClaimed", "The domain name is already in use by another DomainMapping"
)
CERTIFICATE_PROVIDED: Final = Condition(
    "True", "CertificateExternallyProvided", "TLS certificate was provided externally"
)


class Problem(NamedTuple):
    """Why a pass ends early: what a condition (by type) says of it, and an Event."""

    type: str
    condition: Condition
    words: str


class Host(NamedTuple):
    """A cluster-local host that a mapping leads to, and the Service that it is the host of."""

    name: str
    service: str


def claim(mapping: Object) -> dict[str, Any]:
    """The ClusterDomainClaim that gives a mapping's name to its namespace."""
    meta = mapping["metadata"]
    return {
        "apiVersion": NETWORKING,
        "kind": "ClusterDomainClaim",
        "metadata": {"name": meta["name"]},
        "spec": {"namespace": meta["namespace"]},
    }


def is_claimed(mapping: Object, stored: Object | None) -> bool:
    """Whether the stored claim of a mapping's name is its namespace's."""
    return stored is not None and stored["spec"]["namespace"] == mapping["metadata"]["namespace"]


def claim_problem(mapping: Object, stored: Object | None, *, autocreate: bool) -> Problem | None:
    """Why a mapping's namespace can't have the name; None where it has it, or there is no claim and it may make one."""
    if is_claimed(mapping, stored) or (stored is None and autocreate):
        return None
    name, namespace = (quote(mapping["metadata"][field]) for field in ("name", "namespace"))
    words = f"namespace {namespace} does not own ClusterDomainClaim for {name}"
    if stored is None:
        property_ = "autocreate-cluster-domain-claims property is not true"
        words = f"no ClusterDomainClaim found for domain {name} (and {property_})"
    return Problem(CLAIMED, ALREADY_CLAIMED, words)


def resolve(ref: Object, target: Object | None) -> Host | Problem:
    """Where a defaulted `spec.ref` leads; `target` is the stored object of that type and name, if there is one.

    A Service of the core has its host without being asked for.
    """
    name, namespace = ref["name"], ref["namespace"]
    suffix = f".{CLUSTER_LOCAL_DOMAIN}"
    if (ref["apiVersion"], ref["kind"]) == ("v1", "Service"):
        return Host(f"{name}.{namespace}{suffix}", name)
    if target is None:
        return _unresolved(f"failed to get object {namespace}/{name}: {_resource(ref)} {quote(name)} not found")
    url = ((target.get("status") or {}).get("address") or {}).get("url")
    if not url:
        of = f"Kind:{ref['kind']},Namespace:{namespace},Name:{name},UID:,APIVersion:{ref['apiVersion']}"
        return _unresolved(f"address not set for &ObjectReference{{{of},ResourceVersion:,FieldPath:,}}")
    host = url.partition("://")[2]
    parts = host.removesuffix(suffix).split(".")
    if not host.endswith(suffix) or len(parts) != 2:
        return _unresolved(f"resolved URI {quote(url)} must be of the form {{name}}.{{namespace}}{suffix}", told="")
    return Host(host, parts[0])


def _unresolved(message: str, told: str = "resolving reference: ") -> Problem:
    return Problem(REFERENCE, Condition("False", "ResolveFailed", message), told + message)


def _resource(ref: Object) -> str:
    """`services.serving.knative.dev`, as apimachinery's UnsafeGuessKindToResource has it for any kind."""
    kind, (group, _, _) = ref["kind"].lower(), ref["apiVersion"].rpartition("/")
    ends = {"s": f"{kind}es", "y": f"{kind[:-1]}ies"}
    plural = ends.get(kind[-1], f"{kind}s")
    return f"{plural}.{group}" if group else plural


def mapping_status(mapping: Object, url: str, problem: Problem | None, now: float, *, led: bool) -> dict[str, Any]:
    """The next status of a DomainMapping, reached at `url`.

    `problem` is why the pass ended early: what comes after it stays as it was. `led` says whether the gateway has
    somewhere to lead it to. `now` is Unix seconds.
    """
    conditions = Conditions("DomainMapping", mapping.get("status"), mapping["metadata"]["generation"])
    if not is_observed(mapping):
        conditions.mark(INGRESS, INGRESS_NOT_CONFIGURED)
    certificate = CERTIFICATE_PROVIDED if mapping["spec"].get("tls") else TLS_NOT_ENABLED
    ingress = TRUE if led else INGRESS_NOT_CONFIGURED
    steps = {CLAIMED: TRUE, CERTIFICATE: certificate, REFERENCE: TRUE, INGRESS: ingress}
    for type_, condition in steps.items():
        if problem and type_ == problem.type:
            conditions.mark(type_, problem.condition)
            break
        conditions.mark(type_, condition)
    return conditions.status(now, url=url, address={"url": url})
