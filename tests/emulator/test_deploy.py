"""The way to a cluster, gone with the emulator as the cluster: deploy, canary, promote, roll back."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from load import request
from running import Emulator, manifest

from knative.traffic import TrafficError, canary, rollback

ROOT = Path(__file__).parents[2]


def deploy(emulator: Emulator, document: dict[str, Any], *options: str) -> "subprocess.CompletedProcess[str]":
    file = emulator.folder / "service.yaml"
    file.write_text(yaml.safe_dump(document))
    where = ["--kubeconfig", str(emulator.state_dir / "kubeconfig"), "-f", str(file), "--timeout", "60"]
    command = [sys.executable, "-m", "knative.deploy", *where, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def version(text: str) -> dict[str, Any]:
    return manifest(env={"TARGET": text})


def greeted(emulator: Emulator, times: int = 40) -> Counter[str]:
    answers = [request(emulator.port, f"hello.default.localhost:{emulator.port}", "/") for _ in range(times)]
    return Counter(body.split()[1] for _, body in answers)


def test_from_a_first_deployment_over_a_canary_to_a_rollback(emulator: Emulator) -> None:
    emulator.up()
    first = deploy(emulator, version("one"))
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-1] == f"http://hello.default.localhost:{emulator.port}  (100 % hello-00001)"
    assert greeted(emulator) == {"one": 40}

    beside = deploy(emulator, version("two"), "--canary", "10")
    assert beside.returncode == 0, beside.stderr
    assert "(90 % hello-00001, 10 % hello-00002)" in beside.stdout
    seen = greeted(emulator, 200)
    assert seen["one"] > seen["two"] > 0
    assert request(emulator.port, "canary-hello.default.localhost", "/")[1].startswith("hello two")

    assert "(100 % hello-00001)" in deploy(emulator, version("two"), "--rollback").stdout
    assert greeted(emulator) == {"one": 40}
    assert "(100 % hello-00002)" in deploy(emulator, version("two"), "--promote").stdout
    assert greeted(emulator) == {"two": 40}
    assert "(100 % hello-00001)" in deploy(emulator, version("two"), "--rollback").stdout
    assert greeted(emulator) == {"one": 40}


def test_what_fails_is_told_and_what_ran_stays(emulator: Emulator) -> None:
    emulator.up()
    assert deploy(emulator, version("one")).returncode == 0
    broken = deploy(emulator, manifest(env={"DIE_AT_START": "1"}))
    assert broken.returncode == 1
    assert "can't go on" in broken.stdout
    assert greeted(emulator) == {"one": 40}
    refused = deploy(emulator, manifest(containerConcurrency=-1))
    assert refused.returncode == 1
    assert "spec.template.spec.containerConcurrency" in refused.stderr


def test_what_can_not_be_done_is_one_sentence(emulator: Emulator) -> None:
    emulator.up()
    for option, words in (("--promote", "deploy it first"), ("--rollback", "deploy it first")):
        refused = deploy(emulator, version("one"), option)
        assert refused.returncode == 1
        assert words in refused.stderr
    assert "leave out --canary" in deploy(emulator, version("one"), "--canary", "10").stderr
    assert deploy(emulator, version("one")).returncode == 0
    assert "nothing to roll back to" in deploy(emulator, version("one"), "--rollback").stderr


def service(*traffic: tuple[str, int, bool]) -> dict[str, Any]:
    return {
        "status": {
            "traffic": [
                {"revisionName": name, "percent": percent, "latestRevision": latest}
                for name, percent, latest in traffic
            ]
        }
    }


def test_a_canary_stands_beside_what_has_most_of_the_traffic() -> None:
    assert canary(service(("a", 90, False), ("b", 10, True)), 20) == [
        {"revisionName": "a", "percent": 80},
        {"latestRevision": True, "percent": 20, "tag": "canary"},
    ]


def test_back_from_a_canary_is_the_one_beside_it_however_large_the_canary_has_become() -> None:
    assert rollback(service(("a", 10, False), ("b", 90, True)), ["b", "a"]) == [{"revisionName": "a", "percent": 100}]


def test_back_is_one_step_at_a_time() -> None:
    assert rollback(service(("b", 100, False)), ["c", "b", "a"]) == [{"revisionName": "a", "percent": 100}]
    with pytest.raises(TrafficError, match="nothing to roll back to"):
        rollback(service(("a", 100, False)), ["c", "b", "a"])
