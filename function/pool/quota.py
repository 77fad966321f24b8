"""How many CPUs this process may use: the cgroup's quota (v2, then v1), bounded by the affinity mask.

`os.cpu_count()` is the machine's, not the container's: 64 hashing threads under a quota of 2 CPUs spend their time
throttled.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path

#: Of v1, the tree of the `cpu` controller, under either of the names it is mounted by.
_V1_MOUNTS = ("cpu", "cpu,cpuacct")


def cpu_quota(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> float | None:
    """CPUs that the cgroup may use, or None for no limit.

    Every ancestor's limit holds too, so the smallest counts. In a container the path in /proc/self/cgroup may be the
    host's, which is not mounted here; then the mount's root is the container's own group, and it is among the
    ancestors.
    """
    limits: list[float] = []
    for line in _read(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            limits += _limits(cgroups, path, _v2_limit)
        elif "cpu" in controllers.split(","):
            for mount in _V1_MOUNTS:
                limits += _limits(cgroups / mount, path, _v1_limit)
    return min(limits, default=None)


def hash_threads(quota: float | None, affinity: int) -> int:
    """Threads for hashing.

    Rounded up: of 1.5 CPUs, one thread would leave a third idle, while two are throttled for at most a quarter of each
    100 ms period.
    """
    return affinity if quota is None else max(1, min(affinity, math.ceil(quota)))


def detect() -> int:
    return hash_threads(cpu_quota(), len(os.sched_getaffinity(0)))


def _limits(mount: Path, path: str, limit: Callable[[Path], float | None]) -> list[float]:
    group = mount / path.lstrip("/")
    chain = [group, *(parent for parent in group.parents if parent.is_relative_to(mount))]
    return [found for folder in chain if (found := limit(folder)) is not None]


def _v2_limit(folder: Path) -> float | None:
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdigit() else None


def _v1_limit(folder: Path) -> float | None:
    quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
