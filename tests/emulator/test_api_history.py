from typing import Any

import gevent
import pytest

from emulator.api.history import History
from emulator.api.kinds import CONFIG_MAP, SECRET
from emulator.api.selectors import selection
from emulator.api.store import Store
from emulator.core.clock import SimClock
from emulator.errors import Expired

EVERYTHING = selection(CONFIG_MAP, "", "")


def config_map(name: str = "a", **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default", "labels": labels}}


@pytest.fixture
def store() -> Store:
    return Store(SimClock(0))


def seen(history: History, version: int | None, wanted: Any = EVERYTHING, seconds: float = 0) -> list[str]:
    events = history.watch(CONFIG_MAP, wanted, version, seconds)
    return [f"{verb} {document['metadata'].get('name', '')}".strip() for verb, document in events]


def test_a_watch_begins_with_what_there_is_or_with_a_version(store: Store) -> None:
    history = History(store)
    store.create(CONFIG_MAP, config_map())
    since = int(store.version)
    store.create(SECRET, config_map("secret"))
    store.create(CONFIG_MAP, config_map("b"))
    store.update(CONFIG_MAP, config_map("b", x="y"))
    store.delete(CONFIG_MAP, "default", "a")
    assert seen(history, None) == ["ADDED b", "BOOKMARK"]
    assert seen(history, since) == ["ADDED b", "MODIFIED b", "DELETED a"]
    assert seen(history, int(store.version)) == []


def test_an_object_that_is_wanted_no_more_is_seen_to_go(store: Store) -> None:
    history = History(store)
    wanted = selection(CONFIG_MAP, "x=y", "")
    for labels in ({}, {"x": "y"}, {"x": "y", "z": ""}, {"x": "n"}, {"x": "m"}):
        document = config_map(**labels)
        store.update(CONFIG_MAP, document) if store.find(CONFIG_MAP, "default", "a") else store.create(
            CONFIG_MAP, document
        )
    assert seen(history, 0, wanted) == ["ADDED a", "MODIFIED a", "DELETED a"]


def test_a_version_that_is_not_known_any_more_or_not_yet_has_expired(store: Store) -> None:
    history = History(store, kept=3)
    for index in range(5):
        store.create(CONFIG_MAP, config_map(str(index)))
    assert seen(history, 2) == ["ADDED 2", "ADDED 3", "ADDED 4"]
    for version in (1, 6):
        with pytest.raises(Expired, match=f"too old resource version: {version} "):
            seen(history, version)


def test_watchers_hear_at_once_and_a_slow_one_holds_up_nobody(store: Store) -> None:
    history = History(store, kept=10)
    slow = history.watch(CONFIG_MAP, EVERYTHING, None, 60)
    assert next(slow)[0] == "BOOKMARK"
    heard: list[str] = []

    def listen() -> None:
        heard.extend(document["metadata"]["name"] for verb, document in history.watch(CONFIG_MAP, EVERYTHING, 0, 60))

    listener = gevent.spawn(listen)
    gevent.sleep(0)
    for index in range(30):
        store.create(CONFIG_MAP, config_map(str(index)))
        gevent.sleep(0)
    assert heard == [str(index) for index in range(30)]
    listener.kill()
    with pytest.raises(Expired):
        next(slow)


def test_a_watch_ends_when_its_time_is_over(store: Store) -> None:
    with gevent.Timeout(10):
        assert seen(History(store), 0, seconds=0.05) == []


def test_a_watch_is_told_how_far_it_has_come(store: Store) -> None:
    history = History(store, bookmarks=0.01)
    store.create(SECRET, config_map())
    with gevent.Timeout(10):
        events = list(history.watch(CONFIG_MAP, EVERYTHING, 0, 0.05))
    assert {verb for verb, _ in events} == {"BOOKMARK"}
    assert {document["metadata"]["resourceVersion"] for _, document in events} == {store.version}
    assert len(events) > 1


def test_many_watchers_miss_nothing_and_hear_nothing_twice(store: Store) -> None:
    objects, watchers = 2000, 20
    history = History(store)
    heard: list[list[str]] = [[] for _ in range(watchers)]

    def listen(index: int) -> None:
        # Each begins at a time of its own, with what there is then.
        gevent.sleep(index / 1000)
        for verb, document in history.watch(CONFIG_MAP, EVERYTHING, None, 60):
            if verb != "BOOKMARK":
                heard[index].append(f"{verb} {document['metadata']['name']}")
            if verb == "DELETED":
                return

    listeners = [gevent.spawn(listen, index) for index in range(watchers)]
    for index in range(objects):
        store.create(CONFIG_MAP, config_map(f"{index:04}"))
        if index % 50 == 0:
            gevent.sleep(0)
    store.delete(CONFIG_MAP, "default", "0000")
    gevent.joinall(listeners, timeout=60, raise_error=True)
    expected = [*(f"ADDED {index:04}" for index in range(objects)), "DELETED 0000"]
    assert heard == [expected] * watchers
