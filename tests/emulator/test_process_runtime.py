import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gevent
import psutil
import pytest

from emulator.core.revision import RevisionKey
from emulator.errors import LaunchError
from emulator.logs import Log
from emulator.runtimes.base import Launch
from emulator.runtimes.process import LINE_LIMIT, MARK, ProcessRuntime

PRINT_ENV = "import os; print(os.environ['PORT'], os.environ['X'], os.getcwd())"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def launch(*command: str, image: str = "img", args: tuple[str, ...] = ()) -> Launch:
    return Launch("i-1", RevisionKey("default", "r"), image, command, args, {"X": "x"}, None, 8080, {})


@pytest.fixture
def runtime(tmp_path: Path) -> ProcessRuntime:
    images = {"img": f"{sys.executable} -c", "ghost": "/no/such/program"}
    return ProcessRuntime(images, tmp_path, tmp_path / "knative-emulator.yaml", tmp_path)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        gevent.sleep(0.01)


def test_a_command_gets_its_port_its_environment_and_the_folder(runtime: ProcessRuntime, tmp_path: Path) -> None:
    log = Log()
    handle = runtime.start(launch(args=(PRINT_ENV,)), log)
    assert handle.wait().code == 0
    assert log.tail(10) == f"{handle.address.port} x {tmp_path}"


def test_the_manifests_command_replaces_the_tables(runtime: ProcessRuntime) -> None:
    log = Log()
    assert runtime.start(launch("sh", "-c", "echo $0; exit 3", args=("arg",)), log).wait().code == 3
    assert log.tail(10) == "arg"


def test_variables_stand_in_the_tables_command_and_in_the_manifests(tmp_path: Path) -> None:
    images = {"img": "echo $PORT $X ${X}s $NONE"}
    runtime = ProcessRuntime(images, tmp_path, tmp_path / "knative-emulator.yaml", tmp_path)
    log = Log()
    handle = runtime.start(launch(args=("$(X)", "$X", "$(NONE)")), log)
    handle.wait()
    assert log.tail(1) == f"{handle.address.port} x xs $NONE x $X $(NONE)"


def test_an_exit_tells_the_last_lines_and_a_signal_counts_as_a_shell_counts(runtime: ProcessRuntime) -> None:
    ended = runtime.start(launch("sh", "-c", "seq 1 30; kill -9 $$$$"), Log()).wait()
    assert ended.code == 137
    assert ended.last_lines.split("\n") == [str(n) for n in range(21, 31)]


def test_an_image_without_a_line_names_the_line_to_add(runtime: ProcessRuntime, tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="no command stands for image") as refused:
        runtime.start(launch(image="other"), Log())
    assert refused.value.kind == "ContainerMissing"
    assert '"other": "COMMAND"' in str(refused.value)
    assert str(tmp_path / "knative-emulator.yaml") in str(refused.value)


def test_a_missing_command_is_named(runtime: ProcessRuntime) -> None:
    with pytest.raises(LaunchError, match=r"No such file or directory: /no/such/program"):
        runtime.start(launch(image="ghost"), Log())


def test_stop_asks_first_and_then_insists(runtime: ProcessRuntime) -> None:
    polite = runtime.start(launch("sleep", "60"), Log())
    polite.stop(60)
    assert polite.wait().code == 143
    log = Log()
    stubborn = runtime.start(launch(args=(STUBBORN,)), log)
    until(lambda: log.tail(1) == "up")
    stubborn.stop(0.1)
    assert stubborn.wait().code == 137


def test_children_of_an_instance_end_with_it(runtime: ProcessRuntime) -> None:
    log = Log()
    handle = runtime.start(launch("sh", "-c", "sleep 61 & echo $!; exit 0"), log)
    handle.wait()
    child = int(log.tail(1))

    def gone() -> bool:
        try:
            return psutil.Process(child).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    until(gone)


def test_an_endless_line_is_cut(runtime: ProcessRuntime) -> None:
    log = Log()
    runtime.start(launch("sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x"), log).wait()
    assert max(len(line) for line in log.read()) <= LINE_LIMIT + 1


def test_sweep_ends_what_a_killed_emulator_left_and_nothing_else(runtime: ProcessRuntime, tmp_path: Path) -> None:
    left = subprocess.Popen(["sleep", "62"], env=os.environ | {MARK: str(tmp_path)})
    other = subprocess.Popen(["sleep", "62"], env=os.environ | {MARK: str(tmp_path / "other")})
    try:
        assert runtime.sweep() == 1
        assert not psutil.pid_exists(left.pid)
        assert other.poll() is None
        assert runtime.sweep() == 0
    finally:
        for process in (left, other):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
