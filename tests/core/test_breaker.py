import copy
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from emulator.core import breaker as rules
from emulator.core import load_balancer as lb
from emulator.core.breaker import Breaker, QueueFullError, Ticket
from emulator.core.timeouts import TIMEOUT_TEXT, CancelledError, Timeouts, refusal

Case = dict[str, Any]


class Replay:
    """A breaker whose requests carry the numbers of a recorded script.

    Where more waiting requests were woken than slots came free, the reference lets its scheduler choose and the
    others lose their place; ours lets the first in. There, and only from there on, numbers are exchanged so that the
    counts can still be compared.
    """

    def __init__(self, queue_depth: int, max_concurrency: int, initial_capacity: int) -> None:
        self.breaker = Breaker(queue_depth, max_concurrency, initial_capacity)
        self.tickets: dict[int, Ticket] = {}
        self.reserved: dict[int, Ticket | None] = {}
        self.state: dict[int, str] = {}
        self.exact = True

    def start(self, number: int) -> None:
        try:
            ticket = self.breaker.enter()
        except QueueFullError as full:
            self.state[number] = f"rejected: {refusal(full).body.decode().strip()}"
        else:
            self.tickets[number] = ticket
            self.state[number] = "running" if ticket.running else "queued"

    def finish(self, number: int) -> None:
        if self.state.get(number) == "running":
            self.breaker.leave(self.tickets[number])
            self.state[number] = "done"

    def cancel(self, number: int) -> None:
        if self.state.get(number) == "queued":
            self.breaker.leave(self.tickets[number])
            self.state[number] = "failed: context canceled"

    def capacity(self, capacity: int) -> None:
        woken = min(capacity - self.breaker.capacity, self.breaker.queued)
        self.exact &= woken <= max(0, capacity - self.breaker.running) or woken <= 0
        self.breaker.resize(capacity)

    def reserve(self, number: int) -> None:
        self.reserved[number] = self.breaker.reserve()

    def release(self, number: int) -> None:
        if ticket := self.reserved.get(number):
            self.breaker.leave(ticket)

    def settle(self, running: list[int]) -> None:
        if not self.exact:
            self.exchange_numbers(running)
        for number, ticket in self.tickets.items():
            if ticket.running and self.state[number] == "queued":
                self.state[number] = "running"

    def exchange_numbers(self, running: list[int]) -> None:
        admitted = [n for n, t in self.tickets.items() if t.running and self.state[n] == "queued"]
        theirs = [n for n in running if self.state[n] == "queued"]
        assert len(admitted) == len(theirs)
        for a, b in zip(set(admitted) - set(theirs), set(theirs) - set(admitted), strict=True):
            self.tickets[a], self.tickets[b] = self.tickets[b], self.tickets[a]

    def numbers(self, state: str) -> list[int]:
        return sorted(n for n, s in self.state.items() if s == state)


def check_script(case: Case) -> None:
    if case.get("panic"):
        with pytest.raises(ValueError, match=re.escape(case["panic"])):
            Replay(**case["params"])
        return
    replay = Replay(**case["params"])
    for (op, number), expected in zip(case["ops"], case["results"], strict=True):
        getattr(replay, op)(number)
        replay.settle(expected["running"])
        got = {
            "capacity": replay.breaker.capacity,
            "in_flight": replay.breaker.in_flight,
            "queued": replay.numbers("queued"),
            "running": replay.numbers("running"),
        }
        if "state" in expected:
            got["state"] = replay.state[number]
        if "reserved" in expected:
            got["reserved"] = replay.reserved[number] is not None
        assert got == expected | {k: sorted(expected[k]) for k in ("queued", "running")}, (op, number)


def capacity_of(limit: int, pods: list[str], cluster_ip: str, index: int, activators: int) -> int:
    if cluster_ip:
        capacity = lb.cluster_ip_capacity(limit, len(set(pods)), activators)
    else:
        capacity = lb.capacity(limit, len(lb.assigned(pods, index, activators, limit)))
    return min(capacity, 1) if limit == 0 else capacity


def check_capacity(case: Case) -> None:
    limit, pods, cluster_ip = case["container_concurrency"], case["pods"], case["cluster_ip"]
    index, activators = case["activator_index"], case["num_activators"]
    assert capacity_of(limit, pods, cluster_ip, index, activators) == case["capacity"]
    assert lb.policy_for(limit) == case["policy"]
    own = [] if cluster_ip else lb.assigned(pods, index, activators, limit)
    assert sorted(own) == sorted(case["assigned_pods"])


def check_sequence(case: Case) -> None:
    limit, pods, cluster_ip, index, activators = case["container_concurrency"], [], "", -1, 0
    own: list[str] = []
    for op, expected in zip(case["ops"], case["results"], strict=True):
        if op["op"] == "dests":
            pods, cluster_ip = op["pods"], op["cluster_ip"]
        else:
            index, activators = op["index"], op["n"]
        if not cluster_ip:  # the address of the revision leaves what was assigned before untouched
            own = lb.assigned(pods, index, activators, limit)
        assert sorted(own) == sorted(expected["assigned"])
        assert capacity_of(limit, pods, cluster_ip, index, activators) == expected["capacity"]


def check_index(case: Case) -> None:
    assert lb.activator_index(case["ips"], case["self"]) == case["index"]


class Pod:
    def __init__(self, index: int, limit: int) -> None:
        self.index = index
        self.limit = limit
        self.in_flight = 0


def check_policy(case: Case) -> None:
    limit = case["container_concurrency"]
    policy: lb.Policy[Pod] = {"first-available": lb.first_available, "round-robin": lb.RoundRobin()}[case["policy"]]
    pods = [Pod(i, limit) for i in range(case["pods"])]
    picked: dict[int, Pod] = {}
    for (op, number), expected in zip(case["ops"], case["picks"], strict=True):
        if op == "shrink":
            del pods[number:]
        elif op == "release" and number in picked:
            picked.pop(number).in_flight -= 1
        elif op == "pick":
            pod = policy(pods)
            assert (pod.index if pod else -1) == expected, (op, number)
            if pod:
                picked[number] = pod
                pod.in_flight += 1


def replay_response(timeouts: Timeouts, actions: list[list[Any]]) -> Case:
    """What a handler that performs `actions` makes of one request."""
    now, last, status, body = 0.0, None, 0, ""
    for kind, value in actions:
        deadline = timeouts.deadline(0.0, last)
        if kind == "sleep":
            if now + value > deadline:
                text = TIMEOUT_TEXT["queue-proxy"].decode()
                events = ["context: context canceled"]
                return {
                    "body": body + text,
                    "inner_events": events,
                    "returned_after_s": deadline,
                    "status": status or 504,
                }
            now += value
            continue
        last = now
        status = status or (value if kind == "header" else 200)
        body += value if kind == "write" else ""
    return {"body": body, "inner_events": [], "returned_after_s": now, "status": status or 200}


def check_timeouts(case: Case) -> None:
    timeouts = Timeouts(case["timeout_s"], case["response_start_timeout_s"], case["idle_timeout_s"])
    assert replay_response(timeouts, case["actions"]) == case["out"]


def check_http_status(case: Case) -> None:
    reasons: dict[str, Exception] = {
        "queue full": QueueFullError(),
        "pending request queue full": QueueFullError(),
        "deadline": TimeoutError(),
        "client goes away": CancelledError(),
        "canceled": CancelledError(),
        "not found": LookupError(),
    }
    reason = next(error for words, error in reasons.items() if words in case["situation"])
    assert refusal(reason) == (case["status"], case["body"].encode())


CHECKS: dict[str, Callable[[Case], None]] = {
    "breaker_scripts": check_script,
    "throttler_capacity": check_capacity,
    "throttler_sequences": check_sequence,
    "activator_index": check_index,
    "lb_policy": check_policy,
    "timeouts": check_timeouts,
    "http_status": check_http_status,
}


@pytest.mark.parametrize("kind", CHECKS)
def test_recorded(kind: str, vectors: Callable[[str], Any]) -> None:
    for number, case in enumerate(vectors("breaker")[kind]):
        try:
            CHECKS[kind](case)
        except AssertionError as error:
            raise AssertionError(f"{kind} {case.get('name', number)}: {error}") from error


def falsified(value: Any) -> Iterator[Any]:
    """Each copy of `value` with one number or text in it changed."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            for wrong in falsified(value[key]):
                changed = copy.copy(value)
                changed[key] = wrong
                yield changed
    elif isinstance(value, bool):
        yield not value
    elif value is not None:
        yield value + (1 if isinstance(value, int | float) else "x")


EXPECTED = {
    "breaker_scripts": "results",
    "throttler_capacity": "capacity",
    "throttler_sequences": "results",
    "activator_index": "index",
    "timeouts": "out",
    "http_status": "body",
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_changed_expectation_is_noticed(kind: str, vectors: Callable[[str], Any]) -> None:
    name = EXPECTED[kind]
    case = next(case for case in vectors("breaker")[kind] if case[name])
    wrong = list(falsified(case[name]))
    assert wrong
    for value in wrong[:200]:
        with pytest.raises((AssertionError, KeyError)):
            CHECKS[kind](case | {name: value})


def test_the_depths_are_those_of_the_reference(vectors: Callable[[str], Any]) -> None:
    assert vectors("breaker")["constants"] == {
        "activator_queue_depth": rules.ACTIVATOR_QUEUE_DEPTH,
        "queue_proxy_queue_depth_factor": rules.QUEUE_PROXY_DEPTH_FACTOR,
        "max_breaker_capacity": rules.MAX_CONCURRENCY,
    }


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
