"""config-deployment: how long a revision has to come up; what else it says is of pods and their queue-proxy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from emulator.core.gotext import format_duration, parse_bool, parse_duration, quote
from emulator.core.kubernetes_names import dns_1123_subdomain
from emulator.core.quantity import parse_quantity
from emulator.core.settings import ConfigError, setting
from emulator.core.vocabulary import NO_QUEUE_PROXY
from emulator.core.yaml_texts import parse_yaml, texts

_BOOL: Final = "Go bool text: 1 t T true TRUE True / 0 f F false FALSE False; anything else is refused"

_NO_RESOLUTION: Final = "tags are resolved by the engine that has the image, if there is one"
_NO_NODES: Final = "there is one machine, so there is nothing to choose"

_AFFINITY: Final = ("none", "prefer-spread-revision-over-nodes")


def _texts_set(text: str) -> tuple[str, ...]:
    return tuple(sorted(set(text.split(","))))


def _quantity(name: str, kind: str, default: str | None = None) -> Any:
    return setting(
        f"queue-sidecar-{name}-{kind}",
        default,
        lambda text: str(parse_quantity(text)),
        "quantity",
        f"{name} {kind} of queue-proxy",
        legacy_keys=(f"queueSidecar{_CAMEL[name]}{kind.capitalize()}",),
        not_emulated=NO_QUEUE_PROXY,
    )


_CAMEL: Final = {"cpu": "CPU", "memory": "Memory", "ephemeral-storage": "EphemeralStorage"}


def _queue_proxy(key: str, help_: str) -> Any:
    return setting(f"queue-sidecar-{key}", "", str, "-", help_, not_emulated=NO_QUEUE_PROXY)


@dataclass(frozen=True, slots=True)
class DeploymentConfig:
    """config-deployment (knative/serving pkg/deployment/config.go). Durations are seconds."""

    queue_sidecar_image: str | None = setting(
        "queue-sidecar-image",
        None,
        str,
        "must not be empty",
        "image of queue-proxy",
        legacy_keys=("queueSidecarImage",),
        not_emulated=NO_QUEUE_PROXY,
    )
    progress_deadline: float = setting(
        "progress-deadline",
        "600s",
        parse_duration,
        "> 0, whole seconds",
        "time in which a revision has to become ready",
        legacy_keys=("progressDeadline",),
    )
    digest_resolution_timeout: float = setting(
        "digest-resolution-timeout",
        "10s",
        parse_duration,
        "> 0",
        "time limit of the resolution of tags",
        legacy_keys=("digestResolutionTimeout",),
        not_emulated=_NO_RESOLUTION,
    )
    registries_skipping_tag_resolving: tuple[str, ...] = setting(
        "registries-skipping-tag-resolving",
        "kind.local,ko.local,dev.local",
        _texts_set,
        "-",
        "registries whose tags are not resolved",
        legacy_keys=("registriesSkippingTagResolving",),
        not_emulated=_NO_RESOLUTION,
    )
    queue_sidecar_cpu_request: str | None = _quantity("cpu", "request", "25m")
    queue_sidecar_memory_request: str | None = _quantity("memory", "request")
    queue_sidecar_ephemeral_storage_request: str | None = _quantity("ephemeral-storage", "request")
    queue_sidecar_cpu_limit: str | None = _quantity("cpu", "limit")
    queue_sidecar_memory_limit: str | None = _quantity("memory", "limit")
    queue_sidecar_ephemeral_storage_limit: str | None = _quantity("ephemeral-storage", "limit")
    queue_sidecar_token_audiences: tuple[str, ...] = setting(
        "queue-sidecar-token-audiences",
        "",
        _texts_set,
        "-",
        "token audiences mounted in queue-proxy",
        not_emulated=NO_QUEUE_PROXY,
    )
    queue_sidecar_rootca: str = _queue_proxy("rootca", "a further root certificate of queue-proxy")
    queue_sidecar_tls_min_version: str = _queue_proxy("tls-min-version", "least TLS version of queue-proxy")
    queue_sidecar_tls_max_version: str = _queue_proxy("tls-max-version", "largest TLS version of queue-proxy")
    queue_sidecar_tls_cipher_suites: str = _queue_proxy("tls-cipher-suites", "its TLS cipher suites")
    queue_sidecar_tls_curve_preferences: str = _queue_proxy("tls-curve-preferences", "its TLS curves")
    runtime_class_name: str = setting(
        "runtime-class-name",
        "",
        str,
        "-",
        "YAML: runtime class -> selector of a revision's labels",
        not_emulated="instances run in the runtime that --runtime names",
    )
    pod_is_always_schedulable: bool = setting(
        "pod-is-always-schedulable",
        "false",
        parse_bool,
        _BOOL,
        "do not tell that an instance finds no place",
        not_emulated="one that finds no place on the machine waits for good, which is told",
    )
    default_affinity_type: str = setting(
        "default-affinity-type",
        "prefer-spread-revision-over-nodes",
        str,
        "none, prefer-spread-revision-over-nodes",
        "anti-affinity of instances",
        not_emulated=_NO_NODES,
    )

    def __post_init__(self) -> None:
        deadline, timeout = format_duration(self.progress_deadline), format_duration(self.digest_resolution_timeout)
        if not self.queue_sidecar_image:
            raise ConfigError("queue-sidecar-image cannot be empty or unset")
        if self.progress_deadline <= 0:
            raise ConfigError(f"progress-deadline cannot be a non-positive duration, was {deadline}")
        if self.progress_deadline % 1:
            raise ConfigError(f"progress-deadline must be rounded to a whole second, was: {deadline}")
        if self.digest_resolution_timeout <= 0:
            raise ConfigError(f"digest-resolution-timeout cannot be a non-positive duration, was {timeout}")
        if self.default_affinity_type not in _AFFINITY:
            raise ConfigError(f"unsupported default-affinity-type value: {quote(self.default_affinity_type)}")
        _ = self.runtime_classes

    @property
    def runtime_classes(self) -> Mapping[str, Mapping[str, Any]] | None:
        """What runtime-class-name says. Raises ConfigError."""
        try:
            document = parse_yaml(self.runtime_class_name)
            if document is not None and not isinstance(document, dict):
                raise ValueError("error unmarshaling JSON: while decoding JSON: it must be a mapping")  # noqa: TRY301 - told with the other faults of the text
            selectors = {name: texts((of or {}).get("selector"), "selector") for name, of in (document or {}).items()}
        except ValueError as error:
            raise ConfigError(f"runtime-class-name cannot be parsed, please check the format: {error}") from error
        for name in selectors:
            if words := dns_1123_subdomain(name):
                raise ConfigError(f"runtime-class-name {name} selector not valid DNSSubdomain: [{' '.join(words)}]")
        if document is None:
            return None
        return {name: {"selector": selector} if selector else {} for name, selector in selectors.items()}
