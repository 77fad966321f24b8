"""What the API admits of DomainMappings and ClusterDomainClaims, in Knative's words, and how it shows them."""

import copy
import json
from typing import Any

import pytest
from bare_api import Api, error
from mappings import PATH, mapping

from emulator.api.kinds import DOMAIN_MAPPING

SHOP = f"{PATH}/shop.example.org"
CLAIMS = "/apis/networking.internal.knative.dev/v1alpha1/clusterdomainclaims"
DENIED = 'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: '
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
APPLY = "application/apply-patch+yaml"


@pytest.fixture
def api() -> Api:
    return Api()


def test_the_namespace_and_who_made_it_are_filled_in(api: Api) -> None:
    code, made = api("POST", PATH, mapping() | {"status": {"url": "http://mine"}})
    assert code == 201
    ref = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "hello", "namespace": "default"}
    assert made["spec"] == {"ref": ref}
    assert made["metadata"]["generation"] == 1
    assert "status" not in made, "only the controller writes it"
    annotations = made["metadata"]["annotations"]
    assert annotations["serving.knative.dev/creator"] == annotations["serving.knative.dev/lastModifier"]
    changed = copy.deepcopy(made)
    changed["metadata"]["annotations"]["serving.knative.dev/creator"] = "mallory"
    words = "annotation value is immutable: metadata.annotations.serving.knative.dev/creator"
    assert error(api("PUT", SHOP, changed)) == (400, "BadRequest", DENIED + words)
    assert (
        api.patch(SHOP, {"spec": {"ref": {"name": "other"}}, "status": {"url": "x"}})[1]["metadata"]["generation"] == 2
    )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            mapping("shop"),
            (
                'invalid name "shop": name: Invalid value: "shop": should be a domain with at least two segments '
                "separated by dots: metadata.name"
            ),
        ),
        (
            mapping("shop.default.svc.cluster.local"),
            (
                'invalid name "shop.default.svc.cluster.local": must not be a subdomain of cluster local domain '
                '"cluster.local": metadata.name'
            ),
        ),
        (
            mapping(f"{'x' * 64}.org"),
            (
                f'invalid name "{"x" * 64}.org": name: Invalid value: "{"x" * 64}": must be no more than 63 '
                "characters: metadata.name"
            ),
        ),
        (mapping() | {"spec": {}}, "missing field(s): spec.ref.apiVersion, spec.ref.kind, spec.ref.name"),
        (mapping(apiVersion=""), "missing field(s): spec.ref.apiVersion"),
        (
            mapping() | {"spec": {"ref": mapping()["spec"]["ref"] | {"namespace": "other"}}},
            'mismatched namespaces: spec.ref.namespace\nparent namespace: "default" does not match ref: "other"',
        ),
        (
            mapping() | {"spec": {"ref": mapping()["spec"]["ref"] | {"group": "g"}}},
            "must not set the field(s): spec.ref.group",
        ),
        (
            mapping() | {"metadata": {"generateName": "shop.org-"}},
            'invalid name "": name: Required value: metadata.name\nmust not set the field(s): metadata.generateName',
        ),
    ],
)
def test_what_is_wrong_is_refused(api: Api, document: dict[str, Any], words: str) -> None:
    assert error(api("POST", PATH, document)) == (400, "BadRequest", DENIED + words)


def test_tables_fields_watches_and_explanations(api: Api) -> None:
    api("POST", PATH, mapping())
    stored = api("GET", SHOP)[1]
    ready = {"type": "Ready", "status": "False", "reason": "ResolveFailed", "lastTransitionTime": "x"}
    api.store.update_status(DOMAIN_MAPPING, stored, {"url": "http://shop.example.org", "conditions": [ready]})
    table = api("GET", PATH, Accept=TABLE)[1]
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "URL", "Ready", "Reason"]
    assert table["rows"][0]["cells"] == ["shop.example.org", "http://shop.example.org", "False", "ResolveFailed"]
    lines = api.raw("GET", f"{PATH}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dshop.example.org").data
    assert [json.loads(line)["type"] for line in lines.splitlines()] == ["ADDED"]
    assert api("GET", f"{SHOP}/status")[1]["status"]["url"] == "http://shop.example.org"
    schemas = api("GET", "/openapi/v3/apis/serving.knative.dev/v1beta1")[1]["components"]["schemas"]
    spec = schemas["serving.knative.dev.v1beta1.DomainMapping"]["properties"]["spec"]
    assert set(spec["properties"]) == {"ref", "tls"}
    assert set(spec["properties"]["ref"]["properties"]) == {
        *("address", "apiVersion", "group", "kind", "name", "namespace")
    }
    unknown = mapping("other.example.org") | {"spec": mapping()["spec"] | {"port": 80}}
    strict = error(api("POST", f"{PATH}?fieldValidation=Strict", unknown))
    assert strict[2].endswith('strict decoding error: unknown field "spec.port"')
    assert api.patch(SHOP, {}, "application/strategic-merge-patch+json")[0] == 415


def test_managers_own_what_they_apply(api: Api) -> None:
    def apply(manager: str, to: str) -> tuple[int, dict[str, Any]]:
        return api("PATCH", f"{SHOP}?fieldManager={manager}", mapping(to_=to), Content_Type=APPLY)

    assert apply("one", "hello")[0] == 201
    code, conflict = apply("two", "other")
    assert (code, conflict["reason"]) == (409, "Conflict")
    assert [cause["field"] for cause in conflict["details"]["causes"]] == [".spec.ref.name"]


def test_claims_are_the_clusters(api: Api) -> None:
    claim = {
        "apiVersion": "networking.internal.knative.dev/v1alpha1",
        "kind": "ClusterDomainClaim",
        "metadata": {"name": "shop.example.org"},
        "spec": {"namespace": "default"},
    }
    assert api("POST", CLAIMS, claim)[0] == 201
    assert api("GET", f"{CLAIMS}/shop.example.org")[1]["metadata"]["generation"] == 1
    table = api("GET", CLAIMS, Accept=TABLE)[1]
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Age"]
    bare = claim | {"metadata": {"name": "b.example.org"}, "spec": {}}
    assert error(api("POST", CLAIMS, bare)) == (
        422,
        "Invalid",
        'ClusterDomainClaim.networking.internal.knative.dev "b.example.org" is invalid: spec.namespace: Required value',
    )
    assert api.patch(f"{CLAIMS}/shop.example.org", {}, "application/strategic-merge-patch+json")[0] == 415
    assert api("DELETE", f"{CLAIMS}/shop.example.org")[0] == 200
