import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from function.administration.calibrate import Rate, Storm, measure, plan
from function.credentials.engine import Engine
from tests.function.conftest import ENGINES, command

MANIFEST = Path(__file__).parents[2] / "knative/base/service.yaml"
SECONDS_PER_HASH = 0.22
DEADLINE = 10.0


def answered_by(storm: Storm, instances: int, cpus: float) -> float:
    """When the last is hashed, by the slow way: a fluid queue in steps of 10 ms."""
    step, now, queue, capacity = 0.01, 0.0, 0.0, instances * cpus / SECONDS_PER_HASH
    came = done = 0.0
    while done < storm.logins - 1e-6:
        now += step
        came = min(storm.logins, came + storm.logins / storm.within * step)
        if now > storm.start:
            done += min(capacity * step, came - done)
        queue = max(queue, came - done)
    return now


@pytest.mark.parametrize("cpus", [1.0, 2.0, 0.5])
@pytest.mark.parametrize("storm", [Storm(100_000, 60, 30, 5), Storm(1000, 1, 20, 3), Storm(500, 600, 1, 0.5)], ids=str)
def test_s11_the_instances_are_enough_and_one_less_is_not(storm: Storm, cpus: float) -> None:
    planned = plan(storm, SECONDS_PER_HASH, 4, cpus, DEADLINE)
    latest = storm.within + storm.wait
    assert planned.min_scale == 0
    assert answered_by(storm, planned.max_scale, cpus) <= latest + 0.1
    assert planned.max_scale == 1 or answered_by(storm, planned.max_scale - 1, cpus) > latest - 0.1


def test_s11_the_cost_of_a_storm_in_core_seconds() -> None:
    assert plan(Storm(100_000, 60, 30, 5), 0.2174, 1, 1, DEADLINE).core_seconds == pytest.approx(21_740)


def test_s11_who_must_not_wait_for_a_start_needs_the_instances_before() -> None:
    planned = plan(Storm(1000, 10, 2, 5), SECONDS_PER_HASH, 1, 1, DEADLINE)
    assert planned.min_scale == planned.max_scale == 19


def test_s11_the_manifest_has_the_numbers_of_one_vcpu_and_batches_of_four() -> None:
    template = yaml.safe_load(MANIFEST.read_text())["spec"]["template"]
    planned = plan(Storm(1, 1, 1, 0), SECONDS_PER_HASH, 4, 1, DEADLINE)
    assert template["metadata"]["annotations"]["autoscaling.knative.dev/target"] == str(planned.target)
    assert template["spec"]["containerConcurrency"] == planned.container_concurrency


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_s11_the_rate_is_that_of_all_threads_at_once(engine: Engine) -> None:
    rates = measure(4, 2, engine, 0.1)
    assert [rate.width for rate in rates] == list(range(1, engine.width + 1))
    for rate in rates:
        assert rate.hashes >= 2 * rate.width
        assert rate.hashes % rate.width == 0
        assert rate.seconds_per_hash == pytest.approx(rate.seconds * 2 / rate.hashes)
    assert Rate(12, 4, 1, 40, 2.0).per_core == pytest.approx(5.0)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_s11_calibrate_prints_what_the_manifest_takes(tmp_path: Path, engine: Engine) -> None:
    options = ("--seconds", "0.2", "--cpus", "2", "--logins", "1000")
    done = command(tmp_path, "calibrate", *options, HASH_THREADS="1", HASH_ENGINE=engine.name)
    assert done.returncode == 0, done.stderr
    words, _, pasted = done.stdout.partition("# into")
    for width in range(1, engine.width + 1):
        assert f"bcrypt cost 10, {width} at a time: " in words
    assert "core-seconds" in words
    assert re.search(r"take up to [0-9,]+ connections", words)
    template: Any = yaml.safe_load("# into" + pasted)
    service = yaml.safe_load(MANIFEST.read_text())["spec"]["template"]
    assert template["metadata"]["annotations"].keys() <= service["metadata"]["annotations"].keys()
    assert template["spec"]["containerConcurrency"] == 2 * (2 * engine.width + 1)
    assert template["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "2"}


@pytest.mark.parametrize("arguments", [("--logins", "0"), ("--cpus", "-1"), ("--wait", "nan"), ("--within", "inf")])
def test_numbers_that_are_none_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    refused = command(tmp_path, "calibrate", *arguments)
    assert refused.returncode == 2
    assert arguments[0] in refused.stderr
