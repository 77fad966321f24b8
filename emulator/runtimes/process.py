"""Instances as processes of this machine: the command that the `images:` table names for the manifest's image.

A process gets a free port of the loopback as `$PORT`, its own process group, and a mark in its environment: whatever
still carries the mark of a state folder when an emulator starts there was left by one that was killed.
"""

import contextlib
import functools
import os
import shlex
import signal
import socket
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import Template

import gevent
import psutil
from gevent import subprocess

from emulator.core.environment import expand_all
from emulator.core.support import RuntimeName
from emulator.errors import LaunchError
from emulator.runtimes.base import (
    LAST_LINES,
    LINE_LIMIT,
    Address,
    Command,
    Execution,
    Exit,
    Handle,
    Launch,
    LogSink,
    Output,
)
from emulator.runtimes.process_command import ProcessCommand

LOOPBACK = "127.0.0.1"
#: Environment variable that marks our processes with the state folder of their emulator.
MARK = "KNATIVE_EMULATOR_STATE"
#: Seconds that leftovers of a killed emulator get between SIGTERM and SIGKILL.
SWEEP_GRACE = 5.0


class ProcessRuntime:
    """Runs `images[IMAGE]` (a command as one string, split as a shell would) with the manifest's args appended.

    `$NAME` in the table's command stands for a variable of the instance, so a program that wants its port as an
    argument can have it: `uvicorn app:app --port $PORT`.

    A `command` in the manifest replaces the table's, as it replaces an image's entry point.
    """

    def __init__(self, images: Mapping[str, str], state_dir: Path, config_file: Path, working_dir: Path) -> None:
        self._images = images
        self._state_dir = state_dir
        self._config_file = config_file
        self._working_dir = working_dir

    def knows(self, image: str) -> bool:
        """Whether the table has a command for an image."""
        return image in self._images

    def remedy(self, image: str) -> str:
        """What to do about an image that it doesn't have, in words."""
        return f'add the line `  "{image}": "COMMAND"` under `images:` in {self._config_file}'

    def name_for(self, image: str) -> RuntimeName:
        del image
        return RuntimeName.PROCESS

    def prepare(self, launch: Launch) -> None:
        """Raise LaunchError where neither the manifest nor the table says what to run."""
        if not launch.command and not self.knows(launch.image):
            why = f'no command stands for image "{launch.image}": {self.remedy(launch.image)}'
            raise LaunchError("ContainerMissing", why)

    def start(self, launch: Launch, log: LogSink) -> Handle:
        self.prepare(launch)  # the table is read anew each time
        address = Address(LOOPBACK, free_port())
        # What listens where HOST says listens for the gateway alone: an instance is nobody else's business.
        ours = {"PORT": str(address.port), MARK: str(self._state_dir)}
        env = {**os.environ, "HOST": LOOPBACK, **launch.env, **ours}
        command = [*self._entry_point(launch, env), *expand_all(launch.args, env)]
        folder = launch.working_dir or self._working_dir
        try:
            process = subprocess.Popen(
                command,
                env=env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise LaunchError(
                "ContainerMissing",
                f'the command for image "{launch.image}" can\'t be started ({error.strerror}: {error.filename}): '
                f"correct `images:` in {self._config_file}",
            ) from error
        run = functools.partial(ProcessCommand, env=env, folder=folder)
        return _Process(process, address, log, run)

    def _entry_point(self, launch: Launch, env: Mapping[str, str]) -> Sequence[str]:
        if launch.command:
            return expand_all(launch.command, env)
        return [Template(word).safe_substitute(env) for word in shlex.split(self._images[launch.image])]

    def sweep(self) -> int:
        left = [process for process in psutil.process_iter() if self._is_ours(process)]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in psutil.wait_procs(left, timeout=SWEEP_GRACE)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return len(left)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.pid != os.getpid() and process.environ().get(MARK) == str(self._state_dir)
        except (psutil.Error, OSError):
            return False


class _Process:
    """One process group, the greenlet that reads what it prints, and the commands that `run` has started beside it."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        address: Address,
        log: LogSink,
        run: Callable[[Command, Output], ProcessCommand],
    ) -> None:
        self.address = address
        self._process = process
        self._log = log
        self._run = run
        self._commands: weakref.WeakSet[ProcessCommand] = weakref.WeakSet()
        self._reader = gevent.spawn(self._read)

    def wait(self) -> Exit:
        code = self._process.wait()
        # What it printed last may still be in the pipe; a child of its own may hold the pipe open, so not for ever.
        self._reader.join(timeout=1)
        self._signal(signal.SIGKILL)
        for command in list(self._commands):
            command.kill()
        return Exit(code if code >= 0 else 128 - code, self._log.tail(LAST_LINES))

    def stop(self, grace: float) -> None:
        self._signal(signal.SIGTERM)
        gevent.spawn_later(grace, self._kill)

    def execute(self, command: Command, output: Output) -> Execution:
        running = self._run(command, output)
        self._commands.add(running)
        return running

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self) -> None:
        out = self._process.stdout
        assert out is not None  # noqa: S101 - it was opened as a pipe just above
        with out:
            for line in iter(lambda: out.readline(LINE_LIMIT), b""):
                self._log.write(line.decode(errors="replace").rstrip("\r\n"))


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
