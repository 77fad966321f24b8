"""Which instance gets the next request, and which instances an activator may use.

Follows pkg/activator/net/lb_policy.go and throttler.go. Strategies are plain functions over candidates with a number
of requests in flight and a limit; whoever calls them counts.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol, TypeVar

from emulator.core.breaker import MAX_CONCURRENCY


class Candidate(Protocol):
    """An instance as the load balancer sees it."""

    @property
    def in_flight(self) -> int:
        """Requests that it has now."""
        ...

    @property
    def limit(self) -> int:
        """Requests that it may have at a time."""
        ...


C = TypeVar("C", bound=Candidate)
Policy = Callable[[Sequence[C]], C | None]


def random_choice_2(candidates: Sequence[C], random: Random) -> C | None:
    """The less busy of two picked at random; used where there is no limit."""
    count = len(candidates)
    if count < 2:
        return candidates[0] if candidates else None
    first = random.randrange(count)
    second = random.randrange(count - 1)
    second += second >= first  # any but the first
    a, b = candidates[first], candidates[second]
    return a if a.in_flight <= b.in_flight else b


def first_available(candidates: Sequence[C]) -> C | None:
    """The first that has a slot free: packs small limits tightly."""
    return next((it for it in candidates if it.in_flight < it.limit), None)


class RoundRobin:
    """The next, from where it stopped, that has a slot free."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, candidates: Sequence[C]) -> C | None:
        count = len(candidates)
        start = self._next if self._next < count else 0
        for offset in range(count):
            index = (start + offset) % count
            if candidates[index].in_flight < candidates[index].limit:
                self._next = index + 1
                return candidates[index]
        return None


def policy_for(container_concurrency: int) -> str:
    """Name of the policy that the activator uses for this limit."""
    if container_concurrency == 0:
        return "random-choice-2"
    return "first-available" if container_concurrency <= 3 else "round-robin"


def make_policy(container_concurrency: int, random: Random) -> Policy[C]:
    """The activator's policy for this limit, with a state of its own."""
    name = policy_for(container_concurrency)
    if name == "random-choice-2":
        return lambda candidates: random_choice_2(candidates, random)
    return first_available if name == "first-available" else RoundRobin()


def activator_index(addresses: Sequence[str], own: str) -> int:
    """Place of `own` among the sorted addresses of all activators; -1 when it is not one of them."""
    ordered = sorted(addresses)
    return ordered.index(own) if own in ordered else -1


def assigned(instances: Sequence[str], index: int, activators: int, container_concurrency: int) -> list[str]:
    """The instances that the activator number `index` of `activators` may send to.

    Without a limit, or as long as it does not know its index (-1): all. Otherwise `len // activators` consecutive ones
    each, one of the rest to each of the lowest indices; where activators outnumber instances they share one each.
    """
    ordered = sorted(set(instances))
    if container_concurrency == 0 or index < 0 or len(ordered) < 2:
        return ordered
    share, rest = divmod(len(ordered), activators)
    if share == 0:
        return [ordered[index % len(ordered)]]
    own = ordered[index * share : (index + 1) * share]
    return [*own, ordered[activators * share + index]] if index < rest else own


def capacity(container_concurrency: int, own_instances: int) -> int:
    """Requests that an activator may let through at a time to the instances assigned to it."""
    if own_instances == 0:
        return 0
    return min(container_concurrency * own_instances, MAX_CONCURRENCY) if container_concurrency else MAX_CONCURRENCY


def cluster_ip_capacity(container_concurrency: int, instances: int, activators: int) -> int:
    """The same when requests go to the revision's address and not to an instance of choice."""
    if instances == 0:
        return 0
    if container_concurrency == 0:
        return MAX_CONCURRENCY
    return min(max(1, container_concurrency * instances // max(1, activators)), MAX_CONCURRENCY)
