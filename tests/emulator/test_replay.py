"""`replay`: a recording beside what the same manifest, and another one, would have made of the same requests."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from load import at_once
from running import Emulator, manifest

from emulator.cli import main
from emulator.record.reader import Record
from emulator.record.rows import AnyRow, Applied, Arrival, Header, Instances
from emulator.simulation.load import recorded
from emulator.simulation.replay import as_recorded, in_force, starts

SHOP, REVISION = "default/shop", "default/shop-00001"


def key(**annotations: str) -> dict[str, str]:
    return {f"autoscaling.knative.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}


def shop(**annotations: str) -> dict[str, Any]:
    document = manifest("shop", key(**annotations))
    return document | {"metadata": {"namespace": "default", "name": "shop"}}


def applied(t: float, document: dict[str, Any], verb: str = "ADDED") -> Applied:
    return Applied(t, verb, document)


def arrival(t: float, seconds: float | None = 0.5, latency: float = 0.7, **row: Any) -> Arrival:
    known: dict[str, Any] = {"status": 200, "instance": None if seconds is None else "i"}
    return Arrival(t, SHOP, REVISION, seconds=seconds, latency=latency, **(known | row))


def instances(t: float, wanted: int, **phases: int) -> Instances:
    return Instances(t, REVISION, SHOP, wanted, phases)


def record(*rows: AnyRow, config: Any = None) -> Record:
    return Record(Header(started=1000.0, config=config or {}), sorted(rows, key=lambda row: row.t))


def replayed(capsys: pytest.CaptureFixture[str], folder: Path, what: Record, *options: str) -> list[dict[str, Any]]:
    (folder / "run.jsonl").write_bytes(what.encode())
    assert main(["replay", str(folder / "run.jsonl"), "--json", *options]) == 0
    results: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return results


def test_what_was_recorded_is_replayed_and_compared(emulator: Emulator) -> None:
    emulator.up("--demo", "--record", "run.jsonl", services=(manifest(annotations=key(target="2")),))
    at_once(12, lambda _: emulator.get("/sleep?ms=1500"))
    emulator.interrupt(signal.SIGTERM)
    other = emulator.write(manifest(annotations=key(max_scale="1"), containerConcurrency=2, timeoutSecond=9))
    done = emulator.cli("replay", "run.jsonl", "--against", str(other), "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count('Warning: unknown field "spec.template.spec.timeoutSecond"\n') == 1
    was, again, against = json.loads(done.stdout)
    for result in (was, again, against):
        assert result["summary"]["offered"] == result["summary"]["answered"] == 12
        assert result["summary"]["lost"] == 0
    # The other one has six rounds of two in one instance.
    assert again["summary"]["latency"]["max"] >= 1.5
    assert against["summary"]["latency"]["max"] >= 9
    assert against["summary"]["instances"]["max"] == 1

    shown = emulator.cli("replay", "run.jsonl", "--against", str(other)).stdout
    assert shown.splitlines()[0].split() == ["recorded", "simulated,", "as", "it", "was", str(other)]
    assert "note: requests come when they came, however long the answers take" in shown
    assert "note: the recording began with 1 ready; a simulation begins at rest" in shown


def test_another_manifest_would_have_waited_less(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Eight come at zero; an instance takes 2 s to start and has one at a time."""
    begun = instances(0.0, 0), instances(10.0, 1, Starting=1), instances(12.0, 1, Ready=1)
    what = record(
        applied(0.0, shop(target="1", max_scale="1") | {"spec": _one_at_a_time(shop(target="1", max_scale="1"))}),
        *begun,
        *(arrival(10.0 + number / 100, latency=2.5 + number / 2) for number in range(8)),
    )
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(shop(min_scale="8")))
    was, again, against = replayed(capsys, tmp_path, what, "--against", str(tmp_path / "other.yaml"))
    assert was["summary"]["latency"]["max"] == 6.0
    assert again["summary"]["latency"]["max"] == pytest.approx(2 + 8 * 0.5 - 0.07, abs=0.1)
    assert again["summary"]["instances"]["max"] == 1
    assert against["summary"]["latency"]["max"] == pytest.approx(0.5)
    assert against["summary"]["instances"]["max"] == 8


def _one_at_a_time(document: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = document["spec"]
    return {"template": spec["template"] | {"spec": spec["template"]["spec"] | {"containerConcurrency": 1}}}


def test_the_recording_in_a_result_s_terms() -> None:
    what = record(
        instances(0.0, 0),
        instances(10.0, 2, Starting=2),
        instances(12.0, 2, Ready=1, Starting=1),
        instances(13.0, 1, Ready=1, Draining=1),
        instances(14.0, 0),
        arrival(10.0, latency=2.5),
        arrival(10.5, seconds=None, latency=1.0, status=503),
        arrival(11.2, seconds=None, latency=0.5, status=0, error="client gone"),
        arrival(11.5, status=503),
        arrival(11.6, status=200, error="cut"),
        instances(16.0, 0),
    )
    result = as_recorded(what, recorded(what))
    assert (result.offered, result.answered) == (5, 2)
    assert dict(result.lost) == {503: 1, 0: 2}
    assert result.requests.latencies() == pytest.approx([0.7, 2.5])
    assert (result.load_seconds, result.seconds) == (pytest.approx(1.6), 6.0)
    assert [(it.at, it.instances, it.ready, it.wanted) for it in result.series] == [
        *((1.0, 2, 0, 2), (2.0, 2, 1, 2), (3.0, 1, 1, 1)),
        *((4.0, 0, 0, 0), (5.0, 0, 0, 0), (6.0, 0, 0, 0)),
    ]
    # At 11 s the first waits, and the one that was turned away at 11.5; at 12 s the first is in its instance.
    assert [(it.waiting, it.open, it.offered) for it in result.series[:3]] == [(2, 2, 2), (0, 3, 3), (0, 0, 0)]
    assert result.instance_seconds == pytest.approx(2 * 2 + 2 * 1 + 2 * 1)


def test_starts_are_what_was_seen() -> None:
    what = record(
        instances(0.0, 1, Starting=1),
        instances(1.0, 1, Ready=1),
        instances(5.0, 3, Ready=1, Starting=2),
        instances(6.0, 3, Ready=2, Starting=1),
        instances(8.5, 3, Ready=3),
        instances(9.0, 0),
    )
    assert starts(what) == [1.0, 1.0, 3.5]


def test_what_was_in_force_when_the_first_came() -> None:
    gone = {"apiVersion": "serving.knative.dev/v1", "kind": "Service"}
    what = record(
        applied(0.0, shop(target="5")),
        applied(1.0, shop(target="7"), "MODIFIED"),
        applied(1.0, gone | {"metadata": {"namespace": "default", "name": "gone"}, "spec": {}}),
        applied(2.0, gone | {"metadata": {"namespace": "default", "name": "gone"}, "spec": {}}, "DELETED"),
        applied(9.0, shop(target="9"), "MODIFIED"),
        applied(
            0.0,
            {
                "apiVersion": "serving.knative.dev/v1",
                "kind": "Configuration",
                "metadata": {"namespace": "default", "name": "shop", "labels": {"serving.knative.dev/service": "shop"}},
                "spec": {},
            },
        ),
    )
    [(kind, document)], notes = in_force(what, 5.0)
    assert kind.name == "Service"
    assert document["spec"]["template"]["metadata"]["annotations"] == key(target="7")
    assert notes == ["Service default/shop was modified at 9.0 s: not replayed"]


def test_a_split_is_told_and_left_out() -> None:
    split = shop()
    split["spec"]["traffic"] = [{"revisionName": "shop-00001", "percent": 100}]
    [(_, document)], notes = in_force(record(applied(0.0, split)), 5.0)
    assert "traffic" not in document["spec"]
    assert notes == ["default/shop split its traffic: all goes to the newest revision here"]


def test_the_recorded_configmaps_are_in_force(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    what = record(applied(0.0, shop()), arrival(1.0), config={"config-autoscaler": {"min-scale": "4"}})
    _, again = replayed(capsys, tmp_path, what)
    assert again["summary"]["instances"]["max"] == 4


def test_a_manifest_of_another_service_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_bytes(record(applied(0.0, shop()), arrival(1.0)).encode())
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(manifest("store")))
    assert main(["replay", str(tmp_path / "run.jsonl"), "--against", str(other)]) == 1
    assert f"the record is of default/shop; {other} has default/store" in capsys.readouterr().err


TOO_SHORT = {"config-autoscaler": {"stable-window": "1s"}}


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (record(applied(0.0, shop())), "it holds no request for a Service"),
        (record(arrival(1.0)), "holds no manifest: name one with --against"),
        (record(applied(0.0, shop()), arrival(1.0), config=TOO_SHORT), "stable-window = 1s"),
    ],
    ids=["nothing came", "no manifest", "wrong config"],
)
def test_what_cannot_be_replayed_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, what: Record, said: str
) -> None:
    (tmp_path / "run.jsonl").write_bytes(what.encode())
    assert main(["replay", str(tmp_path / "run.jsonl")]) == 1
    assert said in capsys.readouterr().err
