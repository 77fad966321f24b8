"""The resources that the API serves, as rows: what Kubernetes' discovery calls APIResource."""

from dataclasses import dataclass

SERVING = "serving.knative.dev"


@dataclass(frozen=True, slots=True)
class Kind:
    """One served kind. `status` says whether it has a status sub-resource, which only the controller writes."""

    group: str
    version: str
    name: str
    plural: str
    short: tuple[str, ...] = ()
    status: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As errors name it: `services.serving.knative.dev`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


SERVICE = Kind(SERVING, "v1", "Service", "services", ("ksvc", "kservice"), status=True)
CONFIGURATION = Kind(SERVING, "v1", "Configuration", "configurations", ("cfg", "config"), status=True)
REVISION = Kind(SERVING, "v1", "Revision", "revisions", ("rev",), status=True)
ROUTE = Kind(SERVING, "v1", "Route", "routes", ("rt",), status=True)
SECRET = Kind("", "v1", "Secret", "secrets")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", ("cm",))
POD = Kind("", "v1", "Pod", "pods", ("po",), status=True)
EVENT = Kind("", "v1", "Event", "events", ("ev",))

KINDS = (SERVICE, CONFIGURATION, REVISION, ROUTE, SECRET, CONFIG_MAP, POD, EVENT)

#: What a user may create, change and delete; the rest is the controller's.
WRITABLE = frozenset({SERVICE, SECRET, CONFIG_MAP})

_BY_NAME = {alias.lower(): kind for kind in KINDS for alias in (kind.name, kind.plural, *kind.short, kind.resource)}
_BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
_BY_TYPE = {(kind.api_version, kind.name): kind for kind in KINDS}


def by_name(word: str) -> Kind | None:
    """The kind that a person means by `ksvc`, `service`, `services.serving.knative.dev`, ..."""
    return _BY_NAME.get(word.lower())


def by_path(group: str, version: str, plural: str) -> Kind | None:
    """The kind that is served at `/apis/GROUP/VERSION/.../PLURAL` (group "" is the core's `/api/v1`)."""
    return _BY_PATH.get((group, version, plural))


def by_type(api_version: str, kind: str) -> Kind | None:
    """The kind of a document's `apiVersion` and `kind`."""
    return _BY_TYPE.get((api_version, kind))
