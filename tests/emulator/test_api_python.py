"""Python's `kubernetes` client as it is, against a running emulator; and its answers beside a cluster's."""

import functools
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from mappings import mapping
from running import Emulator, manifest, until
from versions import configuration, follow, route

KSVC = {"group": "serving.knative.dev", "version": "v1", "namespace": "default", "plural": "services"}
#: Recorded from a cluster with Knative: the objects of a Service named hello that is ready.
MEASURED = json.loads(gzip.decompress((Path(__file__).parents[1] / "measured/objects.json.gz").read_bytes()))


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("python"))
    try:
        running.up(services=(manifest(),))
        yield running
    finally:
        running.close()


@pytest.fixture
def api(emulator: Emulator) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(str(emulator.state_dir / "kubeconfig")) as api:
        yield api
        api.rest_client.pool_manager.clear()


def named(name: str) -> dict[str, Any]:
    return KSVC | {"name": name}


def test_custom_objects(api: client.ApiClient) -> None:
    objects = client.CustomObjectsApi(api)
    made = objects.create_namespaced_custom_object(**KSVC, body=manifest("custom"))
    assert made["metadata"]["generation"] == 1
    assert "status" not in made
    with pytest.raises(ApiException) as refused:
        objects.create_namespaced_custom_object(**KSVC, body=manifest("custom"))
    assert (refused.value.status, json.loads(refused.value.body)["reason"]) == (409, "AlreadyExists")
    events = watch.Watch()
    field = {"field_selector": "metadata.name=custom", "timeout_seconds": 30}
    for event in events.stream(objects.list_namespaced_custom_object, **KSVC, **field):
        assert event["type"] in {"ADDED", "MODIFIED"}
        conditions = event["object"].get("status", {}).get("conditions", ())
        if any((c["type"], c["status"]) == ("Ready", "True") for c in conditions):
            events.stop()
    patched = objects.patch_namespaced_custom_object(
        **named("custom"), body={"spec": {"template": {"spec": {"timeoutSeconds": 7}}}}
    )
    # The write is answered before the controller has seen it: that is how clients know a change from none.
    assert patched["metadata"]["generation"] == 2
    assert patched["status"]["observedGeneration"] == 1
    current = until(lambda: _observed(objects, 2))
    current["metadata"]["labels"] = {"a": "b"}
    replaced = objects.replace_namespaced_custom_object(**named("custom"), body=current)
    assert replaced["metadata"]["labels"] == {"a": "b"}
    assert len(objects.list_namespaced_custom_object(**KSVC, label_selector="a=b")["items"]) == 1
    assert objects.get_namespaced_custom_object_status(**named("custom"))["status"]
    objects.delete_namespaced_custom_object(**named("custom"))
    with pytest.raises(ApiException) as gone:
        objects.get_namespaced_custom_object(**named("custom"))
    assert gone.value.status == 404


def _observed(objects: client.CustomObjectsApi, generation: int) -> dict[str, Any] | None:
    found: dict[str, Any] = objects.get_namespaced_custom_object(**named("custom"))
    conditions = found["status"]["conditions"]
    settled = all(condition["status"] == "True" for condition in conditions)
    return found if settled and found["status"]["observedGeneration"] == generation else None


def test_core_objects(api: client.ApiClient, emulator: Emulator) -> None:
    core = client.CoreV1Api(api)
    secret = client.V1Secret(metadata=client.V1ObjectMeta(name="keys"), string_data={"a": "one"})
    assert core.create_namespaced_secret("default", secret).data == {"a": "b25l"}
    assert core.patch_namespaced_secret("keys", "default", {"stringData": {"b": "two"}}).data["b"] == "dHdv"
    maps = client.V1ConfigMap(metadata=client.V1ObjectMeta(generate_name="map-"), data={"k": "v"})
    name = core.create_namespaced_config_map("default", maps).metadata.name
    assert core.read_namespaced_config_map(name, "default").data == {"k": "v"}
    core.delete_namespaced_config_map(name, "default")
    with pytest.raises(ApiException, match="not found"):
        core.read_namespaced_config_map(name, "default")
    assert {"default"} <= {namespace.metadata.name for namespace in core.list_namespace().items}
    emulator.get("/a-line-of-the-log")
    [pod] = core.list_namespaced_pod("default", label_selector="serving.knative.dev/service=hello").items
    assert (pod.status.phase, pod.status.container_statuses[0].restart_count) == ("Running", 0)
    assert "/a-line-of-the-log" in until(lambda: core.read_namespaced_pod_log(pod.metadata.name, "default"))
    assert core.delete_collection_namespaced_secret("default")
    assert not core.list_namespaced_secret("default").items
    assert client.VersionApi(api).get_code().git_version == "v1.32.0"


def test_the_dynamic_client(api: client.ApiClient) -> None:
    resources = dynamic.DynamicClient(api).resources
    services = resources.get(api_version="serving.knative.dev/v1", kind="Service")
    services.create(body=manifest("dynamic"), namespace="default")
    assert services.get(name="dynamic", namespace="default").metadata.generation == 1
    patch = {"metadata": {"labels": {"x": "y"}}}
    media_type = "application/merge-patch+json"
    assert (
        services.patch(name="dynamic", namespace="default", body=patch, content_type=media_type).metadata.labels.x
        == "y"
    )
    names = [event["raw_object"]["metadata"]["name"] for event in services.watch(namespace="default", timeout=1)]
    assert {"hello", "dynamic"} <= set(names)
    services.delete(name="dynamic", namespace="default")


def test_the_dynamic_client_applies_on_the_server(api: client.ApiClient) -> None:
    config_maps = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"a": "1"}}
    where = {"name": "applied", "namespace": "default"}
    made = config_maps.server_side_apply(body=body, **where, field_manager="one")
    assert [(each.manager, each.operation) for each in made.metadata.managedFields] == [("one", "Apply")]
    again = config_maps.server_side_apply(body=body, **where, field_manager="one")
    assert again.metadata.resourceVersion == made.metadata.resourceVersion
    changed = body | {"data": {"a": "2"}}
    with pytest.raises(ApiException) as refused:
        config_maps.server_side_apply(body=changed, **where, field_manager="two")
    assert json.loads(refused.value.body)["details"]["causes"][0]["field"] == ".data.a"
    forced = config_maps.server_side_apply(body=changed, **where, field_manager="two", force_conflicts=True)
    assert forced.data.a == "2"
    config_maps.delete(**where)


def test_configurations_and_routes_of_ones_own(api: client.ApiClient, emulator: Emulator) -> None:
    objects = client.CustomObjectsApi(api)
    kinds = {plural: KSVC | {"plural": plural} for plural in ("configurations", "routes")}
    objects.create_namespaced_custom_object(**kinds["configurations"], body=configuration("one"))
    made = objects.create_namespaced_custom_object(**kinds["routes"], body=route(follow("conf")))
    assert made["spec"]["traffic"] == [{"configurationName": "conf", "latestRevision": True, "percent": 100}]
    assert made["metadata"]["annotations"]["serving.knative.dev/creator"] == "kubernetes-admin"
    events = watch.Watch()
    field = {"field_selector": "metadata.name=web", "timeout_seconds": 30}
    for event in events.stream(objects.list_namespaced_custom_object, **kinds["routes"], **field):
        conditions = event["object"].get("status", {}).get("conditions", ())
        if any((c["type"], c["status"]) == ("Ready", "True") for c in conditions):
            events.stop()
    assert emulator.get(service="web").text.startswith("hello one")
    patched = objects.patch_namespaced_custom_object(
        **kinds["configurations"], name="conf", body={"spec": {"template": {"spec": {"timeoutSeconds": 7}}}}
    )
    assert patched["metadata"]["generation"] == 2
    for plural, name in (("routes", "web"), ("configurations", "conf")):
        objects.delete_namespaced_custom_object(**kinds[plural], name=name)
        # A Route goes when its controller has cleaned up after it.
        read = functools.partial(objects.list_namespaced_custom_object, **kinds[plural])
        until(lambda name=name, read=read: name not in {each["metadata"]["name"] for each in read()["items"]})


@pytest.mark.parametrize("kind", ["ksvc", "configuration", "route", "revision"])
def test_a_ready_service_looks_as_in_a_cluster(api: client.ApiClient, emulator: Emulator, kind: str) -> None:
    name = "hello-00001" if kind == "revision" else "hello"
    plural = "services" if kind == "ksvc" else f"{kind}s"
    read = functools.partial(
        client.CustomObjectsApi(api).get_namespaced_custom_object, **KSVC | {"plural": plural}, name=name
    )
    if kind == "revision":
        # It has an instance, as that one had: ours may have gone to zero by now.
        emulator.get(service="hello")
        until(lambda: read()["status"].get("actualReplicas") == read()["status"].get("desiredReplicas") == 1)
    ours = read()
    theirs = MEASURED[f"hello-ready-{kind}"]
    theirs["metadata"]["annotations"].pop("kubectl.kubernetes.io/last-applied-configuration", None)
    # kubectl, which recorded those, shows no managers.
    del ours["metadata"]["managedFields"]
    # Written by `apply`, which the cluster's objects were not; and with an environment, of which there is none there.
    ours["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    assert sorted(_leaves(ours)) == sorted(_leaves(theirs))


#: What differs from one Service to the next: whose it is, when it was made, what it runs and where it is reached.
INDIVIDUAL = ("uid", "UID", "creationTimestamp", "lastTransitionTime", "resourceVersion", "image", "url")
INDIVIDUAL += ("creator", "lastModifier", "routingStateModified")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, "" if path.endswith(INDIVIDUAL) else str(value)


def test_domain_mappings(api: client.ApiClient, emulator: Emulator) -> None:
    objects = client.CustomObjectsApi(api)
    of = KSVC | {"version": "v1beta1", "plural": "domainmappings"}
    assert objects.create_namespaced_custom_object(**of, body=mapping("python.example.org"))["spec"]["ref"]["namespace"]
    one = of | {"name": "python.example.org"}
    status = until(lambda: objects.get_namespaced_custom_object(**one).get("status"))
    assert status["url"] == f"http://python.example.org:{emulator.port}"
    resources = dynamic.DynamicClient(api).resources
    claims = resources.get(api_version="networking.internal.knative.dev/v1alpha1", kind="ClusterDomainClaim")
    assert claims.get(name="python.example.org").spec.namespace == "default"
    objects.delete_namespaced_custom_object(**one)
    until(lambda: not objects.list_namespaced_custom_object(**of)["items"])
