"""The resources that the API serves, as rows: what Kubernetes' discovery calls APIResource."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from emulator.errors import UserError

SERVING = "serving.knative.dev"

#: The verbs of Kubernetes' discovery.
READ = ("get", "list", "watch")
CHANGE = ("patch", "update")
REMOVE = ("delete", "deletecollection")
EVERY = ("create", *REMOVE, *READ, *CHANGE)


@dataclass(frozen=True, slots=True)
class Kind:
    """One served kind.

    `status` says whether it has a status sub-resource, which writes of the object leave alone; `verbs` are what a user
    may do, `fields` what a field selector may ask for beside name and namespace.
    """

    group: str
    version: str
    name: str
    plural: str
    short: tuple[str, ...] = ()
    status: bool = False
    verbs: tuple[str, ...] = EVERY
    namespaced: bool = True
    categories: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def is_custom(self) -> bool:
        """Whether a cluster has it from a CRD of Knative's."""
        return self.group.endswith("knative.dev")

    @property
    def counts_generations(self) -> bool:
        """Whether its objects say how often what they ask for has changed."""
        return "." in self.group or self.group == "apps" or self.name == "Pod"

    @property
    def resource(self) -> str:
        """As errors name it: `services.serving.knative.dev`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def details(self, name: str) -> dict[str, Any]:
        """An object as the `details` of a Status name it."""
        return {"name": name} | ({"group": self.group} if self.group else {}) | {"kind": self.plural}


_KNATIVE = ("all", "knative", "serving")

SERVICE = Kind(SERVING, "v1", "Service", "services", ("kservice", "ksvc"), status=True, categories=_KNATIVE)
CONFIGURATION = Kind(
    SERVING, "v1", "Configuration", "configurations", ("config", "cfg"), status=True, categories=_KNATIVE
)
REVISION = Kind(SERVING, "v1", "Revision", "revisions", ("rev",), status=True, categories=_KNATIVE)
ROUTE = Kind(SERVING, "v1", "Route", "routes", ("rt",), status=True, categories=_KNATIVE)
DOMAIN_MAPPING = Kind(
    *(SERVING, "v1beta1", "DomainMapping", "domainmappings", ("dm",)), status=True, categories=_KNATIVE
)
SECRET = Kind("", "v1", "Secret", "secrets", fields=("type",))
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", ("cm",))
POD = Kind(*("", "v1", "Pod", "pods", ("po",)), True, (*REMOVE, *READ), categories=("all",), fields=("status.phase",))
EVENT = Kind(
    *("", "v1", "Event", "events", ("ev",)),
    verbs=READ,
    fields=(
        "reason",
        "type",
        *(f"involvedObject.{key}" for key in ("apiVersion", "fieldPath", "kind", "name", "namespace", "uid")),
    ),
)
NAMESPACE = Kind(
    *("", "v1", "Namespace", "namespaces", ("ns",)),
    verbs=("create", "delete", *READ, *CHANGE),
    namespaced=False,
    fields=("status.phase",),
)
CORE_SERVICE = Kind("", "v1", "Service", "services", ("svc",), True, categories=("all",))
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments", ("deploy",), True, READ, categories=("all",))
REPLICA_SET = Kind("apps", "v1", "ReplicaSet", "replicasets", ("rs",), True, READ, categories=("all",))
ENDPOINT_SLICE = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", verbs=READ)
_AUTOSCALING = ("autoscaling.internal.knative.dev", "v1alpha1")
_NETWORKING = ("networking.internal.knative.dev", "v1alpha1")
POD_AUTOSCALER = Kind(*_AUTOSCALING, "PodAutoscaler", "podautoscalers", ("kpa", "pa"), True, READ)
METRIC = Kind(*_AUTOSCALING, "Metric", "metrics", (), True, READ)
SERVERLESS_SERVICE = Kind(*_NETWORKING, "ServerlessService", "serverlessservices", ("sks",), True, READ)
INGRESS = Kind(*_NETWORKING, "Ingress", "ingresses", ("kingress", "king"), True, READ)
CLUSTER_DOMAIN_CLAIM = Kind(
    *(*_NETWORKING, "ClusterDomainClaim", "clusterdomainclaims", ("cdc",)),
    namespaced=False,
    categories=("knative-internal", "networking"),
)

#: What the controller stores for those who look at a cluster's own objects: nothing follows from a change of them.
SHOWN = frozenset({DEPLOYMENT, REPLICA_SET, ENDPOINT_SLICE, POD_AUTOSCALER, METRIC, SERVERLESS_SERVICE, INGRESS, EVENT})
#: In the order in which a word that several have for a name is looked up.
KINDS = (
    *(SERVICE, CONFIGURATION, REVISION, ROUTE, DOMAIN_MAPPING, SECRET, CONFIG_MAP, POD, EVENT, NAMESPACE),
    *(CORE_SERVICE, DEPLOYMENT, REPLICA_SET, ENDPOINT_SLICE, POD_AUTOSCALER, METRIC, SERVERLESS_SERVICE, INGRESS),
    CLUSTER_DOMAIN_CLAIM,
)

_BY_NAME = {
    alias.lower(): kind for kind in reversed(KINDS) for alias in (kind.name, kind.plural, *kind.short, kind.resource)
}
_BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
_BY_TYPE = {(kind.api_version, kind.name): kind for kind in KINDS}


class SubResource(NamedTuple):
    """What can be asked of an object by itself; `kind` names what the question or the answer is."""

    name: str
    kind: str
    verbs: tuple[str, ...] = ("get",)


#: Sub-resources of Pods that are not documents but streams, in both directions.
STREAMS = {
    name: SubResource(name, f"Pod{kind}Options", ("create", "get"))
    for name, kind in (("exec", "Exec"), ("attach", "Attach"), ("portforward", "PortForward"))
}


def sub_resources(kind: Kind) -> tuple[SubResource, ...]:
    """All of a kind's."""
    # Users may write the status of Knative's own kinds; the controller then writes what it is.
    verbs = ("get", *CHANGE) if kind.group == SERVING else ("get",)
    status = (SubResource("status", kind.name, verbs),) if kind.status else ()
    return (*status, SubResource("log", "Pod"), *STREAMS.values()) if kind is POD else status


def by_name(word: str) -> Kind | None:
    """The kind that a person means by `ksvc`, `service`, `services.serving.knative.dev`, ..."""
    return _BY_NAME.get(word.lower())


def named(word: str) -> Kind:
    """The kind that a person means by that word. Raises UserError that lists all."""
    kind = by_name(word)
    if kind is None:
        raise UserError(f"there is no resource {word!r}; there are {', '.join(kind.plural for kind in KINDS)}")
    return kind


def by_path(group: str, version: str, plural: str) -> Kind | None:
    """The kind that is served at `/apis/GROUP/VERSION/.../PLURAL` (group "" is the core's `/api/v1`)."""
    return _BY_PATH.get((group, version, plural))


def by_type(api_version: str, kind: str) -> Kind | None:
    """The kind of a document's `apiVersion` and `kind`."""
    return _BY_TYPE.get((api_version, kind))
