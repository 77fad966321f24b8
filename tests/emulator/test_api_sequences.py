"""What kn and Knative's conformance tests ask a running emulator for, in their order.

Sequences as kn 1.15 and the conformance tests make them (knative.dev/client: pkg/serving/v1/client.go, pkg/commands;
knative.dev/serving: test/conformance/api/v1); `test_api_kn.py` has the finer rules, without controllers.
"""

import contextlib
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import yaml
from running import PATIENCE, Emulator, manifest, until
from versions import latest, to

ROOT = "/apis/serving.knative.dev/v1/namespaces/default"
#: What kn adds to each watch: it waits ten minutes and a half at most.
WAIT = "timeout=10m30s&timeoutSeconds=630"
#: What a typed client of Go sends of an object that it built itself.
EMPTY = {"status": {}}

Object = dict[str, Any]


class Caller:
    """Asks by the kubeconfig: without discovery, without tables."""

    def __init__(self, emulator: Emulator) -> None:
        config = yaml.safe_load((emulator.state_dir / "kubeconfig").read_text())
        self._server = config["clusters"][0]["cluster"]["server"]
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(emulator.state_dir / "ca.crt")
        self._session.headers["Authorization"] = f"Bearer {config['users'][0]['user']['token']}"
        self._session.headers["Accept"] = "application/json, */*"

    def __call__(self, method: str, path: str, body: Object | None = None) -> tuple[int, Object]:
        response = self._session.request(method, self._server + ROOT + path, json=body, timeout=PATIENCE)
        document: Object = response.json()
        return response.status_code, document

    def get(self, plural: str, name: str) -> Object:
        code, document = self("GET", f"/{plural}/{name}")
        assert code == 200, document
        return document

    @contextlib.contextmanager
    def watch(self, plural: str, name: str, version: str) -> Iterator[Iterator[Object]]:
        """Events of one object after a version."""
        query = f"watch=true&fieldSelector=metadata.name%3D{name}&resourceVersion={version}&{WAIT}"
        url = f"{self._server}{ROOT}/{plural}?{query}"
        with self._session.get(url, stream=True, timeout=PATIENCE) as response:
            assert response.status_code == 200
            yield (json.loads(line) for line in response.iter_lines())

    def ready(self, name: str) -> Object:
        """As kn waits: GET, WATCH from its version until Ready at equal generations, GET."""
        stored = self.get("services", name)
        if not settled(stored):
            with self.watch("services", name, stored["metadata"]["resourceVersion"]) as events:
                assert any(settled(event["object"]) for event in events)
        return self.get("services", name)

    def gone(self, plural: str, name: str, options: Object | None = None) -> None:
        """As kn deletes and waits: GET, WATCH, DELETE, until the event of its deletion."""
        stored = self.get(plural, name)
        with self.watch(plural, name, stored["metadata"]["resourceVersion"]) as events:
            assert self("DELETE", f"/{plural}/{name}", options)[0] == 200
            assert any(event["type"] == "DELETED" for event in events)
        assert self("GET", f"/{plural}/{name}")[0] == 404


def settled(stored: Object) -> bool:
    """Whether a client of Knative takes an object for ready."""
    status = stored.get("status", {})
    ready = {"True"} == {each["status"] for each in status.get("conditions", ()) if each["type"] == "Ready"}
    return ready and bool(status["observedGeneration"] == stored["metadata"]["generation"])


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("sequences"))
    try:
        running.up()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def api(emulator: Emulator) -> Caller:
    return Caller(emulator)


def revisions(api: Caller, service: str) -> list[Object]:
    code, listed = api("GET", f"/revisions?labelSelector=serving.knative.dev%2Fservice%3D{service}")
    assert code == 200
    items: list[Object] = listed["items"]
    return items


def create(api: Caller, name: str, version: str) -> Object:
    """As `kn service create`."""
    assert api("GET", f"/services/{name}")[0] == 404
    code, made = api("POST", "/services", manifest(name, env={"TARGET": version}) | EMPTY)
    assert (code, made["metadata"]["generation"]) == (201, 1)
    return api.ready(name)


def update(api: Caller, name: str, change: Callable[[Object], None]) -> Object:
    """As `kn service update`: it sends all of the Service, also what the emulator wrote, and reports on generations."""
    stored = api.get("services", name)
    assert api.get("revisions", stored["status"]["latestCreatedRevisionName"])["spec"]
    revisions(api, name)
    sent = copy.deepcopy(stored)
    change(sent)
    code, now = api("PUT", f"/services/{name}", sent)
    assert code == 200, now
    assert now["metadata"]["generation"] == stored["metadata"]["generation"] + 1
    assert now["status"]["observedGeneration"] == stored["metadata"]["generation"], "written before it is observed"
    return api.ready(name)


def test_kn_releases_a_version_to_half_of_the_traffic(emulator: Emulator, api: Caller) -> None:
    assert create(api, "shop", "one")["status"]["latestReadyRevisionName"] == "shop-00001"

    def second(sent: Object) -> None:
        sent["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "TARGET", "value": "two"}]

    def half(sent: Object) -> None:
        sent["spec"]["traffic"] = [to("shop-00001", 50, "stable"), latest(50)]

    assert update(api, "shop", second)["status"]["latestReadyRevisionName"] == "shop-00002"
    status = update(api, "shop", half)["status"]
    assert [(each["revisionName"], each["percent"], each["latestRevision"]) for each in status["traffic"]] == [
        ("shop-00001", 50, False),
        ("shop-00002", 50, True),
    ]
    assert status["traffic"][0]["url"] == f"http://stable-shop.default.localhost:{emulator.port}"
    assert emulator.get(service="stable-shop").text.startswith("hello one")
    # As `kn service describe` and `kn revision list`: what the traffic names is there, with generation and routes.
    for each in status["traffic"]:
        found = api.get("revisions", each["revisionName"])
        assert found["metadata"]["labels"]["serving.knative.dev/configurationGeneration"] == each["revisionName"][-1]
        assert found["metadata"]["annotations"]["serving.knative.dev/routes"] == "shop"
        assert {c["type"] for c in found["status"]["conditions"]} >= {"Ready", "Active", "ContainerHealthy"}
    assert api.get("routes", "shop")["status"]["traffic"] == status["traffic"]
    assert api.get("configurations", "shop")["status"]["latestReadyRevisionName"] == "shop-00002"
    assert [each["metadata"]["name"] for each in revisions(api, "shop")] == ["shop-00001", "shop-00002"]
    # As `kn revision delete`, after the traffic left it.
    update(api, "shop", lambda sent: sent["spec"].update(traffic=[latest(100)]))
    api.gone("revisions", "shop-00001")
    assert [each["metadata"]["name"] for each in revisions(api, "shop")] == ["shop-00002"]
    api.gone("services", "shop", {"propagationPolicy": "Foreground"})
    until(lambda: not revisions(api, "shop"))


def test_kn_exports_for_replay_and_the_services_are_made_again(emulator: Emulator, api: Caller) -> None:
    create(api, "first", "one")
    update(api, "first", lambda sent: sent["spec"].update(traffic=[to("first-00001", 100, "stable")]))
    stored = api.get("services", "first")
    kept = {"serving.knative.dev/creator", "serving.knative.dev/lastModifier"}
    meta = stored["metadata"]
    notes = {key: value for key, value in meta["annotations"].items() if key not in kept}
    pinned = copy.deepcopy(revisions(api, "first")[0])
    template = {"metadata": {"name": pinned["metadata"]["name"], "annotations": {}}, "spec": pinned["spec"]}
    replayed = {
        "apiVersion": stored["apiVersion"],
        "kind": stored["kind"],
        "metadata": {"name": "first", "annotations": notes, "creationTimestamp": None},
        "spec": {"template": template, "traffic": stored["spec"]["traffic"]},
    }
    api.gone("services", "first", {"propagationPolicy": "Foreground"})
    until(lambda: not revisions(api, "first"))
    assert api("POST", "/services", replayed | EMPTY)[0] == 201
    assert api.ready("first")["status"]["latestReadyRevisionName"] == "first-00001"
    assert emulator.get(service="first").text.startswith("hello one")


def test_conformance_creates_lists_and_deletes(emulator: Emulator, api: Caller) -> None:
    assert api("POST", "/services", manifest("listed", env={"TARGET": "listed"}) | EMPTY)[0] == 201
    until(lambda: settled(api.get("services", "listed")), every=1.0)
    found = {plural: api.get(plural, "listed") for plural in ("routes", "services", "configurations")}
    name = found["configurations"]["status"]["latestCreatedRevisionName"]
    for _ in range(2):
        assert api.get("revisions", name)["metadata"]["labels"]["serving.knative.dev/service"] == "listed"
    assert found["services"]["status"]["url"] == found["routes"]["status"]["url"]
    assert found["services"]["status"]["observedGeneration"] == 1
    assert "listed" in {each["metadata"]["name"] for each in api("GET", "/services")[1]["items"]}
    assert emulator.get(service="listed").text.startswith("hello listed")
    assert api("DELETE", "/services/listed", {"propagationPolicy": "Foreground"})[0] == 200
    # The test's own clean-up deletes what the Service owned, and takes for an answer that it is gone.
    for plural in ("services", "routes", "configurations"):
        assert api("DELETE", f"/{plural}/listed")[0] in {200, 404}
    until(lambda: all(api("GET", f"/{plural}/listed")[0] == 404 for plural in found))


def test_a_stale_write_is_refused_and_tried_again(api: Caller) -> None:
    create(api, "stale", "one")
    stale = api.get("services", "stale")
    update(api, "stale", lambda sent: sent["spec"]["template"]["spec"].update(timeoutSeconds=30))
    code, refused = api("PUT", "/services/stale", stale)
    assert (code, refused["reason"], refused["details"]["name"]) == (409, "Conflict", "stale")
    assert api.get("services", "stale")["spec"]["template"]["spec"]["timeoutSeconds"] == 30
    assert update(api, "stale", lambda sent: sent["spec"]["template"]["spec"].update(timeoutSeconds=40))


def test_kn_service_import(emulator: Emulator, api: Caller) -> None:
    """POST the Service, GET its Configuration, POST what it had before as Revisions, which its traffic waits for."""
    made = manifest("back", env={"TARGET": "after"}) | EMPTY
    made["spec"]["template"]["metadata"]["name"] = "back-two"
    made["spec"]["traffic"] = [latest(50), to("back-one", 50, "old")]
    assert api("GET", "/services/back")[0] == 404
    assert api("POST", "/services", made)[0] == 201
    configuration = until(lambda: [each for code, each in [api("GET", "/configurations/back")] if code == 200])[0]
    owner = {"apiVersion": configuration["apiVersion"], "kind": "Configuration", "name": "back"}
    owner |= {"uid": configuration["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True}
    labels = {"configuration": "back", "configurationGeneration": "1", "service": "back"}
    meta = {
        "name": "back-one",
        "labels": {f"serving.knative.dev/{key}": value for key, value in labels.items()},
        "ownerReferences": [owner],
    }
    spec = copy.deepcopy(made["spec"]["template"]["spec"])
    spec["containers"][0]["env"][0]["value"] = "before"
    revision = {"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": meta, "spec": spec} | EMPTY
    assert api("POST", "/revisions", revision)[0] == 201
    stored = api.ready("back")
    assert [each["revisionName"] for each in stored["status"]["traffic"]] == ["back-two", "back-one"]
    assert stored["status"]["latestReadyRevisionName"] == "back-two"
    for host, words in (("old-back", {"hello before"}), ("back", {"hello before", "hello after"})):
        assert {emulator.get(service=host).text.split(" from ")[0].strip() for _ in range(8)} == words
    api.gone("services", "back")
    until(lambda: api("GET", "/revisions/back-one")[0] == 404)


def test_a_revision_that_belongs_to_nothing(emulator: Emulator, api: Caller) -> None:
    spec = manifest(env={"TARGET": "alone"})["spec"]["template"]["spec"]
    made = {"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": {"name": "alone"}, "spec": spec}
    assert api("POST", "/revisions", made)[0] == 201
    until(lambda: settled(api.get("revisions", "alone")))
    api.gone("revisions", "alone")
