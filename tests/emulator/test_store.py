from typing import Any

import pytest

from emulator.api.kinds import CONFIGURATION, REVISION, SECRET, SERVICE
from emulator.api.store import Change, Store
from emulator.core.clock import SimClock
from emulator.errors import AlreadyExists, Conflict, NotFound


def service(image: str = "a", **meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "login", "namespace": "default"} | meta,
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
    }


@pytest.fixture
def store() -> Store:
    return Store(SimClock(1_700_000_000.9))


def test_a_created_object_has_an_identity_of_its_own(store: Store) -> None:
    stored = store.create(SERVICE, service())
    assert stored["metadata"]["generation"] == 1
    assert stored["metadata"]["creationTimestamp"] == "2023-11-14T22:13:20Z"
    assert stored["metadata"]["resourceVersion"] == store.version
    with pytest.raises(AlreadyExists, match=r'services\.serving\.knative\.dev "login" already exists'):
        store.create(SERVICE, service())


def test_generation_moves_with_the_spec_alone(store: Store) -> None:
    first = store.create(SERVICE, service())
    labelled = store.update(SERVICE, service(labels={"a": "b"}))
    assert labelled["metadata"]["generation"] == 1
    assert labelled["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
    changed = store.update(SERVICE, service("b"))
    assert changed["metadata"]["generation"] == 2
    assert changed["metadata"]["uid"] == first["metadata"]["uid"]


def test_an_update_that_changes_nothing_keeps_the_version(store: Store) -> None:
    first = store.create(SERVICE, service())
    assert store.update(SERVICE, service()) == first
    status = store.update_status(SERVICE, first, {"url": "u"})
    assert store.update_status(SERVICE, first, {"url": "u"}) == status


def test_a_stale_version_is_a_conflict(store: Store) -> None:
    first = store.create(SERVICE, service())
    store.update(SERVICE, service("b"))
    with pytest.raises(Conflict, match="the object has been modified"):
        store.update(SERVICE, service("c", resourceVersion=first["metadata"]["resourceVersion"]))


def test_status_is_kept_from_those_who_write_the_spec(store: Store) -> None:
    first = store.create(SERVICE, service())
    store.update_status(SERVICE, first, {"url": "ours"})
    assert store.update(SERVICE, service("b") | {"status": {"url": "theirs"}})["status"] == {"url": "ours"}


def test_what_was_read_never_changes(store: Store) -> None:
    first = store.create(SERVICE, service())
    store.update(SERVICE, service("b"))
    assert first["spec"]["template"]["spec"]["containers"][0]["image"] == "a"
    assert "status" not in first
    store.update_status(SERVICE, first, {"url": "u"})
    assert "status" not in first


def test_deleting_an_owner_deletes_what_it_owns(store: Store) -> None:
    changes: list[Change] = []
    store.subscribe(changes.append)
    owner = store.create(SERVICE, service())

    def child(kind: str, name: str, of: dict[str, Any]) -> dict[str, Any]:
        refs = [{"uid": of["metadata"]["uid"]}]
        return {"kind": kind, "metadata": {"name": name, "namespace": "default", "ownerReferences": refs}}

    configuration = store.create(CONFIGURATION, child("Configuration", "login", owner))
    store.create(REVISION, child("Revision", "login-00001", configuration))
    store.create(SECRET, {"kind": "Secret", "metadata": {"name": "login", "namespace": "default"}})
    store.delete(SERVICE, "default", "login")
    assert [c.kind.name for c in changes if c.verb == "DELETED"] == ["Service", "Configuration", "Revision"]
    assert [s["metadata"]["name"] for s in store.all(SECRET)] == ["login"]
    with pytest.raises(NotFound, match=r'revisions\.serving\.knative\.dev "login-00001" not found'):
        store.get(REVISION, "default", "login-00001")
    versions = [int(change.object["metadata"]["resourceVersion"]) for change in changes]
    assert versions == sorted(set(versions))


def test_a_list_is_of_one_namespace_or_of_all_in_order(store: Store) -> None:
    for namespace, name in (("b", "x"), ("a", "y"), ("a", "x")):
        store.create(SERVICE, service(name=name, namespace=namespace))
    names = [(s["metadata"]["namespace"], s["metadata"]["name"]) for s in store.all(SERVICE)]
    assert names == [("a", "x"), ("a", "y"), ("b", "x")]
    assert [s["metadata"]["name"] for s in store.all(SERVICE, "b")] == ["x"]
