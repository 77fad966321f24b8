"""Many Services at once: all of them come up, and each answers as soon as it says that it is Ready."""

from collections import Counter

from load import at_once
from running import Emulator, manifest, until
from simulated import Simulated

from emulator.api import kinds
from emulator.client import Client
from emulator.core.conditions import ready_of
from emulator.simulation.plane import Work

NAMES = [f"hello-{number}" for number in range(200)]


def is_ready(document: dict[str, object]) -> bool:
    ready = ready_of(document)
    return ready is not None and ready.status == "True"


def test_200_services_at_once_are_ready_when_their_instances_are_and_answer() -> None:
    simulated = Simulated(start_seconds=3)
    for name in NAMES:
        simulated.apply(manifest(name))
    answers: Counter[int] = Counter()
    asked = set()

    def ask(_: float) -> None:
        for name in NAMES:
            if name not in asked and is_ready(simulated.service(name)):
                asked.add(name)
                simulated.plane.request(
                    f"{name}.default.svc.cluster.local", Work(0.01), lambda status: answers.update([status])
                )

    simulated.run(2.9, ask)
    assert not asked
    simulated.run(1, ask)
    assert asked == set(NAMES)
    assert answers == {200: 200}
    simulated.run(120)
    assert [simulated.instances(f"{name}-00001") for name in NAMES] == [0] * 200
    assert all(is_ready(simulated.service(name)) for name in NAMES)
    # What is at zero answers, too.
    asked.clear()
    ask(0)
    simulated.run(5)
    assert answers == {200: 400}


def test_30_services_at_once_are_ready_and_answer(emulator: Emulator) -> None:
    names = NAMES[:30]
    emulator.up("--runtime", "process")
    client = Client(emulator.state_dir)
    at_once(len(names), lambda number: Client(emulator.state_dir).apply(kinds.SERVICE, placed(names[number])))
    asked: dict[str, int] = {}

    def ask() -> bool:
        for document in client.items(kinds.SERVICE, "default"):
            name = document["metadata"]["name"]
            if name not in asked and is_ready(document):
                asked[name] = emulator.get(service=name).status_code
        return len(asked) == len(names)

    until(ask)
    assert asked == dict.fromkeys(names, 200)
    assert len(emulator.processes()) == len(names)


def placed(name: str) -> dict[str, object]:
    document = manifest(name)
    return document | {"metadata": document["metadata"] | {"namespace": "default"}}
