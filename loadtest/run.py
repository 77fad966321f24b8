"""Load the login function, and write what became of it to one page.

    python -m loadtest.run [--shape spike] [--users 600] [--seconds 60] [--report FILE]

Starts everything itself, or loads what runs already with --url and --accounts. Exit codes: 0 nothing was lost; 1 a
login was lost, or it could not be done, and one sentence on standard error says why; 2 the command line is wrong.
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
from loadtest import report, watch
from loadtest.deployment import SERVICE, Deployment, DeploymentError, deployment
from loadtest.ledger import Reconciliation, reconcile
from loadtest.people import Load
from loadtest.series import percentile
from loadtest.shapes import SHAPES, arrivals
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
    options.report = options.report or Path(f".data/load-{options.shape}.html")
    try:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.touch()
    except OSError as error:
        parser.error(f"the report can't be written: {error}")
    # Half of them: the process in between, with as many, has a connection to each client and some to instances.
    clients = people.descriptors() // 2
    if options.users > clients:
        _say(f"at most {clients} connections at a time: whoever finds none begins late, and the wait counts")
    try:
        return _load_existing(options, clients) if options.url else _load_own(options, clients)
    except TargetError as error:
        parser.error(str(error))
    except (DeploymentError, EmulatorError, subprocess.SubprocessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _load_own(options: argparse.Namespace, clients: int) -> int:
    """Everything in an emulator of its own, whose counts and database are compared with what the clients saw."""
    _say("starting the emulator with the login function")
    with deployment(options.hash_cost) as own:
        own.add_people(options.users)
        if SHAPES[options.shape].from_zero:
            _say(f"{options.users} accounts made; waiting until nothing runs")
            own.wait_for_zero()
        before = _look(own, 0.0).served
        load = Load(own.target, [Account(name, own.password) for name in own.people], _moments(options), clients)
        samples: list[Sample] = []

        def look() -> None:
            with contextlib.suppress(DeploymentError):  # both are busy: the picture has a gap
                samples.append(_look(own, load.now()))

        _send(load, options.seconds, samples, look)
        seen = sum(bool(outcome.served_by) for outcome in load.outcomes)
        found = reconcile(options.users, load.outcomes, own.sessions(), _settled(own, before + seen) - before)
    conditions = (
        f"bcrypt cost {options.hash_cost}; averages over 6 s (up --demo); "
        f"load, emulator and instances share {os.cpu_count()} cores"
    )
    return _finish(options, load, samples, found, conditions)


def _settled(own: Deployment, expected: int) -> int:
    """How many answers the emulator counts, once they are as many as expected, or it had time enough to count them."""
    deadline = time.monotonic() + SETTLE
    while (served := _look(own, 0.0).served) != expected and time.monotonic() < deadline:
        time.sleep(watch.INTERVAL)
    return served


def _load_existing(options: argparse.Namespace, clients: int) -> int:
    """What runs already: no more is known of it than what it answers."""
    where = target(options.url, owned=options.i_own_this_host)
    if not options.accounts:
        raise TargetError("--url needs --accounts, a file of people that exist there")
    load = Load(where, accounts(options.accounts, options.users), _moments(options), clients)
    _send(load, options.seconds, [], lambda: None)
    found = reconcile(options.users, load.outcomes, None, None)
    return _finish(options, load, [], found, f"at {options.url}, of which nothing but its answers is known")


def _moments(options: argparse.Namespace) -> list[float]:
    return arrivals(SHAPES[options.shape], options.users, options.seconds)


def _look(own: Deployment, at: float) -> Sample:
    return watch.read(own.status(), SERVICE, at)


def _send(load: Load, seconds: float, samples: Sequence[Sample], look: Callable[[], None]) -> None:
    """Send everybody, and say how far it is now and then."""
    _say(f"{len(load.moments)} people log in, for {seconds:g} s and until all are answered")
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
    options: argparse.Namespace, load: Load, samples: Sequence[Sample], found: Reconciliation, conditions: str
) -> int:
    """Write the page and say what is on it; returns the exit code."""
    late = sorted(outcome.sent - outcome.intended for outcome in load.outcomes)
    words = [f"{options.users} people, each with an account of their own", conditions]
    if late:
        words.append(f"99 % of requests left within {percentile(late, 99) * 1000:.0f} ms of their moment")
    words.append(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    title = f"{options.shape.capitalize()}: {SHAPES[options.shape].says}"
    run = report.Run(title, "; ".join(words), load.now(), load.moments, load.outcomes, samples, found)
    options.report.write_text(report.page(run), encoding="utf-8")
    said, bad = report.verdict(found)
    _say(f"{said} Report: {options.report}")
    return 1 if bad else 0


def _say(text: str) -> None:
    print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    shapes = "; ".join(f"{name}: {shape.says}" for name, shape in SHAPES.items())
    parser = argparse.ArgumentParser(prog="python -m loadtest.run", description="Load the login function.")
    add = parser.add_argument
    add("--shape", choices=SHAPES, default="spike", help=f"how people come (default %(default)s). {shapes}")
    add("--users", type=_positive(int), default=600, help="how many people log in (default %(default)s)")
    add("--seconds", type=_positive(float), default=60, help="how long it is watched at least (default %(default)s)")
    add("--hash-cost", type=int, choices=range(10, 16), default=10, help="bcrypt cost (default %(default)s)")
    add("--report", type=Path, help="where the page goes (default .data/load-SHAPE.html)")
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
