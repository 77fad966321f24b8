"""Load the login function, or any other service, and write what became of it to one page.

    python -m loadtest.run [--shape spike] [--users 600] [--seconds 60] [--report FILE]
    python -m loadtest.run --replay run.jsonl [--speed 2] [--url URL]

Starts everything itself, or loads what runs already with --url. Logins need --accounts there; without, a replay sends
the recorded methods and paths. Exit codes: 0 nothing was lost; 1 a request was lost, or it could not be done, and one
sentence on standard error says why; 2 the command line is wrong.
"""

# First: locust patches sockets and locks when it is imported, which nobody must have taken hold of by then.
from loadtest import people  # isort: skip

import argparse
import contextlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from emulator.errors import EmulatorError
from emulator.simulation.result import percentile
from loadtest import report, watch
from loadtest.deployment import SERVICE, Deployment, DeploymentError, deployment
from loadtest.ledger import Reconciliation, reconcile, reconcile_answers
from loadtest.people import Load
from loadtest.replay import Plan, of_record, of_shape
from loadtest.shapes import SHAPES
from loadtest.target import Account, TargetError, accounts, target
from loadtest.watch import Sample

#: Seconds between two lines of progress.
PROGRESS = 2.0
#: Seconds for the server to count an answer whose last byte the client has.
SETTLE = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    # Locust warns of what the report shows anyway: how late requests went out.
    logging.disable(logging.WARNING)
    try:
        plan = _plan(options)
    except (TargetError, EmulatorError) as error:
        parser.error(str(error))
    options.report = options.report or Path(f".data/load-{plan.name}.html")
    try:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.touch()
    except OSError as error:
        parser.error(f"the report can't be written: {error}")
    # Half of them: the process in between, with as many, has a connection to each client and some to instances.
    clients = people.descriptors() // 2
    if len(plan.moments) > clients:
        _say(f"at most {clients} connections at a time: whoever finds none begins late, and the wait counts")
    try:
        return _load_existing(options, plan, clients) if options.url else _load_own(options, plan, clients)
    except TargetError as error:
        parser.error(str(error))
    except (DeploymentError, EmulatorError, subprocess.SubprocessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _plan(options: argparse.Namespace) -> Plan:
    if not options.replay:
        return of_shape(options.shape, options.users, options.seconds)
    logins = not options.url or bool(options.accounts)
    return of_record(options.replay, service=options.service, logins=logins, speed=options.speed)


def _load_own(options: argparse.Namespace, plan: Plan, clients: int) -> int:
    """Everything in an emulator of its own, whose counts and database are compared with what the clients saw."""
    _say("starting the emulator with the login function")
    with deployment(options.hash_cost) as own:
        own.add_people(len(plan.moments))
        if plan.from_zero:
            _say(f"{len(plan.moments)} accounts made; waiting until nothing runs")
            own.wait_for_zero()
        before = _look(own, 0.0).served
        load = Load(own.target, [Account(name, own.password) for name in own.people], plan.moments, clients)
        samples: list[Sample] = []

        def look() -> None:
            with contextlib.suppress(DeploymentError):  # both are busy: the picture has a gap
                samples.append(_look(own, load.now()))

        _send(load, plan.seconds, samples, look)
        seen = sum(bool(outcome.served_by) for outcome in load.outcomes)
        found = reconcile(len(plan.moments), load.outcomes, own.sessions(), _settled(own, before + seen) - before)
    conditions = (
        f"bcrypt cost {options.hash_cost}; averages over 6 s (up --demo); "
        f"load, emulator and instances share {os.cpu_count()} cores"
    )
    return _finish(options, plan, load, samples, found=found, conditions=conditions)


def _settled(own: Deployment, expected: int) -> int:
    """How many answers the emulator counts, once they are as many as expected, or it had time enough to count them."""
    deadline = time.monotonic() + SETTLE
    while (served := _look(own, 0.0).served) != expected and time.monotonic() < deadline:
        time.sleep(watch.INTERVAL)
    return served


def _load_existing(options: argparse.Namespace, plan: Plan, clients: int) -> int:
    """What runs already: no more is known of it than what it answers."""
    where = target(options.url, owned=options.i_own_this_host)
    if plan.asks is None and not options.accounts:
        raise TargetError("--url needs --accounts, a file of people that exist there")
    count = len(plan.moments)
    load = Load(where, plan.asks or accounts(options.accounts, count), plan.moments, clients)
    _send(load, plan.seconds, [], lambda: None)
    found = reconcile_answers(load.outcomes, count) if plan.asks else reconcile(count, load.outcomes, None, None)
    return _finish(
        *(options, plan, load, []),
        found=found,
        conditions=f"at {options.url}, of which nothing but its answers is known",
    )


def _look(own: Deployment, at: float) -> Sample:
    return watch.read(own.status(), SERVICE, at)


def _send(load: Load, seconds: float, samples: Sequence[Sample], look: Callable[[], None]) -> None:
    """Send everybody, and say how far it is now and then."""
    _say(f"{len(load.moments)} people come, for {seconds:.4g} s and until all are answered")
    said = 0.0

    def report_progress() -> None:
        nonlocal said
        look()
        if load.now() >= said:
            said += PROGRESS
            _say(_progress(load, samples))

    people.run(load, seconds, watch.INTERVAL, report_progress)


def _progress(load: Load, samples: Sequence[Sample]) -> str:
    words = [f"{load.now():5.0f} s", f"came {load.came(load.now()):5}", f"answered {len(load.outcomes):5}"]
    if samples:
        last = samples[-1]
        words += [f"waiting {last.waiting:5}", f"instances {last.ready:2} of {last.wanted:2} wanted"]
    return "   ".join(words)


def _finish(
    options: argparse.Namespace,
    plan: Plan,
    load: Load,
    samples: Sequence[Sample],
    *,
    found: Reconciliation,
    conditions: str,
) -> int:
    """Write the page and say what is on it; returns the exit code."""
    late = sorted(outcome.sent - outcome.intended for outcome in load.outcomes)
    noun, people = ("requests", "") if plan.asks else ("logins", ", each with an account of their own")
    words = [f"{len(plan.moments)} people{people}", *plan.notes, conditions]
    if late:
        words.append(f"99 % of requests left within {percentile(late, 99) * 1000:.0f} ms of their moment")
    words.append(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    subtitle = "; ".join(words)
    run = report.Run(plan.title, subtitle, load.now(), load.moments, load.outcomes, samples, found, noun)
    options.report.write_text(report.page(run), encoding="utf-8")
    said, bad = report.verdict(found, noun)
    _say(f"{said} Report: {options.report}")
    return 1 if bad else 0


def _say(text: str) -> None:
    print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    shapes = "; ".join(f"{name}: {shape.says}" for name, shape in SHAPES.items())
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.run", description="Load the login function, or what runs already."
    )
    add = parser.add_argument
    add("--shape", choices=SHAPES, default="spike", help=f"how people come (default %(default)s). {shapes}")
    add("--users", type=_positive(int), default=600, help="how many people log in (default %(default)s)")
    add("--seconds", type=_positive(float), default=60, help="how long it is watched at least (default %(default)s)")
    add("--replay", type=Path, metavar="FILE", help="as it came to an emulator before, which `up --record` wrote down")
    add("--speed", type=_positive(float), default=1, help="of a replay (default %(default)s; 2: twice as fast)")
    add("--service", default="", help="of a replay, as namespace/name (default: the one that most came to)")
    add("--hash-cost", type=int, choices=range(10, 16), default=10, help="bcrypt cost (default %(default)s)")
    add("--report", type=Path, help="where the page goes (default .data/load-SHAPE.html, load-replay.html)")
    add("--url", help="load this deployment instead of one of our own")
    add("--accounts", type=Path, help='people that exist there: lines like {"name": "ann", "password": "..."}')
    add("--i-own-this-host", action="store_true", help="load a host that is not this machine")
    return parser


def _positive(number: Callable[[str], float]) -> Callable[[str], float]:
    def positive(text: str) -> float:
        value = number(text)
        if value <= 0:
            raise ValueError(text)
        return value

    return positive


if __name__ == "__main__":
    sys.exit(main())
