"""The fixtures for other people's tests: as these use them, in sessions of their own, which may be interrupted."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import CoreV1Api
from running import HELLO, PATIENCE, manifest, processes_of, until

from emulator.errors import MachineError, NotFound, NotReady, UserError
from emulator.lock import holder
from emulator.record.reader import read
from emulator.testing.running import Knative, RunningEmulator
from emulator.testing.simulated import SimulatedKnative

SETTINGS = f"images:\n  example.com/hello: {HELLO}\n"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    folder = tmp_path_factory.mktemp("project")
    (folder / "knative-emulator.yaml").write_text(SETTINGS)
    with RunningEmulator(tmp_path_factory.mktemp("knative"), folder, ["--demo"]) as running:
        yield running


@pytest.fixture
def knative(emulator: RunningEmulator) -> Iterator[Knative]:
    with emulator.namespace() as namespace:
        yield namespace


def session(folder: Path, *options: str) -> "subprocess.Popen[str]":
    """A session of pytest in the folder of a project that knows nothing of this one."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHON"))}
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(folder / "tmp")]
    return subprocess.Popen(
        # A shell has what it runs in the background ignore SIGINT, and children inherit that.
        ["env", "--default-signal=INT", *pytest_, *options],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def project(folder: Path, test: str) -> Path:
    (folder / "knative-emulator.yaml").write_text(SETTINGS)
    (folder / "service.yaml").write_text(str(manifest()))  # JSON is YAML, and so is this
    (folder / "test_it.py").write_text(test)
    return folder


def test_a_session_imports_nothing_of_the_emulator_before_a_test_asks_for_it() -> None:
    look = "before = set(sys.modules); import emulator.testing.plugin; print(set(sys.modules) - before)"
    seen = subprocess.run(
        [sys.executable, "-c", f"import sys, pytest; {look}"], check=True, capture_output=True, text=True
    ).stdout
    assert set(eval(seen)) == {"emulator", "emulator.testing", "emulator.testing.plugin"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_session_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    text = """
        import pathlib, time
        def test(knative):
            knative.apply("service.yaml")
            pathlib.Path("up").write_text(str(knative.kubeconfig.parent))
            time.sleep(600)
    """
    run = session(project(tmp_path, "\n".join(line[8:] for line in text.splitlines())))
    try:
        state_dir = Path(until(lambda: (tmp_path / "up").exists() and (tmp_path / "up").read_text()))
        assert len(processes_of(state_dir)) == 1
        assert holder(state_dir)
    finally:
        run.send_signal(number)
        run.communicate(timeout=PATIENCE)
    until(lambda: not processes_of(state_dir) and holder(state_dir) is None)


def test_options_are_those_of_the_ini_file(tmp_path: Path) -> None:
    look = """
def test(knative): ...
def test_simulated(knative_simulated):
    cloud = knative_simulated("service.yaml")
    cloud.run(10)
    assert "over the last 7 s" in cloud.explain("hello")
"""
    folder = project(tmp_path, look)
    (folder / "pytest.ini").write_text("[pytest]\nknative_config = other.yaml\nknative_options = --record run.jsonl\n")
    run = session(folder)
    said, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 1
    assert f"can't read the configuration file {folder}/other.yaml" in said
    (folder / "other.yaml").write_text("config: {config-autoscaler: {stable-window: 7s}}")
    run = session(folder)
    said, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, said
    assert read(folder / "run.jsonl").header.config == {"config-autoscaler": {"stable-window": "7s"}}


def test_what_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "knative-emulator.yaml").write_text("no: such")
    with pytest.raises(MachineError, match=r"did not start: error: .* may hold `images:`"):
        RunningEmulator(tmp_path, tmp_path).__enter__()


def test_requests_reach_a_service_and_the_tags_of_its_traffic(knative: Knative) -> None:
    tagged = manifest(env={"TARGET": "you"})
    tagged["spec"]["traffic"] = [{"latestRevision": True, "percent": 100, "tag": "new"}]
    [warning] = knative.apply(tagged)
    assert warning.startswith("Kubernetes default value is insecure")
    assert knative.get("hello").text.startswith("hello you from ")
    seen = knative.get("hello", "/headers", tag="new", headers={"X-Mine": "1"}).text
    assert f"Host: {knative.url('hello', tag='new').removeprefix('http://')}" in seen
    assert "X-Mine: 1" in seen
    assert knative.request("OPTIONS", "hello").status_code == 501
    assert "GET /" in knative.logs("hello")
    with pytest.raises(NotFound):
        knative.url("hello", tag="old")


def test_tests_do_not_see_each_others_objects(emulator: RunningEmulator) -> None:
    elsewhere = manifest("elsewhere")
    elsewhere["metadata"]["namespace"] = "default"
    with emulator.namespace() as one, emulator.namespace() as other:
        one.apply(manifest(), elsewhere)
        with pytest.raises(NotFound):
            other.object("ksvc", "hello")
        assert {each.metadata.name for each in CoreV1Api(one.kubernetes).list_namespace().items} >= {one.namespace}
    with emulator.namespace("default") as default:
        until(lambda: gone(default, "elsewhere"))
        assert gone(one, "hello")


def gone(knative: Knative, name: str) -> bool:
    try:
        knative.object("ksvc", name)
    except NotFound:
        return True
    return False


def test_instances_come_and_go_with_the_load_and_say_why(knative: Knative) -> None:
    knative.apply(manifest(annotations={"autoscaling.knative.dev/min-scale": "2"}))
    knative.wait_instances("hello", 2)
    assert [it["phase"] for it in knative.instances("hello-00001")] == ["Ready", "Ready"]
    assert "So 2 were wanted" in knative.explain("hello")
    knative.apply(manifest())
    with pytest.raises(NotReady, match=r"hello was to have 7 instances within 0.1 s, and has "):
        knative.wait_instances("hello", 7, timeout=0.1)
    knative.wait_instances("hello", 0)


def test_what_is_refused_or_fails_is_said(knative: Knative) -> None:
    with pytest.raises(UserError, match=r"missing field\(s\): spec.template.spec.containers"):
        knative.apply(manifest() | {"spec": {}})
    with pytest.raises(NotReady, match=r"RevisionFailed.*can't go on"):
        knative.apply(manifest(env={"DIE_AT_START": "1"}))
    knative.apply(manifest("late", env={"START_DELAY": "2"}), wait=False)
    with pytest.raises(NotReady, match=r"late was not ready within 0.1 s"):
        knative.wait_ready("late", timeout=0.1)
    assert knative.wait_ready("late")["status"]["latestReadyRevisionName"] == "late-00001"
    with pytest.raises(UserError, match="there is no resource 'thing'"):
        knative.object("thing", "late")


def test_requests_from_many_threads(knative: Knative) -> None:
    knative.apply(manifest())
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(knative.get("hello").status_code)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 12


def simulated(*sources: Any, **model: Any) -> SimulatedKnative:
    return SimulatedKnative(*sources, **model)


def test_simulated_time_takes_what_real_time_takes(tmp_path: Path) -> None:
    text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: "b"}\n'
    (tmp_path / "two.yaml").write_text(text.replace("one", "two"))
    cloud = simulated(text, "two.yaml", manifest(), folder=tmp_path)
    assert [cloud.object("configmap", name)["data"] for name in ("one", "two")] == [{"a": "b"}] * 2
    assert cloud.url("hello") == "http://hello.default.localhost"
    assert len(cloud.instances("hello")) == 1
    with pytest.raises(UserError, match=r"missing field\(s\): spec.template.spec.containers"):
        cloud.apply(manifest() | {"spec": {}})
    with pytest.raises(NotReady, match="hello was not ready within 60 s"):
        simulated(manifest(), start="90s")


def test_simulated_load_follows_load() -> None:
    cloud = simulated(manifest("one", containerConcurrency=1), manifest("two"), service="1s", start="500ms")
    with pytest.raises(UserError, match="say with --to which Service"):
        cloud.load("1 rps 60s")
    with pytest.raises(UserError, match="is no load"):
        cloud.load("plenty", to="one")
    cloud.rest()
    at_rest = cloud.now
    assert cloud.instances("one") == cloud.instances("two") == []
    cloud.load("ramp 0..7 rps 60s, 7 rps 60s", to="one", even=True)
    cloud.run(120)
    assert cloud.now == pytest.approx(at_rest + 120)
    assert len(cloud.instances("one")) == 10  # 7 in flight, of which an instance should get 70 % of 1
    assert "requests in flight averaged 7.0" in cloud.explain("one")
    assert cloud.explain("one", f"{at_rest:.0f}s").splitlines()[-2].startswith("So 0 were wanted")
    cloud.load("1 rps 10s", to="two")
    cloud.rest()
    assert (cloud.result.offered, cloud.result.answered) == (640, 640)
    assert cloud.now > at_rest + 120 + 60


def test_what_is_modelled_is_what_was_said() -> None:
    slow = simulated(manifest(), cpu="1s", cores=1, instances=1, threads=1)
    slow.load("2 rps 10s", even=True)
    slow.rest()
    assert slow.result.requests.latencies()[-1] == pytest.approx(10.5, abs=0.1)
    config = {"config-autoscaler": {"enable-scale-to-zero": "false"}}
    kept = simulated(manifest(), config_maps=config)
    kept.run(600)
    assert len(kept.instances("hello")) == 1
