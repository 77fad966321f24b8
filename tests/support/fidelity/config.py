"""config.json: what the ConfigMaps are read as, or why they are refused."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from emulator.core.config import CONFIG_MAPS, AutoscalerConfig
from emulator.core.config_defaults import DefaultsConfig, container_name_template, features, template_data
from emulator.core.config_deployment import DeploymentConfig
from emulator.core.decider import RPS_UTILIZATION
from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.settings import ConfigError, load, rows
from fidelity.comparison import Case, Comparison

#: Go's names of fields, where they are not just the settings' in camel case.
_NAMES = {
    "rollout_duration": "RolloutDurationSecs",
    "ingress_class": "DefaultIngressClass",
    "certificate_class": "DefaultCertificateClass",
    "container_name_template": "UserContainerName",
    "init_container_name_template": "InitContainerName",
    "queue_sidecar_rootca": "QueueSidecarRootCA",
    "runtime_class_name": "RuntimeClassNames",
}
_ACRONYMS = {"rps": "RPS", "cpu": "CPU", "tls": "TLS", "http": "HTTP"}
#: Of config-features: where Go's name is not the key without its dashes.
_FLAGS = {
    "ContainerSpecAddCapabilities": "kubernetes.containerspec-addcapabilities",
    "PodSpecInitContainers": "kubernetes.podspec-init-containers",
    "PodSpecPersistentVolumeClaim": "kubernetes.podspec-persistent-volume-claim",
    "PodSpecPersistentVolumeWrite": "kubernetes.podspec-persistent-volume-write",
    "PodSpecVolumesCSI": "kubernetes.podspec-volumes-csi",
    "PodSpecVolumesEmptyDir": "kubernetes.podspec-volumes-emptydir",
    "PodSpecVolumesEphemeral": "kubernetes.podspec-volumes-ephemeral",
    "PodSpecVolumesHostPath": "kubernetes.podspec-volumes-hostpath",
    "PodSpecVolumesImage": "kubernetes.podspec-volumes-image",
    "PodSpecVolumesMountPropagation": "kubernetes.podspec-volumes-mount-propagation",
    "MultiContainer": "multi-container",
    "MultiContainerProbing": "multi-container-probing",
    "SecurePodDefaults": "secure-pod-defaults",
    "TagHeaderBasedRouting": "tag-header-based-routing",
    "AutoDetectHTTP2": "autodetect-http2",
    "QueueProxyMountPodInfo": "queueproxy.mount-podinfo",
    "QueueProxyResourceDefaults": "queueproxy.resource-defaults",
}


def go_name(field: str) -> str:
    return _NAMES.get(field) or "".join(_ACRONYMS.get(part) or part.capitalize() for part in field.split("_"))


def fields_of(config: Any) -> dict[str, Any]:
    return {go_name(name): getattr(config, name) for name, _ in rows(type(config))}


def told_autoscaler(data: dict[str, str]) -> dict[str, Any]:
    return fields_of(load(AutoscalerConfig, data)) | {"TargetUtilization": RPS_UTILIZATION}


def told_defaults(data: dict[str, str]) -> dict[str, Any]:
    told = fields_of(load(DefaultsConfig, data))
    for name in ("UserContainerName", "InitContainerName"):
        told[name] = container_name_template(told[name]).execute(template_data({}))
    return told


def told_deployment(data: dict[str, str]) -> dict[str, Any]:
    config = load(DeploymentConfig, data)
    told = fields_of(config) | {"RuntimeClassNames": config.runtime_classes}
    del told["QueueSidecarTokenAudiences"]  # the vectors do not tell them
    return told


def told_domains(data: dict[str, str]) -> dict[str, Any]:
    domains = DomainConfig.parse(data).domains
    return {
        "Domains": {
            name: {"Selector": {"selector": domain.selector} if domain.selector else {}, "Type": domain.type}
            for name, domain in domains.items()
        }
    }


def told_features(data: dict[str, str]) -> dict[str, Any]:
    flags = features(data)
    keys = {key: name for name, key in _FLAGS.items()}
    return {keys.get(key) or key: value for key, value in flags.items()}


def told_network(data: dict[str, str]) -> dict[str, Any]:
    told = fields_of(load(NetworkConfig, data))
    return told | {"AutoTLS": told["ExternalDomainTLS"]}


TOLD: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "config-autoscaler": told_autoscaler,
    "config-defaults": told_defaults,
    "config-deployment": told_deployment,
    "config-domain": told_domains,
    "config-features": told_features,
    "config-gc": lambda data: fields_of(CONFIG_MAPS["config-gc"](data)),
    "config-network": told_network,
}


def replay(case: Case) -> dict[str, Any]:
    try:
        return {"error": "", "parsed": TOLD[case["configmap"]](case["data"])}
    except ConfigError as error:
        return {"error": str(error)}


def expected(case: Case) -> dict[str, Any]:
    said = {key: case[key] for key in ("error", "parsed") if key in case}
    if case["configmap"] == "config-features":
        said["parsed"] = dict(_with_keys(said["parsed"]))
    return said


def _with_keys(flags: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Of the other flags Go's name is the key without its dashes."""
    for name, value in flags.items():
        yield (name if name in _FLAGS else re.sub("^podspec", "kubernetes.podspec-", name.lower())), value


COMPARISONS = (Comparison("config", "cases", replay, ("error", "parsed"), expected),)
