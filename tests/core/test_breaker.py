from collections import OrderedDict
from random import Random

from emulator.core import breaker as rules
from emulator.core import load_balancer as lb
from emulator.core.breaker import Breaker


class Pod:
    def __init__(self, index: int, limit: int) -> None:
        self.index = index
        self.limit = limit
        self.in_flight = 0


def test_first_come_first_served_even_when_more_are_woken_than_fit() -> None:
    breaker = Breaker(queue_depth=10, max_concurrency=5, capacity=3)
    running = [breaker.enter() for _ in range(3)]
    waiting = [breaker.enter() for _ in range(4)]
    breaker.resize(0)
    assert breaker.resize(4) == waiting[:1]
    assert breaker.leave(running[0]) == waiting[1:2]


def test_leaving_twice_frees_one_slot() -> None:
    breaker = Breaker(queue_depth=1, max_concurrency=1, capacity=1)
    ticket = breaker.enter()
    breaker.leave(ticket)
    breaker.leave(ticket)
    assert (breaker.running, breaker.in_flight) == (0, 0)


def test_ten_thousand_that_give_up_in_any_order_leave_nothing() -> None:
    breaker = Breaker(rules.ACTIVATOR_QUEUE_DEPTH, rules.MAX_CONCURRENCY, 0)
    tickets = [breaker.enter() for _ in range(rules.ACTIVATOR_QUEUE_DEPTH)]
    Random(1).shuffle(tickets)
    for ticket in tickets:
        breaker.leave(ticket)
    assert breaker.in_flight == 0
    assert breaker._queue == OrderedDict()


def test_of_two_random_ones_the_less_busy_gets_it() -> None:
    random = Random(7)
    pods = [Pod(i, rules.MAX_CONCURRENCY) for i in range(5)]
    for _ in range(1000):
        pod = lb.random_choice_2(pods, random)
        assert pod
        pod.in_flight += 1
    assert max(p.in_flight for p in pods) - min(p.in_flight for p in pods) <= 4
    assert lb.random_choice_2([], random) is None
    assert lb.random_choice_2(pods[:1], random) is pods[0]


def test_each_activator_has_its_share_and_nothing_is_left_out() -> None:
    pods = [f"10.0.0.{i}:8012" for i in range(23)]
    shares = [lb.assigned(pods, index, 5, 10) for index in range(5)]
    assert sorted(pod for share in shares for pod in share) == sorted(pods)
    assert [len(share) for share in shares] == [5, 5, 5, 4, 4]
