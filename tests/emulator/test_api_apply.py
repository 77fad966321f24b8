"""Server-side apply: who manages which field, through the API."""

import copy
import json
import random
from typing import Any

import pytest
from bare_api import HELLO, JSON, KSVC, MERGE, SECRETS, Api, error
from running import manifest

from emulator.api.kinds import SERVICE

APPLY = "application/apply-patch+yaml"
MAP = "/api/v1/namespaces/default/configmaps/map"


@pytest.fixture
def api() -> Api:
    return Api()


def apply(
    api: Api, path: str, body: Any, manager: str = "one", query: str = "", *, force: bool = False
) -> tuple[int, dict[str, Any]]:
    query = f"?fieldManager={manager}{'&force=true' if force else ''}{query}"
    return api("PATCH", path + query, body, Content_Type=APPLY)


def config_map(data: dict[str, str], **meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "map"} | meta, "data": data}


def managers(document: dict[str, Any]) -> dict[str, Any]:
    """Fields by manager, operation and sub-resource."""
    return {
        " ".join(filter(None, (each["manager"], each["operation"], each.get("subresource")))): each["fieldsV1"]
        for each in document["metadata"]["managedFields"]
    }


def fields(*names: str) -> dict[str, Any]:
    return {f"f:{name}": {} for name in names}


def test_an_apply_creates_and_then_changes_what_it_applied(api: Api) -> None:
    code, made = apply(api, MAP, config_map({"a": "1", "b": "2"}, labels={"l": "1"}))
    assert code == 201
    [entry] = made["metadata"]["managedFields"]
    assert entry == {
        "manager": "one",
        "operation": "Apply",
        "apiVersion": "v1",
        "time": made["metadata"]["creationTimestamp"],
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": fields("a", "b"), "f:metadata": {"f:labels": fields("l")}},
    }
    code, now = apply(api, MAP, config_map({"a": "1", "c": "3"}))
    assert (code, now["data"]) == (200, {"a": "1", "c": "3"})
    assert "labels" not in now["metadata"]
    assert managers(now) == {"one Apply": {"f:data": fields("a", "c")}}


def test_the_same_apply_again_changes_nothing(api: Api) -> None:
    for path, body in ((MAP, config_map({"a": "1"})), (HELLO, manifest(env={"A": "1"}))):
        _, made = apply(api, path, body)
        api.clock.run_until(api.clock.now() + 5)
        assert apply(api, path, body) == (200, made)


def test_what_another_manages_is_not_changed_without_force(api: Api) -> None:
    apply(api, MAP, config_map({"a": "1", "b": "2"}))
    conflict = apply(api, MAP, config_map({"a": "x", "c": "3"}), "two")
    words = 'Apply failed with 1 conflict: conflict with "one": .data.a'
    assert error(conflict) == (409, "Conflict", words)
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}
    assert conflict[1]["details"] == {"causes": [cause]}
    both = apply(api, MAP, config_map({"a": "x", "b": "x"}), "two")
    assert error(both)[2] == 'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b'
    _, now = apply(api, MAP, config_map({"a": "x", "c": "3"}), "two", force=True)
    assert now["data"] == {"a": "x", "b": "2", "c": "3"}
    assert managers(now) == {"one Apply": {"f:data": fields("b")}, "two Apply": {"f:data": fields("a", "c")}}


def test_fields_with_the_same_value_have_two_managers_and_go_with_the_last(api: Api) -> None:
    apply(api, MAP, config_map({"a": "1"}))
    _, now = apply(api, MAP, config_map({"a": "1"}), "two")
    assert managers(now) == {"one Apply": {"f:data": fields("a")}, "two Apply": {"f:data": fields("a")}}
    _, now = apply(api, MAP, config_map({}), "one")
    assert now["data"] == {"a": "1"}
    _, now = apply(api, MAP, config_map({}), "two")
    assert not now.get("data")


def test_other_writes_take_what_they_change(api: Api) -> None:
    apply(api, MAP, config_map({"a": "1", "b": "2"}))
    _, now = api("PATCH", f"{MAP}?fieldManager=kubectl-patch", {"data": {"a": "x", "c": "3"}}, Content_Type=MERGE)
    assert managers(now) == {
        "one Apply": {"f:data": fields("b")},
        "kubectl-patch Update": {"f:data": fields("a", "c")},
    }
    _, now = api("PUT", MAP, now | {"data": {"a": "x"}}, User_Agent="Mine/1.0 (x)")
    assert managers(now) == {"kubectl-patch Update": {"f:data": fields("a")}}
    words = 'Apply failed with 1 conflict: conflict with "kubectl-patch" using v1: .data.a'
    assert error(apply(api, MAP, config_map({"a": "1"})))[2] == words


def test_a_service_is_managed_as_a_cluster_has_it(api: Api) -> None:
    document = manifest()
    del document["spec"]["template"]["metadata"]
    _, made = api("POST", f"{KSVC}?fieldManager=kubectl-create", document)
    template = {".": {}, "f:spec": {".": {}, "f:containers": {}}}
    expected = {"kubectl-create Update": {"f:spec": {".": {}, "f:template": template}}}
    assert managers(made) == expected, "nobody manages what admission filled in, and containers are one field"
    api.store.update_status(SERVICE, made, {"url": "u", "conditions": [{"type": "Ready"}]})
    _, now = api("GET", HELLO)
    status = {".": {}, **fields("url", "conditions")}
    assert managers(now) == expected | {"controller Update status": {"f:status": status}}
    refused = apply(api, HELLO, document)
    containers = ".spec.template.spec.containers"
    conflict = f'conflict with "kubectl-create" using serving.knative.dev/v1: {containers}'
    assert error(refused)[2] == f"Apply failed with 1 conflict: {conflict}"
    whole = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {}, "spec": {}}
    whole["spec"] = {"template": {"spec": {"containers": now["spec"]["template"]["spec"]["containers"]}}}
    code, shared = apply(api, HELLO, whole)
    assert (code, shared["metadata"]["generation"]) == (200, 1), "the same value is no conflict"
    assert shared["status"] == now["status"]


def test_volumes_are_known_by_their_names(api: Api) -> None:
    def with_volumes(*volumes: dict[str, Any]) -> dict[str, Any]:
        mounts = [{"name": each["name"], "mountPath": f"/{each['name']}"} for each in volumes]
        document = manifest(container={"volumeMounts": mounts})
        document["spec"]["template"]["spec"]["volumes"] = list(volumes)
        return document

    a, b = {"name": "a", "emptyDir": {}}, {"name": "b", "secret": {"secretName": "b"}}
    code, made = apply(api, HELLO, with_volumes(a, b))
    assert code == 201, made
    of = made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:volumes"]
    inner = {".": {}, "f:name": {}, "f:secret": {"f:secretName": {}}}
    assert of == {'k:{"name":"a"}': {".": {}, "f:emptyDir": {}, "f:name": {}}, 'k:{"name":"b"}': inner}
    _, now = apply(api, HELLO, with_volumes(b))
    assert [each["name"] for each in now["spec"]["template"]["spec"]["volumes"]] == ["b"]
    twice = apply(api, HELLO, with_volumes(a, a))
    assert twice[0] == 500
    assert "duplicate entries" in twice[1]["message"]


def test_what_can_not_be_applied(api: Api) -> None:
    needed = 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
    assert error(api("PATCH", MAP, config_map({}), Content_Type=APPLY)) == (422, "Invalid", needed)
    forced = 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch'
    assert error(api("PATCH", f"{MAP}?force=true", {}, Content_Type=MERGE)) == (422, "Invalid", forced)
    assert error(apply(api, MAP, config_map({}), "m" * 129))[:2] == (422, "Invalid")
    assert error(apply(api, MAP, config_map({}), "%00"))[:2] == (422, "Invalid")
    listed = config_map({}, managedFields=[])
    assert error(apply(api, MAP, listed)) == (400, "BadRequest", "metadata.managedFields must be nil")
    unknown = manifest()
    unknown["spec"]["foo"] = 1
    told = (
        "failed to create typed patch object (default/hello; serving.knative.dev/v1, Kind=Service): "
        ".spec.foo: field not declared in schema"
    )
    assert error(apply(api, HELLO, unknown)) == (500, "", told)
    invalid = manifest(timeoutSeconds=601)
    assert "expected 0 <= 601 <= 600" in error(apply(api, HELLO, invalid))[2]
    assert api("GET", HELLO)[0] == 404
    code, tried = apply(api, HELLO, manifest(), query="&dryRun=All")
    assert (code, tried["metadata"]["managedFields"][0]["manager"]) == (201, "one")
    assert api("GET", HELLO)[0] == 404


def test_an_apply_may_name_the_version_it_was_made_for(api: Api) -> None:
    _, made = apply(api, MAP, config_map({"a": "1"}))
    version = made["metadata"]["resourceVersion"]
    assert apply(api, MAP, config_map({"a": "2"}, resourceVersion=version))[0] == 200
    assert error(apply(api, MAP, config_map({"a": "3"}, resourceVersion=version)))[:2] == (409, "Conflict")


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata:\n  a: '1'\n", {"a": "1"}),
        (b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"map"},"data":{"a":"1"}}', {"a": "1"}),
        (b"{data: {a: '2020-01-01', b: x}}", {"a": "2020-01-01", "b": "x"}),
    ],
)
def test_a_body_may_be_yaml(api: Api, body: bytes, data: dict[str, str]) -> None:
    code, made = apply(api, MAP, body)
    assert (code, made["data"]) == (201, data)
    code, put = api("PUT", MAP, body, Content_Type="application/yaml")
    assert (code, put["data"]) == (200, data)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"a: [", "error decoding YAML"),
        (b"", "empty"),
        (b"a: &x {}\nb: *x", "alias"),
        (b"[" * 1000, "nested"),
        (b"a: .inf", "a number that JSON lacks"),
        (b"a: !!binary aa", "a value that JSON lacks"),
        (b"[a]: b", "no text"),
        (b"a: 1\n---\nb: 2", "more than one"),
        (b"- a", "not an object"),
        (b"a: " + b"x" * 600_000, "524288 bytes"),
    ],
)
def test_yaml_that_is_not_read(api: Api, body: bytes, words: str) -> None:
    assert words in error(apply(api, MAP, body))[2]
    assert words in error(api("PUT", MAP, body, Content_Type="application/yaml"))[2]


def test_keys_that_come_twice_in_yaml_are_told(api: Api) -> None:
    twice = b"data: {a: '1', a: '2'}"
    assert 'duplicate field "data.a"' in error(apply(api, MAP, twice, query="&fieldValidation=Strict"))[2]
    response = api.raw("PATCH", f"{MAP}?fieldManager=m", twice, Content_Type=APPLY)
    assert response.headers.getlist("Warning") == ['299 - "duplicate field \\"data.a\\""']


def test_kubectls_server_side_apply_goes_on_from_its_client_side_one(api: Api) -> None:
    annotation = "kubectl.kubernetes.io/last-applied-configuration"
    plain = config_map({"a": "1"})
    sent = config_map({"a": "1"}, annotations={annotation: json.dumps(plain)})
    api("POST", f"{MAP.removesuffix('/map')}?fieldManager=kubectl-client-side-apply", sent)
    assert error(apply(api, MAP, config_map({"a": "2"}), "else"))[0] == 409
    code, now = apply(api, MAP, config_map({"a": "2"}), "kubectl")
    assert (code, now["data"]) == (200, {"a": "2"})
    told = json.loads(now["metadata"]["annotations"][annotation])
    assert told["data"] == {"a": "2"}, "so that a client-side apply can follow"
    api.patch(MAP, {"data": {"a": "changed"}})
    assert error(apply(api, MAP, config_map({"a": "3"}), "kubectl"))[0] == 409


def test_of_many_managers_the_oldest_become_one(api: Api) -> None:
    api("POST", f"{SECRETS}?fieldManager=m00", {"metadata": {"name": "keys"}, "data": {"k00": "YQ=="}})
    for number in range(1, 13):
        api.clock.run_until(api.clock.now() + 60)
        path = f"{SECRETS}/keys?fieldManager=m{number:02}"
        _, now = api.patch(path, {"data": {f"k{number:02}": "YQ=="}})
    managed = {each["manager"]: each["fieldsV1"]["f:data"] for each in now["metadata"]["managedFields"]}
    assert list(managed) == ["ancient-changes", *(f"m{number:02}" for number in range(4, 13))]
    assert {key for key in managed["ancient-changes"] if key != "."} == {"f:k00", "f:k01", "f:k02", "f:k03"}
    times = [each["time"] for each in now["metadata"]["managedFields"]]
    assert times == sorted(times)


def test_the_list_of_managers_can_be_written_and_cleared(api: Api) -> None:
    _, made = api("POST", MAP.removesuffix("/map"), config_map({"a": "1"}))
    entries = made["metadata"]["managedFields"]
    moved = [{"op": "replace", "path": "/metadata/managedFields/0/manager", "value": "kubectl"}]
    assert list(managers(api.patch(MAP, moved, JSON)[1])) == ["kubectl Update"]
    _, kept = api.patch(MAP, {"metadata": {"managedFields": [{"operation": "Steal", "manager": "x"}]}})
    assert list(managers(kept)) == ["kubectl Update"]
    _, cleared = api.patch(MAP, {"metadata": {"managedFields": [{}]}})
    assert "managedFields" not in cleared["metadata"]
    assert "managedFields" not in api.patch(MAP, {"data": {"b": "2"}})[1]["metadata"]
    _, now = apply(api, MAP, config_map({"c": "3"}))
    assert set(managers(now)) == {"one Apply", "before-first-apply Update"}
    assert entries[0]["manager"] == "Werkzeug"


NONSENSE: tuple[Any, ...] = (
    *(None, {}, [], "", 0, True, 1.5, "x", ["a"], [None], [[1]], [{}], {"": {}}, {"a": 1}, {"$patch": "delete"}),
    *([{"name": "a"}, {"name": "a"}], [{"name": None}], [{"name": {}}], [{"uid": "1"}]),
    [{"operation": "Apply", "fieldsV1": {"f:spec": {"k:x": {}}}}],
    [{"operation": "Update", "manager": "m", "apiVersion": "v1", "fieldsV1": {"f:data": {"zz": {}}, "q": {}}}],
)
NAMES = ("metadata", "spec", "data", "labels", "finalizers", "ownerReferences", "managedFields", "volumes", "template")


def mutated(rng: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    """A copy with something that does not belong there, somewhere."""
    document = copy.deepcopy(document)
    node: Any = document
    while isinstance(node, dict):
        key = rng.choice([*node, rng.choice(NAMES)])
        if not isinstance(node.get(key), dict) or rng.random() < 0.3:
            node[key] = copy.deepcopy(rng.choice(NONSENSE))
            break
        node = node[key]
    return document


def test_nonsense_is_answered(api: Api) -> None:
    rng = random.Random(11)
    strategic = "application/strategic-merge-patch+json"
    for _ in range(500):
        path, document = rng.choice([(HELLO, manifest(env={"A": "1"})), (MAP, config_map({"a": "1"}))])
        force = rng.choice(("", "&force=true"))
        if rng.random() < 0.7:
            query, media_type = f"?fieldManager={rng.choice('ab')}{force}", APPLY
        else:
            query, media_type = "", rng.choice((MERGE, strategic))
        code, answer = api("PATCH", path + query, mutated(rng, document), Content_Type=media_type)
        assert code < 500 or answer["message"].startswith("failed to create typed patch object"), answer


def test_a_port_is_applied_with_or_without_its_protocol(api: Api) -> None:
    path, other = "/api/v1/namespaces/default/services/web", {"port": 81, "name": "b", "protocol": "UDP"}

    def web(*ports: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": list(ports)}}

    code, made = apply(api, path, web({"port": 80, "name": "a"}))
    assert code == 201
    port = {'k:{"port":80,"protocol":"TCP"}': {".": {}, **fields("name", "port")}}
    assert managers(made) == {"one Apply": {"f:spec": {"f:ports": port}}}
    code, both = apply(api, path, web(other), "two")
    assert (code, [each["port"] for each in both["spec"]["ports"]]) == (200, [80, 81])
    conflict = apply(api, path, web({"port": 80, "protocol": "TCP", "name": "c"}, other), "two")
    words = '"one": .spec.ports[port=80,protocol="TCP"].name'
    assert error(conflict)[2] == f"Apply failed with 1 conflict: conflict with {words}"
