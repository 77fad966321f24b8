from dataclasses import replace
from typing import Any

import pytest

from emulator.core.autoscaler import DeciderSpec, decide, first_decision
from emulator.core.metrics import Averages


@pytest.mark.parametrize("run", ["ticks-1", "ticks-2"])
def test_what_a_real_autoscaler_wanted(run: str, measured: Any) -> None:
    """A real cluster's log, tick by tick: what each window wanted, when there was panic, each step of the scale."""
    rows: list[dict[str, Any]] = measured(run)["rows"]
    spec = DeciderSpec(target_value=7, total_value=10)
    decision = replace(first_decision(spec, 0, 0.0), desired=0)
    logged, decided = [], []
    for row in rows:
        if "event" not in row:
            assert row["target"] == spec.target_value
            before, decision = (
                decision,
                decide(spec, load(row["stable"], row["panic"]), row["ready"], decision, row["t"]),
            )
            if decision.desired != before.desired:
                decided.append((before.desired, decision.desired))
            if decision.panic_since is None:
                assert f" -> {row['wantStable']}" in decision.reason
            else:
                assert f" wants {row['wantPanic']} of {max(1, row['ready'])} ready " in decision.reason
            continue
        match row["event"].split():
            case ["PANICKING"]:
                assert (before.panic_since, decision.panic_since) == (None, row["t"])
            case ["Un-panicking"]:
                # The log rounds to 10 ms, and the tick exactly one window later may fall on either side.
                assert decision.panic_since is None or round(row["t"] - decision.panic_since, 2) == spec.stable_window
            case ["Scaling", "from", old, "to", new]:
                logged.append((int(old), int(new)))
                assert decided == logged, (row, decision)
            case _:
                pytest.fail(f"unknown event {row}")
    assert decided == logged
    assert decided[-1] == (1, 0)
    assert decision.panic_since is None


def load(stable: float, panic: float) -> Averages:
    return Averages(stable, panic, 60, 6)


SPEC = DeciderSpec(target_value=7, total_value=10)
CALM = first_decision(SPEC, 0, 0.0)


def test_reasons_name_what_decided() -> None:
    calm = decide(SPEC, load(12.4, 12.4), 2, CALM, 2.0)
    assert calm.reason == "stable average 12.40 over 60 s / target 7.00 -> 2; not in panic"

    panic = decide(SPEC, load(1.0, 33.0), 1, calm, 4.0)
    assert panic.desired == 5
    assert panic.reason == "panic: 6 s average 33.00 / target 7.00 wants 5 of 1 ready (500 % >= 200 %), so never down"

    kept = decide(SPEC, load(1.0, 14.0), 5, panic, 6.5)
    assert kept.desired == 5
    assert kept.reason == (
        "panic for 57.5 s more: 6 s average 14.00 / target 7.00 wants 2 of 5 ready (40 % < 200 %),"
        " kept at 5: never down in panic"
    )

    nothing = decide(SPEC, None, 5, kept, 8.0)
    assert (nothing.valid, nothing.desired, nothing.panic_since) == (False, 5, 4.0)
    assert nothing.reason == "no samples over 60 s, nothing to decide on"


@pytest.mark.parametrize(
    ("spec", "ready", "stable", "desired", "limit"),
    [
        (replace(SPEC, max_scale_down_rate=2), 9, 1.0, 4, "-> 1, held at 4 by max-scale-down-rate;"),
        (replace(SPEC, max_scale_up_rate=1.5), 2, 70.0, 3, "-> 10, lowered to 3 by max-scale-up-rate;"),
        (replace(SPEC, activation_scale=4), 1, 1.0, 4, "-> 1, raised to 4 by activation-scale;"),
    ],
)
def test_reasons_name_the_limit(spec: DeciderSpec, ready: int, stable: float, desired: int, limit: str) -> None:
    decision = decide(spec, load(stable, 0.0), ready, CALM, 2.0)
    assert decision.desired == desired
    assert limit in decision.reason


def test_scale_down_delay_holds_and_says_so() -> None:
    spec = replace(SPEC, scale_down_delay=10)
    decision = decide(spec, load(21.0, 21.0), 2, first_decision(spec, 0, 0.0), 2.0)
    for now, desired in [(4.0, 3), (10.0, 3), (12.0, 1)]:
        decision = decide(spec, load(1.0, 1.0), 2, decision, now)
        assert decision.desired == desired
        assert ("; held at 3 by scale-down-delay" in decision.reason) == (desired == 3)


def test_only_a_change_of_scale_or_of_the_sign_of_the_excess_calls_the_scaler() -> None:
    base = replace(CALM, desired=2, excess_burst_capacity=0)
    assert not base.differs_from(replace(base, excess_burst_capacity=70))
    assert base.differs_from(replace(base, excess_burst_capacity=-1))
    assert base.differs_from(replace(base, desired=3))


def test_load_at_zero_pokes() -> None:
    assert replace(CALM, desired=0).poked_by(0.25)
    assert not replace(CALM, desired=0).poked_by(0.0)
    assert not replace(CALM, desired=1).poked_by(0.25)
    assert not CALM.poked_by(0.25)
