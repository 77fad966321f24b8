"""Each request that a real cluster was asked to admit (as a dry run), and its answer: code, reason, words, warnings.

The requests were one Service that changes in one place: the name of a case says how.
"""

import copy
import re
from typing import Any

import pytest
from bare_api import KSVC, Api
from measured import recorded

AUTOSCALING = "autoscaling.knative.dev"
HTTP_GET, TCP = {"httpGet": {"path": "/", "port": 9999}}, {"tcpSocket": {"port": 8080}}
LATEST = {"latestRevision": True}
IMAGE = "dev.local/app:v1"
MOUNTED = {"containers": [{"image": IMAGE, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}

#: What the container, its pod, the template, the Service's spec or its metadata had beside, or in place of, the usual.
CONTAINER: dict[str, Any] = {
    "no image": {"image": None},
    "two ports": {"ports": [{"containerPort": 8080}, {"containerPort": 8081}]},
    "bad port name": {"ports": [{"name": "grpc", "containerPort": 8080}]},
    "reserved port 8012": {"ports": [{"containerPort": 8012}]},
    "port 70000": {"ports": [{"containerPort": 70000}]},
    "hostPort": {"ports": [{"containerPort": 8080, "hostPort": 80}]},
    "env PORT": {"env": [{"name": "PORT", "value": "1"}]},
    "env K_SERVICE": {"env": [{"name": "K_SERVICE", "value": "1"}]},
    "env noname": {"env": [{"value": "1"}]},
    "mount no volume": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
    "lifecycle": {"lifecycle": {"preStop": {"exec": {"command": ["true"]}}}},
    "privileged": {"securityContext": {"privileged": True}},
    "runAsUser -1": {"securityContext": {"runAsUser": -1}},
    "pullpolicy": {"imagePullPolicy": "Sometimes"},
    "resources abc": {"resources": {"limits": {"cpu": "abc"}}},
    "probe other port": {"readinessProbe": HTTP_GET},
    "probe two handlers": {"readinessProbe": HTTP_GET | TCP},
    "probe period0 timeout5": {"readinessProbe": TCP | {"periodSeconds": 0, "timeoutSeconds": 5}},
    "bad image ref": {"image": "Bad Image"},
}
POD: dict[str, Any] = {
    "no containers": {"containers": None},
    "two containers no port": {"containers": [{"image": IMAGE}, {"image": IMAGE, "name": "b"}]},
    "cc -1": {"containerConcurrency": -1},
    "cc 1001": {"containerConcurrency": 1001},
    "timeout 601": {"timeoutSeconds": 601},
    "timeout -1": {"timeoutSeconds": -1},
    "timeout 0": {"timeoutSeconds": 0},
    "hostPath": MOUNTED | {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
    "unmounted volume": {"volumes": [{"name": "v", "emptyDir": {}}]},
    "nodeSelector": {"nodeSelector": {"a": "b"}},
    "hostNetwork": {"hostNetwork": True},
}
ANNOTATIONS: dict[str, Any] = {
    "min>max": {f"{AUTOSCALING}/min-scale": "5", f"{AUTOSCALING}/max-scale": "2"},
    "old minScale": {f"{AUTOSCALING}/minScale": "1"},
    "unknown serving annotation": {"serving.knative.dev/foo": "x"},
}
TEMPLATE: dict[str, Any] = {
    "rev name no prefix": {"metadata": {"name": "foo"}},
    "rev name rej-00001": {"metadata": {"name": "rej-00001"}},
}
SPEC: dict[str, Any] = {
    "traffic 50": {"traffic": [LATEST | {"percent": 50}]},
    "traffic no latest no rev": {"traffic": [{"percent": 100}]},
    "traffic both": {"traffic": [LATEST | {"revisionName": "a", "percent": 100}]},
    "bad tag": {"traffic": [LATEST | {"percent": 100, "tag": "Bad_Tag"}]},
    "dup tag": {"traffic": [LATEST | {"percent": 50, "tag": "a"}, LATEST | {"percent": 50, "tag": "a"}]},
    "percent 101": {"traffic": [LATEST | {"percent": 101}, LATEST | {"percent": -1}]},
    "configurationName": {"traffic": [{"configurationName": "rej", "percent": 100}]},
    "unknown field spec.bogus": {"bogus": 1},
}
META: dict[str, Any] = {
    "name 64": {"name": "a" * 64},
    "name 63": {"name": "a" * 63},
    "bad name": {"name": "Bad_Name"},
    "dotted name": {"name": "a.b"},
    "creator annotation": {"annotations": {"serving.knative.dev/creator": "mallory"}},
    "bad visibility": {"labels": {"networking.knative.dev/visibility": "public"}},
    "rollout -1s": {"annotations": {"serving.knative.dev/rollout-duration": "-1s"}},
}

#: What is answered otherwise here, and why.
MAY_DIFFER: dict[str, str] = {
    "ann class=foo": "refused: a cluster takes it and scales nothing, ever, until somebody installs that autoscaler",
    "ann unknown-key=1": "warned of: a cluster takes what may be misspelt without a word",
}


def request(case: str) -> dict[str, Any]:
    container = {"image": IMAGE} | CONTAINER.get(case, {})
    pod = {"containers": [container]} | POD.get(case, {})
    template: dict[str, Any] = {"spec": pod} | TEMPLATE.get(case, {})
    annotations = ANNOTATIONS.get(case, {})
    if annotation := re.fullmatch(r"ann (.+)=(.+)", case):
        annotations = {f"{AUTOSCALING}/{annotation[1]}": annotation[2]}
    if annotations:
        template["metadata"] = {"annotations": annotations}
    document = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "rej", "namespace": "default"} | META.get(case, {}),
        "spec": {"template": template} | SPEC.get(case, {}),
    }
    return copy.deepcopy(document)


def answered(api: Api, case: str) -> dict[str, Any]:
    answer = api.raw("POST", f"{KSVC}?dryRun=All", request(case))
    said: dict[str, Any] = answer.json or {}
    refused = {} if answer.status_code == 201 else {"reason": said["reason"], "message": said["message"]}
    return told({"http": answer.status_code, "warnings": answer.headers.getlist("Warning")} | refused)


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """Without the end of a pod's name that is made at random."""
    words = re.sub(r"(?<=dry-run-validation)\w*", "", answer.get("message", ""))
    return answer | {"message": words}


@pytest.fixture(scope="module")
def api() -> Api:
    return Api()


@pytest.mark.parametrize("case", [case for case in recorded("admission") if case not in MAY_DIFFER])
def test_it_is_admitted_as_by_the_cluster(api: Api, case: str) -> None:
    assert answered(api, case) == told(recorded("admission")[case])


@pytest.mark.parametrize("case", MAY_DIFFER)
def test_what_differs_differs_as_is_said(api: Api, case: str) -> None:
    ours, theirs = answered(api, case), told(recorded("admission")[case])
    assert ours != theirs
    if MAY_DIFFER[case].startswith("warned of"):
        assert (ours["http"], ours["warnings"][1:]) == (theirs["http"], theirs["warnings"])


def test_each_table_is_of_recorded_requests() -> None:
    cases = [*CONTAINER, *POD, *ANNOTATIONS, *TEMPLATE, *SPEC, *META]
    rest = [case for case in recorded("admission") if case not in cases]
    assert len(cases) == len(set(cases))
    assert set(cases) <= set(recorded("admission"))
    assert all(case.startswith("ann ") for case in rest)
