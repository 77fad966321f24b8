"""Probes of a container: what is asked, how often, and what the answers come to.

Follows Kubernetes' probe fields and kubelet's prober (pkg/kubelet/prober/worker.go: a result counts once it was seen
`threshold` times in a row; nothing else is asked before the startup probe has passed), and for a readiness probe
without a period Knative's queue-proxy (pkg/queue/readiness/probe.go: again and again until it passes).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

#: Seconds between two tries of a readiness probe without a period, until it passes; queue-proxy's are 50 ms.
AGGRESSIVE_INTERVAL = 0.025
#: Kubernetes' values for what a probe leaves out, in seconds and times in a row.
PERIOD, TIMEOUT, SUCCESSES, FAILURES = 10.0, 1.0, 1, 3


class Kind(StrEnum):
    """What a probe is for."""

    STARTUP = "startup"
    READINESS = "readiness"
    LIVENESS = "liveness"


class Verdict(StrEnum):
    """What the answers come to, when that changes."""

    READY = "ready"
    UNREADY = "unready"
    RESTART = "restart"


class Check(NamedTuple):
    """What is asked: an HTTP GET, or (path None) whether a connection can be made.

    `port` 0 is the serving port, wherever that is; `host` empty is the instance. A `command` is run in the instance;
    a readiness probe asks for a connection besides, as Knative's queue-proxy does while the kubelet runs the command.
    `service` (not None) is asked of a gRPC server instead: its health; empty is the server as a whole.
    """

    path: str | None
    host: str
    port: int
    https: bool
    headers: tuple[tuple[str, str], ...]
    command: tuple[str, ...] = ()
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe. Durations in seconds; `period` 0 means as often as can be until it passes."""

    kind: Kind
    check: Check
    initial_delay: float
    period: float
    timeout: float
    successes: int
    failures: int


def read_probes(documents: Mapping[str, Mapping[str, Any]], container_port: int) -> list[Probe]:
    """Probes by kind as a manifest has them (`httpGet`, `tcpSocket`, `grpc`, `exec`).

    Args:
        documents: `startup`, `readiness`, `liveness` -> the probe's object.
        container_port: the serving port as the container knows it; a name of a port means this one too. 0 is a
            container that has none, of which readiness is not asked unless a probe says how.

    Raises:
        ValueError: a probe asks something else.
    """
    if container_port:
        documents = {Kind.READINESS: {"tcpSocket": {"port": 0}}} | dict(documents)
    return [_read(kind, documents[kind], container_port) for kind in Kind if kind in documents]


def _read(kind: Kind, document: Mapping[str, Any], container_port: int) -> Probe:
    http = document.get("httpGet") is not None
    command = tuple((document.get("exec") or {}).get("command") or ())
    grpc = document.get("grpc")
    action = document.get("httpGet" if http else "tcpSocket") if grpc is None else grpc
    if action is None and not command:
        raise ValueError(f"The {kind} probe must be httpGet, tcpSocket, grpc or exec; others are not run here.")
    action = action or {}
    port = action.get("port", 0)
    check = Check(
        path="/" + (action.get("path") or "").removeprefix("/") if http else None,
        host=action.get("host") or "",
        port=0 if isinstance(port, str) or port == container_port else port,
        https=action.get("scheme", "HTTP") == "HTTPS",
        headers=tuple((it["name"], it["value"]) for it in action.get("httpHeaders") or ()),
        command=command,
        service=None if grpc is None else grpc.get("service") or "",
    )
    # A command is the kubelet's to run, which knows no probe without a period.
    aggressive = 0.0 if kind is Kind.READINESS and not command else PERIOD
    return Probe(
        kind,
        check,
        initial_delay=float(document.get("initialDelaySeconds") or 0),
        period=float(document.get("periodSeconds") or aggressive),
        timeout=float(document.get("timeoutSeconds") or TIMEOUT),
        successes=document.get("successThreshold") or SUCCESSES,
        failures=document.get("failureThreshold") or FAILURES,
    )


@dataclass(slots=True)
class _Course:
    probe: Probe
    next: float
    passed: bool | None = None  # None: nothing is settled yet
    last: bool | None = None
    in_row: int = 0


class Health:
    """All probes of one container since its start, and which is to be asked next.

    Without a readiness probe it is ready as soon as it has started.

    Args:
        probes: of each kind at most one.
        started: when the container started, in seconds of the clock that `now` is of.
    """

    def __init__(self, probes: list[Probe], started: float) -> None:
        self._courses = {probe.kind: _Course(probe, started + probe.initial_delay) for probe in probes}

    @property
    def is_ready_at_once(self) -> bool:
        """Whether it is ready without being asked."""
        return Kind.READINESS not in self._courses and Kind.STARTUP not in self._courses

    @property
    def goes_on(self) -> bool:
        """Whether there is anything left to ask."""
        return any(kind is not Kind.STARTUP or course.passed is None for kind, course in self._courses.items())

    def next(self) -> tuple[Probe, float]:
        """What to ask next, and when."""
        startup = self._courses.get(Kind.STARTUP)
        if startup and startup.passed is None:
            return startup.probe, startup.next
        course = min((it for it in self._courses.values() if it is not startup), key=lambda it: it.next)
        return course.probe, course.next

    def observe(self, kind: Kind, passed: bool, now: float) -> Verdict | None:
        """Take in an answer; returns what follows from it, if it changes anything. A restart is a new Health."""
        course = self._courses[kind]
        probe = course.probe
        course.in_row = course.in_row + 1 if course.last is passed else 1
        course.last = passed
        aggressive = probe.period == 0 and course.passed is None
        course.next = now + (AGGRESSIVE_INTERVAL if aggressive and not passed else probe.period or PERIOD)
        if aggressive and not passed:
            return None  # it does not count: it will be asked until it passes
        if course.in_row < (probe.successes if passed else probe.failures) or course.passed is passed:
            return None
        settled, course.passed = course.passed, passed
        if kind is Kind.READINESS:
            return None if settled is None and not passed else Verdict.READY if passed else Verdict.UNREADY
        if kind is Kind.STARTUP and passed and Kind.READINESS not in self._courses:
            return Verdict.READY
        return None if passed else Verdict.RESTART
