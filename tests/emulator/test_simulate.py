"""`knative-emulator simulate`: nothing vanishes, the same seed gives the same bytes, limits and refusals as in life."""

import json
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulator.cli import main
from emulator.errors import InvalidObject
from emulator.manifests import checked
from emulator.record.rows import Arrival
from emulator.simulation.cores import Batch
from emulator.simulation.engine import host_of, simulate
from emulator.simulation.load import Phases, Recorded, parse_load
from emulator.simulation.plane import Work
from emulator.simulation.result import Result
from emulator.simulation.sweep import parse_sweep, variant
from emulator.simulation.times import Times
from emulator.simulation.world import Machine, World

ROOT = Path(__file__).parents[2]


def service(concurrency: int = 0, timeout: int = 300, cpu: str = "", **annotations: str) -> Any:
    container: dict[str, Any] = {"image": "example.com/hello"}
    if cpu:
        container["resources"] = {"limits": {"cpu": cpu}, "requests": {"cpu": cpu}}
    keys = {f"autoscaling.knative.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
    spec = {"containerConcurrency": concurrency, "timeoutSeconds": timeout, "containers": [container]}
    document = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "hello"},
        "spec": {"template": {"metadata": {"annotations": keys}, "spec": spec}},
    }
    return checked(document, "here", "default")


def run(document: Any, load: str, seed: int = 1, **machine: Any) -> Result:
    return simulate([document], Phases(parse_load(load), "default/hello"), machine=Machine(**machine), seed=seed)


@pytest.mark.parametrize(
    ("document", "load"),
    [
        (service(), "ramp 0..200 rps 20s"),
        (service(1, 2, target_burst_capacity="0", max_scale="2"), "ramp 0..200 rps 20s, pause 90s, 20 rps 10s"),
        (service(2, 1, window="6s", max_scale="3"), "50 rps 5s, pause 60s, clients 30 20s"),
        (service(10, 5, cpu="500m", max_scale="4", target="3"), "storm 300 logins 5s, pause 1m, 5 rps 5s"),
    ],
)
def test_every_request_is_answered_refused_or_too_late(document: Any, load: str) -> None:
    result = run(document, load, service=None if "storm" in load else Times("lognormal 100ms p99 2s"))
    open_loop = sum(phase.count for phase in parse_load(load) if hasattr(phase, "first"))
    assert len(result.requests) == result.offered == sum(second.offered for second in result.series)
    assert result.offered == open_loop or "clients" in load
    assert result.answered + result.lost.total() == result.offered
    assert result.series[-1].open == result.series[-1].waiting == 0
    assert sum(second.cores for second in result.series) == pytest.approx(result.core_seconds)


def test_the_activator_holds_what_the_queue_proxy_would_refuse() -> None:
    bounds = {"min_scale": "1", "max_scale": "1"}
    load, one = "20000 rps 1ms", Times("100ms")
    held = run(service(1, **bounds, target_burst_capacity="-1"), load, service=one)
    assert (held.answered, held.lost) == (20, {})
    straight = run(service(1, **bounds, target_burst_capacity="0"), load, service=one)
    # One runs and ten wait, as a real queue-proxy did.
    assert (straight.answered, straight.lost) == (11, {503: 9})


def test_what_comes_too_late_is_told_so_in_time() -> None:
    result = run(service(1, 1, max_scale="1", min_scale="1"), "3 rps 1s", service=Times("3s"))
    assert result.lost == {504: 3}
    waited = [ended - begun for begun, ended in zip(result.requests.begun, result.requests.ended, strict=True)]
    assert waited == pytest.approx([1.0] * 3, abs=1e-5)


def test_what_came_too_late_is_computed_to_its_end_where_it_had_begun() -> None:
    result = run(service(0, 1, cpu="1", max_scale="1", min_scale="1"), "3 rps 1s", cpu=Times("3s"))
    assert result.lost == {504: 3}
    assert result.core_seconds == pytest.approx(3.0)  # the other two never began


def test_the_wait_is_that_of_several_servers_at_one_queue() -> None:
    """M/M/3 at a load of 2.4: Erlang's C is 0.6472, the mean wait C / (3 mu - lambda)."""
    always = {"min_scale": "3", "max_scale": "3", "target_burst_capacity": "-1"}
    result = run(service(1, **always), "24 rps 1500s", service=Times("exp 100ms"))
    mean = sum(result.requests.latencies()) / result.answered
    expected = 0.1 + 0.6472 / (30 - 24)
    print(f"mean {mean:.4f} s, in theory {expected:.4f} s")
    assert mean == pytest.approx(expected, rel=0.05)


def test_core_seconds_are_those_of_the_work_and_the_promise_that_of_the_manifest() -> None:
    result = run(service(4, cpu="2", min_scale="1"), "10 rps 30s", cpu=Times("50ms"))
    assert result.core_seconds == pytest.approx(300 * 0.05)
    assert result.promised_core_seconds == pytest.approx(2 * result.instance_seconds)
    assert result.instance_seconds >= result.seconds


def test_a_node_with_few_cores_is_slow() -> None:
    document, load = service(1, target="1", max_scale="20"), "20 rps 30s"
    endless = run(document, load, cpu=Times("100ms"))
    short = run(document, load, cpu=Times("100ms"), cores=1.5)
    assert endless.latency(50) == pytest.approx(0.1, abs=1e-3)
    assert short.latency(50) > 1.0
    assert max(second.cores for second in short.series) <= 1.5 + 1e-6


def test_no_more_instances_than_fit() -> None:
    document, load = service(1, target="1"), "clients 100 5s"
    assert run(document, load, most=7).most_instances == 7
    assert run(document, load).most_instances > 110


def test_logins_of_a_storm_are_hashed_four_at_a_time_as_the_function_does() -> None:
    document = service(cpu="1", min_scale="1", max_scale="1")
    result = run(document, "storm 41 logins 1ms")
    # The first alone, then ten times four.
    assert result.core_seconds == pytest.approx(0.22 + 10 * 0.22 * 1.05, rel=1e-3)
    slower = run(document, "storm 41 logins 1ms", cpu=Times("1s"))
    assert slower.core_seconds == pytest.approx(1 + 10 * 1.05, rel=1e-3)
    alone = run(document, "storm 41 logins 1ms", batch=Batch())
    assert alone.core_seconds == pytest.approx(41 * 0.22, rel=1e-3)
    assert run(document, "41000 rps 1ms", cpu=Times("1s")).core_seconds == pytest.approx(41)


def test_each_decision_carries_its_numbers() -> None:
    result = run(service(target="10", max_scale="5"), "clients 100 500ms 30s")
    before, step = next(decided for decided in result.steps if decided.row.wanted == 5)
    assert before < 5
    assert 0 < step.t < 5
    assert step.panic_since == step.decided == step.t
    assert step.target == 7.0
    assert step.panic is not None
    assert step.desired == step.panic.wants == -(-step.panic.average // 7) > 5
    assert f"{step.panic.average:.2f} / target 7.00" in step.reason
    assert "lowered to max-scale 5" in step.reason
    [bound] = [limit for limit in step.limits if limit.name == "max-scale"]
    assert (bound.bound, bound.before, bound.after) == (5, step.desired, 5)
    for (_, first), (wanted, _) in pairwise(result.decisions):
        assert wanted == first.wanted


def test_a_recording_comes_again_with_its_own_times() -> None:
    arrivals = [Arrival(t / 10, "default/hello", seconds=0.25 if t % 10 else None) for t in range(100)]
    arrivals.append(Arrival(10.0, "default/other", seconds=0.25))
    result = simulate([service(min_scale="1")], Recorded(arrivals))
    assert result.answered == 100
    assert result.lost == {404: 1}
    assert result.requests.latencies() == pytest.approx([0.25] * 100, abs=1e-5)


def test_traffic_is_split_as_the_manifest_says() -> None:
    world = World({})
    kind, first = service()
    world.apply(kind, first)
    world.run(world.clock.now() + 5)
    second = json.loads(json.dumps(first))
    second["spec"]["template"]["spec"]["timeoutSeconds"] = 100
    second["spec"]["traffic"] = [
        {"revisionName": "hello-00001", "percent": 75},
        {"latestRevision": True, "percent": 25},
    ]
    world.apply(kind, second)
    world.run(world.clock.now() + 5)
    for _ in range(100):
        world.request(host_of("default/hello"), Work(0.01), lambda _: None)
    world.run(world.clock.now() + 5)
    instances = {key.name: revision.replicas for key, revision in world.controller.revisions.items()}
    served = {name: sum(world.plane.served(it.name) for it in replicas) for name, replicas in instances.items()}
    assert served == {"hello-00001": 75, "hello-00002": 25}


def test_a_manifest_that_a_cluster_refuses_is_refused_in_its_words() -> None:
    with pytest.raises(InvalidObject, match=r"expected 0 <= -1 <= 1000: spec.template.spec.containerConcurrency"):
        run(service(-1), "1 rps 1s")


def command(*options: str, hash_seed: str = "0") -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "emulator.cli", "simulate", *options]
    env = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)


LOGIN = ("-f", "knative/service.yaml", "--load", "ramp 0..40 rps 30s")


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again, other = (
        command(*LOGIN, "--cpu", "exp 220ms", "--json", "--seed", seed, hash_seed=hash_seed).stdout
        for seed, hash_seed in (("1", "1"), ("1", "2"), ("2", "1"))
    )
    assert first == again
    assert first != other
    figures = json.loads(first)["summary"]
    assert figures["offered"] == figures["answered"] == 600


def test_the_shipped_manifest_from_the_command_line() -> None:
    done = command(*LOGIN, "--cpu", "220ms")
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("requests ", "600", "lost ", "p99 ", "instances, most ", "core-seconds used       132.0", "█"):
        assert words in done.stdout
    assert "0 -> 1" in done.stdout
    assert "never down" in done.stdout


def test_config_maps_of_the_configuration_file_rule(tmp_path: Path) -> None:
    file = tmp_path / "emulator.yaml"
    file.write_text(yaml.safe_dump({"config": {"config-autoscaler": {"max-scale": "2"}}}))
    manifest = tmp_path / "hello.yaml"
    manifest.write_text(json.dumps(service(1)[1]))
    done = command("-f", str(manifest), "--config", str(file), "--load", "clients 20 20s", "--json")
    assert json.loads(done.stdout)["summary"]["instances"]["max"] == 2
    assert "lowered to max-scale 2" in done.stdout


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["-f", "knative/service.yaml"], 1, "error: say what comes: --load 'ramp 0..500 rps 60s', or --trace FILE"),
        ([*LOGIN, "--trace", "x"], 1, "error: say what comes"),
        ([*LOGIN[:2], "--trace", "missing"], 1, "error: can't read missing: No such file"),
        ([*LOGIN[:2], "--trace", "README.md"], 1, "error: README.md is no record of knative-emulator/1"),
        ([*LOGIN, "--to", "hello"], 1, "error: say with --to which Service the load goes to: there are default/login"),
        ([*LOGIN, "--p99", "1s"], 1, "--p99 asks which value of a --sweep is the cheapest"),
        ([*LOGIN, "--sweep", "target=1..2", "--compare", "x"], 1, "--compare and --sweep are two questions"),
        ([*LOGIN, "--sweep", "containers.3.image=x"], 1, "--sweep containers.3.image: the template's spec has no"),
        ([*LOGIN, "--out", "missing/page.html"], 1, "error: can't write missing/page.html: No such file"),
        ([*LOGIN[:2], "--load", "lots"], 2, "argument --load: 'lots' is no load: write `50 rps 60s`"),
        ([*LOGIN, "--out", "page.pdf"], 2, "argument --out: 'page.pdf' is neither a page (.html) nor a picture (.png)"),
        ([*LOGIN, "--batch", "4"], 2, "argument --batch: '4': write how many, a colon"),
        ([*LOGIN, "--batch", "1:2"], 2, "several take at least as long as one"),
        ([*LOGIN, "--cores", "0"], 2, "argument --cores: '0' is no number above 0"),
        ([*LOGIN, "--cpu", "fast"], 2, "argument --cpu: 'fast' is no duration"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    options: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    try:
        got = main(["simulate", *options])
    except SystemExit as end:
        got = int(str(end.code))
    assert (got, words in (err := capsys.readouterr().err)) == (code, True), err


def test_what_admission_warns_of_is_said_once(tmp_path: Path) -> None:
    manifest = tmp_path / "hello.yaml"
    document = json.loads(json.dumps(service(1)[1]))
    document["spec"]["template"]["spec"]["containerConcurency"] = 4
    manifest.write_text(json.dumps(document))
    done = command("-f", str(manifest), "--load", "5 rps 5s", "--sweep", "target=1..3")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count('Warning: unknown field "spec.template.spec.containerConcurency"\n') == 1


def test_a_comparison_puts_the_same_load_on_both(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    manifest = yaml.safe_load((ROOT / "knative/service.yaml").read_text())
    manifest["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] = "10"
    other.write_text(yaml.safe_dump(manifest))
    options = (*LOGIN, "--cpu", "220ms", "--compare", str(other))
    first, second = json.loads(command(*options, "--json").stdout)
    assert (first["title"], second["title"]) == ("knative/service.yaml", str(other))
    assert [it["offered"] for it in first["seconds"][:30]] == [it["offered"] for it in second["seconds"][:30]]
    assert first["summary"]["latency"]["p99"] > second["summary"]["latency"]["p99"]
    assert first["summary"]["instance_seconds"] < second["summary"]["instance_seconds"]
    table = command(*options).stdout
    assert table.splitlines()[0].split() == ["knative/service.yaml", str(other)]


def test_a_sweep_finds_the_cheapest_that_is_quick_enough(tmp_path: Path) -> None:
    manifest = tmp_path / "hello.yaml"
    manifest.write_text(json.dumps(service(1, cpu="1", target="100", target_utilization_percentage="100")[1]))
    options = ("-f", str(manifest), "--load", "20 rps 60s", "--cpu", "100ms", "--sweep", "min-scale=1..6")
    done = command(*options, "--p99", "400ms")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:7]] == [f"min-scale={n}" for n in range(1, 7)]
    found = {it["title"]: it["summary"] for it in json.loads(command(*options, "--json").stdout)}
    assert len({it["seconds"] for it in found.values()}) == 1, "all are watched for the same time"
    quick = {title: it["promised_core_seconds"] for title, it in found.items() if it["latency"]["p99"] <= 0.4}
    assert 0 < len(quick) < 6
    best = min(quick, key=quick.__getitem__)
    wanted = f"the cheapest that answers 99 % within 0.4 s and loses nothing: {best} ({quick[best]:.0f} core-seconds"
    assert done.stdout.splitlines()[-1].startswith(wanted)
    none = command(*options, "--p99", "50ms")
    assert none.stdout.splitlines()[-1] == "none answers 99 % within 0.05 s and loses nothing"
    assert none.returncode == 1


def test_the_page_shows_all_and_fetches_nothing(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    done = command(*LOGIN, "--cpu", "220ms", "--out", str(file))
    assert done.returncode == 0, done.stderr
    page = file.read_text()
    assert not re.search(r"\bsrc=|\bhref=|url\(|@import|<script|<link", page)
    for series in ("offered", "ready", "wanted", "open", "waiting", "p50", "p90", "p99", "ok"):
        assert f'class="line {series}"' in page, series
    for words in ("No request was lost.", "ramp 0..40 rps 30s; seed 1", "core-seconds used", "never down"):
        assert words in page


@pytest.mark.parametrize("name", ["chart.png", "chart.PNG"])
def test_a_picture(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    done = command(*LOGIN, "--out", str(file))
    assert done.returncode == 0, done.stderr
    assert file.read_bytes().startswith(b"\x89PNG\r\n")


def test_a_picture_without_what_draws_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["simulate", *LOGIN, "--out", str(tmp_path / "chart.png")]) == 1
    assert "a PNG needs matplotlib: .venv/bin/pip install -e '.[charts]'" in capsys.readouterr().err


def test_the_page_of_a_comparison_and_of_a_sweep(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    load = ("-f", "knative/service.yaml", "--load", "storm 15000 logins 5s", "--out", str(file))
    command(*load, "--compare", "knative/service.yaml")
    page = file.read_text()
    assert page.count('class="line wanted"') == page.count('class="line lost"') == 2
    assert re.search(r"\d+ requests were lost", page)
    command(*load, "--sweep", "max-scale=5,10,100", "--p99", "60s")
    page = file.read_text()
    assert "the cheapest that answers 99 % within 60 s and loses nothing: max-scale=100" in page
    assert "max-scale=5</th>" in page


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("containerConcurrency=3", ("spec", "containerConcurrency"), 3),
        ("window=30s", ("metadata", "annotations", "autoscaling.knative.dev/window"), "30s"),
        ("autoscaling.knative.dev/target=5", ("metadata", "annotations", "autoscaling.knative.dev/target"), "5"),
        ("containers.0.resources.limits.cpu=500m", ("spec", "containers", 0, "resources", "limits", "cpu"), "500m"),
    ],
)
def test_what_is_swept_is_set_in_the_template(text: str, place: tuple[Any, ...], expected: object) -> None:
    sweep = parse_sweep(text)
    before = service(1)
    [(_, changed)] = variant([before], "default/hello", sweep.name, sweep.values[0])
    found = changed["spec"]["template"]
    for step in place:
        found = found[step]
    assert found == expected
    assert before == service(1)


@pytest.mark.parametrize(
    ("text", "values"),
    [("target=5..20:5", "5 10 15 20"), ("target=0.5..1:0.25", "0.50 0.75 1.00"), ("window=6s,1m", "6s 1m")],
)
def test_values_of_a_sweep(text: str, values: str) -> None:
    assert " ".join(parse_sweep(text).values) == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("target", "write what is swept and its values"),
        ("target=", "write what is swept and its values"),
        ("target=8..1", "the first is the least"),
        ("target=1..8:0", "the first is the least"),
        ("target=1..x", "'1..x' is no range"),
        ("target=1..1000", "are 1000 values, and 200 at most"),
        ("tarjet=1..8", "autoscaling.knative.dev/tarjet is no autoscaling annotation that Knative knows"),
    ],
)
def test_what_can_not_be_swept_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        parse_sweep(text)
    assert words in str(error.value)


def test_the_guide_shows_what_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the figures, which move with the shipped manifest, but which there are."""
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs/simulate.md").read_text()
    examples = re.findall(r"```sh\nknative-emulator (.*?)\n```\n\n```\n(.*?)\n\n", text, re.DOTALL)
    assert len(examples) == 2
    for typed, shown in examples:
        main(shlex.split(typed.replace(" --out page.html", "")))
        printed = capsys.readouterr().out.partition("\n\n")[0]
        assert [line.split("  ")[0] for line in printed.splitlines()] == [
            line.split("  ")[0] for line in shown.splitlines()
        ]
