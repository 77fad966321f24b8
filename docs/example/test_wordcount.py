from pathlib import Path

import pytest
import yaml
from emulator.errors import UserError


@pytest.fixture
def manifest():
    return yaml.safe_load(Path(__file__).with_name("service.yaml").read_text())


def test_it_counts(knative):
    knative.apply("service.yaml")
    answer = knative.post("wordcount", data="To be, or not to be")
    assert answer.json() == {"to": 2, "be": 2, "or": 1}
    assert knative.logs("wordcount") == ["counted 6 words"]


def test_a_canary_answers_at_its_own_url_first(knative, manifest):
    knative.apply(manifest)
    manifest["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "1"
    manifest["spec"]["traffic"] = [
        {"revisionName": "wordcount-00001", "percent": 100},
        {"latestRevision": True, "percent": 0, "tag": "canary"},
    ]
    knative.apply(manifest)
    assert knative.post("wordcount", data="to be or not").json() == {"to": 1, "be": 1, "or": 1}
    assert knative.post("wordcount", data="to be or not", tag="canary").json() == {"to": 1}


def test_a_mistake_is_found_before_the_cluster_finds_it(knative, manifest):
    manifest["spec"]["template"]["spec"]["containerConcurrency"] = -1
    with pytest.raises(UserError, match=r"expected 0 <= -1 <= 1000: spec\.template\.spec\.containerConcurrency"):
        knative.apply(manifest)


def test_eight_instances_are_enough_for_50_requests_a_second(knative_simulated):
    cloud = knative_simulated("service.yaml", service="200ms", start="2s")
    cloud.load("ramp 0..50 rps 60s, 50 rps 60s", even=True)
    cloud.run(120)
    assert len(cloud.instances("wordcount")) == 8
    cloud.rest()
    assert cloud.instances("wordcount") == []
    assert not cloud.result.lost
    assert cloud.result.latency(99) < 0.5


@pytest.mark.parametrize("start", ["1s", "5s"])
def test_nobody_is_sent_away_when_everybody_comes_at_once(knative_simulated, start):
    cloud = knative_simulated("service.yaml", service="200ms", start=start)
    cloud.rest()  # at zero
    cloud.load("100 rps 20s")
    cloud.rest()
    assert not cloud.result.lost
    assert cloud.result.requests.latencies()[-1] < 3 * float(start.removesuffix("s"))
