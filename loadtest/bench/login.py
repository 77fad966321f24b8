"""Logins per second against what the hash engine alone does on the same cores, in one run (S1 to S5).

    python -m loadtest.bench.login [--cost 12] [--seconds 20] [--setting NAME=VALUE ...]

In turns, because a noisy machine is noisy for both: the bare engine, in full batches, on as many threads as the
function hashes on; then the function under 1, 2 and 10 times as many logins per second as that (open loop, distinct
people, random arrivals), the bare engine between and after. Where that hashes several logins at a time, a second
function with HASH_ENGINE=bcrypt takes turns with it (engines.py). Then a storm whose people come all at once and come
back when Retry-After says; then a crowd that comes at once and stays connected. Meanwhile /livez is asked twenty times
a second, on a new connection each.

Load, function and probe share the cores, so rates by the wall's clock are a little below what the function does alone;
the ratio by CPU time is not. Prints a table and keeps the figures in loadtest/bench/results/login.json.
"""

import argparse
import contextlib
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from function.credentials.engine import BCRYPT, Engine, choose
from function.credentials.passwords import Claim, Passwords
from function.pool import quota
from loadtest.bench import engines
from loadtest.bench.cold_start import BIN, RESULTS, free_port, get, memory, running, wait_for
from loadtest.bench.crowd import Job, Told

PASSWORD = "a password of the benchmark"  # noqa: S105 - nobody's
#: Logins offered, as multiples of what the bare engine does.
LOADS = (1, 2, 10)
#: People who come at once and obey Retry-After, in seconds of hashing on all cores.
STORM_SECONDS = 30
#: Connections of the crowd: half of the descriptors that a process may have here.
CROWD = 10_000
#: Seconds of a load in which queues fill; not counted.
WARM = 0.25


def bare(engine: Engine, cost: int, threads: int, seconds: float) -> Mapping[str, float]:
    """Hash full batches on all threads with nothing around it: hashes per second, and per second of CPU."""
    passwords = Passwords(cost, engine=engine)
    batch = [Claim(PASSWORD, passwords.hash(PASSWORD))] * engine.width
    end = time.monotonic() + seconds

    def work(_: int) -> int:
        hashes = 0
        while time.monotonic() < end:
            passwords.verify(batch)
            hashes += len(batch)
        return hashes

    began, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        hashes = sum(pool.map(work, range(threads)))
    return {"rate": hashes / (time.monotonic() - began), "per_cpu": hashes / (time.process_time() - cpu)}


def arrivals(rate: float, seconds: float) -> Sequence[float]:
    """Moments of people who come at random."""
    moments, now = [], 0.0
    while (now := now + random.expovariate(rate)) < seconds:
        moments.append(now)
    return moments


class Watch:
    """/livez, CPU and memory of the function, from outside, while something goes on."""

    def __init__(self, port: int, pid: int) -> None:
        self._port, self._process = port, psutil.Process(pid)
        self._stop = threading.Event()
        self.probes: list[float] = []
        self.peak = 0.0

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        self.probes, self.peak = [], 0.0
        self._stop.clear()
        watching = threading.Thread(target=self._watch)
        watching.start()
        try:
            yield
        finally:
            self._stop.set()
            watching.join()

    def cpu(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def p99(self) -> float:
        """Milliseconds of /livez."""
        return statistics.quantiles(self.probes, n=100)[98] * 1000

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            began = time.monotonic()
            wait_for(self._port, get("/livez"))
            self.probes.append(time.monotonic() - began)
            if len(self.probes) % 20 == 1:
                self.peak = max(self.peak, memory(self._process.pid))


class Bench:
    """One function, its people, and what is measured of it."""

    def __init__(self, port: int, pid: int, names: Iterator[str]) -> None:
        self.port, self.names = port, names
        self.watch = Watch(port, pid)

    def send(self, moments: Sequence[float], *, obey: bool = False, stay: bool = False) -> Sequence[Told]:
        """Have a person come at each of the moments; what became of them."""
        job = Job(self.port, [next(self.names) for _ in moments], PASSWORD, moments, obey, stay)
        with (
            self.watch.on(),
            subprocess.Popen(
                [sys.executable, "-m", "loadtest.bench.crowd"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as crowd,
        ):
            assert crowd.stdin is not None and crowd.stdout is not None  # noqa: S101, PT018 - pipes, as asked for
            crowd.stdin.write(json.dumps(vars(job)))
            crowd.stdin.close()
            told = [Told(**json.loads(crowd.stdout.readline())) for _ in moments]
            if stay:
                time.sleep(1)  # a last look at the memory while they are all connected
                crowd.kill()
        return told

    def overload(self, times: float, rate: float, seconds: float) -> dict[str, float]:
        """Offer `times` x `rate` logins/s for so many seconds."""
        hashed, cpu = self.counted("login_hashes_completed_total"), self.watch.cpu()
        told = self.send(arrivals(times * rate, seconds))
        hashed = self.counted("login_hashes_completed_total") - hashed
        good = [one for one in told if one.status == 200]
        counted = [one for one in good if WARM * seconds <= one.done <= seconds]
        return {
            "offered": len(told) / seconds,
            "logins_per_second": len(counted) / (seconds * (1 - WARM)),
            "logins_per_cpu_second": len(good) / (self.watch.cpu() - cpu),
            "useful_hashes": len(good) / hashed,
            "shed": sum(one.status == 503 for one in told),
            "shed_with_retry_after": sum(one.status == 503 and one.retry_after for one in told),
            "shed_p99_ms": _p99([one.first for one in told if one.status == 503]) * 1000,
            "login_p99_s": _p99([one.first for one in good]),
            "lost": sum(one.status not in {200, 503} for one in told),
            "livez_p99_ms": self.watch.p99(),
            "peak_mb": self.watch.peak,
        }

    def storm(self, people: int) -> dict[str, float]:
        """All at once; whoever is sent away comes back when told to."""
        told = self.send([0.0] * people, obey=True)
        return {
            "people": people,
            "in": sum(one.status == 200 for one in told),
            "seconds": max(one.done for one in told),
            "most_tries": max(one.tries for one in told),
            "lost": sum(one.status not in {200, 503} for one in told),
            "livez_p99_ms": self.watch.p99(),
            "peak_mb": self.watch.peak,
        }

    def crowd(self, people: int) -> dict[str, float]:
        """All at once, and all stay connected, those in line and those sent away."""
        before = memory(self.watch._process.pid)  # noqa: SLF001 - same file
        told = self.send([0.0] * people, stay=True)
        return {
            "connections": people,
            "answered": sum(one.status in {200, 503} for one in told),
            "lost": sum(one.status not in {200, 503} for one in told),
            "kb_per_connection": (self.watch.peak - before) * 1000 / people,
            "livez_p99_ms": self.watch.p99(),
            "peak_mb": self.watch.peak,
        }

    def counted(self, name: str) -> float:
        """A metric's sum over its labels."""
        import requests  # noqa: PLC0415 - a second to load, in the middle of nothing

        text = requests.get(f"http://127.0.0.1:{self.port}/metrics", timeout=30).text
        return sum(
            float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith((name + "{", name + " "))
        )


def measure(cost: int, seconds: float, settings: Mapping[str, str]) -> dict[str, Any]:
    threads = int(settings.get("HASH_THREADS", "0")) or quota.detect()
    engine = choose(settings.get("HASH_ENGINE", "auto"))
    with tempfile.TemporaryDirectory() as name:
        environ = {"DATABASE_URL": f"sqlite:///{name}/login.db", "HASH_COST": str(cost), **settings}
        rates = [bare(engine, cost, threads, seconds / 4)]
        rate = rates[0]["rate"]
        compared = engines.people(rate, seconds)
        people = int(sum(LOADS) * rate * seconds * 1.3 + rate * STORM_SECONDS) + CROWD + compared + 100
        add_people(people, environ)
        port = free_port()
        with running([str(BIN / "login-function"), "serve"], port, environ, Path(name)) as (_, pid):
            wait_for(port, get("/readyz"))
            bench = Bench(port, pid, (f"person-{number}" for number in range(people)))
            bench.overload(0.5, rate, 3)  # the first logins load what they need, and measure a hash
            found: dict[str, Any] = {}
            for times in LOADS:
                say(f"{times} x {rate:.1f} logins/s for {seconds:g} s ...")
                load = bench.overload(times, rate, seconds)
                rates.append(bare(engine, cost, threads, seconds / 4))
                around = rates[-2:]
                load["of_bare"] = load["logins_per_second"] / statistics.mean(one["rate"] for one in around)
                load["of_bare_by_cpu"] = load["logins_per_cpu_second"] / statistics.mean(
                    one["per_cpu"] for one in around
                )
                found[f"{times}x"] = load
            if engine.width > 1:
                slow = free_port()
                one_by_one = {**environ, "HASH_ENGINE": BCRYPT.name}
                with running([str(BIN / "login-function"), "serve"], slow, one_by_one, Path(name)) as (_, other):
                    wait_for(slow, get("/readyz"))
                    hashing = engine.width * threads / rate
                    found["engines"] = engines.compare(
                        bench, Bench(slow, other, bench.names), rate=rate, hashing=hashing, seconds=seconds
                    )
            say(f"a storm of {int(rate * STORM_SECONDS)} people at once ...")
            found["storm"] = bench.storm(int(rate * STORM_SECONDS))
            say(f"{CROWD:,} connections at once ...")
            found["crowd"] = bench.crowd(CROWD)
    rate = statistics.mean(one["rate"] for one in rates)
    return {
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "python": platform.python_version()},
        "cost": cost,
        "threads": threads,
        "engine": engine.name,
        "settings": dict(settings),
        "bare": {"rate": rate, "per_cpu": statistics.mean(one["per_cpu"] for one in rates)},
        **found,
    }


def add_people(count: int, environ: Mapping[str, str]) -> None:
    """So many accounts with one hash: making a hash each would take longer than the benchmark."""

    def users(*arguments: str, text: str) -> str:
        command = [str(BIN / "login-function"), "users", *arguments]
        env = {**os.environ, **environ}
        return subprocess.run(command, input=text, env=env, text=True, check=True, stdout=subprocess.PIPE).stdout

    users("add", "first", "--password-stdin", text=PASSWORD)
    stored = json.loads(users("export", text=""))["password_hash"]
    lines = (json.dumps({"name": f"person-{number}", "password_hash": stored}) + "\n" for number in range(count))
    users("import", "-", text="".join(lines))


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """The figures for a person, with the goal where there is one."""
    bare_rate = found["bare"]
    yield (
        f"bare {found['engine']}, cost {found['cost']}, {found['threads']} thread(s): "
        f"{bare_rate['rate']:.1f} hashes/s, {bare_rate['per_cpu']:.2f} per CPU-second"
    )
    for times in LOADS:
        load = found[f"{times}x"]
        probe = f"/livez p99 {load['livez_p99_ms']:.0f} ms"
        yield (
            f"{times:3} x: {load['logins_per_second']:6.1f} logins/s = {load['of_bare']:.2f} of the bare engine "
            f"({load['of_bare_by_cpu']:.2f} by CPU time), {load['useful_hashes']:.3f} of all hashes useful; "
            f"{load['shed']:.0f} shed, {load['shed_with_retry_after']:.0f} of them with Retry-After, p99 "
            f"{load['shed_p99_ms']:.0f} ms; login p99 {load['login_p99_s']:.1f} s; {probe}; "
            f"lost {load['lost']:.0f}; {load['peak_mb']:.0f} MB"
        )
    if "engines" in found:
        yield engines.line(found["engines"])
    storm, crowd = found["storm"], found["crowd"]
    yield (
        f"storm: {storm['in']:.0f} of {storm['people']:.0f} who came at once got in within {storm['seconds']:.0f} s, "
        f"after at most {storm['most_tries']:.0f} tries; lost {storm['lost']:.0f}; "
        f"/livez p99 {storm['livez_p99_ms']:.0f} ms"
    )
    yield (
        f"crowd: {crowd['answered']:.0f} of {crowd['connections']:.0f} answered, lost {crowd['lost']:.0f}, "
        f"{crowd['kb_per_connection']:.1f} kB a connection, /livez p99 {crowd['livez_p99_ms']:.0f} ms"
    )
    met = [(name, value, goal, value >= goal if more else value <= goal) for name, value, goal, more in goals(found)]
    for name, value, goal, reached in met:
        yield f"{'met   ' if reached else 'MISSED'}  {name}: {value:.3g} (goal {goal:g})"


def goals(found: Mapping[str, Any]) -> Sequence[tuple[str, float, float, bool]]:
    """(what, measured, goal, whether more is better): rows S2, S4 and S5 of docs/contract.md."""
    lost = sum(found[part]["lost"] for part in (*(f"{times}x" for times in LOADS), "storm", "crowd"))
    peak = max(found[f"{times}x"]["logins_per_cpu_second"] for times in LOADS)
    return (
        ("logins/s at 2 x over the bare engine, by CPU time", found["2x"]["of_bare_by_cpu"], 0.97, True),
        ("logins at 10 x over the peak, by CPU time", found["10x"]["logins_per_cpu_second"] / peak, 0.95, True),
        ("hashes at 10 x that were of use", found["10x"]["useful_hashes"], 0.95, True),
        ("people of the storm who got in", found["storm"]["in"] / found["storm"]["people"], 1, True),
        ("lost", lost, 0, False),
        ("/livez p99 at 10 x (ms)", found["10x"]["livez_p99_ms"], 50, False),
        ("kB a connection of the crowd", found["crowd"]["kb_per_connection"], 40, False),
        *(engines.goals(found["engines"]) if "engines" in found else ()),
    )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else 0.0


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def main() -> int:
    parser = argparse.ArgumentParser(description="Logins per second against the bare hash engine, in one run.")
    parser.add_argument("--cost", type=int, default=12, help="bcrypt cost (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="of each load (default: %(default)s)")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE", help="for the function")
    options = parser.parse_args()
    found = measure(options.cost, options.seconds, dict(text.split("=", 1) for text in options.setting))
    for line in table(found):
        print(line)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "login.json").write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
