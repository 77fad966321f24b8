"""Namespaces come and go with what is in them; owners wait for what they own, where they are told to."""

from typing import Any

import pytest
from bare_api import KSVC, Api, error
from running import manifest

from emulator.api.kinds import CONFIGURATION, POD, SERVICE

SPACES = "/api/v1/namespaces"
SHOP = f"{SPACES}/shop"
MAPS = f"{SHOP}/configmaps"


@pytest.fixture
def api() -> Api:
    api = Api()
    assert api("POST", SPACES, {"metadata": {"name": "shop"}})[0] == 201
    return api


def config_map(name: str, **meta: Any) -> dict[str, Any]:
    return {"metadata": {"name": name} | meta, "data": {"k": "v"}}


def test_what_is_there_from_the_start_and_what_is_made(api: Api) -> None:
    names = {item["metadata"]["name"] for item in api("GET", SPACES)[1]["items"]}
    assert names == {"default", "istio-system", "knative-serving", "kube-system", "shop"}
    _, shop = api("GET", SHOP)
    assert (shop["status"], shop["spec"]) == ({"phase": "Active"}, {"finalizers": ["kubernetes"]})
    assert shop["metadata"]["labels"] == {"kubernetes.io/metadata.name": "shop"}


def test_nothing_is_made_in_a_namespace_that_is_not_there(api: Api) -> None:
    missing = (404, "NotFound", 'namespaces "none" not found')
    services = KSVC.replace("default", "none")
    assert error(api("POST", services, manifest())) == missing
    assert error(api("POST", f"{SPACES}/none/configmaps?dryRun=All", config_map("a"))) == missing
    apply = {"Content_Type": "application/apply-patch+yaml"}
    assert error(api("PATCH", f"{services}/hello?fieldManager=m", manifest(), **apply)) == missing


def test_a_namespace_goes_with_what_is_in_it(api: Api) -> None:
    api("POST", MAPS, config_map("a"))
    api("POST", KSVC.replace("default", "shop"), manifest())
    api("POST", KSVC, manifest())
    code, closed = api("DELETE", SHOP)
    assert (code, closed["status"]) == (200, {"phase": "Terminating"})
    assert "deletionTimestamp" in closed["metadata"]
    assert error(api("GET", SHOP))[0] == 404
    assert [each["metadata"]["namespace"] for each in api.store.all(SERVICE)] == ["default"]
    assert api("POST", SPACES, {"metadata": {"name": "shop"}})[0] == 201
    assert api("GET", MAPS)[1]["items"] == []


def test_a_namespace_waits_for_finalizers_and_takes_nothing_new(api: Api) -> None:
    api("POST", MAPS, config_map("kept", finalizers=["example.com/a"]))
    api.store.create(POD, {"metadata": {"name": "pod", "namespace": "shop"}, "status": {}})
    api("DELETE", SHOP)
    assert api("GET", SHOP)[1]["status"] == {"phase": "Terminating"}
    refused = api("POST", MAPS, config_map("b"))
    assert error(refused) == (
        403,
        "Forbidden",
        ('configmaps "b" is forbidden: unable to create new content in namespace shop because it is being terminated'),
    )
    assert refused[1]["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    assert api("DELETE", SHOP)[0] == 200, "again is no error"
    api.patch(f"{MAPS}/kept", {"metadata": {"finalizers": None}})
    assert api("GET", f"{MAPS}/kept")[0] == 404
    assert api("GET", SHOP)[0] == 200, "its instances have not ended"
    api.store.delete(POD, "shop", "pod")
    assert api("GET", SHOP)[0] == 404


def test_a_namespace_may_have_finalizers_of_its_own(api: Api) -> None:
    api.patch(SHOP, {"metadata": {"finalizers": ["example.com/a"]}})
    api("POST", MAPS, config_map("kept", finalizers=["example.com/a"]))
    api("DELETE", SHOP)
    assert api.patch(SHOP, {"metadata": {"finalizers": None}})[0] == 200
    assert api("GET", SHOP)[0] == 200
    api.patch(f"{MAPS}/kept", {"metadata": {"finalizers": None}})
    assert api("GET", SHOP)[0] == 404


@pytest.mark.parametrize("name", ["default", "kube-system"])
def test_some_namespaces_stay(api: Api, name: str) -> None:
    words = f'namespaces "{name}" is forbidden: this namespace may not be deleted'
    assert error(api("DELETE", f"{SPACES}/{name}")) == (403, "Forbidden", words)


def owned(name: str, owner: dict[str, Any], **meta: Any) -> dict[str, Any]:
    reference = {key: owner[key] for key in ("apiVersion", "kind")}
    reference |= {key: owner["metadata"][key] for key in ("name", "uid")}
    return config_map(name, ownerReferences=[reference | {"blockOwnerDeletion": True}], **meta)


def test_in_the_foreground_the_owner_goes_last(api: Api) -> None:
    _, owner = api("POST", MAPS, config_map("owner"))
    _, child = api("POST", MAPS, owned("child", owner))
    api("POST", MAPS, owned("grandchild", child, finalizers=["example.com/a"]))
    foreground = f"{MAPS}/owner?propagationPolicy=Foreground"
    code, marked = api("DELETE", foreground)
    assert (code, marked["metadata"]["finalizers"]) == (200, ["foregroundDeletion"])
    for name, finalizer in (
        ("owner", "foregroundDeletion"),
        ("child", "foregroundDeletion"),
        ("grandchild", "example.com/a"),
    ):
        _, kept = api("GET", f"{MAPS}/{name}")
        assert kept["metadata"]["finalizers"] == [finalizer]
        assert "deletionTimestamp" in kept["metadata"]
    assert api("DELETE", foreground)[0] == 200, "again is no error"
    api.patch(f"{MAPS}/grandchild", {"metadata": {"finalizers": None}})
    assert api("GET", MAPS)[1]["items"] == []


def test_in_the_foreground_an_owner_without_anything_goes_at_once(api: Api) -> None:
    api("POST", KSVC, manifest())
    assert api("DELETE", f"{KSVC}/hello?propagationPolicy=Foreground")[1]["status"] == "Success"
    _, owner = api("POST", MAPS, config_map("owner", finalizers=["example.com/b"]))
    api("POST", MAPS, owned("child", owner))
    api("DELETE", f"{MAPS}/owner", {"propagationPolicy": "Foreground"})
    assert api("GET", f"{MAPS}/child")[0] == 404
    assert api("GET", f"{MAPS}/owner")[1]["metadata"]["finalizers"] == ["example.com/b"]
    assert not list(api.store.all(CONFIGURATION))
