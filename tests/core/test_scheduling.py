from pathlib import Path

import pytest

from emulator.core.scheduling import ENDLESS, Amounts, Node, NodeSettings, requests_of, total
from emulator.core.settings import ConfigError, load, rows

SMALL = {"cpu": 2000, "memory": 2**30}
GUIDE = Path(__file__).parents[2] / "docs" / "your-project.md"


def asked(cpu: int = 0, memory: int = 0) -> Amounts:
    return {"cpu": cpu, "memory": memory}


def words(*missing: str, preemption: str) -> str:
    short = ", ".join(f"1 Insufficient {name}" for name in missing)
    return f"0/1 nodes are available: {short}. preemption: 0/1 nodes are available: 1 {preemption}."


@pytest.mark.parametrize(
    ("requests", "missing"),
    [
        (asked(), ()),
        (asked(2000, 2**30), ()),
        (asked(2001), ("cpu",)),
        (asked(0, 2**30 + 1), ("memory",)),
        (asked(50_000, 2**40), ("cpu", "memory")),
    ],
)
@pytest.mark.parametrize("overcommit", [True, False])
def test_what_is_too_big_for_the_empty_node_has_no_place(
    requests: Amounts, missing: tuple[str, ...], *, overcommit: bool
) -> None:
    expected = words(*missing, preemption="Preemption is not helpful for scheduling") if missing else ""
    assert Node(SMALL, overcommit).refusal(requests, 0, asked) == expected


def test_what_others_have_counts_only_without_overcommit() -> None:
    requests, others = asked(500), asked(1501)
    assert Node(SMALL).refusal(requests, 0, lambda: others) == ""
    taken = words("cpu", preemption="No preemption victims found for incoming pod")
    assert Node(SMALL, overcommit=False).refusal(requests, 0, lambda: others) == taken
    assert Node(SMALL, overcommit=False).refusal(asked(499), 0, lambda: others) == ""


def test_what_is_requested_of_nothing_that_is_short_has_its_place() -> None:
    full = asked(3000, 2**31)
    assert Node(SMALL, overcommit=False).refusal(asked(), 0, lambda: full) == ""
    assert ENDLESS.refusal(asked(10**9, 10**15), 10**6, asked) == ""


def test_a_node_takes_so_many_pods() -> None:
    node = Node(SMALL, pods=3)
    assert node.refusal(asked(), 2, asked) == ""
    none = "No preemption victims found for incoming pod"
    wanted = f"0/1 nodes are available: 1 Too many pods. preemption: 0/1 nodes are available: 1 {none}."
    assert node.refusal(asked(), 3, asked) == wanted
    assert node.refusal(asked(9000), 3, asked) == (
        "0/1 nodes are available: 1 Too many pods, 1 Insufficient cpu."
        " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )


def test_requests_are_summed_over_containers_and_a_limit_alone_is_one() -> None:
    containers = [
        {"resources": {"requests": {"cpu": "100m", "memory": "1Mi"}, "limits": {"cpu": 4}}},
        {"resources": {"limits": {"cpu": "0.5", "memory": "1k"}}},
        {"resources": {"requests": {"cpu": "1u"}}},
        {},
    ]
    assert requests_of({"containers": containers}) == asked(100 + 500 + 1, 2**20 + 1000)
    assert total([(asked(25, 7), 3), (asked(1, 0), 1), (asked(9, 9), 0)]) == asked(76, 21)


def test_the_settings_are_quantities() -> None:
    assert load(NodeSettings, {}) == NodeSettings(None, None, 250, overcommit=True)
    assert load(NodeSettings, {"cpu": "0.5", "memory": "1Gi", "pods": "110", "overcommit": "false"}) == NodeSettings(
        500, 2**30, 110, overcommit=False
    )
    for wrong in (
        {"cpu": "many"},
        {"memory": "0"},
        {"cpu": "-1"},
        {"pods": "0"},
        {"pods": "1.5"},
        {"overcommit": "maybe"},
    ):
        with pytest.raises(ConfigError, match=f'node: failed to parse "{next(iter(wrong))}"'):
            load(NodeSettings, wrong)


def test_the_guide_tells_each_setting() -> None:
    for _, row in rows(NodeSettings):
        default = row.default or "this machine's"
        assert f"| `{row.key}` | {default} | {row.range} | {row.help} |" in GUIDE.read_text()
