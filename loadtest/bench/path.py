"""CPU of a login beyond its hash, and of a login turned away, in one run (S4).

    python -m loadtest.bench.path [--cost 10] [--seconds 20] [--setting NAME=VALUE ...]

What hashes has threads of its own, so the rest is what the other threads of the function take: under logins that all
get in it is the login's, and what ten times as many add is that of those turned away. GET /livez, alone, is the
baseline: a request through the framework that does nothing. Everybody has a connection of their own, and that is in
all three. By CPU time, so what else shares the cores makes the figures worse by its caches alone.

Prints a table and keeps the figures in loadtest/bench/results/path.json.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from function.credentials.engine import choose
from function.pool import quota
from loadtest.bench.cold_start import BIN, RESULTS, free_port, get, running, wait_for
from loadtest.bench.login import Bench, add_people, arrivals, bare, cpu_name, say

#: Logins offered, as multiples of what the bare hash engine does: none is turned away, most are.
LOADS = (0.8, 10)
#: Of /livez, alone.
REQUESTS = 2_000


class Threads:
    """Seconds of CPU of a process beyond those of its `hashing` busiest threads."""

    def __init__(self, pid: int, hashing: int) -> None:
        self._process = psutil.Process(pid)
        self._hashing = hashing
        self._before = self._times()

    def rest(self) -> float:
        """Since this was made."""
        spent = sorted(time - self._before.get(thread, 0.0) for thread, time in self._times().items())
        return sum(spent[: len(spent) - self._hashing])

    def _times(self) -> Mapping[int, float]:
        return {one.id: one.user_time + one.system_time for one in self._process.threads()}


def measure(cost: int, seconds: float, settings: Mapping[str, str]) -> dict[str, Any]:
    threads = int(settings.get("HASH_THREADS", "0")) or quota.detect()
    with tempfile.TemporaryDirectory() as name:
        environ = {"DATABASE_URL": f"sqlite:///{name}/login.db", "HASH_COST": str(cost), **settings}
        rate = bare(choose(settings.get("HASH_ENGINE", "auto")), cost, threads, seconds / 4)["rate"]
        people = int(sum(LOADS) * rate * seconds * 1.3) + 100
        add_people(people, environ)
        port = free_port()
        with running([str(BIN / "login-function"), "serve"], port, environ, Path(name)) as (_, pid):
            wait_for(port, get("/readyz"))
            bench = Bench(port, pid, (f"person-{number}" for number in range(people)))
            say("the first logins ...")
            bench.send(arrivals(LOADS[0] * rate, 3))
            say(f"{REQUESTS:,} x /livez ...")
            watched = Threads(pid, 0)
            for _ in range(REQUESTS):
                wait_for(port, get("/livez"))
            probe = watched.rest() / REQUESTS
            spent: list[tuple[float, Counter[int]]] = []
            for times in LOADS:
                say(f"{times} x {rate:.1f} logins/s for {seconds:g} s ...")
                watched = Threads(pid, threads)
                answers = Counter(one.status for one in bench.send(arrivals(times * rate, seconds)))
                spent.append((watched.rest() - probe * len(bench.watch.probes), answers))
    login, shed = solve(*spent)
    return {
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "python": platform.python_version()},
        "cost": cost,
        "threads": threads,
        "settings": dict(settings),
        "livez_ms": probe * 1000,
        "login_ms": login * 1000,
        "shed_ms": shed * 1000,
        "logins": [answers[200] for _, answers in spent],
        "shed": [answers[503] for _, answers in spent],
        "lost": sum(answers.total() - answers[200] - answers[503] for _, answers in spent),
    }


def solve(calm: tuple[float, Counter[int]], storm: tuple[float, Counter[int]]) -> tuple[float, float]:
    """Seconds of a login and of one turned away, from two loads that have them in different shares (Cramer)."""
    (a, b), (c, d) = ((answers[200], answers[503]) for _, answers in (calm, storm))
    determinant = a * d - b * c
    return (calm[0] * d - b * storm[0]) / determinant, (a * storm[0] - calm[0] * c) / determinant


def main() -> int:
    parser = argparse.ArgumentParser(description="CPU of a login beyond its hash, in one run with its baseline.")
    parser.add_argument("--cost", type=int, default=10, help="bcrypt cost (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="of each load (default: %(default)s)")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE", help="for the function")
    options = parser.parse_args()
    found = measure(options.cost, options.seconds, dict(text.split("=", 1) for text in options.setting))
    livez = found["livez_ms"]
    for what, name in (("GET /livez", "livez"), ("a login beyond its hash", "login"), ("a login turned away", "shed")):
        print(f"{what:24} {found[f'{name}_ms']:6.2f} ms of CPU = {found[f'{name}_ms'] / livez:5.2f} x /livez")
    print(f"a login and one turned away: {found['login_ms'] + found['shed_ms']:.2f} ms; lost {found['lost']}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "path.json").write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
