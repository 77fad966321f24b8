"""Whether a node has a place for an instance: what its Pod requests beside what the node has to give.

Follows Kubernetes' scheduler (pkg/scheduler/framework/plugins/noderesources, fit.go): requests are counted, not use.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil, inf
from typing import Any, ClassVar, Final

from emulator.core.gotext import parse_bool
from emulator.core.quantity import parse_quantity
from emulator.core.settings import setting

#: Thousandths of cores and bytes, by the names of the resources.
Amounts = Mapping[str, int]

#: What is counted of a node, in the order in which the scheduler says what is missing, and how many to the unit.
RESOURCES: Final = {"cpu": 1000, "memory": 1}
UNSCHEDULABLE: Final = "Unschedulable"
#: How the scheduler begins to say so.
NO_NODE: Final = "0/1 nodes are available: "
#: What other Pods would have to leave to make room: none that is too big for the empty node is helped by that, and
#: there are none of a lower priority.
_TOO_BIG: Final = "Preemption is not helpful for scheduling"
_TAKEN: Final = "No preemption victims found for incoming pod"


def _amount(name: str, text: str) -> int:
    """What is not whole is rounded up."""
    return ceil(parse_quantity(text).value * RESOURCES[name])


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("give a whole number above 0")
    return int(text)


def _positive(name: str, text: str) -> int:
    if (amount := _amount(name, text)) <= 0:
        raise ValueError("give a quantity above 0")
    return amount


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """`node:` in the configuration file: what this machine is taken to have."""

    PARSE_ERROR_PREFIX: ClassVar[str] = "node: "

    cpu: int | None = setting(
        *("cpu", None, partial(_positive, "cpu"), "a quantity above 0"),
        "Cores that an instance may request.",
    )
    memory: int | None = setting(
        *("memory", None, partial(_positive, "memory"), "a quantity above 0"),
        "Memory that an instance may request.",
    )
    pods: int = setting(
        *("pods", "250", _count, "a whole number above 0"),
        "Instances at a time; those on their way out count until they are gone. A kubelet allows 110, but a cluster has"
        " more nodes than one, and 200 Services that are created together each begin with an instance. What there is"
        " more of waits until others are gone, and takes no memory meanwhile.",
    )
    overcommit: bool = setting(
        *("overcommit", "true", parse_bool, "true or false"),
        "Whether instances together may request more than that. A cluster says no (`false`); on the machine of one"
        " person most of them idle, and twenty services that request a core each would not come up.",
    )


@dataclass(frozen=True, slots=True)
class Node:
    """What is there to be requested of the one node; with overcommit by each instance anew."""

    allocatable: Amounts
    overcommit: bool = True
    pods: float = inf

    def refusal(self, requests: Amounts, pods: int, taken: Callable[[], Amounts]) -> str:
        """Why there is no place for a Pod with these requests, in the scheduler's words; "" where there is.

        `pods` is how many Pods have their place, `taken` sums up what they request.
        """
        too_big = missing = self._missing(requests, {})
        if not missing and not self.overcommit:
            missing = self._missing(requests, taken())
        if pods >= self.pods:
            missing = ["Too many pods", *missing]
        if not missing:
            return ""
        return (
            f"{NO_NODE}{', '.join(f'1 {what}' for what in missing)}."
            f" preemption: {NO_NODE}1 {_TOO_BIG if too_big else _TAKEN}."
        )

    def _missing(self, requests: Amounts, taken: Amounts) -> list[str]:
        return [
            f"Insufficient {name}"
            for name in RESOURCES
            if requests[name] > 0 and requests[name] + taken.get(name, 0) > self.allocatable.get(name, inf)
        ]


#: Has a place for everything.
ENDLESS: Final = Node({})


def requests_of(pod: Mapping[str, Any]) -> Amounts:
    """What the containers of a Pod's spec request together; one that has a limit alone requests that much."""
    asked = [each.get("resources") or {} for each in pod["containers"]]
    amounts = [{**(each.get("limits") or {}), **(each.get("requests") or {})} for each in asked]
    return {name: sum(_amount(name, str(each[name])) for each in amounts if name in each) for name in RESOURCES}


def total(pods: Iterable[tuple[Amounts, int]]) -> Amounts:
    """What Pods request together: each as what one requests, and how many there are of it."""
    each = list(pods)
    return {name: sum(requests[name] * count for requests, count in each) for name in RESOURCES}
