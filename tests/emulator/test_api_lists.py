"""What lists and watches may ask of versions, as Kubernetes answers it."""

import json

import pytest
from bare_api import KSVC, Api, error
from running import manifest

OPTIONS = 'ListOptions.meta.k8s.io "" is invalid: '


@pytest.fixture
def api() -> Api:
    api = Api()
    api("POST", KSVC, manifest())
    return api


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("resourceVersionMatch=Exact", "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ("resourceVersionMatch=Exact&resourceVersion=0", 'resourceVersionMatch "exact" is forbidden for'),
        ("resourceVersionMatch=Newest&resourceVersion=1", 'Unsupported value: "Newest"'),
        ("sendInitialEvents=true", "sendInitialEvents is forbidden for list"),
        ("watch=1&resourceVersionMatch=NotOlderThan", "is forbidden for watch unless sendInitialEvents is provided"),
        ("watch=1&sendInitialEvents=true", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
    ],
)
def test_what_does_not_fit_together(api: Api, query: str, words: str) -> None:
    code, reason, message = error(api("GET", f"{KSVC}?{query}"))
    assert (code, reason) == (422, "Invalid")
    assert message.startswith(OPTIONS)
    assert words in message


def test_versions_of_a_list(api: Api) -> None:
    version = int(api("GET", KSVC)[1]["metadata"]["resourceVersion"])
    for query in ("resourceVersion=0", "resourceVersion=1&resourceVersionMatch=NotOlderThan", "limit=1"):
        assert len(api("GET", f"{KSVC}?{query}")[1]["items"]) == 1
    exact = f"{KSVC}?resourceVersionMatch=Exact&resourceVersion="
    assert api("GET", f"{exact}{version}")[0] == 200
    assert error(api("GET", f"{exact}{version - 1}"))[:2] == (410, "Expired")
    later = api("GET", f"{KSVC}?resourceVersion={version + 9}")
    told = f"Too large resource version: {version + 9}, current: {version}"
    assert error(later) == (504, "Timeout", told)
    assert later[1]["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert error(api("GET", f"{KSVC}?continue=x"))[:2] == (400, "BadRequest")


def test_a_watch_with_its_initial_events(api: Api) -> None:
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
    response = api.raw("GET", f"{KSVC}?{query}")
    added, bookmark = (json.loads(line) for line in response.data.splitlines())
    assert (added["type"], added["object"]["metadata"]["name"]) == ("ADDED", "hello")
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["metadata"] == {
        "resourceVersion": api.store.version,
        "annotations": {"k8s.io/initial-events-end": "true"},
    }
    old = api.raw("GET", f"{KSVC}?watch=1&resourceVersion=99&timeoutSeconds=1")
    [event] = (json.loads(line) for line in old.data.splitlines())
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
