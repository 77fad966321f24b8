"""Whether a simulation is true: the emulator under a load, and the simulation of the same load, compared.

    python -m loadtest.bench.truth [--load "clients 20 40s"]... [--sleep 250ms] [--json FILE]

The service sleeps, so that a busy machine has little to do with it. The start of an instance is measured first, and the
load begins at the same moment between two decisions of the autoscaler in both. What has to agree: instances within 1 on
95 % of the seconds, and the p95 of the latency within 20 %. Exit code 1 where they don't.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import gevent
from gevent import socket

from emulator.client import Client
from emulator.core.autoscaler import TICK_SECONDS
from emulator.core.instance import ALIVE
from emulator.manifests import checked
from emulator.record.reader import Record, decode, read
from emulator.record.rows import Decision, Instances
from emulator.settings import DEMO
from emulator.simulation.engine import simulate
from emulator.simulation.load import Clients, Phases, parse_load
from emulator.simulation.result import Result, percentile
from emulator.simulation.times import Times, seconds
from emulator.simulation.world import Machine

ROOT = Path(__file__).parents[2]
SERVICE = "default/sleeper"
LOADS = ("clients 20 40s", "ramp 0..60 rps 40s, 5 rps 10s")
#: Instances within 1 on so many seconds, and p95 within so much.
AGREEMENT, P95 = 0.95, 0.20
SEED = 1
#: Seconds that an instance may take to start, or all of them to go.
PATIENCE = 60.0


def manifest() -> dict[str, Any]:
    annotations = {"autoscaling.knative.dev/target": "5"}
    template = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"image": "dev.local/sleeper"}]}}
    meta = {"name": "sleeper", "namespace": "default"}
    return {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": meta, "spec": {"template": template}}


def simulated(load: str, sleep: str, start: float) -> Result:
    phases = Phases(parse_load(load), SERVICE)
    machine = Machine(start=Times(f"{start:.6f}s"), service=Times(sleep))
    return simulate([checked(manifest(), "truth", "default")], phases, machine=machine, config_maps=DEMO, seed=SEED)


def hour() -> float:
    """Seconds that an hour of 100 requests a second takes to simulate."""
    begun = time.monotonic()
    simulated("100 rps 1h", "250ms", 0.6)
    return time.monotonic() - begun


class Emulator:
    """A running one. `ask` is one request: its latency in seconds."""

    def __init__(self, folder: Path, port: int) -> None:
        self.file = folder / "run.jsonl"
        self._client = Client(folder / "state")
        self._port = port

    def ask(self) -> float:
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", self._port)) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: sleeper.default.localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while chunk := sock.recv(4096):
                answer += chunk
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"unexpected answer: {answer[:100]!r}")
        return time.monotonic() - begun

    def history(self) -> Record:
        return decode(self._client.history(), "the emulator's history")

    def wait_for_zero(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.history().of(Instances)[-1].phases:
            if time.monotonic() > deadline:
                raise SystemExit("instances are still there")
            time.sleep(0.5)

    def before_tick(self, lead: float) -> float:
        """Wait until the autoscaler decides `lead` seconds later; the Unix time of now."""
        record = self.history()
        ticked = max(row.decided for row in record.of(Decision) if row.decided is not None) + record.header.started
        now = time.time()
        gevent.sleep((ticked - lead - now - 0.1) % TICK_SECONDS + 0.1)
        return time.time()


@contextlib.contextmanager
def emulator(sleep: str) -> Iterator[Emulator]:
    with tempfile.TemporaryDirectory(prefix="truth-") as name:
        folder = Path(name)
        command = f"{sys.executable} {Path(__file__).with_name('sleeper.py')} {seconds(sleep)}"
        (folder / "knative-emulator.yaml").write_text(json.dumps({"images": {"dev.local/sleeper": command}}))
        (folder / "sleeper.yaml").write_text(json.dumps(manifest()))
        up = [sys.executable, "-m", "emulator.cli", "up", "--demo", "--port", "0", "--api-port", "0", "-f"]
        up += ["sleeper.yaml", "--state-dir", str(folder / "state"), "--record", str(folder / "run.jsonl")]
        process = subprocess.Popen(up, cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            printed = ""
            for line in process.stdout or ():
                printed += line
                if line.startswith("gateway "):
                    break
            if "gateway " not in printed or "error:" in printed:
                raise SystemExit(f"the emulator did not come up:\n{printed}")
            yield Emulator(folder, int(printed.splitlines()[-1].split()[1].rpartition(":")[2]))
        finally:
            process.terminate()
            process.communicate()


def offer(running: Emulator, load: str) -> list[float]:
    """Put the load on it, at the moments at which the simulation has it; latencies."""
    rng = Random(f"{SEED} moments")  # noqa: S311 # no secret
    latencies: list[float] = []
    begin = time.monotonic()

    def one() -> None:
        latencies.append(running.ask())

    def client(until: float) -> None:
        while time.monotonic() < until:
            one()

    tasks: list[gevent.Greenlet[..., None]] = []
    at = 0.0
    for phase in parse_load(load):
        if isinstance(phase, Clients):
            until = begin + at + phase.seconds
            tasks += [gevent.spawn_later(at, partial(client, until)) for _ in range(phase.count)]
        else:
            tasks += [gevent.spawn_later(at + moment, partial(one)) for moment in phase.moments(rng)]
        at += phase.seconds
    gevent.joinall(tasks, raise_error=True)
    return sorted(latencies)


def counts(record: Record, begin: float, length: int) -> list[int]:
    """Instances that exist and were not told to go, at each second of the load."""
    rows = [(row.t + record.header.started - begin, row.phases) for row in record.of(Instances)]
    found = []
    for second in range(1, length + 1):
        phases = next((phases for at, phases in reversed(rows) if at <= second), {})
        found.append(sum(count for phase, count in phases.items() if phase in ALIVE))
    return found


def compared(running: Emulator, load: str, sleep: str, start: float) -> dict[str, Any]:
    """One load on both."""
    model = simulated(load, sleep, start)
    first_tick = next(row.t for _, row in model.decisions if row.t > 0.5 or row.wanted > 1) % TICK_SECONDS
    begin = running.before_tick(first_tick)
    latencies = offer(running, load)
    running.wait_for_zero()
    time.sleep(1)  # for the record's last lines
    length = len(model.series)
    real, modelled = counts(read(running.file), begin, length), [second.instances for second in model.series]
    close = sum(abs(a - b) <= 1 for a, b in zip(real, modelled, strict=True)) / length
    p95, model_p95 = percentile(latencies, 95), model.latency(95)
    return {
        "load": load,
        "requests": [len(latencies), model.answered],
        "instances within 1": close,
        "most instances": [max(real), max(modelled)],
        "p95": [p95, model_p95],
        "p95 differs by": abs(model_p95 / p95 - 1),
        "agrees": close >= AGREEMENT and abs(model_p95 / p95 - 1) <= P95,
        "instances": {"emulator": real, "simulation": modelled},
    }


def start_of(running: Emulator, sleep: str) -> float:
    """Seconds from the start of an instance to readiness: the first answer from zero, without the sleep."""
    found = []
    for _ in range(3):
        running.wait_for_zero()
        found.append(running.ask() - seconds(sleep))
    return median(found)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", action="append", help=f"(default {', and '.join(LOADS)})")
    parser.add_argument("--sleep", default="250ms", help="what a request takes (default %(default)s)")
    parser.add_argument("--json", type=Path, help="where the figures go")
    options = parser.parse_args(argv)
    with emulator(options.sleep) as running:
        start = start_of(running, options.sleep)
        print(f"an instance starts within {start:.3f} s")
        found = []
        took = hour()
        print(f"an hour of 100 requests/s is simulated in {took:.1f} s, {3600 / took:.0f} s per second")
        for load in options.load or LOADS:
            running.wait_for_zero()
            found.append(compared(running, load, options.sleep, start))
            _say(found[-1])
    if options.json:
        options.json.write_text(json.dumps({"start": start, "hour": took, "runs": found}, indent=2))
    return 0 if all(it["agrees"] for it in found) else 1


def _say(found: dict[str, Any]) -> None:
    say = partial(print, sep="")
    say(f"\n{found['load']}")
    say(f"  {'':24}{'emulator':>10}{'simulation':>12}")
    for name in ("requests", "most instances", "p95"):
        say(f"  {name:24}", "".join(f"{value:>{width}.4g}" for value, width in zip(found[name], (10, 12), strict=True)))
    say(f"  instances within 1 on {100 * found['instances within 1']:.1f} % of {len(found['instances']['emulator'])} s")
    say(f"  p95 differs by {100 * found['p95 differs by']:.1f} %")
    say(f"  {'they agree' if found['agrees'] else 'THEY DIFFER'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
