"""The API without anything behind it: verbs, errors and formats, as the API server words them."""

import base64
import json
from typing import Any

import pytest
from bare_api import HELLO, JSON, KSVC, SECRETS, Api, error
from running import manifest
from versions import configuration, follow, route

from emulator.api.kinds import SERVICE


@pytest.fixture
def api() -> Api:
    return Api()


def test_a_body_without_a_content_type_is_json_and_slashes_at_the_end_are_nothing(api: Api) -> None:
    code, made = api("POST", KSVC + "/", manifest())
    assert code == 201
    assert made["metadata"]["generation"] == 1
    assert "status" not in made
    assert api("GET", HELLO + "/") == (200, made)
    assert api("GET", "/version/")[1]["gitVersion"] == "v1.32.0"
    assert api("GET", "/apis/")[1]["kind"] == "APIGroupList"


def test_errors_are_worded_as_the_api_server_does(api: Api) -> None:
    details = {"name": "hello", "group": "serving.knative.dev", "kind": "services"}
    missing = api("GET", HELLO)
    assert error(missing) == (404, "NotFound", 'services.serving.knative.dev "hello" not found')
    assert missing[1]["details"] == details
    api("POST", KSVC, manifest())
    exists = api("POST", KSVC, manifest())
    assert error(exists) == (409, "AlreadyExists", 'services.serving.knative.dev "hello" already exists')
    assert exists[1]["details"] == details
    _, stored = api("GET", HELLO)
    api.patch(HELLO, {"metadata": {"labels": {"a": "b"}}})
    assert error(api("PUT", HELLO, stored)) == (
        409,
        "Conflict",
        (
            'Operation cannot be fulfilled on services.serving.knative.dev "hello": the object has been modified; '
            "please apply your changes to the latest version and try again"
        ),
    )
    assert error(api("GET", "/apis/apps/v1/daemonsets")) == (
        404,
        "NotFound",
        "the server could not find the requested resource",
    )
    nameless = manifest() | {"metadata": {}}
    words = 'Service.serving.knative.dev "" is invalid: metadata.name: Required value: name or generateName is required'
    assert error(api("POST", KSVC, nameless)) == (422, "Invalid", words)
    core = api("POST", SECRETS, {"metadata": {}})
    assert error(core)[:2] == (422, "Invalid")
    assert error(core)[2] == 'Secret "" is invalid: metadata.name: Required value: name or generateName is required'
    assert error(api("GET", "/api/v1/namespaces/default/secrets/x"))[2] == 'secrets "x" not found'


def test_admission_speaks_through_the_api(api: Api) -> None:
    assert error(api("POST", KSVC, manifest(timeoutSeconds=601))) == (
        400,
        "BadRequest",
        (
            'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: '
            "expected 0 <= 601 <= 600: spec.template.spec.timeoutSeconds"
        ),
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/namespaces/default/pods"),
        ("POST", "/apis/serving.knative.dev/v1/services"),
        ("PUT", KSVC),
        ("PATCH", KSVC),
        ("POST", HELLO),
        ("PUT", "/apis/apps/v1/namespaces/default/deployments/hello/status"),
        ("DELETE", "/api/v1/namespaces"),
    ],
)
def test_a_verb_that_a_resource_does_not_know(api: Api, method: str, path: str) -> None:
    assert error(api(method, path, {})) == (
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    )


def test_a_revision_of_ones_own(api: Api) -> None:
    path = KSVC.replace("services", "revisions")
    template = configuration("1")["spec"]["template"]
    own = {"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": {"name": "one"}}
    code, made = api("POST", path, own | {"spec": template["spec"]})
    assert (code, made["spec"]["timeoutSeconds"], made["metadata"]["generation"]) == (201, 300, 1)
    denied = 'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: '
    spec = template["spec"] | {"timeoutSeconds": 1000}
    refused = error(api("POST", path, own | {"spec": spec, "metadata": {"name": "two"}}))
    assert refused == (400, "BadRequest", denied + "expected 0 <= 1000 <= 600: spec.timeoutSeconds")
    labelled = {"name": "two", "labels": {"serving.knative.dev/configuration": "none"}}
    code, reason, words = error(api("POST", path, own | {"spec": template["spec"], "metadata": labelled}))
    assert (code, reason) == (400, "BadRequest")
    assert words.startswith(denied + "missing field(s): ")
    assert error(api("POST", path, own | {"spec": template["spec"]}))[:2] == (409, "AlreadyExists")
    code, changed = api("PUT", f"{path}/one", made | {"spec": made["spec"] | {"timeoutSeconds": 10}})
    assert code == 400
    assert "Immutable fields changed" in changed["message"]


def test_a_configuration_and_a_route_of_ones_own(api: Api) -> None:
    confs, routes = KSVC.replace("services", "configurations"), KSVC.replace("services", "routes")
    code, made = api("POST", confs, configuration("1"))
    assert (code, made["spec"]["template"]["spec"]["timeoutSeconds"]) == (201, 300)
    assert made["metadata"]["annotations"]["serving.knative.dev/creator"] == "kubernetes-admin"
    denied = 'admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: '
    refused = api("POST", routes, route(follow("conf") | {"revisionName": "conf-00001"}))
    words = "expected exactly one, got both: spec.traffic[0].configurationName, spec.traffic[0].revisionName"
    assert error(refused) == (400, "BadRequest", denied + words)
    owned = configuration("1", name="owned")
    owned["metadata"]["labels"] = {"serving.knative.dev/service": "other"}
    words = "missing field(s): metadata.labels.serving.knative.dev/service"
    assert error(api("POST", confs, owned))[2] == denied + words
    assert api("POST", routes, route(follow("conf")))[0] == 201
    code, now = api.patch(f"{routes}/web", {"metadata": {"labels": {"serving.knative.dev/x": "1"}}})
    assert (code, now["metadata"]["labels"], now["metadata"]["generation"]) == (200, {"serving.knative.dev/x": "1"}, 1)
    theirs = {"metadata": {"annotations": {"serving.knative.dev/creator": "me"}}}
    for path in (f"{routes}/web", f"{confs}/conf"):
        assert "annotation value is immutable" in error(api.patch(path, theirs))[2]
    code, now = api.patch(f"{routes}/web", [{"op": "add", "path": "/spec/traffic/0/tag", "value": "a"}], JSON)
    assert (code, now["metadata"]["generation"], now["spec"]["traffic"][0]["tag"]) == (200, 2, "a")
    stale = made | {"metadata": made["metadata"] | {"labels": {"a": "b"}}}
    assert api("PUT", f"{confs}/conf", stale)[1]["metadata"]["labels"] == {"a": "b"}
    assert error(api("PUT", f"{confs}/conf", stale))[:2] == (409, "Conflict")
    assert [item["metadata"]["name"] for item in api("GET", routes)[1]["items"]] == ["web"]
    assert api("DELETE", f"{routes}/web")[0] == 200
    assert error(api("GET", f"{routes}/web"))[:2] == (404, "NotFound")


def test_patches(api: Api) -> None:
    _, made = api("POST", KSVC, manifest(env={"A": "1"}))
    code, now = api.patch(HELLO, {"metadata": {"labels": {"a": "b"}}})
    assert (code, now["metadata"]["labels"], now["metadata"]["generation"]) == (200, {"a": "b"}, 1)
    path = "/spec/template/spec/containers/0/env/0/value"
    code, now = api.patch(HELLO, [{"op": "replace", "path": path, "value": "2"}], JSON)
    assert (code, now["metadata"]["generation"]) == (200, 2)
    assert now["metadata"]["uid"] == made["metadata"]["uid"]
    version = now["metadata"]["resourceVersion"]
    without_creator = {"metadata": {"annotations": None}}
    assert "annotation value is immutable" in error(api.patch(HELLO, without_creator))[2]
    assert api.patch(HELLO, {})[1]["metadata"]["resourceVersion"] == version
    stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"], "labels": {"a": "c"}}}
    assert error(api.patch(HELLO, stale))[:2] == (409, "Conflict")
    code, reason, message = error(api.patch(HELLO, [{"op": "remove", "path": "/metadata/labels/none"}], JSON))
    assert (code, reason) == (422, "Invalid")
    assert "doc is missing path: /metadata/labels/none" in message
    assert error(api.patch(HELLO, {"op": "remove"}, JSON))[:2] == (400, "BadRequest")
    assert error(api.patch(HELLO, {"metadata": {"name": "other"}}))[:2] == (400, "BadRequest")
    assert error(api.patch(f"{KSVC}/none", {}))[:2] == (404, "NotFound")
    for media_type in ("application/strategic-merge-patch+json", "text/plain"):
        assert error(api.patch(HELLO, {}, media_type))[:2] == (415, "UnsupportedMediaType")


def test_the_core_kinds_take_strategic_patches_too(api: Api) -> None:
    api("POST", SECRETS, {"metadata": {"name": "keys"}, "stringData": {"a": "one"}, "data": {"b": "dHdv"}})
    code, secret = api.patch(f"{SECRETS}/keys", {"data": {"b": None}}, "application/strategic-merge-patch+json")
    assert (code, secret["data"], secret["type"]) == (200, {"a": base64.b64encode(b"one").decode()}, "Opaque")


def test_a_dry_run_checks_fills_in_and_stores_nothing(api: Api) -> None:
    version = api.store.version
    code, made = api("POST", KSVC + "?dryRun=All", manifest())
    assert code == 201
    assert made["spec"]["template"]["spec"]["timeoutSeconds"] == 300
    assert "resourceVersion" not in made["metadata"]
    api("POST", "/api/v1/namespaces/new/secrets?dryRun=All", {"metadata": {"name": "a"}})
    assert api.store.version == version
    api("POST", KSVC, manifest())
    _, stored = api("GET", HELLO)
    assert api.patch(HELLO + "?dryRun=All", {"spec": {"template": {"spec": {"timeoutSeconds": 5}}}})[1]["spec"]
    assert api("DELETE", HELLO + "?dryRun=All")[0] == 200
    assert api("DELETE", HELLO, {"dryRun": ["All"]})[0] == 200
    assert api("GET", HELLO) == (200, stored)
    assert error(api("POST", KSVC + "?dryRun=Some", manifest("b")))[:2] == (422, "Invalid")
    bad = manifest("bad", container={"name": "&InvalidValue"})
    assert "validation callback failed" in error(api("POST", KSVC + "?dryRun=All", bad))[2]


def test_unknown_and_repeated_fields(api: Api) -> None:
    unknown = manifest()
    unknown["spec"]["foo"] = 1
    words = 'Service in version "v1" cannot be handled as a Service: strict decoding error: '
    strict = error(api("POST", KSVC + "?fieldValidation=Strict", unknown))
    assert strict == (400, "BadRequest", words + 'unknown field "spec.foo"')
    text = json.dumps(manifest()).replace('"name": "hello"', '"name": "hello", "name": "hello"').encode()
    strict = error(api("POST", KSVC + "?fieldValidation=Strict", text))
    assert strict == (400, "BadRequest", words + 'duplicate field "metadata.name"')
    warnings = api.raw("POST", KSVC, unknown).headers.getlist("Warning")
    assert '299 - "unknown field \\"spec.foo\\""' in warnings
    assert "foo" not in api("GET", HELLO)[1]["spec"]
    silent = api.raw("PUT", HELLO + "?fieldValidation=Ignore", unknown).headers.getlist("Warning")
    assert not any("foo" in warning for warning in silent)
    strict = error(api.patch(HELLO + "?fieldValidation=Strict", {"spec": {"bar": 1}}))
    assert strict == (400, "BadRequest", words + 'unknown field "spec.bar"')
    secret = {"metadata": {"name": "s"}, "dada": {}}
    assert 'unknown field "dada"' in error(api("POST", SECRETS + "?fieldValidation=Strict", secret))[2]
    assert error(api("POST", KSVC + "?fieldValidation=Harsh", manifest()))[:2] == (422, "Invalid")


def test_deletion(api: Api) -> None:
    _, made = api("POST", KSVC, manifest())
    wrong = {"preconditions": {"uid": "other"}}
    assert error(api("DELETE", HELLO, wrong))[:2] == (409, "Conflict")
    assert error(api("DELETE", HELLO, {"preconditions": {"resourceVersion": "0"}}))[:2] == (409, "Conflict")
    assert error(api("DELETE", HELLO, {"propagationPolicy": "Sideways"}))[:2] == (400, "BadRequest")
    meta = made["metadata"]
    right = {"preconditions": {"uid": meta["uid"]}, "propagationPolicy": "Foreground", "gracePeriodSeconds": 0}
    code, status = api("DELETE", HELLO, right)
    details = {"name": "hello", "group": "serving.knative.dev", "kind": "services", "uid": meta["uid"]}
    assert (code, status["status"], status["details"]) == (200, "Success", details)
    assert error(api("DELETE", HELLO))[:2] == (404, "NotFound")
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "2"}), ("c", {"x": "1"})):
        api("POST", SECRETS, {"metadata": {"name": name, "labels": labels}})
    code, gone = api("DELETE", SECRETS + "?labelSelector=x%3D1")
    assert (code, [item["metadata"]["name"] for item in gone["items"]]) == (200, ["a", "c"])
    assert [item["metadata"]["name"] for item in api("GET", SECRETS)[1]["items"]] == ["b"]


def test_an_object_with_finalizers_goes_with_the_last_of_them(api: Api) -> None:
    kept = manifest()
    kept["metadata"]["finalizers"] = ["example.com/a", "example.com/b"]
    api("POST", KSVC, kept)
    code, marked = api("DELETE", HELLO)
    assert (code, marked["kind"], marked["metadata"]["deletionTimestamp"]) == (200, "Service", "2023-11-14T22:13:20Z")
    assert api("DELETE", HELLO) == (200, marked)
    more = {"metadata": {"finalizers": ["example.com/a", "example.com/c"]}}
    code, reason, message = error(api.patch(HELLO, more))
    assert (code, reason) == (422, "Invalid")
    assert message.endswith('if the object is being deleted, found new finalizers []string{"example.com/c"}')
    assert api.patch(HELLO, {"metadata": {"finalizers": ["example.com/a"]}})[0] == 200
    assert api("GET", HELLO)[0] == 200
    assert api.patch(HELLO + "?dryRun=All", {"metadata": {"finalizers": None}})[0] == 200
    assert api("GET", HELLO)[0] == 200
    assert api.patch(HELLO, {"metadata": {"finalizers": None}})[0] == 200
    assert error(api("GET", HELLO))[:2] == (404, "NotFound")
    api("POST", KSVC, manifest())
    now = api.patch(HELLO, {"metadata": {"finalizers": ["example.com/a"]}})[1]
    assert api.patch(HELLO, {"metadata": {"finalizers": None}})[1]["metadata"]["uid"] == now["metadata"]["uid"]
    assert api("GET", HELLO)[0] == 200


def test_a_generated_name(api: Api) -> None:
    nameless = manifest() | {"metadata": {"generateName": "hello-"}}
    names = {api("POST", KSVC, nameless)[1]["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(len(name) == len("hello-") + 5 and name.startswith("hello-") for name in names)


def test_what_is_the_servers_is_not_taken_from_a_document(api: Api) -> None:
    theirs = {"uid": "mine", "generation": 9, "creationTimestamp": None, "labels": {"a": "b"}}
    document = manifest() | {"status": {"url": "http://evil"}}
    document["metadata"] |= theirs
    _, made = api("POST", KSVC, document)
    assert made["metadata"]["uid"] != "mine"
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["creationTimestamp"] == "2023-11-14T22:13:20Z"
    assert "status" not in made
    put = made | {"status": {"url": "http://evil"}}
    assert "status" not in api("PUT", HELLO, put)[1]
    api.store.update_status(SERVICE, made, {"url": "ours"})
    assert api("GET", HELLO + "/status")[1]["status"] == {"url": "ours"}
    assert api.patch(HELLO, {"status": {"url": "theirs"}})[1]["status"] == {"url": "ours"}


def test_lists_are_of_what_the_selectors_say(api: Api) -> None:
    for name in ("a", "b"):
        api("POST", KSVC, manifest(name) | {"metadata": {"name": name, "labels": {"app": name}}})
    api("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
    api("POST", "/apis/serving.knative.dev/v1/namespaces/other/services", manifest("a"))
    everywhere = "/apis/serving.knative.dev/v1/services"

    def names(path: str) -> list[str]:
        code, document = api("GET", path)
        assert (code, document["kind"]) == (200, "ServiceList")
        assert "continue" not in document["metadata"]
        return [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in document["items"]]

    assert names(everywhere) == ["default/a", "default/b", "other/a"]
    assert names(KSVC + "?limit=1") == ["default/a", "default/b"]
    assert names(everywhere + "?fieldSelector=metadata.name%3Da") == ["default/a", "other/a"]
    assert names(everywhere + "?labelSelector=app%20in%20(b)") == ["default/b"]
    assert error(api("GET", everywhere + "?labelSelector=%28"))[:2] == (400, "BadRequest")


@pytest.mark.parametrize(
    ("collection", "document"),
    [
        ("secrets", {"data": {"a": 1}}),
        ("secrets", {"data": {"a": "not base64!"}}),
        ("secrets", {"stringData": []}),
        ("configmaps", {"data": {"a b": "c"}}),
        ("configmaps", {"metadata": {"name": "Big_Name"}}),
        ("configmaps", {"kind": "Secret"}),
        ("configmaps", {"metadata": {"name": "a", "namespace": "other"}}),
        ("configmaps", {"metadata": {"name": "a", "labels": {"a": {}}}}),
    ],
)
def test_core_objects_that_are_wrong_are_refused(api: Api, collection: str, document: dict[str, Any]) -> None:
    code, reason, _ = error(
        api("POST", f"/api/v1/namespaces/default/{collection}", {"metadata": {"name": "a"}} | document)
    )
    assert (code, reason) in {(400, "BadRequest"), (422, "Invalid")}


def test_tables_for_those_who_ask(api: Api) -> None:
    api("POST", KSVC, manifest())
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    _, table = api("GET", KSVC, Accept=accept)
    columns = [column["name"] for column in table["columnDefinitions"]]
    assert (table["kind"], columns) == ("Table", ["Name", "URL", "LatestCreated", "LatestReady", "Ready", "Reason"])
    [row] = table["rows"]
    assert row["cells"] == ["hello", None, None, None, None, None]
    assert (row["object"]["kind"], row["object"]["metadata"]["namespace"]) == ("PartialObjectMetadata", "default")
    _, table = api("GET", HELLO + "?includeObject=Object", Accept=accept)
    assert table["rows"][0]["object"]["kind"] == "Service"


def test_who_may_call(api: Api) -> None:
    assert error(api("GET", KSVC, Authorization="Bearer other"))[:2] == (401, "Unauthorized")
    assert error(api("GET", KSVC, Host="evil.example"))[:2] == (403, "Forbidden")
    assert error(api("GET", KSVC, Origin="https://evil.example"))[:2] == (403, "Forbidden")
    assert api.raw("GET", "/readyz", Authorization="").data == b"ok"
