import copy
from typing import Any

import pytest

from emulator.core.revision import RevisionKey
from emulator.core.stats import ActivatorStats, RequestStats, Sample

REVISION = RevisionKey("default", "hello-00001")


def as_recorded(sample: Sample | None) -> dict[str, Any] | None:
    return None if sample is None else {"concurrency": sample.concurrency, "count": sample.requests}


def replay_queue_proxy(case: dict[str, Any]) -> list[Any]:
    stats = RequestStats(0.0)
    results: list[Any] = []
    for kind, ms in case["events"]:
        now = ms / 1000
        if kind == "report":
            report = stats.report(now)
            results.append(
                {
                    "average_concurrency": report.total.concurrency,
                    "average_proxied_concurrency": report.proxied.concurrency,
                    "proxied_request_count": report.proxied.requests,
                    "request_count": report.total.requests,
                }
            )
            continue
        begins = kind.endswith("in")
        (stats.request_in if begins else stats.request_out)(now, proxied=kind.startswith("proxied"))
        results.append(None)
    return results


def replay_activator(case: dict[str, Any]) -> list[Any]:
    stats = ActivatorStats()
    results: list[Any] = []
    for kind, ms in case["events"]:
        now = ms / 1000
        match kind:
            case "in":
                results.append(as_recorded(stats.request_in(REVISION, now)))
            case "out":
                results.append(stats.request_out(REVISION, now))
            case "report":
                messages = [as_recorded(sample) for _, sample in stats.report(now)]
                results.append({"message": messages[0] if messages else None, "tracked": len(stats)})
    return results


def check(results: list[Any], expected: list[Any]) -> None:
    assert len(results) == len(expected)
    for got, wanted in zip(results, expected, strict=True):
        if isinstance(wanted, dict) and isinstance(wanted.get("message"), dict):
            assert got["message"] == pytest.approx(wanted["message"], rel=0, abs=1e-6)
            assert got["tracked"] == wanted["tracked"]
        elif isinstance(wanted, dict) and "tracked" not in wanted:
            assert got == pytest.approx(wanted, rel=0, abs=1e-6)
        else:
            assert got == wanted


@pytest.mark.vectors("stats", list="request_stats")
def test_queue_proxy_as_recorded(case: dict[str, Any]) -> None:
    check(replay_queue_proxy(case), case["results"])


@pytest.mark.vectors("stats", list="activator_reporter")
def test_activator_as_recorded(case: dict[str, Any]) -> None:
    check(replay_activator(case), case["results"])


def test_a_changed_expectation_is_noticed(vectors: Any) -> None:
    recorded = vectors("stats")
    queue_proxy = copy.deepcopy(recorded["request_stats"][0])
    last = max(i for i, result in enumerate(queue_proxy["results"]) if result)
    queue_proxy["results"][last]["average_concurrency"] += 1e-5
    with pytest.raises(AssertionError):
        check(replay_queue_proxy(queue_proxy), queue_proxy["results"])
    activator = copy.deepcopy(recorded["activator_reporter"][0])
    last = max(i for i, result in enumerate(activator["results"]) if result)
    activator["results"][last]["tracked"] += 1
    with pytest.raises(AssertionError):
        check(replay_activator(activator), activator["results"])


def test_what_the_activator_counts_too_is_left_out() -> None:
    stats = RequestStats(10.0)
    stats.request_in(10.0)
    stats.request_in(10.5, proxied=True)
    report = stats.report(11.0)
    assert report.total == Sample(1.5, 2)
    assert report.own == Sample(1.0, 1)


def test_two_revisions_at_an_activator_are_told_apart() -> None:
    stats, other = ActivatorStats(), RevisionKey("default", "other-00001")
    assert stats.request_in(REVISION, 0.0) == Sample(1.0, 1)
    assert stats.request_in(other, 0.5) == Sample(1.0, 1)
    assert stats.request_in(other, 0.5) is None
    assert dict(stats.report(1.0)) == {REVISION: Sample(0.0, 0), other: Sample(1.0, 1)}
    stats.request_out(REVISION, 1.0)
    assert dict(stats.report(2.0)) == {REVISION: Sample(0.0, 0), other: Sample(2.0, 0)}
    assert len(stats) == 1


def test_a_request_that_began_this_instant_is_not_forgotten() -> None:
    stats = ActivatorStats()
    stats.request_in(REVISION, 1.0)
    assert dict(stats.report(1.0)) == {REVISION: Sample(0.0, 0)}
    stats.request_out(REVISION, 1.5)
    assert dict(stats.report(2.0)) == {REVISION: Sample(0.5, 0)}
