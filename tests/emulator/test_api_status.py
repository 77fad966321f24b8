"""Writes of the status sub-resource: a user's own, beside the controller's."""

import pytest
from bare_api import HELLO, JSON, KSVC, Api, error
from running import manifest
from simulated import Simulated

from emulator.api import kinds
from emulator.api.admission import Manner

STATUS = f"{HELLO}/status"
CONDITION = {"type": "Ready", "status": "False", "reason": "Tested"}


@pytest.fixture
def api() -> Api:
    api = Api()
    api("POST", KSVC, manifest())
    return api


def test_only_the_status_is_written(api: Api) -> None:
    _, read = api("GET", HELLO)
    written = read | {"status": {"url": "http://a", "conditions": [CONDITION]}}
    written["metadata"] = read["metadata"] | {"labels": {"a": "b"}, "annotations": {}}
    written["spec"] = {}
    code, now = api("PUT", f"{STATUS}?fieldManager=tester", written)
    assert (code, now["status"]) == (200, written["status"])
    assert now["spec"] == read["spec"]
    meta = {key: value for key, value in now["metadata"].items() if key not in {"resourceVersion", "managedFields"}}
    assert meta.items() <= read["metadata"].items()
    assert int(now["metadata"]["resourceVersion"]) == int(read["metadata"]["resourceVersion"]) + 1
    [managed] = [each for each in now["metadata"]["managedFields"] if each.get("subresource") == "status"]
    assert (managed["manager"], managed["operation"]) == ("tester", "Update")
    assert managed["fieldsV1"] == {"f:status": {"f:url": {}, "f:conditions": {}, ".": {}}}
    assert api("GET", STATUS) == (200, now)
    assert api("PUT", STATUS, now) == (200, now)


def test_patches_of_a_status(api: Api) -> None:
    code, now = api.patch(STATUS, {"metadata": {"labels": {"a": "b"}}, "status": {"url": "http://a"}})
    assert (code, now["status"]) == (200, {"url": "http://a"})
    assert "labels" not in now["metadata"]
    change = [{"op": "replace", "path": "/status/url", "value": "http://b"}]
    assert api.patch(STATUS, change, JSON)[1]["status"] == {"url": "http://b"}
    assert api.patch(f"{STATUS}?dryRun=All", {"status": {"url": "http://c"}})[1]["status"] == {"url": "http://c"}
    assert api("GET", HELLO)[1]["status"] == {"url": "http://b"}
    applied = error(api.patch(f"{STATUS}?fieldManager=a", {}, "application/apply-patch+yaml"))
    assert applied[:2] == (415, "UnsupportedMediaType")
    assert "patch it with application/merge-patch+json" in applied[2]


def test_what_is_refused(api: Api) -> None:
    _, read = api("GET", HELLO)
    assert api("PUT", STATUS, read | {"status": {"url": "http://a"}})[0] == 200
    assert error(api("PUT", STATUS, read | {"status": {"url": "http://b"}}))[:2] == (409, "Conflict")
    other = {"metadata": {"uid": "other"}, "status": {"url": "http://b"}}
    assert error(api.patch(STATUS, other))[:2] == (409, "Conflict")
    missing = read | {"metadata": {"name": "none", "namespace": "default"}}
    assert error(api("PUT", f"{KSVC}/none/status", missing))[:2] == (404, "NotFound")
    assert error(api.patch(STATUS, {"status": {"observedGeneration": "x"}}))[:2] == (400, "BadRequest")
    strict = error(api.patch(f"{STATUS}?fieldValidation=Strict", {"status": {"foo": 1}}))
    assert strict[2].endswith('strict decoding error: unknown field "status.foo"')
    assert "foo" not in api.patch(STATUS, {"status": {"foo": 1}})[1]["status"]
    pods = "/api/v1/namespaces/default/pods/p/status"
    assert error(api("PUT", pods, {}))[:2] == (405, "MethodNotAllowed")


def test_the_controller_writes_what_it_finds_again() -> None:
    simulated = Simulated()
    simulated.apply(manifest())
    simulated.run(10)
    for kind, name in ((kinds.SERVICE, "hello"), (kinds.ROUTE, "hello"), (kinds.REVISION, "hello-00001")):
        before = simulated.get(kind, name)
        wrong = before | {"status": before["status"] | {"conditions": [CONDITION], "observedGeneration": 7}}
        assert simulated.admission.replace_status(kind, wrong, Manner())[0]["status"] == wrong["status"]
        simulated.run(3)
        now = simulated.get(kind, name)["status"]
        assert [each["status"] for each in now["conditions"]] == ["True"] * len(before["status"]["conditions"])
        assert now["observedGeneration"] == before["status"]["observedGeneration"]
