"""autoscaler.json, windows.json, decider.json: from samples of load to a number of instances."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from emulator.core.autoscaler import DeciderSpec, SlidingMax, decide, first_decision
from emulator.core.config import AutoscalerConfig, shipped
from emulator.core.config_deployment import DeploymentConfig
from emulator.core.decider import ScalingSpec, resolve
from emulator.core.metrics import Averages, MetricSpec, RevisionMetrics, Window
from emulator.core.settings import load
from fidelity.comparison import Case, Comparison, Path

_SECONDS = ("stable_window", "scale_down_delay", "panic_window")
_NOT_DECIDED = ("desired", "ebc")


def decider_spec(recorded: Mapping[str, Any]) -> DeciderSpec:
    """From the recorded form (seconds are marked by _s)."""
    return DeciderSpec(**{key.removesuffix("_s"): value for key, value in recorded.items()})


def metric_spec(recorded: Mapping[str, Any]) -> MetricSpec:
    """From the recorded form (seconds are marked by _s)."""
    return MetricSpec(**{key.removesuffix("_s"): value for key, value in recorded.items()})


def told(spec: DeciderSpec | MetricSpec) -> dict[str, Any]:
    """In the recorded form."""
    return {key + "_s" * (key in _SECONDS): value for key, value in asdict(spec).items()}


def samples_of(case: Case) -> Iterator[tuple[int, int, float, float]]:
    """(delivered, stamped, concurrency, rps); a late sample is delivered with those before it."""
    zeros = [0] * len(case["sample_ms"])
    concurrency, proxied = case.get("concurrency", zeros), case.get("proxied_concurrency", zeros)
    rps, proxied_rps = case.get("rps", zeros), case.get("proxied_rps", zeros)
    newest = case["sample_ms"][0] if zeros else 0
    for i, stamp in enumerate(case["sample_ms"]):
        newest = max(newest, stamp)
        yield newest, stamp, concurrency[i] - proxied[i], rps[i] - proxied_rps[i]


def replay_autoscaler(case: Case) -> dict[str, Any]:
    created = round(case["created_at_unix"] * 1000)
    spec = decider_spec(case["decider_spec"])
    metrics = RevisionMetrics(metric_spec(case["metric"]))
    decision = first_decision(spec, case["initial_ready"], created / 1000)
    result: dict[str, Any] = {
        "initial_ebc": decision.excess_burst_capacity,
        "initial_panic": int(decision.panic_since is not None),
    }
    ticks = []
    samples = list(samples_of(case))[::-1]
    for tick, ms in enumerate(case["tick_ms"]):
        now = (created + ms) / 1000
        while samples and samples[-1][0] <= ms:
            _, stamp, concurrency, rps = samples.pop()
            metrics.record((created + stamp) / 1000, concurrency, rps)
        for update in case.get("updates", []):
            if update["before_tick"] == tick:
                spec = decider_spec(update["decider_spec"]) if "decider_spec" in update else spec
                if "metric" in update:
                    metrics.resize(metric_spec(update["metric"]), now)
        # Instances are counted in-process here, which cannot fail; the reference decides nothing if it does.
        ready = case["ready"][tick]
        averages = metrics.averages(now, spec.scaling_metric)
        decision = decide(spec, averages if ready >= 0 else None, ready, decision, now)
        averages = averages or Averages(0, 0, 0, 0)
        ticks.append(
            {
                "valid": int(decision.valid),
                "desired": decision.desired if decision.valid else None,
                "ebc": decision.excess_burst_capacity if decision.valid else None,
                "panic": int(decision.panic_since is not None),
                "max_panic_pods": decision.max_panic_pods,
                "stable_avg": averages.stable,
                "panic_avg": averages.panic,
            }
        )
    return result | {key: [tick[key] for tick in ticks] for key in ticks[0]}


def expected_of_autoscaler(case: Case) -> dict[str, Any]:
    expect = case["expect"]
    decided = {
        key: [value if valid else None for value, valid in zip(expect[key], expect["valid"], strict=True)]
        for key in _NOT_DECIDED
    }
    return expect | decided


def ignored(case: Case, path: Path) -> str:
    _, what, *tick = path
    if what in _NOT_DECIDED and not case["expect"]["valid"][tick[0]]:
        return "`desired` and `ebc` where `valid` is 0: nothing was decided"
    return ""


def replay_window(case: Case) -> dict[str, Any]:
    if case["kind"] == "max":
        return {"results": replay_max(case)}
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
    return {"results": results}


def replay_max(case: Case) -> list[Any]:
    window = SlidingMax(math.ceil(case["window_s"] / case["granularity_s"]))
    results: list[Any] = []
    for name, ms, *value in case["ops"]:
        if name == "record":
            window = window.record(int(ms / 1000 // case["granularity_s"]), value[0])
            results.append(None)
        else:
            results.append(window.current)
    return results


def scaling_spec(case: Case, *, reachable: bool) -> ScalingSpec:
    return resolve(
        case["annotations"],
        load(AutoscalerConfig, case["config_autoscaler"]),
        load(DeploymentConfig, shipped("config-deployment", case.get("config_deployment", {}))),
        container_concurrency=case["container_concurrency"],
        reachable=reachable,
    )


def replay_decider(case: Case) -> dict[str, Any]:
    spec = scaling_spec(case, reachable=case["reachability"] != "Unreachable")
    return {
        "out": {
            "class": spec.autoscaler_class,
            "decider_spec": told(spec.decider),
            "metric_spec": told(spec.metric),
            "min_scale": spec.min_scale,
            "max_scale": spec.max_scale,
            "active_threshold": spec.active_threshold(initialized=case["scale_target_initialized"]),
            "num_activators": [spec.activators(ready) for ready in case["ready_pods"]],
            "initial_ebc": first_decision(spec.decider, 0, 0.0).excess_burst_capacity,
            "last_pod_retention_s": spec.last_pod_retention,
        }
    }


COMPARISONS = (
    Comparison("autoscaler", "cases", replay_autoscaler, ("expect",), expected_of_autoscaler, ignored),
    Comparison("windows", "cases", replay_window, ("results",)),
    Comparison("decider", "cases", replay_decider, ("out",)),
)
