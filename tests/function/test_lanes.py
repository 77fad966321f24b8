import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import gevent
import pytest

from function.pool.gevent_lane import GeventLane
from function.pool.lanes import Lane, LaneBusyError, ThreadLane, Turns

LANES = pytest.mark.parametrize("make", [ThreadLane, GeventLane])


def spread(make: Callable[[int], Lane], calls: list[Callable[[], object]]) -> list[object]:
    """Run each call from a requester of its own kind: a greenlet or a thread."""
    if make is GeventLane:
        greenlets = [gevent.spawn(call) for call in calls]
        gevent.joinall(greenlets, raise_error=True)
        return [greenlet.value for greenlet in greenlets]
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


@LANES
def test_results_and_exceptions_pass_through(make: Callable[[int], Lane], capfd: pytest.CaptureFixture[str]) -> None:
    lane = make(1)
    assert lane.run(lambda: "result") == "result"
    with pytest.raises(ZeroDivisionError):
        lane.run(lambda: 1 // 0)
    assert capfd.readouterr().err == ""


@LANES
@pytest.mark.parametrize("threads", [1, 3])
def test_s1_no_more_than_its_threads_run_at_once(make: Callable[[int], Lane], threads: int) -> None:
    lane, lock = make(threads), threading.Lock()
    running = most = 0

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    spread(make, [lambda: lane.run(work)] * 12)
    assert most == threads


@LANES
def test_who_finds_no_thread_in_time_is_told_and_has_not_run(make: Callable[[int], Lane]) -> None:
    lane, release = make(1), threading.Event()

    def impatient() -> str:
        try:
            return lane.run(lambda: "ran", timeout=0.05)
        except LaneBusyError:
            return "busy"
        finally:
            release.set()

    assert spread(make, [lambda: lane.run(lambda: release.wait(30)), impatient]) == [True, "busy"]
    assert lane.run(lambda: "free again", timeout=1) == "free again"


def test_who_came_first_is_served_first_however_many_come_meanwhile() -> None:
    lane, arrived, served = GeventLane(2), list[int](), list[int]()

    def request(number: int) -> None:
        arrived.append(number)
        lane.run(lambda: served.append(number) or time.sleep(0.001))  # type: ignore[func-returns-value]

    requests = []
    for number in range(300):
        requests.append(gevent.spawn(request, number))
        gevent.sleep(0)
    gevent.joinall(requests, raise_error=True)
    # Two threads may swap neighbours.
    assert all(abs(served.index(number) - place) <= 1 for place, number in enumerate(arrived))


def test_a_turn_that_comes_too_late_goes_to_the_next() -> None:
    """The wait ends in vain, but before it is withdrawn the turn comes: it must not be lost."""

    class Late(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            first.__exit__(None, None, None)  # hands over to us
            return False

    turns = Turns(1, Late)
    first = turns.turn(None)
    first.__enter__()
    with pytest.raises(LaneBusyError), turns.turn(0):
        pass
    with turns.turn(0):
        pass


def test_s1_the_hub_goes_on_while_a_lane_works() -> None:
    lane, ticks = GeventLane(1), 0
    done = gevent.spawn(lane.run, lambda: time.sleep(0.3))
    while not done.ready():
        gevent.sleep(0.001)
        ticks += 1
    # A hub that waits for the work would tick once or twice.
    assert ticks > 20


def test_s5_a_lane_may_be_nicer_than_the_hub() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    hub = priority()
    assert GeventLane(1, niceness=3).run(priority) == hub + 3
    assert GeventLane(1).run(priority) == hub
    assert priority() == hub


def test_s1_work_runs_on_other_threads_than_the_hubs() -> None:
    assert GeventLane(1).run(threading.get_ident) != threading.get_ident()
