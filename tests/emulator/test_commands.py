"""Commands beside an instance that is a process, and probes that are commands."""

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import psutil
import pytest
from running import Emulator, manifest, until

from emulator.core.revision import RevisionKey
from emulator.errors import CommandError
from emulator.logs import Log
from emulator.runtimes.base import STDERR, STDOUT, Command, Handle, Launch
from emulator.runtimes.process import ProcessRuntime

Run = Callable[..., tuple[int, dict[int, bytes]]]


@pytest.fixture
def instance(tmp_path: Path) -> Handle:
    runtime = ProcessRuntime({}, tmp_path, tmp_path / "knative-emulator.yaml", tmp_path)
    launch = Launch("i-1", RevisionKey("default", "r"), "img", ("sleep", "60"), (), {"X": "x"}, None, 8080, {})
    return runtime.start(launch, Log())


@pytest.fixture
def run(instance: Handle) -> Run:
    def run(*words: str, given: bytes | None = None, tty: bool = False) -> tuple[int, dict[int, bytes]]:
        printed = {STDOUT: b"", STDERR: b""}

        def take(stream: int, data: bytes) -> None:
            printed[stream] += data

        running = instance.execute(Command(words, stdin=given is not None, tty=tty), take)
        with gevent.Timeout(30):
            if given is not None:
                running.resize(77, 33)
                running.write(given)
                running.end_input()
            return running.wait(), printed

    return run


def test_a_command_has_what_the_instance_has(instance: Handle, run: Run, tmp_path: Path) -> None:
    code, printed = run("sh", "-c", "echo $X $PORT; pwd; echo oh >&2; cat; exit 3")
    assert code == 3
    assert printed == {STDOUT: f"x {instance.address.port}\n{tmp_path}\n".encode(), STDERR: b"oh\n"}


def test_a_command_reads_and_prints_more_than_a_pipe_holds(run: Run) -> None:
    given = b"0123456789abcdef" * 100_000
    code, printed = run("wc", "-c", given=given)
    assert (code, printed[STDOUT].strip()) == (0, b"%d" % len(given))
    assert run("head", "-c", "3000000", "/dev/zero")[1][STDOUT] == bytes(3_000_000)
    assert run("true", given=given)[0] == 0, "one that doesn't read ends all the same"


def test_a_command_on_a_terminal(run: Run) -> None:
    code, printed = run("sh", "-c", "stty size; tty -s <&2 && echo $TERM; cat; exit 4", given=b"one\n", tty=True)
    assert code == 4
    assert b"33 77\r\nxterm\r\n" in printed[STDOUT]
    assert printed[STDOUT].count(b"one\r\n") == 2, "as it is typed, and as it is printed"
    assert not printed[STDERR]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("nope", 'exec: "nope": executable file not found in $PATH'),
        ("/no/pe", 'exec: "/no/pe": stat /no/pe: no such file or directory'),
        ("/etc/passwd", 'exec: "/etc/passwd": permission denied'),
    ],
)
@pytest.mark.parametrize("tty", [False, True])
def test_a_program_that_cannot_be_started(run: Run, program: str, why: str, tty: bool) -> None:
    with pytest.raises(CommandError) as refused:
        run(program, tty=tty)
    assert str(refused.value) == why


@pytest.mark.parametrize("tty", [False, True])
def test_a_killed_command_ends_with_all_that_it_has_started(instance: Handle, tty: bool) -> None:
    seen: list[bytes] = []
    words = ("sh", "-c", "sleep 63 & echo $!; sleep 64")
    running = instance.execute(Command(words, tty=tty), lambda _, data: seen.append(data))
    with gevent.Timeout(30):
        while not seen:
            gevent.sleep(0.01)
        child = psutil.Process(int(seen[0]))
        running.kill()
        assert running.wait() == 137
        with contextlib.suppress(psutil.NoSuchProcess):
            while child.status() != psutil.STATUS_ZOMBIE:
                gevent.sleep(0.01)


def test_a_command_ends_with_its_instance(instance: Handle) -> None:
    running = instance.execute(Command(("sleep", "65")), lambda _, data: None)
    instance.stop(10)
    instance.wait()
    with gevent.Timeout(30):
        assert running.wait() == 137


def test_what_a_command_leaves_behind_holds_up_nobody(run: Run) -> None:
    assert run("sh", "-c", "echo yes; sleep 66 & exit 5") == (5, {STDOUT: b"yes\n", STDERR: b""})


def revision(emulator: Emulator) -> dict[str, Any]:
    shown = emulator.cli("get", "revision", "hello-00001", "-o", "json")
    found: dict[str, Any] = json.loads(shown.stdout)
    return found


def test_a_readiness_probe_that_is_a_command(emulator: Emulator) -> None:
    ready = emulator.folder / "ready"
    look = {"exec": {"command": ["sh", "-c", 'test -f "$0" || { echo "no $0" >&2; exit 1; }', "$(FILE)"]}}
    probe = look | {"periodSeconds": 1, "failureThreshold": 1, "successThreshold": 1}
    service = manifest(env={"FILE": str(ready)}, annotations={"autoscaling.knative.dev/min-scale": "1"})
    service["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = probe
    emulator.up("--no-wait", services=(service,))

    def told() -> bool:
        return f"Readiness probe failed: no {ready}" in emulator.cli("get", "events").stdout

    until(told)
    assert emulator.revisions()[0]["instances"][0]["phase"] == "Starting"
    ready.touch()
    until(lambda: emulator.revisions()[0]["instances"][0]["phase"] == "Ready")
    assert emulator.get().ok


def test_a_command_that_does_not_end_fails_a_liveness_probe_and_is_killed(emulator: Emulator) -> None:
    slow = [sys.executable, "-c", "import time; time.sleep(67)"]
    probe = {"exec": {"command": slow}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1}
    annotations = {"autoscaling.knative.dev/min-scale": "1"}
    emulator.up(services=(manifest(annotations=annotations, container={"livenessProbe": probe}),))
    until(lambda: emulator.revisions()[0]["instances"][0]["restarts"])

    def left() -> list[int]:
        return [pid for pid in emulator.processes() if "time.sleep(67)" in " ".join(psutil.Process(pid).cmdline())]

    with contextlib.suppress(psutil.NoSuchProcess):
        assert len(left()) <= 1
    assert emulator.interrupt() == 0
    assert not emulator.processes()
