import copy
import math
from typing import Any

import pytest

from emulator.core.autoscaler import SlidingMax
from emulator.core.metrics import MetricSpec, RevisionMetrics, Window


def replay_window(case: dict[str, Any]) -> list[Any]:
    window = Window(case["window_s"], case["granularity_s"])
    average = window.average if case["kind"] == "linear" else window.weighted_average
    results: list[Any] = []
    for name, ms, *value in case["ops"]:
        now = ms / 1000
        match name:
            case "record":
                results.append(window.record(now, value[0]))
            case "resize":
                results.append(window.resize(value[0], now))
            case "avg":
                results.append(average(now))
            case "empty":
                results.append(window.empty(now))
    return results


def replay_max(case: dict[str, Any]) -> list[Any]:
    window = SlidingMax(math.ceil(case["window_s"] / case["granularity_s"]))
    results: list[Any] = []
    for name, ms, *value in case["ops"]:
        if name == "record":
            window = window.record(int(ms / 1000 // case["granularity_s"]), value[0])
            results.append(None)
        else:
            results.append(window.current)
    return results


def check(case: dict[str, Any]) -> None:
    results = replay_max(case) if case["kind"] == "max" else replay_window(case)
    assert len(results) == len(case["results"])
    for op, got, expected in zip(case["ops"], results, case["results"], strict=True):
        if isinstance(expected, float | int) and not isinstance(expected, bool):
            assert got == pytest.approx(expected, rel=0, abs=1e-6), op
        else:
            assert got == expected, op


@pytest.mark.vectors("windows")
def test_windows_as_recorded(case: dict[str, Any]) -> None:
    check(case)


def test_a_changed_expectation_is_noticed(vectors: Any) -> None:
    for case in vectors("windows")["cases"]:
        changed = copy.deepcopy(case)
        last = max(i for i, result in enumerate(changed["results"]) if result is not None)
        changed["results"][last] = changed["results"][last] + 2e-6
        with pytest.raises(AssertionError):
            check(changed)


def test_a_float_of_today_falls_into_its_own_second() -> None:
    window = Window(6)
    window.record(1741153894.999999, 3)
    window.record(1741153895.0, 5)
    assert window.average(1741153895.5) == 4.0


def test_concurrency_and_rps_are_kept_apart() -> None:
    metrics = RevisionMetrics(MetricSpec(stable_window=60, panic_window=6))
    assert metrics.averages(100.0) is None
    metrics.record(100.0, concurrency=4, rps=10)
    metrics.record(100.5, concurrency=2, rps=30)
    concurrency, rps = metrics.averages(100.9), metrics.averages(100.9, "rps")
    assert concurrency is not None
    assert rps is not None
    assert (concurrency.stable, concurrency.panic) == (6, 6)
    assert (rps.stable, rps.panic) == (40, 40)


def test_silence_is_no_load_where_only_the_activator_reports() -> None:
    averages = RevisionMetrics(MetricSpec(scraped=False)).averages(100.0)
    assert averages is not None
    assert (averages.stable, averages.panic, averages.stable_window, averages.panic_window) == (0, 0, 60, 6)
