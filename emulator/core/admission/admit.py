"""The way of an object through admission."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from emulator.core.admission.defaults import with_defaults
from emulator.core.admission.dry_run import refusal
from emulator.core.admission.field_error import merged
from emulator.core.admission.schema import DecodeError
from emulator.core.admission.settings import AdmissionConfig
from emulator.core.admission.tables import SERVING
from emulator.core.admission.validation import VALIDATORS

Document = Mapping[str, Any]

_DEFAULTING: Final = "webhook.serving.knative.dev"
_VALIDATING: Final = "validation.webhook.serving.knative.dev"


class AdmissionError(Exception):
    """An object is refused.

    `message` is the webhook's response (`validation failed: ...`), `webhook` the one that refused; the text of the
    error is what the API server makes of both. `warnings` are those that an admitted object would have had too.
    """

    def __init__(self, webhook: str, message: str, warnings: tuple[str, ...] = ()) -> None:
        super().__init__(f'admission webhook "{webhook}" denied the request: {message}')
        self.message = message
        self.webhook = webhook
        self.warnings = warnings


class Admitted(NamedTuple):
    """The object as it is to be stored, and what to tell the client beside."""

    object: dict[str, Any]
    warnings: tuple[str, ...]


def prune(kind: str, document: Document) -> tuple[dict[str, Any], list[str]]:
    """What the API server keeps of a document, and the paths of the fields that it drops, since the CRD lacks them.

    It does so before any webhook, with the warning `unknown field "spec.x"` for each (an error for a client that
    validates strictly).
    """
    return SERVING.prune(kind, document)


def admit(
    kind: str,
    new: Document,
    old: Document | None = None,
    *,
    user: str,
    config: AdmissionConfig,
    subresource: str = "",
    dry_run: bool = False,
) -> Admitted:
    """Pass an object of serving.knative.dev through the defaulting and the validating webhook.

    `old` is the stored object of an update. An update of the sub-resource `status` is only filled in, since neither
    metadata nor spec can change with it. A dry run also tells what Kubernetes would say of the pod. Raises
    AdmissionError.
    """
    stored = None if old is None else SERVING.decode(kind, old)
    filled = defaulted(kind, new, stored, user=user, config=config)
    if subresource == "status":
        return Admitted(filled, ())
    problems = merged(VALIDATORS[kind](filled, stored, config))
    warnings = tuple(str(problem) for problem in problems if problem.warning)
    errors = [str(problem) for problem in problems if not problem.warning]
    if errors:
        raise AdmissionError(_VALIDATING, "validation failed: " + "\n".join(errors), warnings)
    if dry_run and "template" in filled["spec"] and (words := refusal(filled["spec"]["template"])):
        raise AdmissionError(_VALIDATING, words, warnings)
    return Admitted(filled, warnings)


def defaulted(
    kind: str, new: Document, stored: Document | None, *, user: str, config: AdmissionConfig
) -> dict[str, Any]:
    """What the defaulting webhook makes of an object; `stored` is decoded. Raises AdmissionError."""
    try:
        decoded = SERVING.decode(kind, new)
    except DecodeError as error:
        raise AdmissionError(_DEFAULTING, f"mutation failed: cannot decode incoming new object: {error}") from error
    return with_defaults(kind, decoded, stored, user, config)
