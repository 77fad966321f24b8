"""Instances as containers: the emulator runs an image that knows nothing of it, from the manifest alone."""

import json
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import gevent
import pytest
import requests
from greeting import GREETER, Containers, greeter
from running import Emulator, manifest, until

from emulator.core.revision import RevisionKey
from emulator.logs import Log
from emulator.runtimes import engine as engine_module
from emulator.runtimes.base import Launch
from emulator.runtimes.docker import POD_LABEL, REVISION_LABEL, DockerRuntime

ROOT = Path(__file__).parents[2]
NOBODY = "unix:///nonexistent/docker.sock"


def document(emulator: Emulator, kind: str, name: str) -> Any:
    shown = emulator.cli("get", kind, name, "-o", "json")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def conditions(emulator: Emulator, revision: str) -> dict[str, tuple[str, str, str]]:
    found = document(emulator, "revision", revision)["status"]["conditions"]
    return {it["type"]: (it["status"], it.get("reason", ""), it.get("message", "")) for it in found}


def test_an_image_scales_from_zero_and_back(emulator: Emulator, image: str, containers: Containers) -> None:
    emulator.up("--demo", services=(greeter(),))
    [first] = containers()
    assert first.labels[POD_LABEL] == first.name
    assert first.labels[REVISION_LABEL] == "greeter-00001"
    assert emulator.get(service="greeter").text == f"hello world from {first.name}"
    until(lambda: not containers())
    woken = emulator.get(service="greeter")
    assert woken.status_code == 200
    assert re.fullmatch(r"cold-start;dur=[\d.]+", woken.headers["Server-Timing"])
    [second] = containers()
    assert woken.text == f"hello world from {second.name}"
    assert second.name != first.name


def test_a_request_waits_until_the_program_listens(emulator: Emulator, image: str, containers: Containers) -> None:
    emulator.up("--no-wait", services=(greeter(env={"START_DELAY": "2"}),))
    answer = until(lambda: containers() and emulator.get(service="greeter"))
    assert answer.status_code == 200, answer.text


def test_a_crashed_container_comes_back_as_a_fresh_one(emulator: Emulator, image: str, containers: Containers) -> None:
    emulator.up(services=(greeter(),))
    [before] = containers()
    assert emulator.get("/write?/tmp/file", service="greeter").text == "written"
    emulator.get("/exit?7", service="greeter")

    def restarted() -> bool:
        [instance] = emulator.revisions("greeter")[0]["instances"]
        return bool(instance["restarts"] == 1 and instance["phase"] == "Ready")

    until(restarted)
    [after] = containers()
    assert after.name == before.name, "the instance is the same"
    assert after.id != before.id
    assert after.exec_run(["ls", "/tmp/file"]).exit_code != 0
    logs = emulator.cli("logs", "greeter").stdout
    assert logs.count("listening on 8080") == 2
    assert "GET /exit" in logs


def test_an_exit_is_told_with_its_code_and_the_last_lines(
    emulator: Emulator, image: str, containers: Containers
) -> None:
    emulator.up()
    refused = emulator.apply(greeter(env={"DIE_AT_START": "7"}))
    assert refused.returncode == 1
    status, reason, message = conditions(emulator, "greeter-00001")["ContainerHealthy"]
    assert (status, reason) == ("False", "ExitCode7")
    assert message.startswith("Container failed with: ")
    # Two streams, so their order is not told, nor how often it was started anew until we look.
    assert set(message.removeprefix("Container failed with: ").split("\n")) == {"can't go on", "one moment"}


TEXTS = {"name": "texts", "configMap": {"name": "none"}}
#: What a manifest has that can't be started -> condition, reason, and message of its Revision.
UNABLE: dict[str, tuple[dict[str, Any], tuple[str, str, str]]] = {
    "no such image": (
        {"image": "registry.invalid/none:v1"},
        (
            "ContainerHealthy",
            "ContainerMissing",
            'Unable to fetch image "registry.invalid/none:v1": failed to resolve image to digest: .*registry.invalid',
        ),
    ),
    "no such local image": (
        {"image": "dev.local/none:v1"},
        (
            "ResourcesAvailable",
            "ImagePullBackOff",
            'Back-off pulling image "dev.local/none:v1": ErrImagePull: .*dev.local',
        ),
    ),
    "no such digest": (
        {"image": f"registry.invalid/none@sha256:{'0' * 64}"},
        ("ResourcesAvailable", "ImagePullBackOff", 'Back-off pulling image "registry.invalid/none@sha256:0'),
    ),
    "never pulled": (
        {"image": "none:v1", "imagePullPolicy": "Never"},
        (
            "ResourcesAvailable",
            "ErrImageNeverPull",
            'Container image "none:v1" is not present with pull policy of Never',
        ),
    ),
    "no such program": (
        {"command": ["/no/such/program"]},
        ("ResourcesAvailable", "RunContainerError", "/no/such/program.*no such file"),
    ),
    "too little memory": (
        {"resources": {"limits": {"memory": "1Mi"}}},
        ("ResourcesAvailable", "CreateContainerError", "[Mm]inimum memory limit"),
    ),
    "no such object for a volume": (
        {"volumeMounts": [{"name": "texts", "mountPath": "/texts"}]},
        (
            "ResourcesAvailable",
            "CreateContainerConfigError",
            'MountVolume.SetUp failed for volume "texts" : configmap "none" not found',
        ),
    ),
    "root": (
        {"securityContext": {"runAsNonRoot": True, "runAsUser": 0}},
        ("ResourcesAvailable", "CreateContainerConfigError", "container's runAsUser breaks non-root policy"),
    ),
}


@pytest.mark.parametrize("case", UNABLE)
def test_what_cannot_be_started_says_why_in_the_engines_words(
    emulator: Emulator, image: str, containers: Containers, case: str
) -> None:
    container, (condition, reason, words) = UNABLE[case]
    emulator.up("--runtime", "docker")
    refused = emulator.apply(greeter(container=container, volumes=[TEXTS] if "volumeMounts" in container else []))
    assert refused.returncode == 1
    status, why, message = conditions(emulator, "greeter-00001")[condition]
    assert (status, why) == ("False", reason)
    assert re.search(words, message), message
    assert re.search(words, refused.stderr)
    until(lambda: not containers())  # it may be tried again just now
    assert emulator.apply(greeter()).returncode == 0, "the next revision is not held up by it"


def test_a_container_gets_what_the_manifest_says(emulator: Emulator, image: str, containers: Containers) -> None:
    container = {
        "args": ["$(WHO)", "of $(PORT)"],
        "workingDir": "/usr",
        "ports": [{"containerPort": 9999}],
        "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"cpu": "250m"}},
        "securityContext": {
            "runAsUser": 4321,
            "runAsGroup": 5432,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    emulator.up(services=(greeter(env={"WHO": "people"}, container=container),))
    [running] = containers()
    assert emulator.get(service="greeter").text == f"hello people of 9999 from {running.name}"
    assert emulator.get("/id", service="greeter").text == "4321 5432 /usr"
    assert emulator.get("/env?K_REVISION", service="greeter").text == "greeter-00001"
    assert emulator.get("/write?/tmp/file", service="greeter").text == "Read-only file system"
    host = running.attrs["HostConfig"]
    assert host["CpuQuota"] / host["CpuPeriod"] == 0.5
    assert host["CpuShares"] == 256
    assert host["Memory"] == host["MemorySwap"] == 64 * 1024 * 1024
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]


def test_a_clean_stop_asks_as_the_image_wishes_and_leaves_nothing(
    emulator: Emulator, engine: Any, image: str, containers: Containers
) -> None:
    emulator.up(services=(greeter(),))
    [running] = containers()
    [volume] = [mount["Name"] for mount in running.attrs["Mounts"]]
    with subprocess.Popen(["docker", "logs", "-f", running.id], stdout=subprocess.PIPE, text=True) as logs:
        assert logs.stdout is not None
        assert logs.stdout.readline() == "listening on 8080\n"
        assert emulator.interrupt() == 0
        assert logs.stdout.read().endswith("good bye\n")
    assert not containers()
    assert volume not in [it.name for it in engine.client.volumes.list()]
    assert not (emulator.state_dir / "containers").exists()


def test_what_a_killed_emulator_left_is_swept_by_the_next(
    emulator: Emulator, image: str, containers: Containers
) -> None:
    emulator.up(services=(greeter(),))
    [left] = containers()
    emulator.interrupt(signal.SIGKILL)
    assert [it.id for it in containers()] == [left.id]
    emulator.up()
    assert not containers()
    assert emulator.apply(greeter()).returncode == 0
    assert emulator.get(service="greeter").status_code == 200


def test_processes_and_containers_run_side_by_side(emulator: Emulator, image: str, containers: Containers) -> None:
    emulator.up(services=(manifest(), greeter()))
    assert emulator.get().text.startswith("hello world from ")
    assert emulator.get(service="greeter").text == f"hello world from {containers()[0].name}"
    assert len(emulator.processes()) == 1
    assert len(containers()) == 1


def test_a_scaled_service_has_as_many_containers(emulator: Emulator, image: str, containers: Containers) -> None:
    emulator.up(services=(greeter(annotations={"autoscaling.knative.dev/min-scale": "3"}),))
    until(lambda: len(containers()) == 3)
    until(lambda: len({emulator.get(service="greeter").text for _ in range(20)}) == 3)
    assert emulator.cli("delete", "ksvc", "greeter").returncode == 0
    until(lambda: not containers())


def test_an_image_that_does_not_come_keeps_nobody_from_leaving(
    emulator: Emulator, image: str, containers: Containers
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as registry:
        registry.settimeout(60)
        emulator.up()
        name = f"localhost:{registry.getsockname()[1]}/silent:v1"
        assert emulator.apply(manifest("silent", image=name), options=("--no-wait",)).returncode == 0
        asked, _ = registry.accept()
        with asked:
            assert emulator.apply(greeter()).returncode == 0, "others start meanwhile"
            assert emulator.cli("delete", "ksvc", "silent").returncode == 0
            until(lambda: all("silent" not in line for line in emulator.cli("get", "pods").stdout.splitlines()))
            assert emulator.apply(manifest("silent", image=name), options=("--no-wait",)).returncode == 0
            until(lambda: "silent" in emulator.cli("get", "pods").stdout)
            assert emulator.interrupt() == 0
    assert not containers()


def test_a_missing_image_names_both_ways_out(emulator: Emulator, image: str) -> None:
    emulator.up()
    refused = emulator.apply(manifest(image="registry.invalid/none:v1"))
    assert "failed to resolve image to digest" in refused.stderr
    assert '"registry.invalid/none:v1": "COMMAND"' in refused.stderr


def test_without_an_engine_both_ways_out_are_named(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NOBODY)
    emulator.up()
    refused = emulator.apply(manifest(image="example.com/other"))
    assert refused.returncode == 1
    assert '"example.com/other": "COMMAND"' in refused.stderr
    assert "start Docker" in refused.stderr
    assert "no Docker engine answers" in refused.stderr


def test_docker_alone_needs_an_engine(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NOBODY)
    refused = emulator.cli("up", "--runtime", "docker", "--port", "0", "--api-port", "0")
    assert refused.returncode == 1
    assert "no Docker engine answers" in refused.stderr
    assert not (emulator.state_dir / "lock").exists()


def test_processes_alone_ask_no_engine(emulator: Emulator, image: str) -> None:
    emulator.up("--runtime", "process")
    refused = emulator.apply(greeter())
    assert refused.returncode == 1
    assert f'no command stands for image "{GREETER}"' in refused.stderr


def test_where_the_engine_is_elsewhere_the_port_is_published(
    image: str, containers: Containers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BRIDGE", "no-such-bridge")
    (tmp_path / "state").mkdir()
    runtime, log = DockerRuntime(tmp_path / "state"), Log()
    launch = Launch("greeter-1", RevisionKey("default", "greeter"), image, (), (), {}, None, 8080, {})
    handle = runtime.start(launch, log)
    assert handle.address.host == "127.0.0.1"
    until_logged(log, "listening on 8080")
    body = requests.get(f"http://127.0.0.1:{handle.address.port}/", timeout=30).text
    assert body == "hello world from greeter-1"
    handle.stop(30)
    ended = handle.wait()
    assert (ended.code, ended.last_lines.split("\n")[-1]) == (0, "good bye")
    assert not containers()


def until_logged(log: Log, line: str) -> None:
    with gevent.Timeout(60):
        while line not in log.tail(10).split("\n"):
            gevent.sleep(0.01)
