import pytest
from fidelity.vectors import recorded

from emulator.core.config import AutoscalerConfig, shipped
from emulator.core.config_deployment import DeploymentConfig
from emulator.core.decider import ScalingSpec, not_implemented, resolve
from emulator.core.settings import load

GROUP = "autoscaling.knative.dev/"
DEPLOYMENT = load(DeploymentConfig, shipped("config-deployment", {}))


def spec_of(annotations: dict[str, str], **config: str) -> ScalingSpec:
    autoscaler = load(AutoscalerConfig, {key.replace("_", "-"): text for key, text in config.items()})
    return resolve(annotations, autoscaler, DEPLOYMENT, container_concurrency=0, reachable=True)


def test_all_of_knatives_annotations_are_implemented() -> None:
    documented = {
        key: "1"
        for row in recorded("params")["annotations_and_labels"]
        if row["key"].startswith(GROUP) and row["kind"] == "annotation" and row["set_by"] == "user"
        for key in (row["key"], *row["aliases"])
    }
    assert len(documented) == 25
    assert not_implemented(documented).keys() == {GROUP + "class", GROUP + "metric"}


@pytest.mark.parametrize(
    ("annotations", "refused"),
    [
        ({}, {}),
        ({GROUP + "minScale": "1", GROUP + "min-scale": "2", "example.com/min-scale": "3"}, {}),
        ({GROUP + "class": "kpa.autoscaling.knative.dev", GROUP + "metric": "rps"}, {}),
        ({GROUP + "min-scales": "1"}, {}),
        ({GROUP + "class": "hpa.autoscaling.knative.dev"}, {GROUP + "class": "use kpa.autoscaling.knative.dev"}),
        ({GROUP + "class": "my.own"}, {GROUP + "class": "there is no autoscaler of class my.own here"}),
        ({GROUP + "metric": "cpu"}, {GROUP + "metric": "cpu is not measured here; use concurrency or rps"}),
    ],
)
def test_what_has_no_effect_is_named(annotations: dict[str, str], refused: dict[str, str]) -> None:
    found = not_implemented(annotations)
    assert found.keys() == refused.keys()
    for key, words in refused.items():
        assert words in found[key]
        assert found[key].startswith(key)


def test_the_progress_deadline_of_a_revision_wins_over_the_clusters() -> None:
    assert spec_of({}).activation_timeout == 630
    assert spec_of({"serving.knative.dev/progress-deadline": "20s"}).activation_timeout == 50


def test_what_cannot_be_read_counts_as_not_set() -> None:
    assert spec_of({GROUP + "window": "soon", GROUP + "target": "NaN"}) == spec_of({})


def test_the_panic_window_is_rounded_half_up_to_whole_seconds() -> None:
    assert spec_of({GROUP + "window": "20s", GROUP + "panic-window-percentage": "12.5"}).metric.panic_window == 3
    assert spec_of({GROUP + "window": "6s"}, panic_window_percentage="1").metric.panic_window == 1
