"""What is wrong with the traffic of a Route or Service (knative/serving pkg/apis/serving/v1/route_validation.go)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emulator.core.admission.field_error import (
    HERE,
    Problem,
    disallowed_fields,
    invalid_key_name,
    invalid_value,
    missing_one_of,
    multiple_one_of,
    out_of_bounds,
    within,
)
from emulator.core.admission.metadata import label_words
from emulator.core.gotext import quote
from emulator.core.kubernetes_names import dns_1035_label, qualified_name

Document = Mapping[str, Any]


def traffic(targets: Sequence[Document], *, in_service: bool) -> Iterator[Problem]:
    """All targets; those of a Service may not say which Configuration."""
    first: dict[str, int] = {}
    for index, target in enumerate(targets):
        yield from within(f"[{index}]", _target(target, in_service=in_service))
        tag = target.get("tag", "")
        if not tag:
            continue
        if wrong := dns_1035_label(tag):
            yield invalid_value(f"not a DNS 1035 label: {label_words(wrong)}", f"tag[{index}]")
        if first.setdefault(tag, index) != index:
            paths = (f"[{index}].tag", f"[{first[tag]}].tag")
            yield Problem(f"Multiple definitions for {quote(tag)}", paths)
    total = sum(target["percent"] for target in targets)
    if total != 100:
        yield Problem(f"Traffic targets sum to {total}, want 100", (HERE,))


def _target(target: Document, *, in_service: bool) -> Iterator[Problem]:
    revision, configuration = target.get("revisionName", ""), target.get("configurationName", "")
    latest = target["latestRevision"]
    if bool(revision) == latest:
        words = f"may not set revisionName {quote(revision)} when latestRevision is {str(latest).lower()}"
        yield Problem(words, ("latestRevision",))
    if in_service and configuration:
        yield disallowed_fields("configurationName")
    elif revision and configuration:
        yield multiple_one_of("revisionName", "configurationName")
    elif revision or configuration:
        field = "revisionName" if revision else "configurationName"
        if wrong := qualified_name(target[field]):
            yield invalid_key_name(target[field], field, ", ".join(wrong))
    elif not in_service:
        yield missing_one_of("revisionName", "configurationName")
    if not 0 <= target["percent"] <= 100:
        yield out_of_bounds(target["percent"], 0, 100, "percent")
    if target.get("url"):
        yield disallowed_fields("url")
