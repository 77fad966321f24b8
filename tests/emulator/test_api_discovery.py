"""What the API says of itself: discovery, OpenAPI, and who may do what."""

from typing import Any

import pytest
from bare_api import Api, error
from measured import recorded

GROUP_LIST = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.fixture
def api() -> Api:
    return Api()


def test_resources_are_those_of_a_cluster(api: Api) -> None:
    """In which order a cluster names them is chance."""
    theirs: dict[str, Any] = recorded("api")["discovery-serving-v1"]
    _, ours = api("GET", "/apis/serving.knative.dev/v1")
    assert {**ours, "resources": []} == {**theirs, "resources": []}
    expected = {each["name"]: each for each in theirs["resources"]}
    assert {each["name"]: each for each in ours["resources"]} == expected


def test_a_core_resource_is_named_as_the_api_server_does(api: Api) -> None:
    found = {each["name"]: each for each in api("GET", "/api/v1")[1]["resources"]}
    assert found["secrets"]["verbs"] == [
        *("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
    ]
    assert "shortNames" not in found["secrets"]
    assert "storageVersionHash" in found["secrets"]
    [review, _] = api("GET", "/apis/authorization.k8s.io/v1")[1]["resources"]
    assert "storageVersionHash" not in review


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
def test_aggregated_discovery_says_the_same_at_once(api: Api, version: str) -> None:
    accept = f"{GROUP_LIST.format(version)},application/json"
    found = []
    for path in ("/api", "/apis"):
        response = api.raw("GET", path, Accept=accept)
        assert response.headers["Content-Type"] == GROUP_LIST.format(version)
        assert response.json["apiVersion"] == f"apidiscovery.k8s.io/{version}"
        found += response.json["items"]
    assert [each["metadata"].get("name", "") for each in found] == [
        "",
        "apps",
        "authorization.k8s.io",
        "autoscaling.internal.knative.dev",
        "discovery.k8s.io",
        "networking.internal.knative.dev",
        "serving.knative.dev",
    ]
    for group in found:
        name = group["metadata"].get("name")
        versions = [of["version"] for of in group["versions"]]
        assert versions == (["v1", "v1beta1"] if name == "serving.knative.dev" else versions[:1])
        for of in group["versions"]:
            _, legacy = api("GET", f"/apis/{name}/{of['version']}" if name else "/api/v1")
            names = [
                f"{each['resource']}{sub}"
                for each in of["resources"]
                for sub in ("", *(f"/{inner['subresource']}" for inner in each["subresources"]))
            ]
            assert names == [each["name"] for each in legacy["resources"]]
    assert api("GET", "/apis", Accept="application/json")[1]["kind"] == "APIGroupList"


def test_openapi_names_each_document_by_what_is_in_it(api: Api) -> None:
    paths = api("GET", "/openapi/v3")[1]["paths"]
    assert {"api/v1", "apis/apps/v1", "apis/serving.knative.dev/v1"} < set(paths)
    for entry in paths.values():
        path, _, query = entry["serverRelativeURL"].partition("?hash=")
        assert len(query) == 64
        response = api.raw("GET", entry["serverRelativeURL"])
        assert response.json["openapi"] == "3.0.0"
        assert api.raw("GET", path, If_None_Match=response.headers["ETag"]).status_code == 304


def test_openapi_has_the_fields_of_the_crd(api: Api) -> None:
    _, document = api("GET", "/openapi/v3/apis/serving.knative.dev/v1")
    schemas = document["components"]["schemas"]

    def at(*steps: str) -> dict[str, Any]:
        node = schemas["serving.knative.dev.v1.Service"]
        for step in steps:
            node = node["properties"][step]
            node = node.get("items", node)
        return node

    assert {name: of["type"] for name, of in at("spec", "traffic")["properties"].items()} == {
        **dict.fromkeys(("configurationName", "revisionName", "tag", "url"), "string"),
        "latestRevision": "boolean",
        "percent": "integer",
    }
    pod = at("spec", "template", "spec")["properties"]
    assert "hostname" not in pod, "what the CRD lacks"
    assert pod["containers"]["x-kubernetes-list-type"] == "atomic"
    assert pod["volumes"]["x-kubernetes-list-map-keys"] == ["name"]
    assert pod["nodeSelector"]["x-kubernetes-map-type"] == "atomic"
    operation = document["paths"]["/apis/serving.knative.dev/v1/namespaces/{namespace}/services/{name}"]["patch"]
    assert "fieldValidation" in {each["name"] for each in operation["parameters"]}


def test_who_has_the_token_may_do_everything(api: Api) -> None:
    asked = {"resourceAttributes": {"verb": "create", "resource": "services"}}
    code, review = api("POST", ACCESS, {"spec": asked})
    assert (code, review["status"], review["spec"]) == (201, {"allowed": True}, asked)
    assert api("POST", ACCESS, {"spec": {"nonResourceAttributes": {"path": "/"}}})[1]["status"]["allowed"]
    for wrong in ({}, {"spec": []}, {"spec": asked | {"nonResourceAttributes": {}}}):
        assert error(api("POST", ACCESS, wrong))[:2] == (400, "BadRequest")
    rules = api("POST", ACCESS.replace("access", "rules"), {"spec": {"namespace": "default"}})[1]
    assert rules["status"]["resourceRules"] == [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
    assert api("GET", ACCESS)[0] == 404
