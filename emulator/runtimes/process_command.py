"""A command beside an instance that is a process: with its environment, in its folder, a process group of its own."""

import contextlib
import errno
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent import subprocess
from gevent.fileobject import FileObject

from emulator.core.gotext import quote
from emulator.errors import CommandError
from emulator.runtimes.base import STDERR, STDOUT, Command, Output

#: A FileObject of gevent's, of which kind is for it to choose.
File = Any
#: Bytes that are read at a time: what a pipe holds at most.
CHUNK = 64 * 1024
#: Seconds that the output of a command that has ended is waited for: a child that it left may hold it open for ever.
LEFT_BEHIND = 1.0
#: What terminals take for the end of input (termios VEOF: Ctrl-D).
END_OF_INPUT = b"\x04"


class ProcessCommand:
    """Runs a command at once. Raises CommandError."""

    def __init__(self, command: Command, output: Output, *, env: Mapping[str, str], folder: str | Path) -> None:
        self._output = output
        self._tty = command.tty
        self._ended = self._killed = False
        start = self._on_terminal if command.tty else self._on_pipes
        try:
            streams = start(command, env, folder)
        except OSError as error:
            raise CommandError(_why(command.words[0], error)) from error
        self._readers = [gevent.spawn(self._read, stream, file) for stream, file in streams.items()]

    def write(self, data: bytes) -> None:
        # It has ended, or has closed its input.
        with contextlib.suppress(OSError, ValueError):
            rest = data
            while rest:
                rest = rest[self._input.write(rest) :]

    def end_input(self) -> None:
        if self._tty:
            self.write(END_OF_INPUT)
        else:
            self._input.close()

    def resize(self, columns: int, rows: int) -> None:
        if self._tty and not self._input.closed:
            fcntl.ioctl(self._input.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self) -> int:
        code = self._process.wait()
        gevent.joinall(self._readers)
        self.kill()
        self._ended = True
        self._input.close()
        return code if code >= 0 else 128 - code

    def kill(self) -> None:
        self._killed = True
        if not self._ended:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _on_pipes(self, command: Command, env: Mapping[str, str], folder: str | Path) -> dict[int, File]:
        self._process = subprocess.Popen(
            command.words,
            bufsize=0,
            env=dict(env),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        streams: tuple[File, ...] = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._input = streams[0]
        if not command.stdin:
            self._input.close()
        return {STDOUT: streams[1], STDERR: streams[2]}

    def _on_terminal(self, command: Command, env: Mapping[str, str], folder: str | Path) -> dict[int, File]:
        ours, its = pty.openpty()
        try:
            self._process = subprocess.Popen(
                command.words,
                env={**env, "TERM": "xterm"},  # as container runtimes have it
                cwd=folder,
                stdin=its,
                stdout=its,
                stderr=its,
                preexec_fn=lambda: os.login_tty(0),
            )
        except OSError:
            os.close(ours)
            raise
        finally:
            os.close(its)
        self._input = FileObject(os.dup(ours), "wb", bufsize=0)
        return {STDOUT: FileObject(ours, "rb", bufsize=0)}

    def _read(self, stream: int, file: File) -> None:
        # A terminal whose last process has ended is an error to read from (EIO), on Linux.
        with file, contextlib.suppress(OSError):
            while not self._killed:
                data = gevent.with_timeout(LEFT_BEHIND, file.read, CHUNK, timeout_value=None)
                if data:
                    self._output(stream, data)
                elif data is not None or self._process.poll() is not None:
                    return


def _why(program: str, error: OSError) -> str:
    """Why a program can't be started, in the words of Go's os/exec, which runtimes of containers pass on."""
    missing = str(error.filename)
    if error.errno != errno.ENOENT:
        why = (error.strerror or str(error)).lower()
    elif "/" in missing:
        why = f"stat {missing}: no such file or directory"
    else:
        why = "executable file not found in $PATH"
    return f"exec: {quote(program)}: {why}"
