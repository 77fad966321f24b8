"""Each object beside the one that a real cluster answered for the same case, field by field (see support/measured.py).

The cluster was recorded when it had come to an end with each case: what fails does so for good after its progress
deadline and the half minute that follows it.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from cluster_cases import apply, emulator, put
from measured import MAY_DIFFER, Difference, Leaf, compare, leaves, recorded
from simulated import Simulated

from emulator.api import kinds
from emulator.core.annotations import LAST_APPLIED

#: Seconds after which nothing happens any more that is not yet at zero, and those after which what fails has failed.
UP, GIVEN_UP = 10, 1300


class Case(NamedTuple):
    """What was done, and the samples that were taken then: each one's kind and the name of the object."""

    play: Callable[[], Simulated]
    samples: dict[str, tuple[kinds.Kind, str]]


def _of(prefix: str, name: str) -> dict[str, tuple[kinds.Kind, str]]:
    return {
        f"{prefix}-ksvc": (kinds.SERVICE, name),
        f"{prefix}-configuration": (kinds.CONFIGURATION, name),
        f"{prefix}-route": (kinds.ROUTE, name),
        f"{prefix}-revision": (kinds.REVISION, f"{name}-00001"),
    }


def _applied(sample: str, seconds: float) -> Callable[[], Simulated]:
    def play() -> Simulated:
        simulated = emulator()
        apply(simulated, sample)
        simulated.run(seconds)
        return simulated

    return play


def _split(*later: str) -> Callable[[], Simulated]:
    def play() -> Simulated:
        simulated = emulator()
        said = json.loads(recorded("objects")["split-ksvc"]["metadata"]["annotations"][LAST_APPLIED])
        del said["spec"]["traffic"]
        said["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "v1"
        put(simulated, said, json.dumps(said))
        for sample in ("split-ksvc", *later):
            simulated.run(UP)
            apply(simulated, sample)
        simulated.run(UP)
        return simulated

    return play


CASES = {
    "ready": Case(
        _applied("hello-ready-ksvc", UP),
        _of("hello-ready", "hello") | {"hello-ready-pods": (kinds.POD, "hello-00001-deployment-")},
    ),
    "at zero": Case(_applied("zero-ksvc", 90), _of("zero", "zero")),
    "crash": Case(_applied("bad-crash-ksvc", GIVEN_UP), _of("bad-crash", "crash")),
    "no image": Case(_applied("bad-noimage-ksvc", GIVEN_UP), _of("bad-noimage", "noimage")),
    "bad registry": Case(_applied("bad-noregistry-ksvc", GIVEN_UP), _of("bad-noregistry", "noregistry")),
    "local": Case(
        _applied("local-ksvc", UP), {"local-ksvc": (kinds.SERVICE, "local"), "local-route": (kinds.ROUTE, "local")}
    ),
    "split": Case(
        _split(),
        {
            "split-ksvc": (kinds.SERVICE, "split"),
            "split-route": (kinds.ROUTE, "split"),
            "split-revs/0": (kinds.REVISION, "split-00001"),
            "split-revs/1": (kinds.REVISION, "split-00002"),
        },
    ),
    "bad traffic": Case(
        _split("split-badtraffic-ksvc"),
        {"split-badtraffic-ksvc": (kinds.SERVICE, "split"), "split-badtraffic-route": (kinds.ROUTE, "split")},
    ),
    "name taken": Case(
        _split("split-badtraffic-ksvc", "split-byoconflict-ksvc"),
        {"split-byoconflict-ksvc": (kinds.SERVICE, "split"), "split-byoconflict-cfg": (kinds.CONFIGURATION, "split")},
    ),
}


def sample(name: str) -> Any:
    """One recorded object: NAME, or NAME/NUMBER of a list."""
    name, _, number = name.partition("/")
    found = recorded("objects")[name]
    return found[int(number)] if number else found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_as_the_cluster_answers(case: Case) -> None:
    simulated = case.play()
    known: dict[Leaf, Leaf] = {}
    found: dict[str, list[Difference]] = {
        name: compare(sample(name), _found(simulated, kind, of), known) for name, (kind, of) in case.samples.items()
    }
    assert not any(found.values()), found


def test_every_changed_leaf_is_noticed() -> None:
    """But for those that the table lets differ, and of these none that is missing or is another's identity."""
    theirs = sample("hello-ready-ksvc")
    ours = _applied("hello-ready-ksvc", UP)().service()
    unnoticed = [path for path, value in leaves(ours) if not compare(theirs, _changed(ours, path, f"{value}x"))]
    free = ("uid", "resourceVersion", "creator", "lastModifier")
    assert all(path.startswith(".metadata.managedFields") or path.endswith(free) for path in unnoticed), unnoticed
    revision = sample("hello-ready-revision")
    mixed = json.loads(json.dumps(revision).replace(theirs["metadata"]["uid"], revision["metadata"]["uid"]))
    assert [each.path for each in compare(revision, mixed)] == [".metadata.uid"]


def test_what_may_differ_has_a_reason() -> None:
    assert all(rule.why for rule in MAY_DIFFER)


def _found(simulated: Simulated, kind: kinds.Kind, name: str) -> Any:
    """The object of this name, or the one whose name begins with it where the rest is made at random."""
    [found] = [
        each
        for each in simulated.store.all(kind, "default")
        if each["metadata"]["name"] == name or (name.endswith("-") and each["metadata"]["name"].startswith(name))
    ]
    return found


def _changed(document: Any, path: str, value: Any) -> Any:
    if not path:
        return value
    if isinstance(document, list):
        number, _, rest = path[1:].partition("]")
        return [_changed(each, rest, value) if at == int(number) else each for at, each in enumerate(document)]
    key = next(key for key in document if path.startswith(f".{key}") and path[len(key) + 1 :][:1] in {"", ".", "["})
    return document | {key: _changed(document[key], path[len(key) + 1 :], value)}
