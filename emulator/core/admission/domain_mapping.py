"""What is wrong with a DomainMapping.

Sources: knative/serving pkg/apis/serving/v1beta1/domainmapping_validation.go, knative.dev/pkg
apis/duck/v1/knative_reference.go.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from emulator.core.admission.field_error import Problem, disallowed_fields, missing_field, within
from emulator.core.admission.metadata import creator_and_modifier
from emulator.core.domains import CLUSTER_DOMAIN
from emulator.core.gotext import quote
from emulator.core.naming import domain_fault

Document = Mapping[str, Any]

#: Without one of them nobody knows what is meant.
_REQUIRED: Final = ("name", "apiVersion", "kind")


def domain_mapping(new: Document, old: Document | None, _config: object) -> Iterator[Problem]:
    metadata = new["metadata"]
    yield from within("metadata", _metadata(metadata))
    yield from within("spec.ref", _reference(new["spec"]["ref"], metadata.get("namespace", "")))
    if old is not None:
        yield from within("metadata.annotations", creator_and_modifier(old, new))


def _metadata(metadata: Document) -> Iterator[Problem]:
    name = metadata.get("name", "")
    if metadata.get("generateName"):
        yield disallowed_fields("generateName")
    if fault := domain_fault(name):
        yield Problem(f"invalid name {quote(name)}: name: {fault}", ("name",))
    if name.endswith(f".{CLUSTER_DOMAIN}"):
        words = f"must not be a subdomain of cluster local domain {quote(CLUSTER_DOMAIN)}"
        yield Problem(f"invalid name {quote(name)}: {words}", ("name",))


def _reference(ref: Document, namespace: str) -> Iterator[Problem]:
    yield from (missing_field(field) for field in _REQUIRED if not ref.get(field))
    if ref.get("group"):
        yield disallowed_fields("group")
    if namespace and ref.get("namespace", namespace) != namespace:
        details = f"parent namespace: {quote(namespace)} does not match ref: {quote(ref['namespace'])}"
        yield Problem("mismatched namespaces", ("namespace",), details)
