from typing import Any

import pytest
from fidelity.traffic import assigned

from emulator.core.domains import DomainConfig, NetworkConfig
from emulator.core.naming import RouteNames, Visibility
from emulator.core.rollout import ConfigurationRollout, Rollout, Share, advance, is_done
from emulator.core.traffic import Traffic, splits, status_traffic

Case = dict[str, Any]


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
