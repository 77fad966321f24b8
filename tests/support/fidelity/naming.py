"""naming.json: names of objects and hosts."""

from typing import Any

from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.naming import DomainError, RevisionNames, RouteNames, Visibility, child_name, revision_name
from emulator.core.settings import ConfigError, load
from fidelity.comparison import Case, Comparison

OBJECTS = ("deployment", "image_cache", "pod_autoscaler", "private_service", "revision", "serverless_service")


def named_route(case: Case) -> RouteNames:
    return RouteNames(
        name=case["name"],
        namespace=case["namespace"],
        network=load(NetworkConfig, case["config_network"]),
        domains=DomainConfig.parse(case["config_domain"]),
        labels=case["labels"],
        annotations=case["annotations"],
    )


def told_hosts(route: RouteNames, tag: str, visibility: Visibility) -> Any:
    try:
        return list(route.hosts(tag, visibility))
    except DomainError as error:
        return f"error: domain name error: {error}"


def told_target(route: RouteNames, tag: str, visibility: Visibility) -> dict[str, Any]:
    hostname = route.hostname(tag)
    try:
        url = route.url(tag, visibility)
    except DomainError as error:
        return {"hostname": hostname, "domain_error": f"domain name error: {error}"}
    return {
        "hostname": hostname,
        "url": url,
        "hosts_ClusterLocal": told_hosts(route, tag, Visibility.LOCAL),
        "hosts_ExternalIP": told_hosts(route, tag, Visibility.EXTERNAL),
    }


def replay_route(case: Case) -> dict[str, Any]:
    try:
        route = named_route(case)
    except ConfigError as error:
        return {"out": {"config_error": str(error)}}
    placeholders = {service["name"]: service["labels"] for service in case["placeholder_services"]}
    visibility = {tag: route.visibility(tag, placeholders) for tag in ["", *case["tags"]]}
    return {
        "out": {
            "ingress": child_name(route.name, ""),
            "k8s_service_fullname": route.service_host,
            "targets": {tag: told_target(route, tag, seen) for tag, seen in visibility.items()},
            "visibility": visibility,
        }
    }


def replay_revision_names(case: Case) -> dict[str, Any]:
    names = RevisionNames(revision_name(case["configuration"], case["generation"], case["template_name"]))
    return {"out": {each: getattr(names, each) for each in OBJECTS}}


COMPARISONS = (
    Comparison("naming", "child_name", lambda case: child_name(*case), ("2",), lambda case: case[2]),
    Comparison("naming", "revision_names", replay_revision_names, ("out",)),
    Comparison("naming", "routes", replay_route, ("out",)),
)
