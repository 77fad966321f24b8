from typing import Any

import pytest

from emulator.core.admission import AdmissionConfig, admit
from emulator.core.resources import DEFAULT_PORT, UnknownDocumentError, revision_spec


def admitted(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "hello", "namespace": "default"}
    document = {"apiVersion": "serving.knative.dev/v1", "kind": kind, "metadata": metadata, "spec": spec}
    return admit(kind, document, user="alice", config=AdmissionConfig()).object


def test_the_least_service() -> None:
    spec = revision_spec(admitted("Service", {"template": {"spec": {"containers": [{"image": "app"}]}}}))
    assert (spec.serving.name, spec.serving.image, spec.port) == ("user-container", "app", DEFAULT_PORT)
    assert (spec.container_concurrency, spec.timeout, spec.response_start_timeout, spec.idle_timeout) == (0, 300, 0, 0)
    assert spec.serving.probes["readiness"] == {"successThreshold": 1, "tcpSocket": {"port": 0}}
    assert not spec.is_http2


def test_all_that_is_said() -> None:
    container = {
        "image": "app",
        "command": ["/bin/app"],
        "args": ["-v"],
        "workingDir": "/srv",
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "c"}}],
        "ports": [{"name": "h2c", "containerPort": 9000}],
        "livenessProbe": {"httpGet": {"path": "/live"}},
    }
    template = {
        "metadata": {"annotations": {"autoscaling.knative.dev/min-scale": "1"}},
        "spec": {
            "containers": [{"image": "sidecar"}, container],
            "containerConcurrency": 3,
            "timeoutSeconds": 20,
            "responseStartTimeoutSeconds": 5,
            "idleTimeoutSeconds": 6,
        },
    }
    spec = revision_spec(admitted("Configuration", {"template": template}))
    serving = spec.serving
    assert (serving.image, serving.command, serving.args, serving.working_dir) == (
        "app",
        ("/bin/app",),
        ("-v",),
        "/srv",
    )
    assert serving.document["env"] == container["env"]
    assert serving.document["envFrom"] == container["envFrom"]
    assert (spec.port, spec.is_http2) == (9000, True)
    assert serving.probes["liveness"] == {"httpGet": {"path": "/live", "port": 0}}
    assert (spec.container_concurrency, spec.timeout, spec.response_start_timeout, spec.idle_timeout) == (3, 20, 5, 6)
    assert spec.annotations == {"autoscaling.knative.dev/min-scale": "1"}


@pytest.mark.parametrize(
    ("api_version", "kind"), [("v1", "Service"), ("serving.knative.dev/v1", "Route"), (None, None)]
)
def test_other_documents_are_refused(api_version: str | None, kind: str | None) -> None:
    with pytest.raises(UnknownDocumentError, match="give a Revision, Configuration or Service"):
        revision_spec({"apiVersion": api_version, "kind": kind, "spec": {}})
