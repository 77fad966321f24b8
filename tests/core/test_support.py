"""What runtimes make of the fields that admission accepts: each has a row, and none is ignored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.core.admission.tables import SERVING
from emulator.core.support import FIELDS, RuntimeName, Support, covers, refused, without_effect_in

PAGE = Path(__file__).parents[2] / "docs" / "kubernetes-api.md"
WORDS = {Support.HONOURED: "yes", Support.NO_EFFECT: "no effect, with a warning", Support.REFUSED: "refused"}


def accepted(type_: str = "RevisionSpec", path: str = "") -> Iterator[str]:
    """Paths of all fields that admission accepts, down to the first that is covered or has no fields of its own."""
    for field in SERVING.types[type_].values():
        if "refused" in field.words:
            continue
        inner, each = field.type.removeprefix("[]"), "[*]" if field.type.startswith("[]") else ""
        here = f"{path}{field.name}"
        if not covers(here) and inner in SERVING.types:
            yield from accepted(inner, f"{here}{each}.")
        else:
            yield here


def test_all_that_admission_accepts_has_a_row() -> None:
    paths = list(accepted())
    assert len(paths) > 40
    assert not [path for path in paths if not covers(path)]


def test_the_page_has_the_table() -> None:
    rows = ["| Field | As a process | As a container | |", "|---|---|---|---|"]
    for field in FIELDS:
        name = f"`{field.path}`" + (f" ({field.value})" if field.value else "")
        rows.append(f"| {name} | {WORDS[field.process]} | {WORDS[field.docker]} | {field.why or field.note} |")
    table = "\n".join(rows)
    assert table in PAGE.read_text(), f"docs/kubernetes-api.md lacks this table:\n{table}"


def pod(**container: Any) -> dict[str, Any]:
    return {"containers": [{"name": "user-container", "image": "i", "resources": {}} | container]}


@pytest.mark.parametrize("runtime", RuntimeName)
def test_a_plain_manifest_is_neither_refused_nor_warned_of(runtime: RuntimeName) -> None:
    probes = {"readinessProbe": {"tcpSocket": {"port": 0}}, "livenessProbe": {"exec": {"command": ["true"]}}}
    probes["startupProbe"] = {"grpc": {"port": 0}}
    plain = pod(**probes, env=[{"name": "A", "value": "a"}], securityContext={})
    assert not refused(plain, runtime)
    assert not [*without_effect_in(plain, runtime)]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (pod(volumeMounts=[{"name": "v", "mountPath": "/v"}]), "containers[0].volumeMounts"),
        (pod(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]), "env[0].valueFrom"),
        (pod(resources={"limits": {"nvidia.com/gpu": "1"}}), "containers[0].resources.limits"),
        ({"containers": [*pod()["containers"], *pod()["containers"]]}, "containers can't be had in a process"),
        (pod() | {"initContainers": [{}]}, "initContainers"),
        (pod() | {"hostAliases": [{}]}, "hostAliases"),
    ],
)
def test_what_a_process_cannot_have_is_refused_with_its_path(spec: dict[str, Any], path: str) -> None:
    assert path in refused(spec, RuntimeName.PROCESS)


def test_fields_without_effect_are_told_together() -> None:
    spec = pod(securityContext={"seccompProfile": {}}, resources={"limits": {"cpu": "1"}}) | {
        "nodeSelector": {"a": "b"}
    }
    assert [*without_effect_in(spec, RuntimeName.PROCESS)] == [
        "containers[0].resources has no effect: a process that has its place takes what this machine has",
        "containers[0].securityContext has no effect: a process has the user and the rights of the emulator",
        "nodeSelector has no effect: there is one machine, so there is nothing to choose",
    ]
    assert "seccompProfile" in refused(spec, RuntimeName.DOCKER)
    assert [*without_effect_in(spec, RuntimeName.DOCKER)] == [
        "nodeSelector has no effect: there is one machine, so there is nothing to choose"
    ]
