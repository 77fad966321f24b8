"""What is wrong with a Service, Configuration, Revision, Route or DomainMapping, when it is made and when it changes.

Source: knative/serving pkg/apis/serving/v1/*_validation.go. Objects are decoded and defaulted.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from emulator.core import annotations as keys
from emulator.core.admission import annotations, revision
from emulator.core.admission.domain_mapping import domain_mapping
from emulator.core.admission.field_error import Problem, within
from emulator.core.admission.metadata import creator_and_modifier, names, owned_label
from emulator.core.admission.settings import AdmissionConfig
from emulator.core.admission.short_diff import short_diff
from emulator.core.admission.traffic import traffic

Document = Mapping[str, Any]
Validator = Callable[[Document, Document | None, AdmissionConfig], Iterator[Problem]]


def service(new: Document, old: Document | None, config: AdmissionConfig) -> Iterator[Problem]:
    metadata = new["metadata"]
    yield from within("metadata", _unscaled(metadata))
    yield from _rollout(metadata)
    yield from within("spec.template", revision.template(new["spec"]["template"], metadata, config))
    yield from within("spec.traffic", traffic(new["spec"].get("traffic", ()), in_service=True))
    if old is not None:
        yield from within("metadata.annotations", creator_and_modifier(old, new))
        yield from within("spec.template", _name_change(old["spec"]["template"], new["spec"]["template"]))


def configuration(new: Document, old: Document | None, config: AdmissionConfig) -> Iterator[Problem]:
    metadata = new["metadata"]
    yield from within("metadata", _unscaled(metadata))
    yield from within("metadata", owned_label(metadata, keys.SERVICE_LABEL, "Service"))
    yield from within("spec.template", revision.template(new["spec"]["template"], metadata, config))
    if old is not None:
        yield from _own_modifier(old, new)
        yield from within("spec.template", _name_change(old["spec"]["template"], new["spec"]["template"]))


def route(new: Document, old: Document | None, _config: AdmissionConfig) -> Iterator[Problem]:
    metadata = new["metadata"]
    yield from within("metadata", _unscaled(metadata))
    yield from within("metadata", owned_label(metadata, keys.SERVICE_LABEL, "Service"))
    yield from _rollout(metadata)
    yield from within("spec.traffic", traffic(new["spec"].get("traffic", ()), in_service=False))
    if old is not None:
        yield from _own_modifier(old, new)


def revision_object(new: Document, old: Document | None, config: AdmissionConfig) -> Iterator[Problem]:
    """The spec of a Revision never changes, so what was admitted once is not looked at again."""
    metadata = new["metadata"]
    if old is not None and (changes := short_diff("RevisionSpec", old["spec"], new["spec"])):
        yield Problem("Immutable fields changed (-old +new)", ("spec",), changes)
        return
    yield from within("metadata", names(metadata))
    autoscaling = annotations.autoscaling(metadata.get("annotations", {}), config.autoscaler)
    yield from within("metadata.annotations", autoscaling)
    yield from within("metadata", owned_label(metadata, keys.CONFIGURATION_LABEL, "Configuration"))
    if old is None:
        yield from within("spec", revision.spec(new["spec"], config))


VALIDATORS: Final[Mapping[str, Validator]] = {
    "Service": service,
    "Configuration": configuration,
    "Revision": revision_object,
    "Route": route,
    "DomainMapping": domain_mapping,
}


def _unscaled(metadata: Document) -> Iterator[Problem]:
    """Metadata of an object that autoscaling annotations have no place on."""
    yield from names(metadata)
    yield from within("annotations", annotations.no_autoscaling(metadata.get("annotations", {})))


def _rollout(metadata: Document) -> Iterator[Problem]:
    return within("metadata.annotations", annotations.rollout_duration(metadata.get("annotations", {})))


def _own_modifier(old: Document, new: Document) -> Iterator[Problem]:
    """Not for an object that another one owns: its annotations are the owner's."""
    if not new["metadata"].get("ownerReferences"):
        yield from within("metadata.annotations", creator_and_modifier(old, new))


def _name_change(old: Document, new: Document) -> Iterator[Problem]:
    """A template whose revision has a name of the user's must get a new one when anything in it changes."""
    name = new["metadata"].get("name")
    if not name or name != old["metadata"].get("name"):
        return
    if changes := short_diff("RevisionTemplateSpec", old, new, pointer=True):
        yield Problem("Saw the following changes without a name change (-old +new)", ("metadata.name",), changes)
