"""Services of the core group, as users may write them through the API."""

from typing import Any

import pytest
from bare_api import Api, error

SERVICES = "/api/v1/namespaces/default/services"
STRATEGIC = "application/strategic-merge-patch+json"


@pytest.fixture
def api() -> Api:
    return Api()


def document(spec: dict[str, Any], name: str = "web", **meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name} | meta, "spec": spec}


def test_a_service_is_stored_with_what_it_leaves_open(api: Api) -> None:
    response = api.raw("POST", SERVICES, document({"ports": [{"port": 80}], "selector": {"app": "x"}}))
    assert response.status_code == 201
    assert "leads nowhere" in response.headers["Warning"]
    made = api("GET", f"{SERVICES}/web")[1]
    assert made["spec"] == {
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "selector": {"app": "x"},
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
    }
    assert made["status"] == {"loadBalancer": {}}
    assert "generation" not in made["metadata"]
    again = made | {"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}
    assert api("PUT", f"{SERVICES}/web", again) == (200, made)
    assert api("DELETE", f"{SERVICES}/web")[0] == 200
    assert api("GET", SERVICES)[1]["items"] == []


def test_types_have_what_they_need(api: Api) -> None:
    outside = api("POST", SERVICES, document({"type": "ExternalName", "externalName": "example.com"}))[1]
    assert outside["spec"] == {"type": "ExternalName", "externalName": "example.com", "sessionAffinity": "None"}
    headless = api("POST", SERVICES, document({"clusterIP": "None"}, "headless"))[1]
    assert headless["spec"]["clusterIPs"] == ["None"]
    balanced = {"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 31080}]}
    assert api("POST", SERVICES, document(balanced, "lb"))[1]["spec"]["externalTrafficPolicy"] == "Cluster"
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    rows = api("GET", SERVICES, Accept=table)[1]["rows"]
    assert [row["cells"][:5] for row in rows] == [
        ["headless", "ClusterIP", "None", "<none>", "<none>"],
        ["lb", "LoadBalancer", "<none>", "<pending>", "80:31080/TCP"],
        ["web", "ExternalName", "<none>", "example.com", "<none>"],
    ]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "spec.ports: Required value"),
        ({"ports": [{}]}, "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"),
        ({"ports": [{"port": 1, "targetPort": 70000}]}, "spec.ports[0].targetPort: Invalid value: 70000: must be be"),
        ({"ports": [{"port": 1}, {"port": 2}]}, "spec.ports[0].name: Required value"),
        ({"ports": [{"port": 1, "name": "a"}, {"port": 2, "name": "a"}]}, 'spec.ports[1].name: Duplicate value: "a"'),
        (
            {"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]},
            'spec.ports[1]: Duplicate value: {"port":1,"protocol":"TCP"}',
        ),
        ({"ports": [{"port": 1, "name": "A"}]}, 'spec.ports[0].name: Invalid value: "A": a lowercase RFC 1123 label'),
        (
            {"ports": [{"port": 1, "protocol": "HTTP"}]},
            'spec.ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
        ),
        (
            {"type": "Any", "ports": [{"port": 1}]},
            'spec.type: Unsupported value: "Any": supported values: "ClusterIP", "ExternalName", "LoadBalancer"',
        ),
        ({"type": "ExternalName"}, "spec.externalName: Required value"),
        ({"type": "ExternalName", "externalName": "A_"}, 'spec.externalName: Invalid value: "A_": a lowercase RFC'),
    ],
)
def test_what_is_wrong_is_told_as_kubernetes_does(api: Api, spec: dict[str, Any], words: str) -> None:
    code, reason, message = error(api("POST", SERVICES, document(spec)))
    assert (code, reason) == (422, "Invalid")
    assert message.startswith(f'Service "web" is invalid: {words}')


def test_its_name_is_a_label_of_dns(api: Api) -> None:
    message = error(api("POST", SERVICES, document({"ports": [{"port": 80}]}, "1web")))[2]
    assert message.startswith('Service "1web" is invalid: metadata.name: Invalid value: "1web": a DNS-1035 label')


def test_ports_are_merged_by_their_number(api: Api) -> None:
    api("POST", SERVICES, document({"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]}))
    change = {"spec": {"ports": [{"port": 81, "targetPort": "http"}, {"port": 80, "$patch": "delete"}]}}
    code, now = api.patch(f"{SERVICES}/web", change, STRATEGIC)
    assert (code, now["spec"]["ports"]) == (200, [{"port": 81, "name": "b", "protocol": "TCP", "targetPort": "http"}])
