"""What kubectl prints of the emulator beside what it printed of a real cluster: describe, explain, api-resources."""

import re
from pathlib import Path

import pytest
from cluster_cases import apply, emulator
from measured import recorded
from served import printed

#: Seconds after which nothing happens any more; what fails takes longer.
SECONDS = {"hello-ready": 10}
FAILED = 1300
#: Knative's kinds in a cluster that are not served here: certificates and caches of images are made by nobody.
NOT_SERVED = {("certificates", "kcert"), ("images",)}


def masked(text: str) -> list[str]:
    """Without identities, times, who it was, and the widths of columns of ages."""
    text = re.sub(r"[-0-9a-f]{36}|\d{4}-\d\d-\d\dT[\d:]+Z|(?<=Resource Version:)\s+\d+", "X", text)
    text = re.sub(r"(?<=/creator: ).*|(?<=/lastModifier: ).*", "X", text)
    head, _, events = text.partition("Events:")
    events = re.sub(r"(?<=Created  )\S+(?=  )", "AGE", re.sub(r" {3,}", "  ", events))
    return [*head.splitlines(), *re.sub("-{3,}", "-", events).splitlines()]


@pytest.mark.parametrize("name", [name for name in recorded("tables") if name.endswith("-describe")])
def test_describe(kubectl: str, tmp_path: Path, name: str) -> None:
    case = name.removesuffix("-describe")
    simulated = emulator()
    apply(simulated, f"{case}-ksvc")
    simulated.run(SECONDS.get(case, FAILED))
    assert masked(printed(kubectl, simulated, tmp_path, "describe", "ksvc")) == masked(recorded("tables")[name])


def test_api_resources(kubectl: str, tmp_path: Path) -> None:
    ours, theirs = (
        {tuple(line.split()) for line in text.splitlines()}
        for text in (printed(kubectl, emulator(), tmp_path, "api-resources"), recorded("tables")["api-resources"])
    )
    assert ours <= theirs
    missing = {line[:-3] for line in theirs - ours if "knative.dev" in line[-3]}
    assert missing == NOT_SERVED


def test_explain(kubectl: str, tmp_path: Path) -> None:
    """But for the descriptions: those are the emulator's own, in fewer words."""
    told = r"^(?:[A-Z]+: .*|  \w+\t<.*)$"
    ours = printed(kubectl, emulator(), tmp_path, "explain", "ksvc.spec.traffic")
    theirs = re.findall(told, recorded("tables")["explain-traffic"], re.MULTILINE)
    assert len(theirs) == 10
    assert re.findall(told, ours, re.MULTILINE) == theirs


@pytest.mark.parametrize(
    ("path", "required"),
    [
        ("ksvc.spec.template.spec", ["containers"]),
        ("ksvc.spec.template.spec.containers", []),
        ("ksvc.spec.template.spec.containers.env", ["name"]),
        ("ksvc.spec.template.spec.containers.readinessProbe.httpGet", []),
        ("ksvc.spec.template.spec.volumes.secret.items", ["key", "path"]),
        ("dm.spec.ref", ["kind", "name"]),
    ],
)
def test_explain_marks_what_is_required(kubectl: str, tmp_path: Path, path: str, required: list[str]) -> None:
    text = printed(kubectl, emulator(), tmp_path, "explain", path)
    assert re.findall(r"^  (\w+)\t<.*> -required-$", text, re.MULTILINE) == required
