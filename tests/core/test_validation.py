import copy
from collections.abc import Callable
from typing import Any

import pytest

from emulator.core.admission import AdmissionConfig, AdmissionError, admit, prune
from emulator.core.admission.admit import defaulted

Case = dict[str, Any]


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


def outcome(case: Case, document: Any) -> dict[str, Any]:
    """What happens to `document`, in the words of the vectors."""
    config = AdmissionConfig.load(case.get("config", {}))
    kind, old, user = document["kind"], case.get("old"), case["user"]
    said: dict[str, Any] = {"allowed": True, "error": ""}
    try:
        said["defaulted"] = defaulted(kind, document, old, user=user, config=config)
        admitted = admit(kind, document, old, user=user, config=config, subresource=case.get("subresource", ""))
    except AdmissionError as refusal:
        said |= {"allowed": False, "warnings": list(refusal.warnings)}
        said |= {"error": refusal.message.removeprefix("validation failed: ")}
    else:
        assert admitted.object == said["defaulted"]
        said["warnings"] = list(admitted.warnings)
    return said


def told(case: Case, side: Case) -> dict[str, Any]:
    """What one side says of all that must be equal (see `error_match` in the notes of the vectors)."""
    if case["error_match"] == "rejected_only":
        return {"allowed": side["allowed"]}
    said = {key: comparable(side[key]) for key in ("allowed", "error", "warnings", "defaulted") if key in side}
    if case["error_match"] == "first_line":
        said["error"] = said["error"].split("\n")[0]
    return said


def differences(cases: list[Case]) -> list[str]:
    wrong = []
    for case in cases:
        before = copy.deepcopy(case)
        pruned, dropped = prune(case["input"]["kind"], case["input"])
        pairs = [(outcome(case, case["input"]), {"warnings": [], **case})]
        if "after_crd_pruning" in case:
            pairs.append((outcome(case, pruned), case["after_crd_pruning"]))
        for got, want in pairs:
            told_got, told_want = told(case, got), told(case, want)
            told_got = {key: told_got[key] for key in told_got if key in told_want or key != "warnings"}
            if told_got != told_want:
                wrong.append(f"{case['name']}:\n   got {told_got}\n  want {told_want}")
        if dropped != case.get("crd_pruned", []):
            wrong.append(f"{case['name']}: pruned {dropped}, want {case.get('crd_pruned', [])}")
        assert case == before, "the given objects stay as they are"
    return wrong


def test_every_recorded_case(vectors: Callable[[str], Any]) -> None:
    cases = vectors("validation")["cases"]
    assert len(cases) > 600
    wrong = differences(cases)
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:10])


@pytest.mark.parametrize("field", ["error", "warnings", "defaulted"])
def test_a_changed_expectation_is_found(vectors: Callable[[str], Any], field: str) -> None:
    cases = vectors("validation")["cases"]
    case = copy.deepcopy(next(c for c in cases if c["allowed"] == (field == "defaulted") and c["warnings"]))
    assert not differences([case])
    case[field] = {"spec": {}} if field == "defaulted" else f"not {case[field]}"
    assert differences([case])
