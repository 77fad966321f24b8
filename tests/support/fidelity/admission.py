"""validation.json: what admission makes of an object, with the fields that the CRD lacks and without."""

import copy
from typing import Any

from emulator.core.admission import AdmissionConfig, AdmissionError, admit, prune
from emulator.core.admission.admit import defaulted
from fidelity.comparison import Case, Comparison, Path

_STAGES = {"mutation": "defaulting", "validation": "validation"}


def comparable(document: Any) -> Any:
    """Null members, an empty status and a null creationTimestamp say nothing."""
    if isinstance(document, list):
        return [comparable(item) for item in document]
    if not isinstance(document, dict):
        return document
    kept = {key: comparable(value) for key, value in document.items() if value is not None}
    if kept.get("status") == {}:
        del kept["status"]
    return kept


def admitted(case: Case, document: Any) -> dict[str, Any]:
    """What happens to `document`, in the words of the vectors."""
    config = AdmissionConfig.load(case.get("config", {}))
    kind, old, user = document["kind"], case.get("old"), case["user"]
    said: dict[str, Any] = {"allowed": True, "stage": "", "error": "", "message": ""}
    try:
        said["defaulted"] = defaulted(kind, document, old, user=user, config=config)
        result = admit(kind, document, old, user=user, config=config, subresource=case.get("subresource", ""))
    except AdmissionError as refusal:
        step, _, error = refusal.message.partition(" failed: ")
        said |= {"allowed": False, "stage": _STAGES[step], "message": refusal.message, "error": error}
        said["warnings"] = list(refusal.warnings)
    else:
        assert result.object == said["defaulted"]
        said["warnings"] = list(result.warnings)
    return said


def replay(case: Case) -> dict[str, Any]:
    before = copy.deepcopy(case)
    pruned, dropped = prune(case["input"]["kind"], case["input"])
    result = told(case, admitted(case, case["input"])) | {"crd_pruned": dropped}
    if dropped:
        after = told(case, admitted(case, pruned))
        # Neither warnings nor the stage were recorded for these.
        result["after_crd_pruning"] = {key: after[key] for key in ("allowed", "error", "defaulted") if key in after}
    assert case == before, "the given objects stay as they are"
    return result


def expected(case: Case) -> dict[str, Any]:
    said = told(case, {"warnings": [], **{key: case[key] for key in OUTPUTS[:6] if key in case}})
    said["crd_pruned"] = case.get("crd_pruned", [])
    if "after_crd_pruning" in case:
        said["after_crd_pruning"] = told(case, case["after_crd_pruning"])
    return said


def told(case: Case, side: Case) -> dict[str, Any]:
    """What one side says of all that must be equal (`error_match` in the notes of the vectors)."""
    if case["error_match"] == "rejected_only":
        return {key: side[key] for key in ("allowed", "stage") if key in side}
    said = {key: comparable(value) for key, value in side.items()}
    if case["error_match"] == "first_line":
        said |= {key: said[key].split("\n")[0] for key in ("error", "message") if key in said}
    return said


OUTPUTS = ("allowed", "stage", "message", "error", "warnings", "defaulted", "crd_pruned", "after_crd_pruning")


def ignored(case: Case, path: Path) -> str:
    if case["error_match"] == "rejected_only" and path[0] in {"message", "error"}:
        return "what can't be decoded is only refused: the text depends on Go's JSON library (error_match)"
    if case["error_match"] == "first_line" and path[0] in {"message", "error"}:
        return "of the structural diff only the first line counts (error_match)"
    return ""


COMPARISONS = (Comparison("validation", "cases", replay, OUTPUTS, expected, ignored),)
