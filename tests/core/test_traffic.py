import copy
from collections.abc import Callable
from typing import Any

import pytest

from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.naming import RouteNames, Visibility
from emulator.core.rollout import ConfigurationRollout, Rollout, Share, advance, is_done
from emulator.core.settings import load
from emulator.core.traffic import Traffic, assign, rollout_goal, splits, status_traffic

Case = dict[str, Any]

#: Times may be off by what a float loses of a Unix time in nanoseconds.
NANOSECONDS = 1000


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


def outcome(case: Case) -> dict[str, Any]:
    """What `assign` and its followers say, in the words of the vectors."""
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
        return said | {
            "all_traffic_assigned": traffic.problem.condition._asdict(),
            "error": traffic.problem.words,
            "is_failure": traffic.problem.is_failure,
        }
    goal = rollout_goal(traffic)
    return said | {
        "all_traffic_assigned": {"status": "True", "reason": "", "message": ""},
        "baseline_rollout": [told(one) for one in goal],
        "status_traffic": status_traffic(traffic, goal, names, visibility),
        "targets": {
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
        },
    }


def told(one: ConfigurationRollout) -> dict[str, Any]:
    shares = [list(share) for share in one.shares]
    return {"configuration": one.configuration, "tag": one.tag, "percent": one.percent, "revisions": shares}


def traffic_differences(cases: list[Case]) -> list[str]:
    wrong = []
    for case in cases:
        before = copy.deepcopy(case)
        got, want = outcome(case), case["out"]
        wrong += [
            f"{case['name']} {key}: got {got.get(key)}, want {want[key]}" for key in want if got.get(key) != want[key]
        ]
        wrong += [f"{case['name']}: unwanted {key}" for key in got.keys() - want.keys()]
        assert case == before, "the given objects stay as they are"
    return wrong


def rollout_differences(cases: list[Case]) -> list[str]:
    wrong = []
    for case in cases:
        state: Rollout = ()
        for number, event in enumerate(case["events"]):
            if "reference_panics" in event:
                break
            goal = tuple(
                ConfigurationRollout(
                    g["configuration"], g.get("tag", ""), g["percent"], (Share(g["revision"], g["percent"]),)
                )
                for g in case["goals"][event["goal"]]
                if g["percent"] > 0
            )
            now = case["start_unix"] * 10**9 + event["t_ms"] * 10**6
            state, wait = advance(goal, state, now, case["duration_s"], ingress_ready=event["ingress_just_ready"])
            for name, got, want in (
                ("rollout", [told(one) for one in state], [{"tag": ""} | shape(one) for one in event["rollout"]]),
                ("done", is_done(state), event["done"]),
                ("wait", wait or 0, pytest.approx(event["next_step_in_s"], abs=1e-6)),
                ("times", [times(one) for one in state], [recorded_times(one) for one in event["rollout"]]),
            ):
                if got != want:
                    wrong.append(f"{case['name']}[{number}] {name}: got {got}, want {want}")
    return wrong


def shape(one: Case) -> Case:
    return {key: one[key] for key in ("configuration", "tag", "percent", "revisions") if key in one}


def times(one: ConfigurationRollout) -> list[int]:
    return [one.start, one.next_step, one.step_duration, one.step_size]


def recorded_times(one: Case) -> Any:
    keys = ("start_ns", "next_step_ns", "step_duration_ns", "step_size")
    return pytest.approx([one.get(key, 0) for key in keys], abs=NANOSECONDS, rel=0)


def test_every_recorded_traffic(vectors: Callable[[str], Any]) -> None:
    cases = vectors("traffic")["traffic"]
    assert len(cases) > 100
    assert not traffic_differences(cases)


def test_every_recorded_rollout(vectors: Callable[[str], Any]) -> None:
    cases = vectors("traffic")["rollouts"]
    assert len(cases) > 50
    assert not rollout_differences(cases)


def rolling(percents: dict[str, int], shares: tuple[Share, ...]) -> tuple[Traffic, Rollout]:
    """Traffic of one Configuration by tag, and a rollout under way in each target."""
    entries = [
        {"configurationName": "c", "latestRevision": True, "percent": percent, **({"tag": tag} if tag else {})}
        for tag, percent in percents.items()
    ]
    configuration = {"c": {"latest_ready": "c-00002", "ready": "True"}}
    revision = {"c-00002": {"ready": "True", "labels": {}, "port_name": ""}}
    route = {"metadata": {"name": "r", "namespace": "default"}, "spec": {"traffic": entries}}
    traffic = assigned({"route": route, "configurations": configuration, "revisions": revision})
    return traffic, tuple(ConfigurationRollout("c", tag, 100, shares) for tag in sorted({"", *percents}))


def test_a_rollout_splits_what_is_sent_to_the_route_and_to_each_tag() -> None:
    shares = (Share("c-00001", 70), Share("c-00002", 30))
    traffic, rollout = rolling({"": 100, "now": 0}, shares)
    assert splits(traffic, rollout) == {"": shares, "now": shares}
    assert splits(traffic, ()) == {"": (Share("c-00002", 100),), "now": (Share("c-00002", 100),)}


@pytest.mark.parametrize(
    ("percents", "wanted"),
    [
        ({"": 100}, [("c-00001", 97, ""), ("c-00002", 3, "")]),
        ({"": 90, "now": 10}, [("c-00001", 87, ""), ("c-00002", 3, ""), ("c-00001", 10, "now"), ("c-00002", 0, "now")]),
        ({"": 100, "now": 0}, [("c-00001", 97, ""), ("c-00002", 3, ""), ("c-00001", 0, "now"), ("c-00002", 0, "now")]),
    ],
)
def test_the_status_tells_a_rollout_in_whole_percents_that_add_up(
    percents: dict[str, int], wanted: list[tuple[str, int, str]]
) -> None:
    traffic, rollout = rolling(percents, (Share("c-00001", 97), Share("c-00002", 3)))
    names = RouteNames("r", "default", NetworkConfig(), DomainConfig.parse({}))
    told = status_traffic(traffic, rollout, names, dict.fromkeys(percents, Visibility.LOCAL))
    assert [(each["revisionName"], each["percent"], each.get("tag", "")) for each in told] == wanted


def test_a_rollout_goes_on_where_the_share_of_its_oldest_revision_went_away() -> None:
    before = ConfigurationRollout("c", "", 60, (Share("c-1", 20), Share("c-2", 30), Share("c-3", 10)), 1, 2, 3, 4)
    goal = ConfigurationRollout("c", "", 40, (Share("c-3", 40),))
    (after,), _ = advance((goal,), (before,), 1, 60, ingress_ready=False)
    assert after.shares == (Share("c-2", 30), Share("c-3", 10))


def test_without_a_duration_there_is_no_rollout_and_a_broken_state_is_dropped() -> None:
    goal = (ConfigurationRollout("c", "", 100, (Share("c-2", 100),)),)
    before = (ConfigurationRollout("c", "", 100, (Share("c-1", 100),)),)
    broken = (ConfigurationRollout("c", "", 100, (Share("c-1", 99),)),)
    assert advance(goal, before, 10**9, 0, ingress_ready=False) == (goal, None)
    assert advance(goal, broken, 10**9, 60, ingress_ready=False) == (goal, None)
    assert not is_done(advance(goal, before, 10**9, 60, ingress_ready=False)[0])


@pytest.mark.parametrize("key", ["targets", "status_traffic", "baseline_rollout", "referenced", "visibility"])
def test_a_changed_expectation_of_traffic_is_found(vectors: Callable[[str], Any], key: str) -> None:
    case = next(case for case in vectors("traffic")["traffic"] if "error" not in case["out"])
    assert not traffic_differences([case])
    assert traffic_differences([{**case, "out": {**case["out"], key: "?"}}])


@pytest.mark.parametrize("key", ["rollout", "done", "next_step_in_s"])
def test_a_changed_expectation_of_a_rollout_is_found(vectors: Callable[[str], Any], key: str) -> None:
    case = copy.deepcopy(vectors("traffic")["rollouts"][0])
    assert not rollout_differences([case])
    event = case["events"][-1]
    event[key] = {"rollout": [], "done": not event["done"], "next_step_in_s": 12345.6}[key]
    assert rollout_differences([case])
