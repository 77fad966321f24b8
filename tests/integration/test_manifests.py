"""What kustomize builds is what Kubernetes admits, agrees with itself, and runs without privileges."""

import copy
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import kubernetes.client.models
import pydantic
import pytest

from emulator.core.admission import AdmissionConfig, admit, prune
from function import settings
from function.endpoints.events import TYPES
from function.eventing.oidc import allows

Objects = dict[tuple[str, str], dict[str, Any]]

SERVICE = ("Service", "login")
FOLDERS = {
    "base": {SERVICE},
    "local": {SERVICE, ("Secret", "login-database")},
    "overlays/postgres": {
        SERVICE,
        ("Secret", "login-database"),
        ("Service", "login-postgres"),
        ("StatefulSet", "login-postgres"),
    },
    "overlays/events": {
        SERVICE,
        ("Broker", "login"),
        ("SinkBinding", "login"),
        ("Trigger", "login-events-in-user-provision"),
        ("Trigger", "login-events-in-user-disable"),
        ("Trigger", "login-events-in-session-revoke"),
    },
    "overlays/kubernetes": {
        SERVICE,
        ("Secret", "login-database"),
        ("Service", "login-postgres"),
        ("StatefulSet", "login-postgres"),
        ("Deployment", "login"),
        ("HorizontalPodAutoscaler", "login"),
        ("PodDisruptionBudget", "login"),
        ("Ingress", "login"),
    },
}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": properties}


TEXT = {"type": "string", "minLength": 1}
REF = _object("apiVersion", "kind", "name", apiVersion=TEXT, kind=TEXT, name=TEXT, namespace=TEXT)
DESTINATION = _object(ref=REF, uri=TEXT, CACerts=TEXT, audience=TEXT)
DELIVERY = _object(
    retry={"type": "integer", "minimum": 0},
    backoffPolicy={"enum": ["linear", "exponential"]},
    backoffDelay={"type": "string", "pattern": r"^PT[0-9.]+S$"},
    timeout=TEXT,
    deadLetterSink=DESTINATION,
)
#: What Knative Eventing's CustomResourceDefinitions know of the kinds here (config/core/resources of its repository).
EVENTING = {
    "Broker": ("eventing.knative.dev/v1", _object(config=REF, delivery=DELIVERY)),
    "Trigger": (
        "eventing.knative.dev/v1",
        _object(
            "subscriber",
            broker=TEXT,
            filter=_object(attributes={"type": "object", "additionalProperties": TEXT}),
            subscriber=DESTINATION,
            delivery=DELIVERY,
        ),
    ),
    "SinkBinding": (
        "sources.knative.dev/v1",
        _object(
            "sink",
            "subject",
            sink=DESTINATION,
            subject=REF,
            ceOverrides=_object(extensions={"type": "object", "additionalProperties": TEXT}),
        ),
    ),
}


def faults(document: Any, model: str) -> str:
    """What is unknown, missing or of another type, as the Kubernetes client's own models see it; "" is fine."""
    try:
        getattr(kubernetes.client.models, model).model_validate_json(json.dumps(document), strict=True, extra="forbid")
    except pydantic.ValidationError as error:
        return str(error)
    return ""


def kubernetes_model(document: dict[str, Any]) -> str:
    group, _, version = document["apiVersion"].rpartition("/")
    core = {"": "V1", "apps": "V1", "networking.k8s.io": "V1", "policy": "V1", "autoscaling": "V2"}[group]
    assert version.upper() == core
    return core + document["kind"]


def pod_specs(objects: Objects) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        key: document["spec"]["template"]["spec"]
        for key, document in objects.items()
        if "template" in document.get("spec", {})
    }


def restricted_violations(pod: dict[str, Any]) -> Iterator[str]:
    """Kubernetes' Pod Security Standard "restricted", and a read-only root on top of it."""
    of_pod = pod.get("securityContext", {})
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield field
    for volume in pod.get("volumes", []):
        sources = set(volume) - {"name"}
        allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected"}
        if not sources <= allowed | {"secret"}:
            yield f"volume {volume['name']}"
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        own = container.get("securityContext", {})
        effective = {**of_pod, **own}
        rules = {
            "runAsNonRoot": effective.get("runAsNonRoot") is True,
            "runAsUser": effective.get("runAsUser") != 0,
            "seccompProfile": effective.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"},
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "privileged": not own.get("privileged"),
            "capabilities.drop": "ALL" in own.get("capabilities", {}).get("drop", []),
            "capabilities.add": set(own.get("capabilities", {}).get("add", [])) <= {"NET_BIND_SERVICE"},
            "procMount": own.get("procMount", "Default") == "Default",
            "hostPort": not any("hostPort" in port for port in container.get("ports", [])),
            "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
        }
        yield from (f"{container['name']}: {rule}" for rule, holds in rules.items() if not holds)


@pytest.fixture(params=FOLDERS)
def built(request: pytest.FixtureRequest, kustomize: Callable[[str], Objects]) -> tuple[str, Objects]:
    return request.param, kustomize(request.param)


def test_each_folder_builds_what_it_says(built: tuple[str, Objects]) -> None:
    folder, objects = built
    assert set(objects) == FOLDERS[folder]


def test_kubernetes_objects_have_no_unknown_or_missing_field(built: tuple[str, Objects]) -> None:
    for key, document in built[1].items():
        if ".knative.dev/" not in document["apiVersion"]:
            assert faults(document, kubernetes_model(document)) == "", key


def test_the_strict_reading_finds_what_is_wrong(kustomize: Callable[[str], Objects]) -> None:
    deployment = kustomize("overlays/kubernetes")["Deployment", "login"]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["redinessProbe"] = container.pop("readinessProbe")
    container["resources"]["limits"]["cpu"] = 1
    del deployment["spec"]["selector"]
    found = faults(deployment, "V1Deployment")
    assert "redinessProbe\n  Extra inputs are not permitted" in found
    assert "limits.cpu\n  Input should be a valid string" in found
    assert "selector\n  Field required" in found


def test_knative_admits_the_service_and_warns_of_nothing(kustomize: Callable[[str], Objects]) -> None:
    for folder in ("base", "overlays/events"):
        kept, dropped = prune("Service", kustomize(folder)[SERVICE])
        assert dropped == []
        assert admit("Service", kept, user="somebody", config=AdmissionConfig(), dry_run=True).warnings == ()


def test_knative_eventing_knows_every_field(kustomize: Callable[[str], Objects]) -> None:
    objects = kustomize("overlays/events")
    seen = set()
    for (kind, name), document in objects.items():
        if kind in EVENTING:
            version, spec = EVENTING[kind]
            assert document["apiVersion"] == version, name
            schema = {"type": "object", "additionalProperties": False, "required": ["spec"]}
            meta = {"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}}
            jsonschema.validate(document, {**schema, "properties": {**meta, "spec": spec}})
            seen.add(kind)
    assert seen == set(EVENTING)


def test_events_find_their_way(kustomize: Callable[[str], Objects]) -> None:
    objects = kustomize("overlays/events")
    container = objects[SERVICE]["spec"]["template"]["spec"]["containers"][0]
    loaded = settings.load({item["name"]: item["value"] for item in container["env"] if "value" in item})
    triggers = [document for (kind, _), document in objects.items() if kind == "Trigger"]
    assert {trigger["spec"]["filter"]["attributes"]["type"] for trigger in triggers} == set(TYPES) - {"login.request"}
    for trigger in triggers:
        spec, name = trigger["spec"], trigger["metadata"]["name"]
        assert ("Broker", spec["broker"]) in objects
        assert (spec["subscriber"]["ref"]["kind"], spec["subscriber"]["ref"]["name"]) == SERVICE
        assert spec["subscriber"]["audience"] == loaded.events_audience
        # What Knative calls the Trigger's service account (pkg/auth/serviceaccount.go in knative.dev/eventing).
        sender = f"system:serviceaccount:default:{name}oidc-eventing.knative.dev-trigger"
        assert any(allows(pattern, sender) for pattern in loaded.events_senders)
    binding = objects["SinkBinding", "login"]["spec"]
    assert (binding["subject"]["kind"], binding["subject"]["name"]) == SERVICE
    assert (binding["sink"]["ref"]["kind"], binding["sink"]["ref"]["name"]) in objects
    assert loaded.events_issuer
    assert loaded.events_keys


def test_every_pod_meets_the_restricted_standard(built: tuple[str, Objects]) -> None:
    specs = pod_specs(built[1])
    assert specs
    for key, spec in specs.items():
        assert list(restricted_violations(spec)) == [], key


@pytest.mark.parametrize(
    "path",
    [
        "runAsNonRoot",
        "allowPrivilegeEscalation",
        "readOnlyRootFilesystem",
        "capabilities.drop",
        "seccompProfile.type",
    ],
)
def test_the_standard_is_not_met_without(path: str, kustomize: Callable[[str], Objects]) -> None:
    pod = copy.deepcopy(kustomize("base")[SERVICE]["spec"]["template"]["spec"])
    *parents, last = path.split(".")
    del functools.reduce(dict.__getitem__, parents, pod["containers"][0]["securityContext"])[last]
    assert list(restricted_violations(pod)) == [f"login: {path.removesuffix('.type')}"]


def test_a_cluster_without_knative_gets_the_same_function(kustomize: Callable[[str], Objects]) -> None:
    revision = kustomize("base")[SERVICE]["spec"]["template"]["spec"]
    pod = kustomize("overlays/kubernetes")["Deployment", "login"]["spec"]["template"]["spec"]
    ours, theirs = revision["containers"][0], pod["containers"][0]
    for field in ("name", "image", "resources", "envFrom", "ports"):
        assert theirs[field] == ours[field], field
    environment, theirs_too = ({item["name"]: item for item in c["env"]} for c in (ours, theirs))
    assert theirs_too["DATABASE_URL"] == environment["DATABASE_URL"]
    assert set(environment) <= set(theirs_too)
    annotations = kustomize("base")[SERVICE]["spec"]["template"]["metadata"]["annotations"]
    scale = kustomize("overlays/kubernetes")["HorizontalPodAutoscaler", "login"]["spec"]
    assert str(scale["maxReplicas"]) == annotations["autoscaling.knative.dev/max-scale"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert theirs[probe]["httpGet"] == {**ours[probe]["httpGet"], "port": "http1"}, probe


def test_terminating_pods_have_time_for_what_they_admitted(kustomize: Callable[[str], Objects]) -> None:
    def settings_of(container: dict[str, Any]) -> settings.Settings:
        return settings.load({item["name"]: item["value"] for item in container["env"] if "value" in item})

    revision = kustomize("base")[SERVICE]["spec"]["template"]["spec"]
    on_knative = settings_of(revision["containers"][0])
    assert revision["timeoutSeconds"] >= on_knative.shutdown_delay + on_knative.grace_period
    assert revision["timeoutSeconds"] > on_knative.login_deadline

    pod = kustomize("overlays/kubernetes")["Deployment", "login"]["spec"]["template"]["spec"]
    on_kubernetes = settings_of(pod["containers"][0])
    assert on_kubernetes.shutdown_delay > 0
    assert pod["terminationGracePeriodSeconds"] > on_kubernetes.shutdown_delay + on_kubernetes.grace_period


def test_selectors_find_their_pods(kustomize: Callable[[str], Objects]) -> None:
    objects = kustomize("overlays/kubernetes")
    for workload, service in ((("Deployment", "login"), SERVICE), (("StatefulSet", "login-postgres"),) * 2):
        labels = objects[workload]["spec"]["template"]["metadata"]["labels"].items()
        assert objects[workload]["spec"]["selector"]["matchLabels"].items() <= labels
        if service[0] == "Service":
            assert objects[service]["spec"]["selector"].items() <= labels
    assert objects["Service", "login-postgres"]["spec"]["selector"] == {"app.kubernetes.io/name": "login-postgres"}
    disruption = objects["PodDisruptionBudget", "login"]["spec"]["selector"]
    assert disruption == objects["Deployment", "login"]["spec"]["selector"]
    target = objects["HorizontalPodAutoscaler", "login"]["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "login"}
