import pytest

from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.naming import DomainError, RouteNames, Visibility
from emulator.core.settings import load


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
