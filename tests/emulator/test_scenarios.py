"""Runs on the simulated clock: what a real cluster did, second by second, and transcripts of the rules one by one.

A transcript's line is: seconds, then either the load from then on (`COUNT x MILLISECONDS`, closed loop, `-` for none)
or `=` and the instances that must be there at that second.
"""

import gzip
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from emulator.simulation.world import Simulation

MEASURED = Path(__file__).parents[1] / "measured"
#: A whole Unix second, so that the transcripts' seconds are the buckets' seconds.
START = 1_700_000_000.0
#: Seconds; where counts are looked at once a second, the one after is still the same step.
TWO_TICKS = 4.0
TARGET_10 = {"autoscaling.knative.dev/target": "10"}


def recorded(name: str) -> Any:
    return json.loads(gzip.decompress((MEASURED / f"{name}.json.gz").read_bytes()))


@pytest.mark.parametrize(
    ("name", "phases", "first_tick"),
    [
        # `first_tick`: when after the load's begin the cluster's autoscaler ticked first, as ticks-*.json say.
        ("scale-run-1", [(50, 90.5)], 0.38),
        ("scale-run-2", [(50, 90.5)], 1.20),
        ("scale-run-step", [(5, 40.0), (60, 45.0), (5, 100.0)], 0.0),
    ],
)
def test_instances_are_those_of_the_real_cluster(name: str, phases: list[tuple[int, float]], first_tick: float) -> None:
    changes = recorded(name)["changes"]
    begin = START + 100 - first_tick
    simulation = Simulation(TARGET_10, start=START)
    simulation.run(begin)
    assert simulation.instances == 0
    at = begin
    for clients, seconds in phases:
        simulation.clock.call_at(at, lambda n=clients, until=at + seconds: simulation.clients(n, 0.5, until))
        at += seconds
    # Nothing ran before the load.
    cluster: list[tuple[float, int]] = [(-1.0, 0)]
    simulated: list[tuple[float, int]] = [(-1.0, 0)]

    def compare(now: float) -> None:
        seen = [change["spec_replicas"] for change in changes if change["t"] <= now - begin][-1]
        cluster.append((now - begin, seen))
        simulated.append((now - begin, simulation.instances))

    simulation.run(begin + changes[-1]["t"] + TWO_TICKS, compare)
    close = [abs(a - b) <= 1 for (_, a), (_, b) in zip(cluster, simulated, strict=True)]
    print(f"{name}: within 1 of the cluster on {sum(close)} of {len(close)} s")
    assert sum(close) / len(close) >= 0.95
    assert sorted(late_steps(cluster, simulated)) == []
    assert sorted(late_steps(simulated, cluster)) == []


def late_steps(one: list[tuple[float, int]], other: list[tuple[float, int]]) -> Iterator[str]:
    """The steps of one run that the other has not made, or gone beyond, within two ticks before or after."""
    for (_, before), (at, after) in pairwise(one):
        near = [count for t, count in other if abs(t - at) <= TWO_TICKS + 1]
        if before != after and not (min(near) <= after <= max(near)):
            yield f"{before} -> {after} at {at:.1f} s: there were {near}"


def play(simulation: Simulation, transcript: str) -> None:
    """Run a transcript; the first difference fails with its second."""
    load_ends = [0.0]
    for line in transcript.strip().splitlines():
        second, what, *rest = line.split()
        simulation.run(START + float(second))
        if what == "=":
            got = simulation.instances
            assert got == int(rest[0]), f"at {second} s: {got} instances, because {simulation.revision.scaler.reason}"
            continue
        load_ends[0] = simulation.clock.now()
        if what != "-":
            begun = simulation.clock.now()
            # A load lasts until the next line of load: its clients look at the list.
            _closed_loop(simulation, int(what), float(rest[1]) / 1000, load_ends, begun)


def _closed_loop(simulation: Simulation, count: int, seconds: float, load_ends: list[float], begun: float) -> None:
    def ask() -> None:
        if load_ends[0] == begun:
            simulation.offer(seconds, ask)

    for _ in range(count):
        ask()


def key(**annotations: str) -> dict[str, str]:
    return {f"autoscaling.knative.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}


TRANSCRIPTS = {
    # A real cluster was at zero after 29 s: the activator is in the path from the begin, so the grace runs from there.
    "a new service without traffic goes to zero": (
        key(window="6s"),
        """
        0   =  1
        29  =  1
        31  =  0
        """,
    ),
    "a request at zero is answered by one instance at once, and not two seconds later": (
        key(),
        """
        100    =  0
        100.1  1 x 100
        100.1  =  1
        """,
    ),
    "min-scale is kept and max-scale not exceeded": (
        key(min_scale="2", max_scale="3", target="1"),
        """
        0    =  2
        10   30 x 100
        20   =  3
        30   -
        200  =  2
        """,
    ),
    "initial-scale comes first, and goes when nothing asks for it": (
        key(initial_scale="3", window="6s"),
        """
        0    =  3
        1    =  3
        2    =  1
        60   =  0
        """,
    ),
    "activation-scale raises the first step from zero": (
        key(activation_scale="4"),
        """
        100    =  0
        100.5  1 x 100
        101    =  4
        """,
    ),
    "scale-down-delay holds what was wanted": (
        key(target="1", window="6s", scale_down_delay="60s"),
        """
        10   8 x 500
        20   =  12
        30   -
        88   =  12
        92   =  6
        148  =  6
        152  =  3
        """,
    ),
    "the last instance is retained": (
        key(window="6s", scale_to_zero_pod_retention_period="2m"),
        """
        1    1 x 100
        2    -
        100  =  1
        140  =  0
        """,
    ),
    "no scale-down in panic, then at most a half at a time": (
        key(target="10"),
        """
        100  50 x 500
        110  =  8
        112  -
        163  =  8
        164  =  4
        166  =  2
        168  =  1
        173  =  1
        174  =  0
        """,
    ),
}


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_transcript(name: str) -> None:
    annotations, transcript = TRANSCRIPTS[name]
    play(Simulation(annotations, start=START), transcript)


def test_every_request_is_answered_however_instances_come_and_go() -> None:
    simulation = Simulation(key(target="1", window="6s"), container_concurrency=2, start=START)
    answered: list[float] = []
    simulation.run(START + 100)
    for second in range(200):
        for _ in range((second % 40) // 2):
            simulation.clock.call_at(
                START + 100 + second, lambda: simulation.offer(0.3, lambda: answered.append(simulation.clock.now()))
            )
    simulation.run(START + 400)
    assert len(answered) == sum((second % 40) // 2 for second in range(200))
    assert simulation.instances == 0
