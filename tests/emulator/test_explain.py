"""Explanations of situations on the simulated clock: each number that is said is the decision's."""

from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace
from running import manifest
from simulated import START, Simulated

from emulator.cli import main
from emulator.core.limits import Limit
from emulator.core.revision import RevisionKey
from emulator.errors import UserError
from emulator.record.explain import explain, revisions, tell
from emulator.record.moments import Moment, moment
from emulator.record.reader import Record, read
from emulator.record.rows import Decision, Instances
from emulator.simulation.plane import Work

REVISION = "default/hello-00001"


def key(**annotations: str) -> dict[str, str]:
    return {f"autoscaling.knative.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}


def played(
    annotations: dict[str, str], load: list[tuple[float, int]], seconds: float, **config: dict[str, str]
) -> Record:
    """Let a Service run; `load` is from when on so many clients ask, of requests that take a second."""
    simulated = Simulated(**config)
    simulated.apply(manifest(annotations=annotations))
    asking = [0]

    def ask(client: int) -> None:
        if client < asking[0]:
            simulated.plane.offer(RevisionKey("default", "hello-00001"), Work(1.0), lambda _: ask(client))

    def tick(passed: float) -> None:
        for at, clients in load:
            if at == passed:
                before, asking[0] = asking[0], clients
                for client in range(before, clients):
                    ask(client)

    simulated.run(seconds, tick)
    return simulated.controller.history.record()


def at(record: Record, second: float) -> tuple[Decision, str]:
    decision = [row for row in record.of(Decision) if row.revision == REVISION and row.t <= second][-1]
    return decision, "\n".join(explain(record, REVISION, second, UTC))


def limit(decision: Decision, name: str, of: str = "") -> Limit:
    [found] = [it for it in decision.limits if (it.name, it.of) == (name, of)]
    return found


def line(text: str, start: str) -> str:
    [found] = [line for line in text.splitlines() if line.strip().startswith(start)]
    return found.strip()


SITUATIONS: dict[str, tuple[dict[str, str], list[tuple[float, int]], float, dict[str, Any], str, str, bool]] = {
    # annotations, load, second, ConfigMaps, limit, average, whether it changed the number
    "panic keeps the number": (key(target="10"), [(1, 79), (20, 9)], 40, {}, "panic", "", True),
    "the rate up": (
        *(key(target="1"), [(1, 79)], 4.5),
        *({"config_autoscaler": {"max-scale-up-rate": "3"}}, "max-scale-up-rate", "panic", True),
    ),
    "the rate down": (
        *(key(target="1", window="6s"), [(1, 30), (20, 1)], 26.5, {}, "max-scale-down-rate", "stable", True),
    ),
    "the delay": (
        *(key(target="1", window="6s", scale_down_delay="60s"), [(1, 8), (20, 1)], 40, {}),
        *("scale-down-delay", "", True),
    ),
    "the least": (key(min_scale="3"), [], 30, {}, "min-scale", "", True),
    "the most": (key(max_scale="3", target="1"), [(1, 20)], 30, {}, "max-scale", "", True),
    "the first": (key(initial_scale="3"), [], 0.3, {}, "initial-scale", "", True),
    "activation": (key(activation_scale="4"), [(1, 1)], 3, {}, "activation-scale", "stable", True),
    "zero is off": (
        *(key(window="6s"), [], 40, {"config_autoscaler": {"enable-scale-to-zero": "false"}}),
        *("enable-scale-to-zero", "", True),
    ),
    "the window before zero": (key(window="6s"), [], 4, {}, "stable-window", "", True),
    "the grace period": (
        *(key(window="6s", target_burst_capacity="0"), [(1, 1), (5, 0)], 16, {}),
        *("scale-to-zero-grace-period", "", True),
    ),
    "retention": (
        *(key(window="6s", scale_to_zero_pod_retention_period="2m"), [(1, 1), (2, 0)], 60, {}),
        *("scale-to-zero-pod-retention-period", "", True),
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_is_said_is_what_was_decided(situation: str) -> None:
    annotations, load, second, config, name, of, changed = SITUATIONS[situation]
    record = played(annotations, load, second + 1, **config)
    decision, said = at(record, second)
    met = limit(decision, name, of)
    assert (met.before != met.after) == changed, decision.limits

    rule = line(said, f"{name} ({of} average):" if of else f"{name}:")
    assert rule.endswith(f"{met.before} became {met.after}" if changed else f"did not apply, {met.after} stayed")
    if met.left is not None:
        assert f"{max(0.0, met.left - (second - decision.t)):.1f} s left" in rule
    if name != "enable-scale-to-zero" and met.bound:
        assert f"{met.bound:g}" in rule
    assert line(said, "So ") == f"So {decision.wanted} were wanted: {decision.reason}."
    if decision.stable and decision.panic:
        assert f"averaged {decision.stable.average:.2f}" in said
        assert f"so {decision.stable.wants} were asked for." in said
        assert f"asks for {decision.panic.wants}:" in line(said, "Over the ")
    if decision.target_burst_capacity:
        assert f"was {decision.excess_burst_capacity}." in said


RECORD = played(key(target="10"), [(1, 79), (20, 9)], 130)


def test_a_panic_is_told_from_its_begin_to_its_end() -> None:
    at_its_height, _ = at(RECORD, 10)
    decision, said = at(RECORD, 40)
    assert decision.panic_until is not None
    told = line(said, "Over the ")
    begin = next(row for row in RECORD.of(Decision) if row.panic_since is not None)
    assert f"there was panic since {Moment(START, UTC)(begin.decided or 0)}" in told
    assert f"until {Moment(START, UTC)(decision.panic_until)}" in told
    assert decision.wanted == at_its_height.wanted
    _, calm = at(RECORD, decision.panic_until + 10)
    assert line(calm, "Over the ").endswith("so there was no panic.")


def test_a_revision_of_which_nothing_was_ever_asked_is_not_said_to_have_less_than_none() -> None:
    record = played(key(), [], 1)
    decision, _ = at(record, 0.5)
    undecided = replace(decision, decided=0.0, stable=None, panic=None, desired=-1, limits=())
    said = explain(Record(record.header, [*record.of(Instances), undecided]), REVISION, 0.5, UTC)
    assert any(sentence.endswith("no samples to decide on, so nothing was asked for.") for sentence in said)
    assert not any(sentence.startswith("Limits") for sentence in said)


def test_nothing_is_said_of_what_nobody_knows() -> None:
    assert explain(RECORD, "default/hello-00002", 10, UTC) == []
    assert explain(RECORD, REVISION, -1, UTC) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [("", [REVISION]), (REVISION, [REVISION]), ("default/hello", [REVISION]), ("default/hello-0", [])],
)
def test_a_service_means_its_revisions(name: str, found: list[str]) -> None:
    assert revisions(RECORD, name, 10) == found


EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("-30s", 70.0),
        ("-0s", 100.0),
        ("31", 31.0),
        ("31.5s", 31.5),
        ("9h", 32400.0),
        ("1m30s", 90.0),
        ("-1m", 40.0),
        ("500ms", 0.5),
        # The record begins at 2023-11-14 22:13:20 UTC, which is past midnight in the east.
        ("00:13:25", 5.0),
        ("00:13:19", 86399.0),
        ("2023-11-15T00:13:25", 5.0),
        ("2023-11-14T22:13:25+00:00", 5.0),
    ],
)
def test_moments_are_taken_as_people_say_them(text: str, second: float) -> None:
    assert moment(text, START, 100.0, EAST) == second


def test_another_moment_is_refused() -> None:
    with pytest.raises(UserError, match="'noon' is no moment: say -30s"):
        moment("noon", START, 100.0, EAST)


@pytest.mark.parametrize("text", ["23:59:00", "9999s", "132", "-9h", "2020-01-01T00:00:00"])
def test_what_is_not_in_the_record_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"which runs from \d\d:\d\d:20 to \d\d:\d\d:30 \(0 s to 130 s\)"):
        tell(RECORD, "", text, 130.0)


def test_the_ends_of_the_record_are_in_it() -> None:
    assert "(130.0 s)" in tell(RECORD, "", "130.4", 130.0)
    assert "(0.0 s)" in tell(RECORD, "", "0s", 130.0)


def test_a_simulation_is_explained_like_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hello.yaml").write_text(yaml.safe_dump(manifest(annotations=key(target="2"))))
    file = tmp_path / "sim.jsonl"
    said = ["simulate", "-f", str(tmp_path / "hello.yaml"), "--load", "20 rps 30s", "--service", "500ms"]
    assert main([*said, "--record", str(file)]) == 0
    capsys.readouterr()
    assert main(["explain", "hello", "--file", str(file), "--at", "20s"]) == 0
    told = capsys.readouterr().out
    decision = [row for row in read(file).of(Decision) if row.t <= 20][-1]
    assert decision.stable
    assert f"averaged {decision.stable.average:.2f}; an instance should get 1.4" in told
    assert f"had {decision.wanted} instances" in told
    assert main(["explain", "hello", "--file", str(file), "--at", "0s"]) == 0
    assert "had none, and 0 wanted" in capsys.readouterr().out
    assert main([*said, "--record", str(file)]) == 1
    assert "is there already" in capsys.readouterr().err
