"""Splits, tags and rollouts with real processes and real requests."""

import time
from collections import Counter
from threading import Thread

from load import Load, request
from running import Emulator, until
from versions import latest, rolling, service, to


def ask(emulator: Emulator, host: str) -> tuple[str, str]:
    return request(emulator.port, f"{host}:{emulator.port}", "/")


def test_two_hundred_requests_are_split_in_halves_and_tags_get_their_own(emulator: Emulator) -> None:
    emulator.up(services=(service("blue", revision="hello-blue"),))
    applied = emulator.apply(
        service("green", to("hello-blue", 50), latest(50, "next"), to("hello-blue", 0, "last"), revision="hello-green")
    )
    assert applied.returncode == 0, applied.stderr
    greeted: Counter[str] = Counter()
    for _ in range(200):
        status, body = ask(emulator, "hello.default.localhost")
        assert status == "200"
        greeted[body.split()[1]] += 1
    assert set(greeted) == {"blue", "green"}
    assert 75 <= greeted["blue"] <= 125
    for host, wanted in (("next-hello", "green"), ("last-hello", "blue")):
        answers = {ask(emulator, f"{host}.default.localhost")[1].split()[1] for _ in range(20)}
        assert answers == {wanted}
    assert ask(emulator, "other-hello.default.localhost")[0] == "404"


def test_going_back_to_a_revision_at_zero_loses_no_request(emulator: Emulator) -> None:
    emulator.up("--demo", services=(service("blue", revision="hello-blue"),))
    assert emulator.apply(service("green", revision="hello-green")).returncode == 0
    until(lambda: {each["name"]: each["ready"] for each in emulator.revisions()}["hello-blue"] == 0)
    assert emulator.apply(service("blue", revision="hello-blue")).returncode == 0
    status, body = ask(emulator, "hello.default.localhost")
    assert (status, body.split()[1]) == ("200", "blue")


def test_a_rollout_goes_on_by_itself_under_load_and_loses_no_request(emulator: Emulator) -> None:
    emulator.up(services=(service("old", meta=rolling("4s")),))
    with Load(emulator.port, "hello.default.localhost", "/sleep?ms=20", 50) as load:
        time.sleep(0.5)
        applied = emulator.apply(service("new", meta=rolling("4s")))
        assert applied.returncode == 0, applied.stderr  # it waits until the rollout has ended
    assert set(load.outcomes) == {"200"}, load.outcomes
    greeted = Counter(body.split()[1] for body in load.bodies.elements())
    # Three steps after the first percent: old and new each had their part of four seconds at fifty a second.
    assert min(greeted["old"], greeted["new"]) > 30, greeted
    assert {ask(emulator, "hello.default.localhost")[1].split()[1] for _ in range(20)} == {"new"}


def test_a_revision_without_traffic_ends_when_its_last_request_has(emulator: Emulator) -> None:
    emulator.up("--demo", services=(service("old"),))
    answers: list[tuple[str, str]] = []
    slow = Thread(target=lambda: answers.append(request(emulator.port, "hello.default.localhost", "/sleep?ms=12000")))
    slow.start()
    until(lambda: emulator.revisions()[0]["instances"][0]["in_flight"] == 1)
    assert emulator.apply(service("new")).returncode == 0
    assert emulator.cli("delete", "revision", "hello-00001").returncode == 0
    assert ask(emulator, "hello.default.localhost")[1].split()[1] == "new"
    assert not answers
    slow.join()
    [(status, body)] = answers
    assert (status, body.split()[1]) == ("200", "old")
    gone = int(body.rsplit(" ", 1)[1])
    until(lambda: gone not in emulator.processes())
