"""Refusals of updates beside those that a real cluster gave: code and words."""

import re
from typing import Any

import pytest
from bare_api import HELLO, KSVC, Api
from measured import recorded
from running import manifest

from emulator.api import kinds

REVISION = KSVC.replace("services", "revisions") + "/hello-00001"
#: What was patched, and how.
PATCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "revision spec": (REVISION, {"spec": {"timeoutSeconds": 5}}),
    "creator": (HELLO, {"metadata": {"annotations": {"serving.knative.dev/creator": "mallory"}}}),
}


@pytest.mark.parametrize("case", PATCHES)
def test_an_update_is_refused_as_by_the_cluster(case: str) -> None:
    api = Api()
    made = api("POST", KSVC, manifest())[1]
    template = made["spec"]["template"]
    revision = {"apiVersion": made["apiVersion"], "kind": "Revision", "spec": template["spec"]}
    api.store.create(kinds.REVISION, revision | {"metadata": {"name": "hello-00001", "namespace": "default"}})
    code, answer = api.patch(*PATCHES[case])
    assert {"http": code, "message": answer["message"]} == recorded("api")[case]


def test_each_recorded_refusal_is_compared() -> None:
    assert {*PATCHES, "discovery-serving-v1"} == set(recorded("api"))


def changes(**spec: Any) -> str:
    """What a template that keeps its name is refused with, when this is changed in its only container."""
    api = Api()
    named = manifest(container={"env": [{"name": "A", "value": "1"}], "args": ["a", "b"]})
    named["spec"]["template"]["metadata"] = {"name": "hello-one", "annotations": {"a": "b"}}
    api("POST", KSVC, named)
    _, stored = api("GET", HELLO)
    stored["spec"]["template"]["spec"]["containers"][0] |= spec
    code, answer = api("PUT", HELLO, stored)
    assert code == 400
    head, _, told = answer["message"].partition("spec.template.metadata.name\n")
    assert head.endswith("Saw the following changes without a name change (-old +new): ")
    where = "{*v1.RevisionTemplateSpec}.Spec.PodSpec.Containers[0]"
    assert where in told
    return re.sub(r"^(\*?)" + re.escape(where), r"\1", told, flags=re.MULTILINE)


def test_changes_are_told_in_terms_of_gos_structs() -> None:
    """As knative.dev/pkg's ShortDiff says them."""
    assert changes(image="b").splitlines()[0] == ".Image:"
    assert changes(args=["a", "c"]) == '.Args[1]:\n\t-: "b"\n\t+: "c"\n'
    assert changes(args=["b"]) == '.Args[0->?]:\n\t-: "a"\n'
    assert changes(args=["a", "b", "c"]) == '.Args[?->2]:\n\t+: "c"\n'
    assert changes(command=["x"]) == '.Command:\n\t-: "[]"\n\t+: "[x]"\n'
    env = [{"name": "A", "value": "1"}, {"name": "B"}]
    assert changes(env=env) == '.Env[?->1]:\n\t+: v1.EnvVar: "{Name:B Value: ValueFrom:<nil>}"\n'
    probe = {"httpGet": {"path": "/", "port": 0}, "successThreshold": 1}
    told = changes(readinessProbe=probe)
    assert told.startswith('.ReadinessProbe.ProbeHandler.HTTPGet:\n\t-: "<nil>"\n\t+: "{Path:/ Port:{Type:0 ')
    assert ".ReadinessProbe.ProbeHandler.TCPSocket:" in told
    assert changes(resources={"limits": {"cpu": "1"}}) == '.Resources.Limits:\n\t-: "map[]"\n\t+: "map[cpu:1]"\n'
    context = '.SecurityContext:\n\t-: "<nil>"\n'
    assert changes(securityContext={"runAsUser": 1}).startswith(context)
