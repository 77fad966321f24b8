"""Events beside those that a real cluster told of the same cases; how they are counted, kept and let go."""

import re
from itertools import pairwise
from typing import Any

import pytest
from cluster_cases import apply, emulator
from measured import recorded
from simulated import Simulated

from emulator.api import kinds, tables
from emulator.api.store import Store
from emulator.core.clock import SimClock
from emulator.events import KEPT_SECONDS, Events, Happened

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"}, "spec": {}}
#: What a cluster tells and the emulator does not: of what is not there, or only shown, and of what took a moment there.
NOT_HERE = re.compile("node/|namespace/|pod/t1|ingress/|queue:v1|Unhealthy")


def told(simulated: Simulated) -> list[str]:
    """Type, reason, object and message of all Events, in the order in which they were told first."""
    found = sorted(
        simulated.store.all(kinds.EVENT), key=lambda each: int(each["metadata"]["name"].rpartition(".")[2], 16)
    )
    return [_line(*row[1:]) for row in tables.rows(kinds.EVENT, found, simulated.clock.now())[1:]]


def recorded_lines(name: str) -> list[str]:
    """The same of a recorded table."""
    heading, *lines = recorded("tables")[name].splitlines()
    if "SUBOBJECT" in heading:  # -o wide
        rows = [re.split(r"\s{2,}", line)[1:6] for line in lines]
        return [_line(type_, reason, of, message) for type_, reason, of, _, message in rows]
    rows = [re.split(r"\s{2,}", line, maxsplit=4) for line in lines if not NOT_HERE.search(line)]
    return [_line(*row[1:]) for row in rows]


def _line(*words: str) -> str:
    """Without what is made at random, and what the node is called."""
    line = re.sub(r"deployment-\w{9,10}(-\w{5})?\b", "deployment-X", " ".join(words))
    return line.replace(" to ref", " to NODE").replace(" to knative-emulator", " to NODE")


def test_a_ready_service() -> None:
    simulated = emulator()
    apply(simulated, "hello-ready-ksvc")
    simulated.run(10)
    theirs = recorded_lines("hello-ready-events")
    assert theirs
    assert set(told(simulated)) == set(theirs)


@pytest.mark.parametrize("name", [name for name in recorded("tables") if re.fullmatch("bad-.*-events", name)])
def test_a_bad_service(name: str) -> None:
    simulated = emulator()
    apply(simulated, name.replace("events", "ksvc"))
    simulated.run(30)
    # They are of what has the name of the Service.
    ours = [line for line in told(simulated) if f"/{name.split('-')[1]} " in line]
    assert set(ours) == set(recorded_lines(name))


def test_a_pod_that_crashes_and_one_that_goes() -> None:
    simulated = emulator()
    apply(simulated, "bad-crash-ksvc")
    simulated.run(60)
    [found] = [each for each in simulated.store.all(kinds.EVENT) if each["reason"] == "BackOff"]
    assert found["type"] == "Warning"
    assert re.fullmatch(
        r"Back-off restarting failed container user-container in pod (crash-\S+)_default\([-0-9a-f]{36}\)",
        found["message"],
    )
    assert found["count"] > 2
    simulated.store.delete(kinds.SERVICE, "default", "crash")
    simulated.run(1)
    simulated = emulator()
    apply(simulated, "zero-ksvc")
    simulated.run(90)
    ours = told(simulated)
    assert "Normal Killing pod/zero-00001-deployment-X Stopping container user-container" in ours
    words = "Scaled down replica set zero-00001-deployment-X from 1 to 0"
    assert f"Normal ScalingReplicaSet deployment/zero-00001-deployment {words}" in ours


def happened(words: str) -> Happened:
    return Happened("Normal", "Tested", words, "test")


@pytest.fixture
def clock() -> SimClock:
    return SimClock(1_700_000_000.0)


@pytest.fixture
def store(clock: SimClock) -> Store:
    store = Store(clock)
    store.create(kinds.NAMESPACE, NAMESPACE)
    return store


def counts(store: Store) -> dict[str, int]:
    return {each["message"]: each["count"] for each in store.all(kinds.EVENT)}


def test_what_is_said_again_is_counted(clock: SimClock, store: Store) -> None:
    events, pod = Events(store), store.create(kinds.POD, POD)
    events.tell(pod, happened("a"), happened("b"))
    clock.run_until(clock.now() + 60)
    events.tell(pod, happened("a"))
    assert counts(store) == {"a": 2, "b": 1}
    [again] = [each for each in store.all(kinds.EVENT) if each["count"] == 2]
    assert (again["firstTimestamp"], again["lastTimestamp"]) == ("2023-11-14T22:13:20Z", "2023-11-14T22:14:20Z")
    other = store.create(kinds.POD, POD | {"metadata": POD["metadata"] | {"name": "other"}})  # type: ignore[operator]
    events.tell(other, happened("a"))
    assert len(list(store.all(kinds.EVENT))) == 3
    names = [int(each["metadata"]["name"].rpartition(".")[2], 16) for each in store.all(kinds.EVENT)]
    assert all(one != two for one, two in pairwise(sorted(names)))


def test_an_hour_after_it_was_said_last_it_goes(clock: SimClock, store: Store) -> None:
    events, pod, begin = Events(store), store.create(kinds.POD, POD), clock.now()
    events.tell(pod, happened("a"), happened("b"))
    clock.run_until(begin + KEPT_SECONDS - 1)
    events.tell(pod, happened("a"))
    assert events.expire(begin + KEPT_SECONDS - 1) == begin + KEPT_SECONDS
    assert events.expire(begin + KEPT_SECONDS) == begin + 2 * KEPT_SECONDS - 1
    assert counts(store) == {"a": 2}
    assert events.expire(begin + 2 * KEPT_SECONDS) == float("inf")
    assert counts(store) == {}


def test_no_more_are_kept_than_the_limit(store: Store) -> None:
    events, pod = Events(store, limit=3), store.create(kinds.POD, POD)
    for number in range(5):
        events.tell(pod, happened(str(number)))
    events.tell(pod, happened("2"))
    events.tell(pod, happened("5"))
    assert counts(store) == {"2": 2, "4": 1, "5": 1}


def test_a_namespace_goes_with_its_events(store: Store) -> None:
    events, pod = Events(store), store.create(kinds.POD, POD)
    events.tell(pod, happened("a"))
    store.delete(kinds.POD, "default", "p")
    store.delete(kinds.NAMESPACE, "", "default")
    events.tell(pod, happened("b"))
    assert counts(store) == {}
    assert store.find(kinds.NAMESPACE, "", "default") is None


def test_the_table_is_that_of_kubectl(store: Store, clock: SimClock) -> None:
    pod: dict[str, Any] = store.create(kinds.POD, POD)
    Events(store).tell(pod, happened("a"))
    made = tables.table(kinds.EVENT, store.all(kinds.EVENT), "1", clock.now() + 7)
    wide = [column["name"].upper() for column in made["columnDefinitions"]]
    shown = [column["name"].upper() for column in made["columnDefinitions"] if not column["priority"]]
    assert wide == re.split(
        r"\s{2,}", recorded("tables")["bad-crash-events"].splitlines()[0].replace("SUBOBJECT ", "SUBOBJECT  ")
    )
    assert shown == re.split(r"\s{2,}", recorded("tables")["hello-ready-events"].splitlines()[0].rstrip())
    assert made["rows"][0]["cells"][:5] == ["7s", "Normal", "Tested", "pod/p", None]
