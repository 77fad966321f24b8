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


def service(**container: Any) -> dict[str, Any]:
    spec = {"template": {"spec": {"containers": [{"image": "app", **container}]}}}
    metadata = {"name": "hello", "namespace": "default"}
    return {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (
            {"imagePullPolicy": "Sometimes"},
            (
                'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always",'
                ' "IfNotPresent", "Never"'
            ),
        ),
        (
            {"name": "&InvalidValue"},
            'spec.containers[0].name: Invalid value: "&InvalidValue": a lowercase RFC 1123 label',
        ),
    ],
)
def test_a_dry_run_tells_what_the_pod_would_be_refused_for(container: dict[str, Any], words: str) -> None:
    config = AdmissionConfig()
    admit("Service", service(**container), user="alice", config=config)
    with pytest.raises(AdmissionError) as refusal:
        admit("Service", service(**container), user="alice", config=config, dry_run=True)
    assert str(refusal.value).startswith(
        'admission webhook "validation.webhook.serving.knative.dev" denied the request: '
    )
    assert "validation callback failed: dry run failed with Pod " in refusal.value.message
    assert words in refusal.value.message
    assert refusal.value.message.endswith(": spec.template")
    assert admit("Service", service(), user="alice", config=config, dry_run=True).object


@pytest.mark.parametrize(
    ("pod", "error"),
    [
        (
            # Each handler puts itself in front of what was said of those before it.
            {"containers": [{"image": "a", "livenessProbe": {"httpGet": {"port": "x"}, "tcpSocket": {"port": 1}}}]},
            (
                "invalid value: x: spec.template.spec.containers[0].livenessProbe.tcpSocket.httpGet.port\n"
                "Probe port must match container port"
            ),
        ),
        (
            # So does a container whose name is taken.
            {"containers": [{"image": "", "ports": [{}], "name": "a"}, {"image": "b", "name": "a"}]},
            "missing field(s): spec.template.spec.containers[1].containers[0].image",
        ),
        (
            {"containers": [{"image": "a", "envFrom": [{}, {"secretRef": {"name": "s"}}]}]},
            (
                "expected exactly one, got neither: "
                "spec.template.spec.containers[0].envFrom.secretRef[1].configMapRef, "
                "spec.template.spec.containers[0].envFrom.secretRef[1].secretRef"
            ),
        ),
        (
            {
                "containers": [{"image": "a", "securityContext": {"privileged": True}}],
                "automountServiceAccountToken": True,
            },
            (
                "must not set the field(s): spec.template.spec.automountServiceAccountToken, "
                "spec.template.spec.containers[0].securityContext.privileged"
            ),
        ),
    ],
)
def test_the_references_odd_paths(pod: dict[str, Any], error: str) -> None:
    document = service() | {"spec": {"template": {"spec": pod}}}
    with pytest.raises(AdmissionError) as refusal:
        admit("Service", document, user="alice", config=AdmissionConfig())
    assert error in refusal.value.message.split(": ", 1)[1]


def test_what_may_only_be_false() -> None:
    document = service(securityContext={"privileged": False})
    document["spec"]["template"]["spec"]["automountServiceAccountToken"] = False
    stored = admit("Service", document, user="alice", config=AdmissionConfig()).object["spec"]["template"]["spec"]
    assert stored["containers"][0]["securityContext"] == {"privileged": False}
    assert stored["automountServiceAccountToken"] is False


def test_a_template_of_an_unchanged_name_is_not_filled_in() -> None:
    config = AdmissionConfig()
    document = service()
    document["spec"]["template"]["metadata"] = {"name": "hello-v1"}
    stored = admit("Service", document, user="alice", config=config).object
    assert admit("Service", stored, stored, user="bob", config=config).object == stored
    with pytest.raises(AdmissionError, match="Saw the following changes without a name change"):
        admit("Service", document, stored, user="alice", config=config)


def test_a_document_that_does_not_fit_says_where() -> None:
    document = service(env=[{"name": "A", "value": 1}])
    with pytest.raises(
        AdmissionError, match=r"number 1 into Go struct field Service\.spec\..*env\.0\.value of type string"
    ):
        admit("Service", document, user="alice", config=AdmissionConfig())


@pytest.mark.parametrize("field", ["error", "warnings", "defaulted"])
def test_a_changed_expectation_is_found(vectors: Callable[[str], Any], field: str) -> None:
    cases = vectors("validation")["cases"]
    case = copy.deepcopy(next(c for c in cases if c["allowed"] == (field == "defaulted") and c["warnings"]))
    assert not differences([case])
    case[field] = {"spec": {}} if field == "defaulted" else f"not {case[field]}"
    assert differences([case])
