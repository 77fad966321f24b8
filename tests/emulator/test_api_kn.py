"""What `kn` asks for, in its order and with its queries: it does no discovery and takes no tables."""

import json
from typing import Any

import pytest
from bare_api import HELLO, KSVC, Api, error
from mappings import PATH, mapping
from running import manifest

from emulator.api.kinds import SERVICE

REVISIONS = KSVC.replace("services", "revisions")
MERGE = "application/merge-patch+json"


@pytest.fixture
def api() -> Api:
    return Api()


def typed(document: dict[str, Any]) -> dict[str, Any]:
    """As Go's typed clients send it: empty statuses, and times that are null."""
    document["metadata"]["creationTimestamp"] = None
    document["spec"]["template"]["metadata"]["creationTimestamp"] = None
    return document | {"status": {}}


def watch(api: Api, version: str) -> list[str]:
    query = f"watch=true&fieldSelector=metadata.name%3Dhello&resourceVersion={version}&timeout=10m30s&timeoutSeconds=1"
    response = api.raw("GET", f"{KSVC}?{query}")
    return [json.loads(line)["type"] for line in response.data.splitlines()]


def test_create_then_update(api: Api) -> None:
    assert error(api("GET", HELLO))[0] == 404
    assert api("POST", KSVC, typed(manifest()))[0] == 201
    _, stored = api("GET", HELLO)
    assert "status" not in stored
    assert watch(api, stored["metadata"]["resourceVersion"]) == []
    api.store.update_status(SERVICE, stored, {"observedGeneration": 1})
    assert watch(api, stored["metadata"]["resourceVersion"]) == ["MODIFIED"]
    _, stored = api("GET", HELLO)
    assert error(api("GET", f"{REVISIONS}/hello-00001"))[0] == 404
    assert api("GET", f"{REVISIONS}?labelSelector=serving.knative.dev%2Fservice%3Dhello")[1]["items"] == []
    stored["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "1"}]
    code, now = api("PUT", HELLO, typed(stored))
    assert (code, now["metadata"]["generation"], now["status"]) == (200, 2, {"observedGeneration": 1})
    assert error(api("PUT", HELLO, stored))[:2] == (409, "Conflict"), "kn asks anew then, and tries again"


def test_apply_says_what_changed_by_the_generation(api: Api) -> None:
    assert error(api("GET", HELLO))[0] == 404
    assert api("POST", KSVC, typed(manifest()))[0] == 201
    _, stored = api("GET", HELLO)
    api.store.update_status(SERVICE, stored, {"observedGeneration": 1})
    _, same = api("PATCH", HELLO, {"metadata": {"annotations": {"client.knative.dev/x": "y"}}}, Content_Type=MERGE)
    assert same["metadata"]["generation"] == same["status"]["observedGeneration"]
    patch = {"spec": {"template": {"spec": {"timeoutSeconds": 9}}}}
    _, changed = api("PATCH", HELLO, patch, Content_Type=MERGE)
    assert (changed["metadata"]["generation"], changed["status"]["observedGeneration"]) == (2, 1)


def test_delete(api: Api) -> None:
    api("POST", KSVC, typed(manifest()))
    assert api("GET", HELLO)[0] == 200
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    assert api("DELETE", HELLO, options)[1]["status"] == "Success"
    assert error(api("GET", HELLO))[0] == 404


def test_domains(api: Api) -> None:
    api("POST", KSVC, typed(manifest()))
    assert api("GET", HELLO)[0] == 200, "what --ref names is looked up"
    shop = f"{PATH}/shop.example.org"
    sent = mapping(creationTimestamp=None) | {"status": {}}
    assert api("POST", PATH, sent)[0] == 201
    assert [each["metadata"]["name"] for each in api("GET", PATH)[1]["items"]] == ["shop.example.org"]
    _, stored = api("GET", shop)
    assert stored["spec"]["ref"]["namespace"] == "default"
    stored["spec"]["ref"]["name"] = "other"
    assert api("PUT", shop, stored | {"status": {}})[1]["metadata"]["generation"] == 2
    assert api("DELETE", shop)[1]["status"] == "Success"
    assert error(api("GET", shop))[2] == 'domainmappings.serving.knative.dev "shop.example.org" not found'
