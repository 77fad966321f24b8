"""Whatever is sent, the API answers in time, in words, and never with a fault of its own."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
import yaml
from running import Emulator, manifest

#: Enough to meet every verb with every kind of nonsense several times; about 10 s.
REQUESTS = 600
#: What an answer may take: there is nothing in these requests to wait for.
SECONDS = 20

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 1 << 70, "", "x", "ÿ\u2028\x00", "a" * 300, [], [[]], [None], {}, {"": ""}),
    *({"a": {"b": [1]}}, [{"name": "a"}, 3], "2020-01-01", "http://a", ["a", "b"], {"kubernetes.io/x": 1}),
)
BODIES = (
    b"",
    b"{",
    b"\xff\xfe",
    b"[" * 5000,
    b"null",
    b"[]",
    b'"x"',
    b"1" * 6000,
    b'{"a":NaN}',
    b'{"a":1,"a":2}',
    b"k8s\x00\x0a",
)
MEDIA_TYPES = (
    *(None, "application/json", "application/merge-patch+json", "application/json-patch+json", "text/plain", ";;;"),
    *("application/strategic-merge-patch+json", "application/apply-patch+yaml", "application/vnd.kubernetes.protobuf"),
)
COLLECTIONS = (
    *(f"/apis/serving.knative.dev/v1/namespaces/default/{plural}" for plural in ("services", "routes", "revisions")),
    *(f"/api/v1/namespaces/default/{plural}" for plural in ("secrets", "configmaps", "pods", "events")),
    *("/apis/serving.knative.dev/v1/configurations", "/api/v1/namespaces", "/apis", "/api/v1", "/openapi/v3"),
)
MERGE, JSON_PATCH = MEDIA_TYPES[2:4]
#: Half of the requests are almost right: so that nonsense comes as far as it can.
AIMED = (
    ("POST", COLLECTIONS[0], None),
    ("PUT", COLLECTIONS[0] + "/hello", None),
    ("PATCH", COLLECTIONS[0] + "/hello", MERGE),
    ("PATCH", COLLECTIONS[0] + "/hello", JSON_PATCH),
    ("PATCH", COLLECTIONS[1] + "/hello", JSON_PATCH),
    ("PATCH", COLLECTIONS[2] + "/hello-00001", MERGE),
    ("POST", COLLECTIONS[3], "application/json"),
    ("DELETE", COLLECTIONS[3], None),
)
SEGMENTS = ("", "/hello", "/hello-00001", "/x", "/hello/status", "/x/log", "//", "/%00", "/%2e%2e", "/ÿ", "/a/b/c/d")
PARAMETERS = {
    "labelSelector": ("a=b", "a in (", "!", ",", "ÿ", "a" * 5000, "a in (b,c),!d"),
    "fieldSelector": ("metadata.name=hello", "x", "=", "metadata.name", "spec.a=b"),
    "resourceVersion": ("0", "1", "-1", "x", "9" * 30, "²"),
    "timeoutSeconds": ("1",),
    "watch": ("1", "true", "false", ""),
    "dryRun": ("All", "None", ""),
    "fieldValidation": ("Strict", "Ignore", "Warn", "x"),
    "propagationPolicy": ("Foreground", "x"),
    "tailLines": ("-1", "5", "x"),
    "includeObject": ("None", "Object", "x"),
    "sendInitialEvents": ("true",),
}


@pytest.fixture
def session(emulator: Emulator) -> Iterator[requests.Session]:
    emulator.up(services=(manifest(),))
    kubeconfig = yaml.safe_load((emulator.state_dir / "kubeconfig").read_text())
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(emulator.state_dir / "ca.crt")
        session.headers["Authorization"] = f"Bearer {kubeconfig['users'][0]['user']['token']}"
        session.params = {}
        session.server = kubeconfig["clusters"][0]["cluster"]["server"]
        yield session


def test_nonsense_is_answered(emulator: Emulator, session: requests.Session) -> None:
    rng = random.Random(7)
    seen = set()
    for _ in range(REQUESTS):
        method = rng.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
        path = rng.choice(COLLECTIONS) + rng.choice(SEGMENTS)
        query = {key: rng.choice(PARAMETERS[key]) for key in rng.sample(sorted(PARAMETERS), rng.randrange(4))}
        if "watch" in query:
            query["timeoutSeconds"] = "1" if rng.random() < 0.05 else "0"
            query["resourceVersion"] = "x" if query["timeoutSeconds"] == "0" else "0"
        body = rng.choice(BODIES) if rng.random() < 0.3 else json.dumps(_mutated(rng)).encode()
        media_type = rng.choice(MEDIA_TYPES)
        if rng.random() < 0.5:
            (method, path, media_type), query = rng.choice(AIMED), {}
            body = json.dumps(_mutated(rng)).encode()
        headers = {"Content-Type": media_type, "Accept": rng.choice(("*/*", "as=Table", "ÿ".encode()))}
        text = "&".join(f"{key}={quote(value)}" for key, value in query.items())
        answer = session.request(method, f"{session.server}{path}?{text}", data=body, headers=headers, timeout=SECONDS)
        case = method, path, query, headers, body[:400], answer.text[:400]
        assert answer.status_code < 500, case
        if answer.status_code >= 400:
            status = answer.json()
            assert (status["kind"], status["code"]) == ("Status", answer.status_code), case
            assert status["message"], case
        seen.add((method, answer.status_code))
    assert {("POST", 201), ("POST", 400), ("PATCH", 200), ("PUT", 404), ("DELETE", 200), ("GET", 200)} <= seen
    # It still does its work: the controller has lived through whatever was taken.
    applied = emulator.apply(manifest("after"))
    assert applied.returncode == 0, applied.stderr
    assert emulator.get(service="after").status_code == 200


def test_a_watcher_that_never_reads_holds_up_nobody(session: requests.Session) -> None:
    secrets = f"{session.server}{COLLECTIONS[3]}"
    big = {"a": "x" * 50_000}
    with session.get(secrets, params={"watch": "true"}, stream=True, timeout=SECONDS) as watch:
        assert watch.status_code == 200
        for index in range(200):  # 13 MB of events: more than the buffers of a connection take
            body = {"metadata": {"name": f"s{index}"}, "stringData": big}
            assert session.post(secrets, json=body, timeout=SECONDS).status_code == 201
        assert len(session.get(secrets, timeout=SECONDS).json()["items"]) == 200
        events = (json.loads(line) for line in watch.iter_lines())
        assert [next(events)["object"]["metadata"]["name"] for _ in range(200)] == [f"s{i}" for i in range(200)]


def _mutated(rng: random.Random) -> Any:
    """A Service, a Secret or a JSON patch in which a few places hold something else."""
    secret = {"metadata": {"name": "s", "labels": {"a": "b"}}, "stringData": {"a": "b"}, "data": {"c": "ZA=="}}
    paths = (
        "/metadata/labels",
        "/spec/template/metadata/annotations/x",
        "/spec",
        "",
        "/metadata/name",
        "/status/-",
        "x",
    )
    operation = {"op": rng.choice(("add", "remove", "replace", "copy", "move", "test")), "path": rng.choice(paths)}
    operation |= {"from": rng.choice(paths), "value": rng.choice(VALUES)}
    service = manifest(rng.choice(("hello", "x", "Y_")), env={"A": "1"}, timeoutSeconds=5)
    service["spec"]["traffic"] = [{"latestRevision": True, "percent": 100}]
    document: Any = rng.choice(
        (service, service, secret, [operation], {"propagationPolicy": "Background", "dryRun": []})
    )
    for _ in range(rng.randrange(3)):
        node = document
        while isinstance(node, dict | list) and node:
            key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
            if not isinstance(node[key], dict | list) or rng.random() < 0.25:
                node[key] = copy.deepcopy(rng.choice(VALUES))
                break
            node = node[key]
    return document
