"""What is wrong with a revision's spec, and with the template that holds one.

Source: knative/serving pkg/apis/serving/v1/revision_validation.go and pkg/apis/serving/k8s_validation.go.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from emulator.core.admission import annotations
from emulator.core.admission.containers import containers, init_containers
from emulator.core.admission.field_error import (
    Problem,
    disallowed_fields,
    invalid_value,
    out_of_bounds,
    within,
)
from emulator.core.admission.metadata import label_words
from emulator.core.admission.security import insecure_defaults, pod_security_context
from emulator.core.admission.settings import AdmissionConfig
from emulator.core.admission.tables import SERVING
from emulator.core.admission.volumes import volumes
from emulator.core.config_defaults import Flags
from emulator.core.gotext import quote
from emulator.core.kubernetes_names import dns_1035_label, dns_1035_prefix, dns_1123_subdomain

Document = Mapping[str, Any]


def template(document: Document, parent: Document, config: AdmissionConfig) -> Iterator[Problem]:
    """A template; `parent` is the metadata of the object that holds it."""
    metadata = document["metadata"]
    yield from within("spec", spec(document["spec"], config))
    values = metadata.get("annotations", {})
    found = [*annotations.autoscaling(values, config.autoscaler), *annotations.template(values)]
    yield from within("metadata.annotations", found)
    yield from within("metadata", _name(metadata, parent))


def _name(metadata: Document, parent: Document) -> Iterator[Problem]:
    """A name that the user brings must show whose it is, and can't be told before the parent has one."""
    prefix, name = metadata.get("generateName"), metadata.get("name")
    if prefix and (wrong := dns_1035_prefix(prefix)):
        yield invalid_value(f"not a DNS 1035 label prefix: {label_words(wrong)}", "generateName")
        return
    if not name:
        return
    if wrong := dns_1035_label(name):
        yield invalid_value(f"not a DNS 1035 label: {label_words(wrong)}", "name")
        return
    if not parent.get("name") and parent.get("generateName"):
        yield disallowed_fields("name")
        return
    must = f"{parent.get('name', '')}-"
    if not name.startswith(must):
        yield invalid_value(f"{quote(name)} must have prefix {quote(must)}", "name")


def spec(document: Document, config: AdmissionConfig) -> Iterator[Problem]:
    """The spec of a Revision."""
    yield from _pod(document, config.features)
    limits = {
        "timeoutSeconds": (0, config.defaults.max_revision_timeout_seconds),
        "containerConcurrency": (
            0 if config.defaults.allow_container_concurrency_zero else 1,
            config.defaults.container_concurrency_max_limit,
        ),
    }
    for field, (least, most) in limits.items():
        # Absent where a template was not filled in since its name is unchanged.
        if field in document and not least <= document[field] <= most:
            yield out_of_bounds(document[field], least, most, field)


def _pod(pod: Document, flags: Flags) -> Iterator[Problem]:
    for field in SERVING.refused("RevisionSpec", pod, flags):
        yield disallowed_fields(field)
    pod_context = pod.get("securityContext", {})
    if "securityContext" in pod:
        yield from pod_security_context(pod_context, flags)
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(pod.get(kind, ())):
            warnings = insecure_defaults(pod_context, container.get("securityContext", {}), flags)
            yield from within(f"{kind}[{index}].securityContext", warnings)
    every = [*pod.get("initContainers", ()), *pod.get("containers", ())]
    mounted = frozenset(mount["name"] for container in every for mount in container.get("volumeMounts", ()))
    yield from within("volumes", volumes(pod.get("volumes", ()), mounted, flags))
    yield from init_containers(pod, flags)
    yield from containers(pod, flags)
    account = pod.get("serviceAccountName", "")
    for words in dns_1123_subdomain(account) if account else ():
        yield invalid_value(account, "serviceAccountName", words)
