import pytest

from function.errors import Refusal
from function.pool.admission import COST_12_SECONDS, SLACK, Admission


def admitted(admission: Admission, budget: float, tries: int = 1000) -> int:
    """How many get in at once who are done within `budget` as long as nothing is slower than it was."""
    for count in range(tries):
        try:
            admission.enter(budget * SLACK)
        except Refusal:
            return count
    return tries


def measured(threads: int, seconds: float, places: int = 1000, width: int = 1) -> Admission:
    admission = Admission(threads, 12, places, width)
    admission.measure(seconds, width)
    return admission


@pytest.mark.parametrize(
    ("threads", "seconds", "budget", "count"),
    [(1, 0.5, 5.0, 10), (2, 0.5, 5.0, 20), (4, 0.25, 1.0, 16), (2, 0.3, 1.0, 6), (1, 1.0, 1.0, 1)],
)
def test_s2_what_can_be_hashed_before_the_deadline_gets_in(
    threads: int, seconds: float, budget: float, count: int
) -> None:
    assert admitted(measured(threads, seconds), budget) == count


def test_s2_an_idle_lane_takes_one_a_thread_however_slow_it_is() -> None:
    assert admitted(measured(2, 60.0), 1.0) == 2


def test_s2_what_can_be_hashed_in_time_only_if_nothing_is_slower_does_not_get_in() -> None:
    admission = measured(1, 1.0)
    admission.enter(10.0)
    admission.enter(2.0 * SLACK)
    with pytest.raises(Refusal):
        admission.enter(3.0)


def test_s2_the_rest_is_told_when_the_queue_will_be_gone() -> None:
    admission = measured(2, 0.5)
    assert admitted(admission, 5.0) == 20
    with pytest.raises(Refusal) as refusal:
        admission.enter(5.0)
    assert refusal.value.status == 503
    assert refusal.value.headers["Retry-After"] == "5"  # 20 x 0.5 / 2


def test_s2_the_bound_on_places_holds_whatever_the_deadline() -> None:
    assert admitted(measured(1, 0.001, places=7), 300.0) == 7


def test_s2_retry_after_is_never_zero() -> None:
    admission = measured(1, 0.001, places=1)
    admission.enter(1.0)
    with pytest.raises(Refusal) as refusal:
        admission.enter(1.0)
    assert refusal.value.headers["Retry-After"] == "1"


def test_a_place_that_is_left_is_free_again() -> None:
    admission = measured(1, 1.0)
    admission.enter(1.0)
    admission.leave()
    admission.enter(1.0)
    assert admission.depth == 1


@pytest.mark.parametrize(
    ("threads", "seconds", "budget", "count"),
    # One batch of each thread that is under way, perhaps of one; then full ones, as many as there is time for.
    [(1, 0.5, 5.0, 1 + 9 * 4), (2, 0.5, 5.0, 2 + 9 * 8), (2, 1.0, 1.9, 2), (1, 1.0, 2.0, 5)],
)
def test_s2_what_can_be_hashed_before_the_deadline_gets_in_by_batches(
    threads: int, seconds: float, budget: float, count: int
) -> None:
    admission = measured(threads, seconds, width=4)
    assert admitted(admission, budget) == count
    assert done(admission, count) <= budget < done(admission, count + 1) or count <= threads


def done(admission: Admission, logins: int) -> float:
    """Seconds until the last of so many is hashed, who come at once to idle threads: hashed for real, so to speak."""
    left, batches = logins - min(logins, admission.threads), 1
    while left > 0:
        left -= admission.threads * admission.width
        batches += 1
    return batches * admission.seconds


def test_s2_the_queue_will_be_gone_by_batches() -> None:
    admission = measured(2, 0.5, width=4)
    assert admitted(admission, 60.0, 80) == 80
    assert admission.drained() == pytest.approx(5.0)  # 80 x 0.5 / (2 x 4)


def test_s2_a_storm_begins_with_narrow_batches_and_is_not_taken_for_one_of_them() -> None:
    """Whoever comes first is hashed alone; what a full batch takes is told from that, until there was one."""
    admission = Admission(1, 12, 1000, width=4)
    assert admission.seconds == COST_12_SECONDS
    admission.measure(1.0, 1)
    assert 1.0 < admission.seconds < 1.5
    admission.measure(1.1, 4)
    assert admission.seconds == pytest.approx(1.1)
    admission.measure(5.0, 1)
    assert admission.seconds == pytest.approx(1.1)


@pytest.mark.parametrize("threads", [1, 2])
def test_s2_one_batch_that_took_forever_does_not_keep_all_later_ones_narrow(threads: int) -> None:
    """A process that was stopped in mid-batch: only lone logins are let in then, and their batches show the rate."""
    admission = measured(threads, 60.0, width=4)
    assert admitted(admission, 10.0) == threads
    for _ in range(threads):
        admission.leave()
        admission.measure(0.5, 1)
    assert admitted(admission, 10.0) > threads


def test_s2_what_batches_leave_to_be_done_is_part_of_the_rate() -> None:
    """A crowd whose stale hashes are made anew: each batch of four is followed by four hashes."""
    admission = measured(1, 1.0, width=4)
    for _ in range(100):
        admission.measure(1.0, 4)
        for _ in range(4):
            admission.measure_left(1.0)
    assert admission.seconds == pytest.approx(5.0)
    for _ in range(100):
        admission.measure(1.0, 4)
    assert admission.seconds == pytest.approx(1.0)


def test_until_it_has_measured_it_goes_by_the_cost() -> None:
    assert Admission(1, 12, 1).seconds == COST_12_SECONDS
    assert Admission(1, 10, 1).seconds == COST_12_SECONDS / 4


def test_the_first_measurement_counts_whole_and_later_ones_by_weight() -> None:
    admission = measured(1, 1.0)
    assert admission.seconds == 1.0
    admission.measure(2.0)
    assert admission.seconds == pytest.approx(1.2)
