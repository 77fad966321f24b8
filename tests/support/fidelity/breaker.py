"""breaker.json: what holds a request back, where it goes, how long it may take and what its client is told."""

from typing import Any

from emulator.core import breaker as rules
from emulator.core import load_balancer as lb
from emulator.core.breaker import Breaker, QueueFullError, Ticket
from emulator.core.timeouts import TIMEOUT_TEXT, CancelledError, Timeouts, refusal
from fidelity.comparison import WHOLE, Case, Comparison


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
        admitted = {n for n, t in self.tickets.items() if t.running and self.state[n] == "queued"}
        theirs = {n for n in running if self.state.get(n) == "queued"}
        for a, b in zip(sorted(admitted - theirs), sorted(theirs - admitted), strict=False):
            self.tickets[a], self.tickets[b] = self.tickets[b], self.tickets[a]

    def numbers(self, state: str) -> list[int]:
        return sorted(n for n, s in self.state.items() if s == state)


def replay_script(case: Case) -> dict[str, Any]:
    try:
        replay = Replay(**case["params"])
    except ValueError as error:
        return {"panic": str(error), "results": None}
    results = []
    for (op, number), expected in zip(case["ops"], case["results"] or (), strict=True):
        getattr(replay, op)(number)
        replay.settle(expected["running"])
        result: dict[str, Any] = {
            "capacity": replay.breaker.capacity,
            "in_flight": replay.breaker.in_flight,
            "queued": replay.numbers("queued"),
            "running": replay.numbers("running"),
        }
        if op in {"start", "finish", "cancel"} and number in replay.state:
            result["state"] = replay.state[number]
        if op == "reserve":
            result["reserved"] = replay.reserved[number] is not None
        results.append(result)
    return {"results": results}


def expected_of_script(case: Case) -> dict[str, Any]:
    if case.get("panic"):
        return {"panic": case["panic"], "results": case["results"]}
    return {"results": [one | {key: sorted(one[key]) for key in ("queued", "running")} for one in case["results"]]}


def capacity_of(limit: int, pods: list[str], cluster_ip: str, index: int, activators: int) -> int:
    if cluster_ip:
        capacity = lb.cluster_ip_capacity(limit, len(set(pods)), activators)
    else:
        capacity = lb.capacity(limit, len(lb.assigned(pods, index, activators, limit)))
    # The vectors tell no limit as 1.
    return min(capacity, 1) if limit == 0 else capacity


def replay_capacity(case: Case) -> dict[str, Any]:
    limit, pods, cluster_ip = case["container_concurrency"], case["pods"], case["cluster_ip"]
    index, activators = case["activator_index"], case["num_activators"]
    return {
        "capacity": capacity_of(limit, pods, cluster_ip, index, activators),
        "policy": lb.policy_for(limit),
        "assigned_pods": [] if cluster_ip else sorted(lb.assigned(pods, index, activators, limit)),
    }


def replay_sequence(case: Case) -> dict[str, Any]:
    limit, pods, cluster_ip, index, activators = case["container_concurrency"], [], "", -1, 0
    own: list[str] = []
    results = []
    for op in case["ops"]:
        if op["op"] == "dests":
            pods, cluster_ip = op["pods"], op["cluster_ip"]
        else:
            index, activators = op["index"], op["n"]
        if not cluster_ip:  # the address of the revision leaves what was assigned before untouched
            own = lb.assigned(pods, index, activators, limit)
        results.append({"assigned": sorted(own), "capacity": capacity_of(limit, pods, cluster_ip, index, activators)})
    return {"results": results}


class Pod:
    def __init__(self, index: int, limit: int) -> None:
        self.index = index
        self.limit = limit
        self.in_flight = 0


def replay_policy(case: Case) -> dict[str, Any]:
    limit = case["container_concurrency"]
    policy: lb.Policy[Pod] = {"first-available": lb.first_available, "round-robin": lb.RoundRobin()}[case["policy"]]
    pods = [Pod(i, limit) for i in range(case["pods"])]
    picked: dict[int, Pod] = {}
    picks = []
    for op, number in case["ops"]:
        pick = -2  # for what picks none
        if op == "shrink":
            del pods[number:]
        elif op == "release" and number in picked:
            picked.pop(number).in_flight -= 1
        elif op == "pick":
            pod = policy(pods)
            pick = pod.index if pod else -1
            if pod:
                picked[number] = pod
                pod.in_flight += 1
        picks.append(pick)
    return {"picks": picks}


def replay_timeouts(case: Case) -> dict[str, Any]:
    """What a handler that performs the actions makes of one request."""
    timeouts = Timeouts(case["timeout_s"], case["response_start_timeout_s"], case["idle_timeout_s"])
    now, last, status, body = 0.0, None, 0, ""
    for kind, value in case["actions"]:
        deadline = timeouts.deadline(0.0, last)
        if kind == "sleep":
            if now + value > deadline:
                out: dict[str, Any] = {"status": status or 504, "body": body + TIMEOUT_TEXT["queue-proxy"].decode()}
                return {"out": out | {"returned_after_s": deadline, "inner_events": ["context: context canceled"]}}
            now += value
            continue
        last = now
        status = status or (value if kind == "header" else 200)
        body += value if kind == "write" else ""
    return {"out": {"status": status or 200, "body": body, "returned_after_s": now, "inner_events": []}}


def replay_http_status(case: Case) -> dict[str, Any]:
    reasons: dict[str, Exception] = {
        "queue full": QueueFullError(),
        "deadline": TimeoutError(),
        "client goes away": CancelledError(),
        "canceled": CancelledError(),
        "not found": LookupError(),
    }
    answer = refusal(next(error for words, error in reasons.items() if words in case["situation"]))
    return {"status": answer.status, "body": answer.body.decode(), "content_type": answer.content_type}


def constants(_: Case) -> dict[str, Any]:
    return {
        "activator_queue_depth": rules.ACTIVATOR_QUEUE_DEPTH,
        "queue_proxy_queue_depth_factor": rules.QUEUE_PROXY_DEPTH_FACTOR,
        "max_breaker_capacity": rules.MAX_CONCURRENCY,
    }


COMPARISONS = (
    Comparison("breaker", "constants", constants, (WHOLE,), lambda case: case),
    Comparison("breaker", "breaker_scripts", replay_script, ("results", "panic"), expected_of_script, peeks=True),
    Comparison("breaker", "throttler_capacity", replay_capacity, ("capacity", "policy", "assigned_pods")),
    Comparison("breaker", "throttler_sequences", replay_sequence, ("results",)),
    Comparison("breaker", "activator_index", lambda c: {"index": lb.activator_index(c["ips"], c["self"])}, ("index",)),
    Comparison("breaker", "lb_policy", replay_policy, ("picks",)),
    Comparison("breaker", "timeouts", replay_timeouts, ("out",)),
    Comparison("breaker", "http_status", replay_http_status, ("status", "body", "content_type")),
)
