import pytest

from emulator.core.config import AutoscalerConfig, shipped
from emulator.core.config_deployment import DeploymentConfig
from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.settings import ConfigError, load


def deployment(**data: str) -> DeploymentConfig:
    return load(DeploymentConfig, shipped("config-deployment", {key.replace("_", "-"): data[key] for key in data}))


def test_the_new_spelling_of_a_key_wins() -> None:
    both = deployment(progressDeadline="5s", progress_deadline="7s")
    assert both.progress_deadline == 7
    assert deployment(progressDeadline="5s").progress_deadline == 5


def test_an_old_spelling_is_read_even_where_the_new_one_wins() -> None:
    with pytest.raises(ConfigError, match='failed to parse "progressDeadline"'):
        deployment(progressDeadline="soon", progress_deadline="7s")


def test_numbers_nothing_can_be_counted_with_are_refused() -> None:
    for text in ("NaN", "Inf"):
        with pytest.raises(ConfigError, match="is not a finite number"):
            load(AutoscalerConfig, {"max-scale-up-rate": text})


def test_a_selector_must_be_of_texts_or_of_what_becomes_one() -> None:
    read = DomainConfig.parse({"example.com": "selector:\n  env: 1\n  on: true\n"}).domains["example.com"]
    assert read.selector == {"env": "1", "true": "true"}
    with pytest.raises(ConfigError, match="selector must be a mapping of texts"):
        DomainConfig.parse({"example.com": "selector:\n  env: [1]\n"})


def test_what_is_infinite_is_refused_in_knatives_words_where_it_refuses_it() -> None:
    for data, error in (
        ({"max-scale-down-rate": "-Inf"}, "max-scale-down-rate = -Inf, must be greater than 1.0"),
        ({"target-burst-capacity": "-Inf"}, "target-burst-capacity must be either non-negative or -1 .*, was: -Inf"),
        ({"container-concurrency-target-percentage": "Inf"}, "percentage = .Inf is outside of valid range"),
    ):
        with pytest.raises(ConfigError, match=error):
            load(AutoscalerConfig, data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"http-protocol": "bogus"}, "httpProtocol bogus in config-network ConfigMap is not supported"),
        (
            {"system-internal-tls": "Maybe"},
            'system-internal-tls with value: "Maybe" in config-network ConfigMap is not supported',
        ),
        ({"domain-template": "{{.Name}}.{{.Domain}}/a"}, "domain template has url path: /a"),
        ({"domain-template": "{{.Name}}.{{.Domain}}?a"}, "domain template has url path: /?a"),
        ({"domain-template": ":80"}, "empty hostname"),
        ({"domain-template": "{{.Name}} x"}, 'parse "https://foo x": invalid character " " in host name'),
        ({"domain-template": "{{.Name}}:x"}, 'parse "https://foo:x": invalid port ":x" after host'),
    ],
)
def test_what_a_network_can_not_be(data: dict[str, str], error: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(NetworkConfig, data)
    assert str(refused.value) == error


def test_the_older_of_two_keys_for_tls_counts_too() -> None:
    assert load(NetworkConfig, {"internal-encryption": "true"}).system_internal_tls == "enabled"
    assert load(NetworkConfig, {"auto-tls": "Enabled", "external-domain-tls": "off"}).external_domain_tls is False
