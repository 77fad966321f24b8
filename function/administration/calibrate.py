"""`login-function calibrate`: what this machine hashes, and what a storm of logins takes (S11).

The arithmetic: `logins` come evenly over `within` seconds to a service at zero, whose instances are there after `start`
seconds and hash C logins/s from then on. The last to come is hashed when all are, after start + logins / C seconds, and
has waited `within` less. For nobody to wait longer than `wait`:

    C = logins / (within + wait - start)            instances = C x seconds per hash / vCPUs of an instance, rounded up

Seconds per hash are those of a thread that hashes as many at a time as the engine can (HASH_ENGINE): in a storm there
are always enough.

Where `start` alone is longer than `wait`, the instances have to be there before: min-scale is their number.
"""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from function.credentials.engine import Engine
from function.credentials.passwords import Claim, Passwords

#: Any password does: bcrypt takes the same time for all.
_PASSWORD = "a password to measure with"  # noqa: S105 - nobody's


class Rate(NamedTuple):
    """What was measured: `hashes` of bcrypt `cost` in `seconds`, on `threads` threads at once, `width` to a batch."""

    cost: int
    threads: int
    width: int
    hashes: int
    seconds: float

    @property
    def seconds_per_hash(self) -> float:
        """Seconds of one thread, while all the others hash."""
        return self.seconds * self.threads / self.hashes

    @property
    def per_core(self) -> float:
        """Logins per second of one vCPU."""
        return 1 / self.seconds_per_hash


class Storm(NamedTuple):
    """Logins that come at once.

    Attributes:
        logins: how many.
        within: seconds over which they come.
        wait: seconds that nobody should wait longer than.
        start: seconds until new instances answer, from the first login to a service at zero.
    """

    logins: int
    within: float
    wait: float
    start: float


class Plan(NamedTuple):
    """Numbers for the manifest, and what the storm costs.

    Attributes:
        target: logins in flight for each instance, on average: a batch a thread, and one that waits. At random
            arrivals and equal jobs that is a utilisation of 76 % on one thread and of 84 % on four where a batch is one
            (M/D/c), 79 % where it is four (simulated).
        container_concurrency: twice that, so that the next batch is there, and full, when one is done.
        min_scale: instances that must be there before the storm.
        max_scale: instances that the storm takes.
        timeout_seconds: of a request: the wait, and the deadline of the function itself.
        core_seconds: CPU time for all hashes.
    """

    target: int
    container_concurrency: int
    min_scale: int
    max_scale: int
    timeout_seconds: int
    core_seconds: float


def measure(cost: int, threads: int, engine: Engine, seconds: float) -> Sequence[Rate]:
    """Hash on all threads at once for at least `seconds`: the neighbours' caches and clocks are part of the rate.

    The widths, of which the last is the engine's, share the seconds.
    """
    passwords = Passwords(cost, engine=engine)
    stored = passwords.hash(_PASSWORD)  # also warms up
    widths = range(1, engine.width + 1)
    return [
        _measured(passwords, [Claim(_PASSWORD, stored)] * width, threads, seconds / len(widths)) for width in widths
    ]


def _measured(passwords: Passwords, batch: Sequence[Claim], threads: int, seconds: float) -> Rate:
    together = threading.Barrier(threads + 1)

    def work() -> int:
        together.wait()
        hashes, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            passwords.verify(batch)
            hashes += len(batch)
        return hashes

    with ThreadPoolExecutor(threads) as pool:
        counts = [pool.submit(work) for _ in range(threads)]
        together.wait()
        began = time.monotonic()
        hashes = sum(count.result() for count in counts)
        return Rate(passwords.cost, threads, len(batch), hashes, time.monotonic() - began)


def plan(storm: Storm, seconds_per_hash: float, width: int, cpus: float, deadline: float) -> Plan:
    """Size the service for a storm; see the arithmetic on top of this file.

    Args:
        storm: what comes.
        seconds_per_hash: of one core, in full batches.
        width: hashes of a full batch.
        cpus: vCPUs of one instance.
        deadline: seconds, LOGIN_DEADLINE.
    """
    ready = storm.start <= storm.wait
    seconds = storm.within + storm.wait - (storm.start if ready else 0)
    instances = math.ceil(storm.logins * seconds_per_hash / (seconds * cpus))
    target = width * math.ceil(cpus) + 1
    return Plan(
        target=target,
        container_concurrency=2 * target,
        min_scale=0 if ready else instances,
        max_scale=instances,
        timeout_seconds=math.ceil(storm.wait + deadline),
        core_seconds=storm.logins * seconds_per_hash,
    )


def report(rates: Sequence[Rate], storm: Storm, planned: Plan, cpus: float, connections: int) -> Iterator[str]:
    """The lines to print: what was measured, what the storm takes, and the YAML for the manifest."""
    for rate in rates:
        yield (
            f"bcrypt cost {rate.cost}, {rate.width} at a time: {rate.seconds_per_hash * 1000:.1f} ms a hash, "
            f"{rate.per_core:.2f} logins/s per vCPU "
            f"({rate.hashes} hashes in {rate.seconds:.1f} s on {rate.threads} thread(s))"
        )
    yield (
        f"{storm.logins:,} logins in {storm.within:g} s, of whom nobody waits longer than {storm.wait:g} s: "
        f"{planned.core_seconds:,.0f} core-seconds, {planned.max_scale:,} instance(s) of {cpus:g} vCPU"
    )
    yield f"On PostgreSQL they take up to {planned.max_scale * connections:,} connections (DATABASE_CONNECTIONS each)."
    if planned.min_scale:
        yield (
            f"Instances start in {storm.start:g} s, longer than anybody is to wait, "
            "so all of them have to be there before: raise min-scale ahead of the storm, and lower it afterwards."
        )
    yield f"""
# into spec.template of knative/service.yaml
metadata:
  annotations:
    autoscaling.knative.dev/metric: concurrency
    autoscaling.knative.dev/target: "{planned.target}"
    autoscaling.knative.dev/target-utilization-percentage: "100"
    autoscaling.knative.dev/min-scale: "{planned.min_scale}"
    autoscaling.knative.dev/max-scale: "{planned.max_scale}"
spec:
  containerConcurrency: {planned.container_concurrency}
  timeoutSeconds: {planned.timeout_seconds}
  containers:
    - name: login
      resources:
        requests:
          cpu: "{cpus:g}"
        limits:
          cpu: "{cpus:g}\""""
