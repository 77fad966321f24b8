"""config-defaults and config-features: what admission fills in, what it bounds, and which fields it opens.

Sources: knative/serving pkg/apis/config/defaults.go and features.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from emulator.core.gotemplate import Template, TemplateError
from emulator.core.gotext import parse_bool, parse_int64
from emulator.core.quantity import parse_quantity
from emulator.core.settings import ConfigError, Setting, setting
from emulator.core.vocabulary import NO_QUEUE_PROXY

ENABLED: Final = "Enabled"
ALLOWED: Final = "Allowed"
DISABLED: Final = "Disabled"
ALLOW_ROOT_BOUNDED: Final = "AllowRootBounded"

_BOOL: Final = "Go bool text: 1 t T true TRUE True / 0 f F false FALSE False; anything else is refused"
_TRI_STATE: Final = {"true": True, "false": False}


@lru_cache(maxsize=20)
def container_name_template(text: str) -> Template:
    """A template over the metadata of the object that holds the pod spec. Raises TemplateError."""
    return Template("container-template", text, "v1.ObjectMeta")


def template_data(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What such a template sees of an object's metadata."""
    texts = {"Name": "name", "GenerateName": "generateName", "Namespace": "namespace"}
    maps = {"Labels": "labels", "Annotations": "annotations"}
    return {go: metadata.get(key) or "" for go, key in texts.items()} | {
        go: metadata.get(key) or {} for go, key in maps.items()
    }


def _quantity(text: str) -> str:
    return str(parse_quantity(text))


def _resource(name: str, kind: str) -> Any:
    return setting(
        f"revision-{name}-{kind}", None, _quantity, "a Kubernetes quantity", f"{name} {kind} of containers with none"
    )


@dataclass(frozen=True, slots=True)
class DefaultsConfig:
    """config-defaults. Times are seconds."""

    container_name_template: str = setting(
        "container-name-template",
        "user-container",
        str,
        "must parse and execute",
        "Go template of unnamed containers' names",
    )
    init_container_name_template: str = setting(
        "init-container-name-template",
        "init-container",
        str,
        "must parse and execute",
        "the same for init containers",
    )
    revision_timeout_seconds: int = setting(
        "revision-timeout-seconds",
        "300",
        parse_int64,
        "<= max-revision-timeout-seconds",
        "timeoutSeconds if unset or 0",
    )
    max_revision_timeout_seconds: int = setting(
        "max-revision-timeout-seconds", "600", parse_int64, "-", "largest timeoutSeconds"
    )
    revision_response_start_timeout_seconds: int | None = setting(
        "revision-response-start-timeout-seconds",
        None,
        parse_int64,
        "<= revision-timeout-seconds when > 0",
        "responseStartTimeoutSeconds if unset (without this key: revision-timeout-seconds);"
        " written only when not 0 and below timeoutSeconds",
    )
    revision_idle_timeout_seconds: int = setting(
        "revision-idle-timeout-seconds",
        "0",
        parse_int64,
        "<= revision-timeout-seconds when > 0",
        "idleTimeoutSeconds if unset; written only when not 0 and below timeoutSeconds",
    )
    container_concurrency: int = setting(
        "container-concurrency",
        "0",
        parse_int64,
        "[0, container-concurrency-max-limit]",
        "containerConcurrency if unset",
    )
    container_concurrency_max_limit: int = setting(
        "container-concurrency-max-limit", "1000", parse_int64, ">= 1", "largest containerConcurrency"
    )
    allow_container_concurrency_zero: bool = setting(
        "allow-container-concurrency-zero", "true", parse_bool, _BOOL, "whether containerConcurrency may be 0"
    )
    enable_service_links: bool | None = setting(
        "enable-service-links",
        "false",
        lambda text: _TRI_STATE.get(text.lower()),
        "true, false; any other text = leave unset",
        "enableServiceLinks if unset, when an object is created",
    )
    revision_cpu_request: str | None = _resource("cpu", "request")
    revision_cpu_limit: str | None = _resource("cpu", "limit")
    revision_memory_request: str | None = _resource("memory", "request")
    revision_memory_limit: str | None = _resource("memory", "limit")
    revision_ephemeral_storage_request: str | None = _resource("ephemeral-storage", "request")
    revision_ephemeral_storage_limit: str | None = _resource("ephemeral-storage", "limit")

    def __post_init__(self) -> None:
        for text in (self.container_name_template, self.init_container_name_template):
            _check_template(text)
        timeout = self.revision_timeout_seconds
        if timeout > self.max_revision_timeout_seconds:
            raise ConfigError(
                f"revision-timeout-seconds ({timeout}) cannot be greater than max-revision-timeout-seconds"
                f" ({self.max_revision_timeout_seconds})"
            )
        if self.revision_response_start_timeout_seconds is None:
            object.__setattr__(self, "revision_response_start_timeout_seconds", timeout)
        for key, value in (
            ("revision-response-start-timeout-seconds", self.revision_response_start_timeout_seconds or 0),
            ("revision-idle-timeout-seconds", self.revision_idle_timeout_seconds),
        ):
            if value > 0 and value > timeout:
                raise ConfigError(f"{key} ({value}) cannot be greater than revision-timeout-seconds ({timeout})")
        limit = self.container_concurrency_max_limit
        if limit < 1:
            raise ConfigError(f"expected 1 <= {limit} <= {2**31 - 1}: container-concurrency-max-limit")
        if not 0 <= self.container_concurrency <= limit:
            raise ConfigError(f"expected 0 <= {self.container_concurrency} <= {limit}: container-concurrency")

    def resources(self) -> dict[str, dict[str, str]]:
        """What is filled in: `requests` and `limits`, each resource -> quantity."""
        table = {
            "requests": {
                "cpu": self.revision_cpu_request,
                "memory": self.revision_memory_request,
                "ephemeral-storage": self.revision_ephemeral_storage_request,
            },
            "limits": {
                "cpu": self.revision_cpu_limit,
                "memory": self.revision_memory_limit,
                "ephemeral-storage": self.revision_ephemeral_storage_limit,
            },
        }
        return {kind: {name: text for name, text in of.items() if text is not None} for kind, of in table.items()}


def _check_template(text: str) -> None:
    try:
        template = container_name_template(text)
    except TemplateError as error:
        raise ConfigError(str(error)) from error
    try:
        template.execute(template_data({}))
    except TemplateError as error:
        raise ConfigError(f"error executing template: {error}") from error


def _flag(
    key: str,
    help_: str,
    default: str = DISABLED,
    *,
    states: tuple[str, ...] = (ENABLED, ALLOWED, DISABLED),
    ignored: str = "any case; other texts are ignored and the default stays",
    not_emulated: str = "",
) -> Setting:
    """A row of config-features. A text in any case; one that is no state is ignored, as Knative does."""
    by_text = {state.lower(): state for state in states}
    range_ = f"{', '.join(states)} ({ignored})"
    return Setting(
        key, default, lambda text: by_text.get(text.lower(), default), range_, help_, not_emulated=not_emulated
    )


FEATURES: Final = (
    _flag("multi-container", "more than one container", ENABLED),
    _flag("multi-container-probing", "probes of containers beside the serving one"),
    _flag(
        "secure-pod-defaults",
        "fill in the restricted profile; Enabled also sets runAsNonRoot",
        states=(DISABLED, ALLOW_ROOT_BOUNDED, ENABLED),
        ignored="any case; others ignored",
    ),
    _flag("tag-header-based-routing", "choose a tag by the header Knative-Serving-Tag"),
    _flag(
        "autodetect-http2",
        "find out whether the container speaks h2c",
        not_emulated="a container is spoken to as the name of its port says",
    ),
    _flag("queueproxy.mount-podinfo", "mount pod information in queue-proxy", not_emulated=NO_QUEUE_PROXY),
    _flag("queueproxy.resource-defaults", "resources of queue-proxy", not_emulated=NO_QUEUE_PROXY),
    _flag("kubernetes.podspec-volumes-emptydir", "emptyDir volumes", ENABLED),
    _flag("kubernetes.podspec-persistent-volume-claim", "persistentVolumeClaim volumes"),
    _flag("kubernetes.podspec-persistent-volume-write", "such volumes that are not readOnly"),
    _flag("kubernetes.podspec-init-containers", "initContainers"),
    _flag("kubernetes.containerspec-addcapabilities", "securityContext.capabilities.add"),
    _flag("kubernetes.podspec-affinity", "affinity"),
    _flag("kubernetes.podspec-topologyspreadconstraints", "topologySpreadConstraints"),
    _flag("kubernetes.podspec-hostaliases", "hostAliases"),
    _flag("kubernetes.podspec-nodeselector", "nodeSelector"),
    _flag("kubernetes.podspec-tolerations", "tolerations"),
    _flag("kubernetes.podspec-fieldref", "fieldRef and resourceFieldRef in env"),
    _flag("kubernetes.podspec-runtimeclassname", "runtimeClassName"),
    _flag("kubernetes.podspec-dnspolicy", "dnsPolicy"),
    _flag("kubernetes.podspec-dnsconfig", "dnsConfig"),
    _flag("kubernetes.podspec-securitycontext", "the pod's securityContext, a part of it"),
    _flag("kubernetes.podspec-shareprocessnamespace", "shareProcessNamespace"),
    _flag("kubernetes.podspec-hostipc", "hostIPC"),
    _flag("kubernetes.podspec-hostpid", "hostPID"),
    _flag("kubernetes.podspec-hostnetwork", "hostNetwork"),
    _flag("kubernetes.podspec-priorityclassname", "priorityClassName"),
    _flag("kubernetes.podspec-schedulername", "schedulerName"),
    _flag("kubernetes.podspec-volumes-image", "image volumes"),
    _flag("kubernetes.podspec-volumes-hostpath", "hostPath volumes"),
    _flag("kubernetes.podspec-volumes-ephemeral", "ephemeral volumes"),
    _flag("kubernetes.podspec-volumes-csi", "CSI volumes"),
    _flag("kubernetes.podspec-volumes-mount-propagation", "mountPropagation of mounts"),
)
"""The rows of config-features."""

Flags = Mapping[str, str]
"""Key of config-features -> Enabled, Allowed, Disabled (or AllowRootBounded)."""


def features(data: Mapping[str, str]) -> Flags:
    """Read config-features; nothing in it is an error."""
    return MappingProxyType({row.key: row.parse(data.get(row.key, "")) for row in FEATURES})
