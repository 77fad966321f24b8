"""How fast the emulator is, and how much it holds: one Service, 200 at once, and an API with 2,000 objects.

    python -m loadtest.bench.emulator [--runs 10] [--services 200] [--objects 2000] [--watchers 20] [--seconds 4]

Services run a program that starts as fast as Python can (greet.py), so that what is measured is the emulator; that
program alone, from its exec to its first answer, is measured in turns with them. The emulator's CPU time holds on a
machine that others work on as well; seconds do not. Prints a table and keeps the figures in
loadtest/bench/results/emulator.json.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from emulator.lock import holder
from emulator.testing.running import RunningEmulator
from loadtest.bench.api_load import PATIENCE, Api, ApiBench, Watcher
from loadtest.bench.cold_start import RESULTS, free_port, get, memory, running, wait_for
from loadtest.bench.login import cpu_name, say

GREET = [sys.executable, "-I", "-S", str(Path(__file__).with_name("greet.py"))]
IMAGE = "dev.local/greet"
SERVICES = "/apis/serving.knative.dev/v1/namespaces/default/services"
#: Creations under way at a time.
IN_FLIGHT = 50


class Bench:
    """One emulator, and what is measured of it."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self._emulator = emulator
        self._state_dir = emulator.state_dir
        running = holder(emulator.state_dir)
        assert running  # noqa: S101 - it was just started
        self._process = psutil.Process(running.pid)

    def cpu(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        return memory(self._process.pid)

    def alone(self) -> float:
        """Seconds from the program's exec to its first answer, without an emulator."""
        port = free_port()
        with running(GREET, port, {}, self._state_dir) as (began, _):
            wait_for(port, get("/"))
            return time.monotonic() - began

    def create(self, names: Sequence[str]) -> dict[str, Any]:
        """Create Services at once, and send each a request as soon as it is Ready: seconds of each, and of all."""
        began, ready, failed = {}, {}, []
        answered = threading.Semaphore(0)
        requests = ThreadPoolExecutor(IN_FLIGHT)

        def post(some: Sequence[str]) -> None:
            with Api(self._state_dir) as api:
                for name in some:
                    began[name] = time.monotonic()
                    api.call("POST", SERVICES, service(name))

        def seen(event: Mapping[str, Any]) -> None:
            name = event["object"]["metadata"]["name"]
            if name not in ready and name in began and is_ready(event["object"]):
                ready[name] = time.monotonic() - began[name]
                requests.submit(ask, name)

        def ask(name: str) -> None:
            try:
                self.ask(name)
            except (OSError, RuntimeError) as error:
                failed.append(f"{name}: {error}")
            answered.release()

        start, cpu = time.monotonic(), self.cpu()
        with Watcher(self._state_dir, SERVICES, seen), ThreadPoolExecutor(IN_FLIGHT) as posts, requests:
            list(posts.map(post, [names[first::IN_FLIGHT] for first in range(min(IN_FLIGHT, len(names)))]))
            posted = time.monotonic() - start
            for _ in names:
                if not answered.acquire(timeout=max(0.0, start + PATIENCE - time.monotonic())):
                    break
            took = time.monotonic() - start
        return {
            "services": len(names),
            "ready": len(ready),
            "failed": len(failed) + len(names) - len(ready),
            "first_failure": failed[0] if failed else "",
            "posted_s": posted,
            "all_answered_s": took,
            "ready_median_s": statistics.median(ready.values()),
            "ready_max_s": max(ready.values()),
            "cpu_ms_each": (self.cpu() - cpu) * 1000 / len(names),
        }

    def ask(self, name: str) -> None:
        """One request through the gateway. Raises RuntimeError."""
        port = self._emulator.port
        assert port  # noqa: S101 - it runs
        wait_for(port, f"GET / HTTP/1.1\r\nHost: {name}.default.localhost\r\nConnection: close\r\n\r\n".encode())

    def remove(self, name: str) -> None:
        with Api(self._state_dir) as api:
            api.call("DELETE", f"{SERVICES}/{name}")

    def wait_for_zero(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self._process.children():
            if time.monotonic() > deadline:
                raise TimeoutError("the Services have not gone to zero")
            time.sleep(0.2)


def service(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": [{"image": IMAGE}]}}},
    }


def is_ready(document: Mapping[str, Any]) -> bool:
    conditions = document.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state_dir = folder / "state"
        state_dir.mkdir()
        (folder / "knative-emulator.yaml").write_text(json.dumps({"images": {IMAGE: " ".join(GREET)}}))
        with RunningEmulator(state_dir, folder, ("--demo", "--runtime", "process")) as emulator:
            bench = Bench(emulator)
            found: dict[str, Any] = {
                "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "python": platform.python_version()},
                "idle_mb": bench.memory(),
            }
            say(f"{options.runs} Services, one after the other ...")
            alone, ready = [], []
            for turn in range(options.runs + 1):
                one, created = bench.alone(), bench.create([f"one-{turn}"])
                bench.remove(f"one-{turn}")
                bench.wait_for_zero()
                if turn:
                    alone.append(one)
                    ready.append(created["ready_max_s"])
            found["one"] = {
                "runs": options.runs,
                "ready_median_s": statistics.median(ready),
                "ready_max_s": max(ready),
                "alone_median_s": statistics.median(alone),
                "ratio": statistics.median(ready) / statistics.median(alone),
            }
            say(f"{options.services} Services at once ...")
            found["many"] = bench.create([f"many-{number}" for number in range(options.services)])
            say("until all of them are at zero ...")
            bench.wait_for_zero()
            found["many_at_zero_mb"] = bench.memory()
            cpu, now = bench.cpu(), time.monotonic()
            time.sleep(5)
            found["many_at_zero_cpu_percent"] = (bench.cpu() - cpu) / (time.monotonic() - now) * 100
            say(f"{options.objects:,} objects, {options.watchers} watchers ...")
            found["api"] = ApiBench(state_dir, bench.cpu, options).measure()
    return found


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """The figures for a person, with the goal where there is one."""
    one, many, api = found["one"], found["many"], found["api"]
    yield (
        f"one Service: created to Ready in {one['ready_median_s'] * 1000:.0f} ms, at most "
        f"{one['ready_max_s'] * 1000:.0f} ms of {one['runs']}; its program alone answers after "
        f"{one['alone_median_s'] * 1000:.0f} ms ({one['ratio']:.1f} x)"
    )
    yield (
        f"{many['services']} Services at once: {many['ready']} Ready and answered, {many['failed']} failed; all "
        f"created in {many['posted_s']:.1f} s, all answered in {many['all_answered_s']:.1f} s; each Ready after "
        f"{many['ready_median_s']:.1f} s, at most {many['ready_max_s']:.1f} s; {many['cpu_ms_each']:.0f} ms of the "
        "emulator's CPU each"
    )
    yield (
        f"memory: {found['idle_mb']:.0f} MB idle, {found['many_at_zero_mb']:.0f} MB with {many['services']} Services "
        f"at zero, which cost {found['many_at_zero_cpu_percent']:.1f} % of a core"
    )
    for verb in ("GET", "LIST", "PATCH"):
        yield (
            f"{verb:5} at {api['objects']:,} objects and {api['watchers']} watchers: {api[verb]['per_second']:6.0f} "
            f"/s, {api[verb]['cpu_ms']:.2f} ms of the emulator's CPU each"
        )
    yield (
        f"a change is with all {api['watchers']} watchers after {api['event_median_ms']:.1f} ms, p99 "
        f"{api['event_p99_ms']:.1f} ms; lost {api['events_lost']}"
    )
    for name, value, goal in goals(found):
        yield f"{'met   ' if value <= goal else 'MISSED'}  {name}: {value:.3g} (goal {goal:g})"


def goals(found: Mapping[str, Any]) -> Sequence[tuple[str, float, float]]:
    """(what, measured, goal), less is better."""
    return (
        ("seconds from a Service's creation to Ready, median", found["one"]["ready_median_s"], 1),
        (f"failures among {found['many']['services']} Services at once", found["many"]["failed"], 0),
        ("MB of an idle emulator", found["idle_mb"], 60),
        ("events lost", found["api"]["events_lost"], 0),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="The emulator's speed and size.")
    parser.add_argument("--runs", type=int, default=10, help="Services one after the other (default: %(default)s)")
    parser.add_argument("--services", type=int, default=200, help="at once (default: %(default)s)")
    parser.add_argument("--objects", type=int, default=2000, help="that the API holds (default: %(default)s)")
    parser.add_argument("--watchers", type=int, default=20, help="of those (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="of each kind of request (default: %(default)s)")
    found = measure(parser.parse_args())
    for line in table(found):
        print(line)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "emulator.json").write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
