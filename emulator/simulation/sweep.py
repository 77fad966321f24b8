"""The same load against variants of a manifest: `--sweep containerConcurrency=1..8`, and which is the cheapest."""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from emulator.api import kinds
from emulator.api.kinds import Kind
from emulator.api.store import Object
from emulator.core.annotations import AUTOSCALING_GROUP
from emulator.core.decider import unknown
from emulator.simulation.result import Result

#: Fields of a template's spec that are numbers; any other word is an annotation of autoscaling.knative.dev.
FIELDS: Final = ("containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds")
#: More would be a mistake in the range.
MOST_VALUES: Final = 200

Documents = list[tuple[Kind, Object]]


@dataclass(frozen=True, slots=True)
class Sweep:
    """A field or annotation of the template, and the values that it takes one after the other."""

    name: str
    values: tuple[str, ...]


def parse_sweep(text: str) -> Sweep:
    """Read `NAME=FIRST..LAST`, `NAME=FIRST..LAST:STEP` or `NAME=ONE,TWO,...`.

    NAME is a field of the template's spec (containerConcurrency), the path to one (containers.0.resources.limits.cpu),
    or an annotation, whole or without autoscaling.knative.dev/. Raises ValueError.
    """
    name, equals, said = text.partition("=")
    if not (name and equals and said):
        raise ValueError(
            f"{text!r}: write what is swept and its values, like containerConcurrency=1..8 or target=1,5,10"
        )
    key = _annotation(name)
    if key and (warnings := unknown({key: ""})):
        raise ValueError(warnings[0])
    return Sweep(name, _range(said) if ".." in said else tuple(said.split(",")))


def variant(documents: Documents, service: str, name: str, value: str) -> Documents:
    """The manifests with a value in the template of a Service (`namespace/name`); ValueError where it has no place."""
    found: Documents = []
    for kind, document in documents:
        meta = document["metadata"]
        if kind is kinds.SERVICE and f"{meta['namespace']}/{meta['name']}" == service:
            changed = copy.deepcopy(dict(document))
            _set(changed["spec"]["template"], name, value)
            found.append((kind, changed))
        else:
            found.append((kind, document))
    return found


def cost(result: Result) -> tuple[float, str]:
    """What a run costs, and in what: cores that its instances were promised, or else instances."""
    if result.promised_core_seconds:
        return result.promised_core_seconds, "core-seconds promised"
    return result.instance_seconds, "instance-seconds"


def cheapest(results: Sequence[Result], p99: float) -> Result | None:
    """The one that costs least of those that lose nothing and answer 99 of 100 requests within `p99` seconds."""
    fitting = [it for it in results if not it.lost and it.offered and it.latency(99) <= p99]
    return min(fitting, key=cost, default=None)


def _range(text: str) -> tuple[str, ...]:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)(?::(\d+(?:\.\d+)?))?", text)
    if not match:
        raise ValueError(f"{text!r} is no range: write 1..8, or 5..50:5 in steps of 5")
    first, last, step = (Decimal(number) for number in (match[1], match[2], match[3] or "1"))
    if first > last or not step:
        raise ValueError(f"{text!r}: the first is the least, and the step is above 0")
    count = int((last - first) / step) + 1
    if count > MOST_VALUES:
        raise ValueError(f"{text!r} are {count} values, and {MOST_VALUES} at most are tried")
    return tuple(str(first + number * step) for number in range(count))


def _annotation(name: str) -> str:
    """The annotation that is meant; empty if it is a field."""
    if "/" in name:
        return name
    return "" if "." in name or name in FIELDS else f"{AUTOSCALING_GROUP}/{name}"


def _set(template: dict[str, Any], name: str, value: str) -> None:
    if key := _annotation(name):
        meta = template.setdefault("metadata", {})
        meta["annotations"] = (meta.get("annotations") or {}) | {key: value}
        return
    *path, last = name.split(".")
    place: Any = template["spec"]
    try:
        for step in path:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        place[int(last) if isinstance(place, list) else last] = int(value) if value.isdecimal() else value
    except (ValueError, IndexError, AttributeError, TypeError):
        raise ValueError(f"the template's spec has no {name}") from None
