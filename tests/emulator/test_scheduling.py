"""What finds no place on this machine, and gets one."""

from typing import Any

from running import Emulator, manifest, until

from emulator.api import kinds
from emulator.client import Client


def asking(name: str, cpu: str, **scale: str) -> dict[str, Any]:
    annotations = {f"autoscaling.knative.dev/{key.replace('_', '-')}": value for key, value in scale.items()}
    return manifest(name, annotations, container={"resources": {"requests": {"cpu": cpu}}})


def condition(document: dict[str, Any], type_: str) -> dict[str, Any]:
    return next(each for each in document["status"]["conditions"] if each["type"] == type_)


def told(client: Client, *reasons: str) -> list[str]:
    return [each["message"] for each in client.items(kinds.EVENT, "default") if each["reason"] in reasons]


def test_what_requests_more_than_the_machine_has_is_unschedulable_in_the_schedulers_words(emulator: Emulator) -> None:
    emulator.config["node"] = {"cpu": 4}
    emulator.up()
    result = emulator.apply(asking("big", "50"))
    words = (
        "0/1 nodes are available: 1 Insufficient cpu."
        " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )
    assert result.returncode == 1
    assert f'Revision "big-00001" failed with message: {words}' in result.stderr
    assert "`node:` in knative-emulator.yaml" in result.stderr
    client = Client(emulator.state_dir)
    revision = client.get(kinds.REVISION, "default", "big-00001")
    for type_ in ("Ready", "ResourcesAvailable"):
        found = condition(revision, type_)
        assert (found["status"], found["reason"], found["message"]) == ("False", "Unschedulable", words)
    [pod] = client.items(kinds.POD, "default")
    assert pod["status"]["phase"] == "Pending"
    assert "nodeName" not in pod["spec"]
    found = condition(pod, "PodScheduled")
    assert (found["status"], found["reason"], found["message"]) == ("False", "Unschedulable", words)
    assert told(client, "FailedScheduling", "Scheduled") == [words]
    assert "0/2     Pending" in emulator.cli("get", "pods").stdout
    # What fits comes up beside it: by default each is looked at alone.
    for name in ("one", "two"):
        assert emulator.apply(asking(name, "3")).returncode == 0
    assert emulator.cli("delete", "ksvc", "big").returncode == 0
    until(lambda: len(client.items(kinds.POD, "default")) == 2)


def test_without_overcommit_what_runs_counts_until_it_has_gone(emulator: Emulator) -> None:
    emulator.config["node"] = {"cpu": 4, "overcommit": False}
    # With 25m each for the queue-proxy, two have a place.
    emulator.up("--no-wait", services=(asking("hello", "1950m", min_scale="3"),))
    client = Client(emulator.state_dir)
    until(lambda: emulator.revisions()[0]["ready"] == 2)
    phases = sorted(pod["status"]["phase"] for pod in client.items(kinds.POD, "default"))
    assert phases == ["Pending", "Running", "Running"]
    [words] = told(client, "FailedScheduling")
    assert "1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found" in words
    result = emulator.apply(asking("other", "100m"))
    assert '"other-00001" failed with message: 0/1 nodes are available: 1 Insufficient cpu.' in result.stderr
    assert emulator.cli("delete", "ksvc", "hello").returncode == 0
    until(lambda: emulator.revisions("other")[0]["ready"] == 1)
    assert emulator.get("/", "other").status_code == 200
    [pod] = until(lambda: len(found := client.items(kinds.POD, "default")) == 1 and found)
    assert pod["spec"]["nodeName"] == "knative-emulator"
    assert condition(pod, "PodScheduled")["status"] == "True"
    assert any(words.startswith("Successfully assigned default/other") for words in told(client, "Scheduled"))


def test_what_is_one_instance_too_many_waits_until_another_is_gone(emulator: Emulator) -> None:
    emulator.config["node"] = {"pods": 2}
    emulator.up(services=(manifest("one"), manifest("two")))
    result = emulator.apply(manifest("three", {"autoscaling.knative.dev/min-scale": "5"}))
    assert result.returncode == 1
    assert '"three-00001" failed with message: 0/1 nodes are available: 1 Too many pods.' in result.stderr
    assert "`node:` in knative-emulator.yaml" in result.stderr
    # One that waits says so for all five.
    assert [instance["phase"] for instance in emulator.revisions("three")[0]["instances"]] == ["Pending"]
    assert emulator.cli("delete", "ksvc", "one").returncode == 0
    until(lambda: emulator.revisions("three")[0]["ready"] == 1)
    assert len(emulator.processes()) == 2
    assert emulator.cli("delete", "ksvc", "two").returncode == 0
    until(lambda: emulator.revisions("three")[0]["ready"] == 2)
    assert len(emulator.processes()) == 2


def test_services_beyond_the_limit_come_up_as_others_go_to_zero(emulator: Emulator) -> None:
    emulator.config["node"] = {"pods": 2}
    names = [f"hello-{number}" for number in range(5)]
    emulator.up("--demo", "--no-wait", services=tuple(manifest(name) for name in names))
    until(lambda: all(service["ready"] == "True" for service in emulator.status()["services"]))
    for name in names:
        assert emulator.get("/", name).status_code == 200


def test_a_wrong_word_about_the_node_is_refused(emulator: Emulator) -> None:
    for wrong, words in (
        ({"cpus": 4}, "cpus is nothing known of a node"),
        ({"pods": 0}, 'failed to parse "pods"'),
        ({"cpu": "4 GHz"}, 'failed to parse "cpu"'),
    ):
        emulator.config["node"] = wrong
        emulator.start()
        assert emulator.process
        assert emulator.process.stderr
        assert emulator.process.wait() == 1
        assert words in emulator.process.stderr.read()
