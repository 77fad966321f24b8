"""CPU time on simulated cores, against what queueing theory says."""

import math
from collections.abc import Callable, Sequence
from random import Random

import pytest

from emulator.core.clock import SimClock
from emulator.simulation.cores import Batch, Node, Processor, threads_of

INF = math.inf


def finished(
    processor: Processor, clock: SimClock, jobs: list[tuple[float, float]], batches: Sequence[Batch] = ()
) -> list[float]:
    """When jobs (time of arrival, core-seconds) are finished, in their order."""
    ended = [0.0] * len(jobs)

    def submit(number: int, seconds: float) -> None:
        batch = batches[number] if batches else Batch()
        processor.submit(seconds, lambda: ended.__setitem__(number, clock.now()), batch)

    for number, (at, seconds) in enumerate(jobs):
        clock.call_at(at, lambda n=number, s=seconds: submit(n, s))
    clock.run_until(1e9)
    return ended


def processor(clock: SimClock, limit: float, threads: float) -> Processor:
    return Processor(Node(clock), limit, threads)


@pytest.mark.parametrize(
    ("limit", "threads", "expected"),
    [
        (1, 1, [1, 2, 3]),  # one after the other
        (1, INF, [3, 3, 3]),  # all at once, a third of the core each
        (2, INF, [1.5, 1.5, 1.5]),
        (2, 2, [1, 1, 2]),
        (0.5, 1, [2, 4, 6]),
        (8, INF, [1, 1, 1]),  # nobody computes on more than one core
    ],
)
def test_jobs_of_one_instance(limit: float, threads: float, expected: list[float]) -> None:
    clock = SimClock()
    assert finished(processor(clock, limit, threads), clock, [(0, 1)] * 3) == pytest.approx(expected)


def test_who_comes_later_to_a_shared_core_slows_down_who_is_there() -> None:
    clock = SimClock()
    # The first has 1 s alone, then both share until it is done at 3 s; the second goes on alone.
    assert finished(processor(clock, 1, INF), clock, [(0, 2), (1, 2)]) == pytest.approx([3, 4])


def test_instances_share_a_node_max_min_fair() -> None:
    clock = SimClock()
    node = Node(clock, cores=2)
    small, big = Processor(node, 0.5, INF), Processor(node, INF, INF)
    ended: dict[str, float] = {}
    small.submit(1.0, lambda: ended.setdefault("small", clock.now()))
    for number in range(4):
        big.submit(1.0, lambda n=number: ended.setdefault(f"big {n}", clock.now()))
    clock.run_until(1.0)
    assert node.used() == pytest.approx(2.0)
    clock.run_until(100.0)
    # The small one gets its half core; the big one's four threads share 1.5 cores until it is done, 2 from then on.
    assert ended["small"] == pytest.approx(2.0)
    assert ended["big 0"] == ended["big 3"] == pytest.approx(2.0 + 1.0 / 2)
    assert node.used() == pytest.approx(5.0)


def test_a_batch_takes_what_waits_and_hardly_longer_than_one() -> None:
    clock = SimClock()
    ended = finished(processor(clock, 1, 1), clock, [(0, 1)] * 7, [Batch(4, 1.06)] * 7)
    # The first goes alone; four go together, then the two that are left.
    assert ended == pytest.approx([1, 2.06, 2.06, 2.06, 2.06, 3.08, 3.08])


def test_only_jobs_of_one_kind_are_a_batch() -> None:
    clock, four, alone = SimClock(), Batch(4, 1.06), Batch()
    ended = finished(processor(clock, 1, 1), clock, [(0, 1)] * 6, [four, four, four, alone, four, four])
    assert ended == pytest.approx([1, 2.02, 2.02, 3.02, 4.04, 4.04])


def test_nobody_computes_what_nobody_waits_for() -> None:
    clock = SimClock()
    one = processor(clock, 1, 1)
    ended: list[float] = []
    one.submit(1.0, lambda: ended.append(clock.now()))
    dropped = one.submit(1.0, lambda: ended.append(clock.now()))
    one.submit(1.0, lambda: ended.append(clock.now()))
    one.drop(dropped)
    clock.run_until(10)
    assert ended == pytest.approx([1, 2])


def test_a_pool_has_as_many_threads_as_cores() -> None:
    assert [threads_of(limit, cores) for limit, cores in ((1, INF), (2.5, INF), (0.1, 8), (INF, 4))] == [1, 3, 1, 4]
    assert threads_of(INF, INF) == INF


#: Requests a second and core-seconds each: a core that is busy for half of the time.
RATE, SECONDS, BUSY = 5.0, 0.1, 0.5


@pytest.mark.parametrize(
    ("threads", "draw", "expected"),
    [
        # M/M/1: 1 / (mu - lambda).
        (1, lambda rng: rng.expovariate(1 / SECONDS), 1 / (1 / SECONDS - RATE)),
        # M/D/1: s + rho s / (2 (1 - rho)), half of the wait of M/M/1.
        (1, lambda _: SECONDS, SECONDS + BUSY * SECONDS / (2 * (1 - BUSY))),
        # Processor sharing: s / (1 - rho) whatever the distribution.
        (INF, lambda rng: rng.expovariate(1 / SECONDS), SECONDS / (1 - BUSY)),
        (INF, lambda _: SECONDS, SECONDS / (1 - BUSY)),
    ],
    ids=["M/M/1", "M/D/1", "M/M/1-PS", "M/D/1-PS"],
)
def test_mean_time_in_the_system(threads: float, draw: Callable[[Random], float], expected: float) -> None:
    clock, rng = SimClock(), Random(1)
    at, jobs = 0.0, []
    for _ in range(40_000):
        at += rng.expovariate(RATE)
        jobs.append((at, draw(rng)))
    ended = finished(processor(clock, 1, threads), clock, jobs)
    mean = sum(end - begin for end, (begin, _) in zip(ended, jobs, strict=True)) / len(jobs)
    print(f"mean {mean:.4f} s, in theory {expected:.4f} s")
    assert mean == pytest.approx(expected, rel=0.05)
