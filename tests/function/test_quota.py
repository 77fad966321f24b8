from pathlib import Path

import pytest

from function.pool.quota import cpu_quota, hash_threads


class Machine:
    """A /proc and a /sys/fs/cgroup made of files."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.cgroups = folder / "proc", folder / "cgroup"

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def member(self, *lines: str) -> None:
        self.write(self.proc / "self" / "cgroup", "\n".join(lines))

    def v1(self, group: str, quota: int, mount: str = "cpu") -> None:
        self.write(self.cgroups / mount / group / "cpu.cfs_quota_us", str(quota))
        self.write(self.cgroups / mount / group / "cpu.cfs_period_us", "100000")

    def quota(self) -> float | None:
        return cpu_quota(self.proc, self.cgroups)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_v2_in_a_container(machine: Machine) -> None:
    machine.member("0::/")
    machine.write(machine.cgroups / "cpu.max", "150000 100000")
    assert machine.quota() == 1.5


def test_v2_without_a_limit(machine: Machine) -> None:
    machine.member("0::/user.slice")
    machine.write(machine.cgroups / "user.slice" / "cpu.max", "max 100000")
    assert machine.quota() is None


def test_v2_the_smallest_limit_of_all_ancestors_counts(machine: Machine) -> None:
    machine.member("0::/pods/pod1/container")
    machine.write(machine.cgroups / "pods" / "cpu.max", "400000 100000")
    machine.write(machine.cgroups / "pods" / "pod1" / "cpu.max", "50000 100000")
    machine.write(machine.cgroups / "pods" / "pod1" / "container" / "cpu.max", "200000 100000")
    assert machine.quota() == 0.5


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_v1(machine: Machine, mount: str) -> None:
    machine.member("4:memory:/docker/abc", "3:cpu,cpuacct:/docker/abc", "0::/")
    machine.v1("docker/abc", 250_000, mount)
    assert machine.quota() == 2.5


def test_v1_in_a_container_that_sees_the_hosts_path(machine: Machine) -> None:
    machine.member("3:cpu,cpuacct:/docker/abc")
    machine.v1("", 100_000)
    assert machine.quota() == 1.0


def test_v1_without_a_limit(machine: Machine) -> None:
    machine.member("1:cpu:/")
    machine.v1("", -1)
    assert machine.quota() is None


def test_no_cgroups_at_all(machine: Machine) -> None:
    assert machine.quota() is None


@pytest.mark.parametrize(
    ("quota", "affinity", "threads"),
    [(None, 4, 4), (0.1, 4, 1), (1.0, 4, 1), (1.5, 4, 2), (2.0, 4, 2), (8.0, 4, 4)],
)
def test_threads_are_the_quota_rounded_up_within_the_affinity(quota: float | None, affinity: int, threads: int) -> None:
    assert hash_threads(quota, affinity) == threads
