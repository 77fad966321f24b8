from typing import Any

import pytest

from emulator.core.admission import AdmissionConfig, AdmissionError, admit


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
