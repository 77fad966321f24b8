"""Metadata: names, labels, and who made and last changed an object.

Sources: knative.dev/pkg apis/metadata_validation.go, knative/serving pkg/apis/serving/metadata_validation.go.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from emulator.core.admission.field_error import Problem, invalid_value, missing_field
from emulator.core.annotations import CREATOR, LAST_MODIFIER
from emulator.core.kubernetes_names import dns_1035_label, dns_1035_prefix

Document = Mapping[str, Any]


def label_words(wrong: Iterable[str]) -> str:
    """A list of texts as Go prints it."""
    return f"[{' '.join(wrong)}]"


def names(metadata: Document) -> Iterator[Problem]:
    """The name of an object, or the prefix of the name it will get."""
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if prefix and (wrong := dns_1035_prefix(prefix)):
        yield Problem(f"not a DNS 1035 label prefix: {label_words(wrong)}", ("generateName",))
    elif name and (wrong := dns_1035_label(name)):
        yield Problem(f"not a DNS 1035 label: {label_words(wrong)}", ("name",))
    elif not name and not prefix:
        yield Problem("name or generateName is required", ("name",))


def owned_label(metadata: Document, label: str, kind: str) -> Iterator[Problem]:
    """A label that names the owner must name an owner that there is."""
    value = metadata.get("labels", {}).get(label)
    owners = metadata.get("ownerReferences", ())
    if value is not None and not any(o.get("kind") == kind and o.get("name") == value for o in owners):
        yield missing_field(f"labels.{label}")


def creator_and_modifier(old: Document, new: Document) -> Iterator[Problem]:
    """Who made an object never changes; who changed it last changes with the spec only."""
    before, after = (document["metadata"].get("annotations", {}) for document in (old, new))
    if before.get(CREATOR, "") != after.get(CREATOR, ""):
        yield Problem("annotation value is immutable", (CREATOR,))
    modifier = after.get(LAST_MODIFIER, "")
    if old["spec"] == new["spec"] and before.get(LAST_MODIFIER, "") != modifier:
        yield invalid_value(modifier, LAST_MODIFIER)


def with_user(old: Document | None, new: Document, user: str) -> dict[str, Any]:
    """The same object with the annotations that tell who made it, or who changed its spec."""
    if old is not None and old["spec"] == new["spec"]:
        return dict(new)
    metadata = new["metadata"]
    told = {LAST_MODIFIER: user} if old is not None else {CREATOR: user, LAST_MODIFIER: user}
    return {**new, "metadata": {**metadata, "annotations": metadata.get("annotations", {}) | told}}
