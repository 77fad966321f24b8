"""The emulator as a person meets it: real processes, real requests, the command line."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from load import Load, at_once, request
from running import EMULATOR, HELLO, Emulator, manifest, until


def pids(bodies: Counter[str]) -> set[str]:
    """Processes that greeted; a request that failed may have a body of the gateway's."""
    return {body.rsplit(" ", 1)[1] for body in bodies if body.startswith("hello ")}


def test_a_request_wakes_what_had_gone_to_zero(emulator: Emulator) -> None:
    emulator.up("--demo", services=(manifest(),))
    first = emulator.get()
    assert first.text.startswith("hello world from ")
    until(lambda: not emulator.processes())
    [revision] = emulator.revisions()
    assert (revision["ready"], revision["wanted"]) == (0, 0)
    assert "zero" in revision["reason"]
    assert "no traffic" in revision["reason"].lower()
    woken = emulator.get()
    assert woken.status_code == 200
    cold = re.fullmatch(r"cold-start;dur=([\d.]+)", woken.headers["Server-Timing"])
    assert cold
    assert float(cold[1]) > 0
    assert woken.text != first.text
    assert "Server-Timing" not in emulator.get().headers


def test_a_burst_from_zero_is_held_and_answered_by_several_instances_that_go_again(emulator: Emulator) -> None:
    annotations = {"autoscaling.knative.dev/max-scale": "4", "autoscaling.knative.dev/initial-scale": "1"}
    emulator.up("--demo", services=(manifest(annotations=annotations, containerConcurrency=5),))
    until(lambda: not emulator.processes())
    outcomes: Counter[str] = Counter()
    bodies: Counter[str] = Counter()

    def one(_: int) -> None:
        outcome, body = request(emulator.port, f"hello.default.localhost:{emulator.port}", "/sleep?ms=300")
        outcomes[outcome] += 1
        bodies[body] += 1

    at_once(100, one)
    assert outcomes == {"200": 100}
    assert len(pids(bodies)) > 1
    [revision] = emulator.revisions()
    assert sum(i["served"] for i in revision["instances"]) + revision["served_by_gone"] == 100
    until(lambda: not emulator.processes())


def test_a_killed_instance_comes_back_and_only_what_it_had_in_hand_fails(emulator: Emulator) -> None:
    emulator.up(services=(manifest(annotations={"autoscaling.knative.dev/min-scale": "2"}),))
    until(lambda: emulator.revisions()[0]["ready"] == 2)
    with Load(emulator.port, f"hello.default.localhost:{emulator.port}", "/sleep?ms=50", 40) as load:
        time.sleep(1)
        victim = int(request(emulator.port, "localhost", "/")[1].rsplit(" ", 1)[1])
        os.kill(victim, signal.SIGKILL)
        until(lambda: any(i["restarts"] == 1 and i["phase"] == "Ready" for i in emulator.revisions()[0]["instances"]))
        time.sleep(1)
    failed = sum(load.outcomes.values()) - load.outcomes["200"]
    # 40 rps x 0.05 s are 2 requests in hand on average, over two instances.
    assert failed <= 5, load.outcomes
    assert load.outcomes["200"] > 60
    assert len(pids(load.bodies)) == 3


def test_a_changed_environment_rolls_out_without_one_failed_request(emulator: Emulator) -> None:
    emulator.up(services=(manifest(env={"TARGET": "old"}),))
    with Load(emulator.port, f"hello.default.localhost:{emulator.port}", "/sleep?ms=20", 50) as load:
        time.sleep(1)
        applied = emulator.apply(manifest(env={"TARGET": "new", "START_DELAY": "0.5"}))
        assert applied.returncode == 0, applied.stderr
        time.sleep(1)
    assert set(load.outcomes) == {"200"}, load.outcomes
    assert {body.split()[1] for body in load.bodies} == {"old", "new"}
    assert emulator.get().text.startswith("hello new")
    assert [r["name"] for r in emulator.revisions() if r["percent"] == 100] == ["hello-00002"]


def test_the_old_revision_keeps_the_traffic_when_the_new_one_never_gets_ready(emulator: Emulator) -> None:
    emulator.up(services=(manifest(env={"TARGET": "old"}),))
    applied = emulator.apply(manifest(env={"DIE_AT_START": "1"}))
    assert applied.returncode == 1
    assert 'Revision "hello-00002" failed with message: Container failed with: can\'t go on' in applied.stderr
    assert emulator.get().text.startswith("hello old")


def test_requests_in_hand_finish_when_their_service_is_deleted_or_the_emulator_is_stopped(emulator: Emulator) -> None:
    emulator.up(services=(manifest(), manifest("other")))
    results: dict[str, tuple[str, str]] = {}

    def one(service: str) -> None:
        results[service] = request(emulator.port, f"{service}.default.localhost", "/sleep?ms=1500")

    threads = [threading.Thread(target=one, args=(service,)) for service in ("hello", "other")]
    for thread in threads:
        thread.start()
    until(
        lambda: sum(i["in_flight"] for s in emulator.status()["services"] for i in s["revisions"][0]["instances"]) == 2
    )
    assert emulator.cli("delete", "ksvc", "hello").returncode == 0
    assert emulator.get().status_code == 404
    assert emulator.interrupt() == 0
    for thread in threads:
        thread.join()
    assert {service: status for service, (status, _) in results.items()} == {"hello": "200", "other": "200"}


def test_stopping_leaves_no_process_socket_or_lock(emulator: Emulator) -> None:
    emulator.up(services=(manifest(),))
    assert emulator.processes()
    assert emulator.interrupt(signal.SIGINT) == 0
    assert not emulator.processes()
    assert not (emulator.state_dir / "lock").exists()
    with socket.socket() as free:
        free.bind(("127.0.0.1", emulator.port))
    gone = emulator.cli("status")
    assert gone.returncode == 1
    assert "start one with `knative-emulator up`" in gone.stderr


def test_what_a_killed_emulator_left_is_cleaned_up_by_the_next(emulator: Emulator) -> None:
    emulator.up(services=(manifest(),))
    left = emulator.processes()
    assert left
    emulator.interrupt(signal.SIGKILL)
    assert set(emulator.processes()) == set(left)
    emulator.up(services=(manifest(),))
    assert not set(emulator.processes()) & set(left)
    assert emulator.get().status_code == 200


def test_detached_it_goes_on_and_down_ends_it(emulator: Emulator) -> None:
    emulator.start("--detach", services=(manifest(),))
    assert emulator.process is not None
    assert emulator.process.wait(60) == 0
    assert emulator.get().status_code == 200
    second = emulator.cli("up", "--port", "0")
    assert second.returncode == 1
    assert f"with what it runs from {emulator.folder})" in second.stderr
    assert f"from {emulator.folder}" in emulator.cli("status").stdout.splitlines()[0]
    assert "knative-emulator apply" in second.stderr
    assert emulator.cli("down").stdout == "stopped\n"
    assert not emulator.processes()
    assert emulator.cli("down").stdout == "no emulator was running\n"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (manifest(containerConcurrency=-1), "expected 0 <= -1 <= 1000: spec.template.spec.containerConcurrency"),
        (manifest(container={"image": ""}), "missing field(s): spec.template.spec.containers[0].image"),
        (
            manifest(annotations={"autoscaling.knative.dev/min-scale": "x"}),
            "invalid value: x: spec.template.metadata.annotations.autoscaling.knative.dev/min-scale",
        ),
        (manifest("Not_A_Name"), "metadata.name"),
        (
            manifest(annotations={"autoscaling.knative.dev/class": "hpa.autoscaling.knative.dev"}),
            "hpa.autoscaling.knative.dev",
        ),
        (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}},
            "apiVersion 'v1', kind 'Pod' can't be applied",
        ),
    ],
)
def test_a_wrong_manifest_is_refused_in_words_and_what_ran_stays(
    emulator: Emulator, document: dict[str, Any], message: str
) -> None:
    emulator.up(services=(manifest(),))
    refused = emulator.apply(document)
    assert refused.returncode == 1
    assert message in refused.stderr
    assert emulator.get().status_code == 200
    assert [r["name"] for r in emulator.revisions()] == ["hello-00001"]


def test_up_with_a_wrong_manifest_starts_nothing(emulator: Emulator) -> None:
    emulator.start(services=(manifest(containerConcurrency=-1),))
    assert emulator.process is not None
    assert emulator.process.wait(60) == 1
    assert emulator.process.stderr is not None
    assert "spec.template.spec.containerConcurrency" in emulator.process.stderr.read()
    assert not emulator.processes()


def test_an_image_without_a_command_names_the_line_to_add(emulator: Emulator) -> None:
    emulator.up()
    refused = emulator.apply(manifest(image="example.com/other"))
    assert refused.returncode == 1
    assert '"example.com/other": "COMMAND"' in refused.stderr
    assert "knative-emulator.yaml" in refused.stderr


def test_a_line_that_is_added_is_found_without_a_restart(emulator: Emulator) -> None:
    emulator.up("--runtime", "process")
    image = "example.com/later"
    assert emulator.apply(manifest(image=image)).returncode == 1
    emulator.config["images"][image] = HELLO
    emulator.configure()
    applied = emulator.apply(manifest(image=image, env={"AGAIN": "1"}))
    assert applied.returncode == 0, applied.stderr
    assert emulator.get().status_code == 200


def test_a_setting_that_would_have_no_effect_is_refused(emulator: Emulator) -> None:
    emulator.config["config"] = {"config-autoscaler": {"stable-windw": "6s"}}
    emulator.start("--detach")
    assert emulator.process is not None
    assert emulator.process.wait(60) == 1
    assert emulator.process.stderr is not None
    assert "config-autoscaler: stable-windw has no effect here" in emulator.process.stderr.read()


def test_detached_it_stays_up_when_a_service_fails_and_says_so(emulator: Emulator) -> None:
    emulator.start("--detach", services=(manifest(env={"DIE_AT_START": "1"}),))
    assert emulator.process is not None
    assert emulator.process.wait(60) == 1
    assert emulator.process.stderr is not None
    assert emulator.process.stdout is not None
    errors = emulator.process.stderr.read()
    assert "can't go on" in emulator.process.stdout.read() + errors
    assert "the emulator keeps running: `knative-emulator status` tells more" in errors
    assert "can't go on" in emulator.cli("logs", "hello").stdout
    assert emulator.cli("down").stdout == "stopped\n"


def test_a_missing_command_is_named(emulator: Emulator) -> None:
    emulator.up()
    refused = emulator.apply(manifest(container={"command": ["/no/such/program"]}))
    assert refused.returncode == 1
    assert "/no/such/program" in refused.stderr


def test_a_missing_secret_is_named(emulator: Emulator) -> None:
    emulator.up()
    env = [{"name": "URL", "valueFrom": {"secretKeyRef": {"name": "nope", "key": "url"}}}]
    refused = emulator.apply(manifest(container={"env": env}))
    assert refused.returncode == 1
    assert 'secret "nope" not found' in refused.stderr


def test_values_come_from_secrets(emulator: Emulator) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"url": "sqlite:///x"}}
    env = [{"name": "URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}]
    emulator.up(services=(manifest(container={"env": env}), secret))
    assert emulator.get("/env?name=URL").text == "sqlite:///x"
    assert emulator.get("/env?name=K_SERVICE").text == "hello"
    assert emulator.get("/env?name=K_REVISION").text == "hello-00001"


def test_an_instance_that_never_gets_ready_is_explained(emulator: Emulator) -> None:
    emulator.up()
    refused = emulator.apply(manifest(env={"START_DELAY": "600"}), options=("--timeout", "2"))
    assert refused.returncode == 1
    assert re.search(r"was not ready within 2 s: dial tcp 127.0.0.1:\d+: connect: connection refused", refused.stderr)
    assert "knative-emulator logs hello" in refused.stderr


def test_a_taken_port_is_named(emulator: Emulator) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", emulator.port))
        taken.listen()
        emulator.start()
        assert emulator.process is not None
        assert emulator.process.wait(60) == 1
        assert emulator.process.stderr is not None
        assert f"port {emulator.port} is taken" in emulator.process.stderr.read()


def test_an_unwritable_state_folder_is_named(emulator: Emulator, tmp_path: Path) -> None:
    emulator.state_dir = tmp_path / "file"
    emulator.state_dir.write_text("not a folder")
    refused = emulator.cli("up")
    assert refused.returncode == 1
    assert f"can't write to the state folder {emulator.state_dir}" in refused.stderr


def test_logs_tell_what_was_printed(emulator: Emulator) -> None:
    emulator.up(services=(manifest(),))
    emulator.get("/once")
    until(lambda: "GET /once" in emulator.cli("logs", "hello").stdout)
    missing = emulator.cli("logs", "nobody")
    assert missing.returncode == 1
    assert 'no service, configuration, revision or instance "nobody"' in missing.stderr


def test_logs_are_followed_into_new_instances(emulator: Emulator) -> None:
    emulator.up("--demo", services=(manifest(),))
    command = [EMULATOR, "logs", *emulator.where(), "-f", "hello"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        seen = []
        for path in ("/first", "/second"):
            emulator.get(path)
            line = next(line for line in follower.stdout if path in line)
            seen.append(line.split("]")[0])
            until(lambda: not emulator.processes())
        follower.terminate()
    assert len(set(seen)) == 2, "each line is told with its instance"


def test_get_shows_what_kubectl_would(emulator: Emulator) -> None:
    emulator.up(services=(manifest(),))
    heading, row = emulator.cli("get", "ksvc").stdout.splitlines()
    assert heading.split() == ["NAME", "URL", "LATESTCREATED", "LATESTREADY", "READY", "REASON"]
    url = f"http://hello.default.localhost:{emulator.port}"
    assert row.split() == ["hello", url, "hello-00001", "hello-00001", "True"]
    # The wanted number is there from the first decision on.
    revision = ["hello-00001", "hello", "1", "True", "1", "1"]
    until(lambda: emulator.cli("get", "revisions").stdout.splitlines()[1].split() == revision)
    assert emulator.cli("delete", "ksvc", "hello").returncode == 0
    assert emulator.cli("get", "ksvc").stderr == "No resources found.\n"
    until(lambda: not emulator.processes())
