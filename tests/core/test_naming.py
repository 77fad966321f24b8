import copy
from typing import Any

import pytest

from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.naming import DomainError, RevisionNames, RouteNames, Visibility, child_name, revision_name
from emulator.core.settings import ConfigError, load

OBJECTS = ("deployment", "image_cache", "pod_autoscaler", "private_service", "revision", "serverless_service")


def route_of(case: dict[str, Any]) -> RouteNames:
    return RouteNames(
        name=case["name"],
        namespace=case["namespace"],
        network=load(NetworkConfig, case["config_network"]),
        domains=DomainConfig.parse(case["config_domain"]),
        labels=case["labels"],
        annotations=case["annotations"],
    )


def hosts(route: RouteNames, tag: str, visibility: Visibility) -> Any:
    try:
        return list(route.hosts(tag, visibility))
    except DomainError as error:
        return f"error: domain name error: {error}"


def target(route: RouteNames, tag: str, visibility: Visibility) -> dict[str, Any]:
    hostname = route.hostname(tag)
    try:
        url = route.url(tag, visibility)
    except DomainError as error:
        return {"hostname": hostname, "domain_error": f"domain name error: {error}"}
    return {
        "hostname": hostname,
        "url": url,
        "hosts_ClusterLocal": hosts(route, tag, Visibility.LOCAL),
        "hosts_ExternalIP": hosts(route, tag, Visibility.EXTERNAL),
    }


def named(case: dict[str, Any]) -> dict[str, Any]:
    try:
        route = route_of(case)
    except ConfigError as error:
        return {"config_error": str(error)}
    placeholders = {service["name"]: service["labels"] for service in case["placeholder_services"]}
    visibility = {tag: route.visibility(tag, placeholders) for tag in ["", *case["tags"]]}
    return {
        "ingress": child_name(route.name, ""),
        "k8s_service_fullname": route.service_host,
        "targets": {tag: target(route, tag, seen) for tag, seen in visibility.items()},
        "visibility": visibility,
    }


@pytest.mark.vectors("naming", list="child_name")
def test_child_names_as_recorded(case: list[str]) -> None:
    parent, suffix, result = case
    assert child_name(parent, suffix) == result


@pytest.mark.vectors("naming", list="revision_names")
def test_revision_names_as_recorded(case: dict[str, Any]) -> None:
    names = RevisionNames(revision_name(case["configuration"], case["generation"], case["template_name"]))
    assert {each: getattr(names, each) for each in OBJECTS} == case["out"]


@pytest.mark.vectors("naming", list="routes")
def test_routes_as_recorded(case: dict[str, Any]) -> None:
    assert named(case) == case["out"]


def test_a_changed_expectation_is_noticed(vectors: Any) -> None:
    case = copy.deepcopy(next(each for each in vectors("naming")["routes"] if "targets" in each["out"]))
    case["out"]["targets"][""]["hostname"] += "x"
    with pytest.raises(AssertionError):
        test_routes_as_recorded(case)
    with pytest.raises(AssertionError):
        test_child_names_as_recorded(["a", "-b", "a-c"])
    revision = copy.deepcopy(vectors("naming")["revision_names"][0])
    revision["out"]["deployment"] += "x"
    with pytest.raises(AssertionError):
        test_revision_names_as_recorded(revision)


def route(**network: str) -> RouteNames:
    settings = {key.replace("_", "-"): text for key, text in network.items()}
    return RouteNames("login", "default", load(NetworkConfig, settings), DomainConfig.parse({"localhost": ""}))


def test_urls_people_can_click() -> None:
    assert route().url("", Visibility.EXTERNAL) == "http://login.default.localhost"
    assert route().url("green", Visibility.EXTERNAL) == "http://green-login.default.localhost"
    assert route().url("green", Visibility.LOCAL) == "http://green-login.default.svc.cluster.local"
    secure = route(default_external_scheme="https")
    assert secure.url("", Visibility.EXTERNAL) == "https://login.default.localhost"
    assert secure.url("", Visibility.LOCAL) == "http://login.default.svc.cluster.local"


def test_a_top_level_of_digits_is_no_host() -> None:
    local = RouteNames("login", "2024", NetworkConfig(), DomainConfig.parse({"localhost": ""}))
    assert local.hosts("", Visibility.LOCAL) == ("login.2024.svc", "login.2024.svc.cluster.local")


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ('{{if eq .Name "foo"}}{{.Domain}}{{end}}', 'invalid domain name "": url: Required value'),
        ("{{.Name}}", "should be a domain with at least two segments separated by dots"),
    ],
)
def test_templates_that_give_no_host(template: str, fault: str) -> None:
    with pytest.raises(DomainError) as refused:
        route(domain_template=template).domain("", Visibility.EXTERNAL)
    assert fault in str(refused.value)
