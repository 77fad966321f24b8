import re
from collections.abc import Callable
from typing import Any

from emulator.core.config_defaults import FEATURES, DefaultsConfig, container_name_template, features, template_data
from emulator.core.settings import ConfigError, load

#: Go's names of fields, where they are not just the settings' in camel case.
IRREGULAR = {
    "UserContainerName": "container_name_template",
    "InitContainerName": "init_container_name_template",
    "RevisionCPULimit": "revision_cpu_limit",
    "RevisionCPURequest": "revision_cpu_request",
}
FLAGS = {
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


def parsed_defaults(data: dict[str, str], names: list[str]) -> dict[str, Any]:
    config = load(DefaultsConfig, data)
    values = {}
    for name in names:
        value = getattr(config, IRREGULAR.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
        is_template = name.endswith("ContainerName")
        values[name] = container_name_template(value).execute(template_data({})) if is_template else value
    return values


def parsed_features(data: dict[str, str], names: list[str]) -> dict[str, Any]:
    flags = features(data)
    return {name: flags[FLAGS.get(name) or name.lower().replace("podspec", "kubernetes.podspec-")] for name in names}


def differences(cases: list[dict[str, Any]]) -> list[str]:
    parse = {"config-defaults": parsed_defaults, "config-features": parsed_features}
    wrong = []
    for case in cases:
        wanted = case["error"] or case["parsed"]
        try:
            got: Any = parse[case["configmap"]](case["data"], list(case.get("parsed") or ()))
        except ConfigError as error:
            got = str(error)
        if got != wanted:
            wrong.append(f"{case['name']}: got {got}, want {wanted}")
    return wrong


def recorded(vectors: Callable[[str], Any]) -> list[dict[str, Any]]:
    return [c for c in vectors("config")["cases"] if c["configmap"] in {"config-defaults", "config-features"}]


def test_every_recorded_case(vectors: Callable[[str], Any]) -> None:
    cases = recorded(vectors)
    assert len(cases) > 50
    assert not differences(cases)


def test_a_changed_expectation_is_found(vectors: Callable[[str], Any]) -> None:
    for case in recorded(vectors)[::7]:
        wrong = {**case["parsed"], next(iter(case["parsed"])): "?"} if case.get("parsed") else None
        assert differences([{**case, "parsed": wrong, "error": "" if wrong else "?"}])


def test_every_key_has_its_recorded_default(vectors: Callable[[str], Any]) -> None:
    keys = vectors("params")["config_maps"]["config-features"]
    assert {row["key"]: row["default"] for row in keys} == {row.key: row.default for row in FEATURES}
