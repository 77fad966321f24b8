"""traffic.json: which revisions a Route leads to, and gradual rollouts step by step."""

from collections.abc import Iterator
from typing import Any

from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.naming import RouteNames
from emulator.core.rollout import ConfigurationRollout, Rollout, Share, advance, is_done
from emulator.core.settings import load
from emulator.core.traffic import Traffic, assign, rollout_goal, status_traffic
from fidelity.comparison import Case, Comparison


def stored(name: str, ready: str, labels: dict[str, str] | None = None, **parts: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    status = {"conditions": conditions, "observedGeneration": 1, **parts.pop("status", {})}
    return {"metadata": {"name": name, "generation": 1, "labels": labels or {}}, "status": status, **parts}


def assigned(case: Case) -> Traffic:
    configurations = {
        name: stored(name, state["ready"], status={"latestReadyRevisionName": state["latest_ready"]})
        for name, state in case["configurations"].items()
    }
    revisions = {
        name: stored(
            name,
            state["ready"],
            state["labels"],
            spec={"containers": [{"image": "i", "ports": [{"name": state["port_name"]}]}]},
        )
        for name, state in case["revisions"].items()
    }
    return assign(case["route"], configurations, revisions)


def replay_traffic(case: Case) -> dict[str, Any]:
    metadata = case["route"]["metadata"]
    network, domains = load(NetworkConfig, case["config_network"]), DomainConfig.parse(case["config_domain"])
    names = RouteNames(metadata["name"], metadata["namespace"], network, domains, metadata.get("labels", {}))
    placeholders = {service["name"]: service["labels"] for service in case.get("placeholder_services", ())}
    tags = {"", *(entry["tag"] for entry in case["route"]["spec"]["traffic"] if "tag" in entry)}
    visibility = {tag: names.visibility(tag, placeholders) for tag in tags}
    traffic = assigned(case)
    said: dict[str, Any] = {
        "missing_targets": [reference._asdict() for reference in traffic.missing],
        "referenced": sorted(f"{kind.lower()}/{name}" for kind, name in traffic.referenced),
        "visibility": {tag: str(each) for tag, each in visibility.items()},
    }
    if traffic.problem:
        return {
            "out": said
            | {
                "all_traffic_assigned": traffic.problem.condition._asdict(),
                "error": traffic.problem.words,
                "is_failure": traffic.problem.is_failure,
            }
        }
    goal = rollout_goal(traffic)
    return {
        "out": said
        | {
            "all_traffic_assigned": {"status": "True", "reason": "", "message": ""},
            "baseline_rollout": [told_shares(one) for one in goal],
            "status_traffic": status_traffic(traffic, goal, names, visibility),
            "targets": told_targets(traffic),
        }
    }


def told_targets(traffic: Traffic) -> dict[str, Any]:
    return {
        tag: [
            {
                "latestRevision": target.latest,
                "percent": target.percent,
                "protocol": "h2c" if target.http2 else "http1",
                "revisionName": target.revision,
                **({"configurationName": target.configuration} if target.configuration else {}),
                **({"tag": target.tag} if target.tag else {}),
            }
            for target in targets
        ]
        for tag, targets in traffic.targets.items()
    }


def told_shares(one: ConfigurationRollout) -> dict[str, Any]:
    shares = [list(share) for share in one.shares]
    return {"configuration": one.configuration, "tag": one.tag, "percent": one.percent, "revisions": shares}


def events_of(case: Case) -> Iterator[tuple[Case, int]]:
    """(event, its time in Unix nanoseconds), up to where the reference crashes."""
    for event in case["events"]:
        if "reference_panics" in event:
            return
        yield event, case["start_unix"] * 10**9 + event["t_ms"] * 10**6


def replay_rollout(case: Case) -> list[dict[str, Any]]:
    state: Rollout = ()
    told = []
    for event, now in events_of(case):
        goal = tuple(
            ConfigurationRollout(
                g["configuration"], g.get("tag", ""), g["percent"], (Share(g["revision"], g["percent"]),)
            )
            for g in case["goals"][event["goal"]]
            if g["percent"] > 0
        )
        state, wait = advance(goal, state, now, case["duration_s"], ingress_ready=event["ingress_just_ready"])
        rollout = [
            told_shares(one)
            | {
                "started": since(one.start, now),
                "next_step": since(one.next_step, now),
                "step_duration": one.step_duration / 1e9,
                "step_size": one.step_size,
            }
            for one in state
        ]
        told.append({"rollout": rollout, "next_step_in_s": wait or 0, "done": is_done(state)})
    return told


def expected_of_rollout(case: Case) -> list[dict[str, Any]]:
    """Times in seconds from the event on, so that the tolerance of a float is the microsecond that is allowed."""
    return [
        {
            "rollout": [
                {key: one.get(key, "") for key in ("configuration", "tag")}
                | {"percent": one["percent"], "revisions": one["revisions"]}
                | {
                    "started": since(one.get("start_ns", 0), now),
                    "next_step": since(one.get("next_step_ns", 0), now),
                    "step_duration": one.get("step_duration_ns", 0) / 1e9,
                    "step_size": one.get("step_size", 0),
                }
                for one in event["rollout"]
            ],
            "next_step_in_s": event["next_step_in_s"],
            "done": event["done"],
        }
        for event, now in events_of(case)
    ]


def since(nanoseconds: int, now: int) -> float | None:
    return (nanoseconds - now) / 1e9 if nanoseconds else None


COMPARISONS = (
    Comparison("traffic", "traffic", replay_traffic, ("out",)),
    Comparison(
        "traffic",
        "rollouts",
        replay_rollout,
        ("events.rollout", "events.next_step_in_s", "events.done"),
        expected_of_rollout,
    ),
)
