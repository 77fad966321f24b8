"""The locust users: each asks once, at the moment that was meant.

It is a login with an account of their own, or what somebody asked for before.

Open loop: who comes next does not wait for whoever came before to be answered, and latency counts from the moment that
was meant, not from the one at which the load got round to it (no coordinated omission).
"""

import base64
import contextlib
import json
import resource
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Any

import locust
from gevent import sleep
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from locust.contrib.fasthttp import FastHttpUser, LocustBadStatusCode
from locust.env import Environment
from locust.exception import StopUser

from loadtest.ledger import Outcome
from loadtest.target import LOGIN, Account, Ask, Target

#: Descriptors that are asked for. With so many the gateway takes 12,180 clients at a time, and leaves the others to the
#: kernel.
DESCRIPTORS = 20_000
#: Seconds by which locust makes a user before the moment at which they log in: it looks once a second, and makes
#: thousands in about one.
LEAD = 4.0
#: Seconds to an answer: more than the 60 that the platform gives a request, so that it is the platform who gives up.
TIMEOUT = 90.0


class Load:
    """Everybody who is to come, and what became of those who did. Who brings an account logs in.

    At most `clients` have a connection at a time. Who finds no place begins late, and the wait counts.

    Attributes:
        started: monotonic time of second 0 of the run.
        outcomes: of those whose request has ended, in that order.
        complete: set when everybody's has.
    """

    def __init__(self, target: Target, visits: Sequence[Account | Ask], moments: Sequence[float], clients: int) -> None:
        self.target = target
        self.moments = moments
        self.outcomes: list[Outcome] = []
        self.complete = Event()
        self.started = monotonic() + LEAD
        self.places = BoundedSemaphore(clients)
        self.queue: Iterator[tuple[Account | Ask, float]] = zip(visits, moments, strict=True)

    def now(self) -> float:
        """Second of the run; negative before it begins."""
        return monotonic() - self.started

    def came(self, at: float) -> int:
        """How many were meant to have come by then."""
        return bisect_right(self.moments, at)

    def record(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if len(self.outcomes) == len(self.moments):
            self.complete.set()


def descriptors() -> int:
    """Raise the limit of open files, for this process and the emulator that it starts, as far as it goes; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    with contextlib.suppress(ValueError):  # some systems have another limit below the one that they tell
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Person(FastHttpUser):
    """Asks once and stays, without a connection, until everybody has."""

    abstract = True
    load: Load
    network_timeout = connection_timeout = TIMEOUT

    @locust.task
    def visit(self) -> None:
        load = self.load
        visit, intended = next(load.queue)
        sleep(max(0.0, intended - load.now()))
        with load.places:
            sent = load.now()
            answer = self._ask(visit)
            ended = load.now()
            self.client.client.close()
        load.record(_outcome(visit.name, (intended, sent, ended), answer))
        load.complete.wait()
        raise StopUser

    def _ask(self, visit: Account | Ask) -> Any:
        """One request, never repeated: what locust does not raise it puts into the answer."""
        method, path = LOGIN if isinstance(visit, Account) else visit
        return self.client.request(
            method,
            path,
            json={"username": visit.name, "password": visit.password} if isinstance(visit, Account) else None,
            headers={"Host": self.load.target.host},
            catch_response=True,
            allow_redirects=False,
        )


class Arrivals(locust.LoadTestShape):
    """Has locust make each person a little before their moment. Whoever came stays, so the count only grows."""

    def __init__(self, load: Load) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # locust has no types there
        self._load = load

    def tick(self) -> tuple[int, float]:
        due = self._load.came(self._load.now() + LEAD)
        return due, max(1, due)


def run(load: Load, seconds: float, every: float, look: Callable[[], None]) -> None:
    """Send everybody, and call `look` every so often until `seconds` have passed and all have been answered.

    Gives up TIMEOUT seconds after the last one was meant to come, and what is left then has no outcome.
    """
    user = type("Visitor", (Person,), {"load": load, "host": load.target.url, "abstract": False})
    environment = Environment(user_classes=[user], shape_class=Arrivals(load))
    runner = environment.create_local_runner()
    runner.start_shape()
    try:
        end = load.moments[-1] + TIMEOUT
        sleep(max(0.0, -load.now()))
        due = load.now()
        while load.now() < max(seconds, 0 if load.complete.is_set() else end):
            look()
            due = max(due + every, load.now())
            sleep(due - load.now())
        look()
    finally:
        runner.quit()


def _outcome(person: str, times: tuple[float, float, float], answer: Any) -> Outcome:
    status: int = answer.status_code
    problem = answer.request_meta["exception"]
    error = "" if problem is None or isinstance(problem, LocustBadStatusCode) else type(problem).__name__
    if error or not status:
        return Outcome(person, *times, status, error)
    session = session_id(answer.content) if status == 200 else ""
    return Outcome(person, *times, status, session=session, served_by=answer.headers.get("X-Served-By", ""))


def session_id(body: bytes) -> str:
    """The session's id, in hex, in a token response; empty where the body is no such thing.

    The first 16 bytes after the refresh token's prefix; see function/access/sessions.py.
    """
    try:
        token = json.loads(body)["refresh_token"].partition("_")[2]
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[:16].hex()
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
