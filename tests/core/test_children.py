"""Children as a real cluster made them, apart from names, ids and times."""

from typing import Any

from emulator.core import children

SERVICE: dict[str, Any] = {
    "apiVersion": "serving.knative.dev/v1",
    "kind": "Service",
    "metadata": {
        "name": "hello",
        "namespace": "default",
        "uid": "u-service",
        "generation": 3,
        "labels": {"team": "a"},
        "annotations": {
            "serving.knative.dev/creator": "admin",
            "serving.knative.dev/lastModifier": "other",
            "serving.knative.dev/rollout-duration": "60s",
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
        },
    },
    "spec": {
        "template": {
            "metadata": {"labels": {"t": "1"}, "annotations": {"k": "v"}},
            "spec": {"containers": [{"image": "i"}]},
        },
        "traffic": [
            {"latestRevision": True, "percent": 90},
            {"latestRevision": False, "revisionName": "hello-00001", "percent": 10},
        ],
    },
}


def stored(child: dict[str, Any], uid: str, generation: int) -> dict[str, Any]:
    return child | {"metadata": child["metadata"] | {"uid": uid, "generation": generation}}


def test_a_configuration_carries_the_template_and_the_services_marks() -> None:
    made = children.configuration(SERVICE)
    assert made["spec"] == {"template": SERVICE["spec"]["template"]}
    assert made["metadata"]["labels"] == {
        "team": "a",
        "serving.knative.dev/service": "hello",
        "serving.knative.dev/serviceUID": "u-service",
    }
    assert made["metadata"]["annotations"] == {
        "serving.knative.dev/creator": "admin",
        "serving.knative.dev/lastModifier": "other",
        "serving.knative.dev/routes": "hello",
    }
    assert made["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "name": "hello",
            "uid": "u-service",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def test_a_route_names_the_configuration_where_no_revision_is_named() -> None:
    made = children.route(SERVICE)
    assert made["spec"]["traffic"] == [
        {"configurationName": "hello", "latestRevision": True, "percent": 90},
        {"latestRevision": False, "revisionName": "hello-00001", "percent": 10},
    ]
    assert made["metadata"]["labels"] == {"team": "a", "serving.knative.dev/service": "hello"}
    assert made["metadata"]["annotations"]["serving.knative.dev/rollout-duration"] == "60s"


def test_a_revision_takes_from_the_template_and_not_from_the_configurations_own_metadata() -> None:
    config = stored(children.configuration(SERVICE), "u-config", 3)
    made = children.revision(config, "hello-00003", "2026-11-23T11:01:20Z")
    assert made["spec"] == {"containers": [{"image": "i"}]}
    assert made["metadata"]["labels"] == {
        "t": "1",
        "serving.knative.dev/configuration": "hello",
        "serving.knative.dev/configurationGeneration": "3",
        "serving.knative.dev/configurationUID": "u-config",
        "serving.knative.dev/routingState": "active",
        "serving.knative.dev/service": "hello",
        "serving.knative.dev/serviceUID": "u-service",
    }
    assert made["metadata"]["annotations"] == {
        "k": "v",
        "serving.knative.dev/creator": "other",
        "serving.knative.dev/routes": "hello",
        "serving.knative.dev/routingStateModified": "2026-11-23T11:01:20Z",
    }


def test_other_routes_that_lead_to_a_configuration_stay() -> None:
    routed = {"metadata": {"annotations": {"serving.knative.dev/routes": "z,a,hello"}}}
    made = children.configuration(SERVICE, routed)
    assert made["metadata"]["annotations"]["serving.knative.dev/routes"] == "a,hello,z"


def test_a_label_that_the_service_lost_is_lost_by_its_child() -> None:
    before = stored(children.configuration(SERVICE), "u-config", 1) | {"status": {"x": 1}}
    bare = SERVICE | {"metadata": SERVICE["metadata"] | {"labels": {}}}
    after = children.merged(children.configuration(bare), before)
    assert "team" not in after["metadata"]["labels"]
    assert after["metadata"]["uid"] == "u-config"
