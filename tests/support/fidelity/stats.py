"""stats.json: what queue-proxy and activator report of their load."""

from typing import Any

from emulator.core.revision import RevisionKey
from emulator.core.stats import ActivatorStats, RequestStats, Sample
from fidelity.comparison import Case, Comparison

REVISION = RevisionKey("default", "hello-00001")


def told_sample(sample: Sample | None) -> dict[str, Any] | None:
    return None if sample is None else {"concurrency": sample.concurrency, "count": sample.requests}


def replay_queue_proxy(case: Case) -> dict[str, Any]:
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
    return {"results": results}


def replay_activator(case: Case) -> dict[str, Any]:
    stats = ActivatorStats()
    results: list[Any] = []
    for kind, ms in case["events"]:
        now = ms / 1000
        match kind:
            case "in":
                results.append(told_sample(stats.request_in(REVISION, now)))
            case "out":
                results.append(stats.request_out(REVISION, now))
            case "report":
                messages = [told_sample(sample) for _, sample in stats.report(now)]
                results.append({"message": messages[0] if messages else None, "tracked": len(stats)})
    return {"results": results}


COMPARISONS = (
    Comparison("stats", "request_stats", replay_queue_proxy, ("results",)),
    Comparison("stats", "activator_reporter", replay_activator, ("results",)),
)
