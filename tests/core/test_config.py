import re
from typing import Any

import pytest

from emulator.core.config import CONFIG_MAPS, AutoscalerConfig, DeploymentConfig, GcConfig
from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.settings import ConfigError, load, rows

ROWS = {
    "config-autoscaler": AutoscalerConfig,
    "config-deployment": DeploymentConfig,
    "config-gc": GcConfig,
    "config-network": NetworkConfig,
}
GO_NAMES = {"RPSTargetDefault": "rps_target_default", "RolloutDurationSecs": "rollout_duration"}


def field_of(go_name: str) -> str:
    return GO_NAMES.get(go_name) or re.sub(r"(?<!^)(?=[A-Z])", "_", go_name).lower()


def check(case: dict[str, Any]) -> None:
    parse = CONFIG_MAPS[case["configmap"]]
    if case["error"]:
        with pytest.raises(ConfigError) as refused:
            parse(case["data"])
        assert str(refused.value) == case["error"]
        return
    config = parse(case["data"])
    if isinstance(config, DomainConfig):
        domains = {domain: each["Selector"].get("selector", {}) for domain, each in case["parsed"]["Domains"].items()}
        assert config.selectors == domains
        return
    known = {field_of(name): value for name, value in case["parsed"].items()}
    for name, _ in rows(type(config)):
        assert getattr(config, name) == pytest.approx(known[name]), name


def carried(case: dict[str, Any]) -> bool:
    """Whether only keys are set that have an effect here; some ConfigMaps are carried in part."""
    name, data = case["configmap"], case["data"]
    if name not in ROWS:
        return name == "config-domain"
    keys = {key for _, row in rows(ROWS[name]) for key in (row.key, row.legacy_key)}
    return data.keys() <= keys and not case["error"].startswith("queue-sidecar-image")


def test_config_maps_as_recorded(vectors: Any) -> None:
    cases = vectors("config")["cases"]
    for case in cases:
        # The image of queue-proxy is demanded by Knative and has no meaning here.
        case["data"].pop("queue-sidecar-image", None)
    compared = [case for case in cases if carried(case)]
    assert {*ROWS, "config-domain"} == {case["configmap"] for case in compared}
    assert len(compared) > 100
    for case in compared:
        check(case)


def test_a_changed_expectation_is_noticed(vectors: Any) -> None:
    cases = [case for case in vectors("config")["cases"] if case["configmap"] == "config-autoscaler"]
    good = next(case for case in cases if not case["error"])
    bad = next(case for case in cases if case["error"])
    with pytest.raises(AssertionError):
        check({**good, "parsed": {**good["parsed"], "MaxScaleUpRate": good["parsed"]["MaxScaleUpRate"] + 1}})
    with pytest.raises(AssertionError):
        check({**bad, "error": bad["error"] + "."})


@pytest.mark.parametrize("name", ROWS)
def test_keys_and_defaults_are_knatives(name: str, vectors: Any) -> None:
    documented = {row["key"]: row for row in vectors("params")["config_maps"][name]}
    for _, row in rows(ROWS[name]):
        known = documented[row.key]
        assert row.default == known["default"]
        assert row.legacy_key == known.get("legacy_key", "")
        assert row.help
        assert row.range


def test_the_new_spelling_of_a_key_wins() -> None:
    both = load(DeploymentConfig, {"progressDeadline": "5s", "progress-deadline": "7s"})
    assert both.progress_deadline == 7
    assert load(DeploymentConfig, {"progressDeadline": "5s"}).progress_deadline == 5


def test_numbers_nothing_can_be_counted_with_are_refused() -> None:
    for text in ("NaN", "Inf"):
        with pytest.raises(ConfigError, match="is not a finite number"):
            load(AutoscalerConfig, {"max-scale-up-rate": text})


def test_a_selector_must_be_of_texts() -> None:
    with pytest.raises(ConfigError, match="selector must be a mapping of texts"):
        DomainConfig.parse({"example.com": "selector:\n  env: 1\n"})
