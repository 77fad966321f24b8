from typing import Any

import pytest

from emulator.core.probe import AGGRESSIVE_INTERVAL, Check, Health, Kind, Verdict, read_probes

KNATIVE_DEFAULT = {"tcpSocket": {"port": 0}, "successThreshold": 1}


def run(documents: dict[str, Any], answers: dict[str, str], until: float) -> list[tuple[float, str, str]]:
    """Ask from time 0 on; `answers` are + and - by kind, the last one for ever. What came of it, and when."""
    health = Health(read_probes(documents, 8080), 0.0)
    left = {kind: list(text) for kind, text in answers.items()}
    events = []
    while True:
        probe, at = health.next()
        if at > until:
            return events
        queue = left[probe.kind]
        verdict = health.observe(probe.kind, (queue.pop(0) if len(queue) > 1 else queue[0]) == "+", at)
        if verdict:
            events.append((round(at, 3), str(probe.kind), str(verdict)))
            if verdict is Verdict.RESTART:
                return events


def test_read_with_defaults_of_kubernetes() -> None:
    http = {"path": "/healthz?full=1", "port": 8080, "httpHeaders": [{"name": "X", "value": "y"}]}
    readiness, liveness = read_probes({"liveness": {"httpGet": http, "periodSeconds": 5}}, 8080)
    assert (readiness.kind, readiness.check, readiness.period) == (Kind.READINESS, Check(None, "", 0, False, ()), 0)
    assert liveness.check == Check("/healthz?full=1", "", 0, False, (("X", "y"),))
    assert (liveness.initial_delay, liveness.period, liveness.timeout) == (0.0, 5.0, 1.0)
    assert (liveness.successes, liveness.failures) == (1, 3)
    (startup, _) = read_probes({"startup": {"tcpSocket": {"port": 9}}, "readiness": KNATIVE_DEFAULT}, 8080)
    assert (startup.check.port, startup.period) == (9, 10.0)
    (readiness,) = read_probes({"readiness": {"httpGet": {"port": "http1", "scheme": "HTTPS", "path": "x"}}}, 8080)
    assert readiness.check == Check("/x", "", 0, True, ())


def test_read_grpc() -> None:
    readiness, liveness = read_probes(
        {"readiness": {"grpc": {"port": 8080}}, "liveness": {"grpc": {"port": 9, "service": "s"}}}, 8080
    )
    assert (readiness.check.service, readiness.check.port, readiness.period) == ("", 0, 0.0)
    assert (liveness.check.service, liveness.check.port, liveness.period) == ("s", 9, 10.0)


def test_what_can_not_be_asked_is_said() -> None:
    why = r"The liveness probe must be httpGet, tcpSocket, grpc or exec; others are not run here\."
    for document in ({"else": {"port": 1}}, {"exec": {"command": []}}):
        with pytest.raises(ValueError, match=why):
            read_probes({"liveness": document}, 8080)


def test_a_command_has_the_period_of_kubernetes() -> None:
    command = {"exec": {"command": ["cat", "/tmp/ok"]}}
    (readiness,) = read_probes({"readiness": command}, 8080)
    assert readiness.check == Check(None, "", 0, False, (), ("cat", "/tmp/ok"))
    assert (readiness.period, readiness.timeout) == (10.0, 1.0)
    assert run({"readiness": command}, {"readiness": "--+"}, 100) == [(20.0, "readiness", "ready")]


def test_without_a_period_it_is_asked_until_it_passes() -> None:
    events = run({"readiness": KNATIVE_DEFAULT}, {"readiness": "-" * 40 + "+"}, 100)
    assert events == [(40 * AGGRESSIVE_INTERVAL, "readiness", "ready")]


def test_afterwards_it_is_asked_like_any_other() -> None:
    events = run({"readiness": KNATIVE_DEFAULT}, {"readiness": "+---+"}, 100)
    assert events == [(0.0, "readiness", "ready"), (30.0, "readiness", "unready"), (40.0, "readiness", "ready")]


def test_thresholds_are_answers_in_a_row() -> None:
    probe = {"httpGet": {}, "periodSeconds": 1, "failureThreshold": 3, "successThreshold": 2, "initialDelaySeconds": 5}
    events = run({"readiness": probe}, {"readiness": "+-+--++--+---++"}, 40)
    assert events == [
        (11.0, "readiness", "ready"),
        (17.0, "readiness", "unready"),
        (19.0, "readiness", "ready"),
    ]


def test_liveness_restarts() -> None:
    probe = {"httpGet": {}, "periodSeconds": 1, "failureThreshold": 3}
    events = run({"liveness": probe}, {"liveness": "+--+-", "readiness": "+"}, 40)
    assert events == [(0.0, "readiness", "ready"), (6.0, "liveness", "restart")]


def test_nothing_else_is_asked_before_the_startup_probe_has_passed() -> None:
    documents = {
        "startup": {"tcpSocket": {}, "periodSeconds": 2, "failureThreshold": 5},
        "liveness": {"httpGet": {}, "periodSeconds": 1, "failureThreshold": 1},
    }
    events = run(documents, {"startup": "---+-", "liveness": "+", "readiness": "+"}, 20)
    assert events == [(0.0, "readiness", "ready")]
    health = Health(read_probes(documents, 8080), 0.0)
    for step in range(4):
        probe, at = health.next()
        assert (probe.kind, at) == (Kind.STARTUP, step * 2.0)
        health.observe(Kind.STARTUP, step == 3, at)
    assert health.next()[0].kind is not Kind.STARTUP
    assert run(documents, {"startup": "-"}, 100) == [(8.0, "startup", "restart")]


def test_a_container_without_a_port_is_ready_as_its_own_probes_say() -> None:
    assert Health(read_probes({}, 0), 0.0).is_ready_at_once
    assert not Health(read_probes({}, 0), 0.0).goes_on
    live = Health(read_probes({"liveness": {"tcpSocket": {"port": 9000}}}, 0), 0.0)
    assert live.is_ready_at_once
    assert live.goes_on
    starts = Health(read_probes({"startup": {"tcpSocket": {"port": 9000}}}, 0), 0.0)
    assert not starts.is_ready_at_once
    assert starts.goes_on
    assert starts.observe(Kind.STARTUP, passed=True, now=1.0) is Verdict.READY
    assert not starts.goes_on
