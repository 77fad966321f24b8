"""A command inside a container, through the engine's exec.

The engine has no way to end what it has run there. So each command carries a mark in its environment, which all that it
starts inherits, and a shell of the image's own ends whatever has that mark. Where the image has no shell, it is left
to itself until the container ends.
"""

import contextlib
import os
import uuid
from collections.abc import Iterator
from typing import Any

import gevent
from gevent import socket

from emulator.errors import CommandError
from emulator.runtimes.base import STDOUT, Command, Output
from emulator.runtimes.engine import Client, Engine, NoEngineError, RefusedError
from emulator.runtimes.output import FRAME

#: Environment variable that marks a command and what it starts.
MARK = "KNATIVE_EMULATOR_COMMAND"
#: Ends all that has the mark `$1`, but for this shell, which is asked to by an argument.
_KILL = 'for it in /proc/[0-9]*; do grep -qs "$1" "$it/environ" && kill -9 "${it#/proc/}"; done'
#: Bytes that are read at a time.
CHUNK = 64 * 1024
#: Exit code of what was killed, or went away with its container, as a shell counts.
KILLED = 137
#: Seconds between two looks at a command whose output has ended; most often the first look finds it ended too.
ENDING_POLL = 0.05
#: Seconds that a command which is killed has to end, before it is given up.
KILLING = 2.0


class ContainerCommand:
    """Runs a command at once in the container of that id. Raises CommandError."""

    def __init__(self, engine: Engine, container: str, command: Command, output: Output) -> None:
        self._engine = engine
        self._container = container
        self._output = output
        self._mark = uuid.uuid4().hex
        self._killer: gevent.Greenlet[..., None] | None = None
        try:
            self._id, connection, early = engine.call(lambda client: _start(client, container, command, self._mark))
        except (RefusedError, NoEngineError) as error:
            raise CommandError(str(error)) from error
        self._connection = socket.socket(fileno=connection)
        chunks = self._chunks(early)
        self._reader = gevent.spawn(self._take, ((STDOUT, it) for it in chunks) if command.tty else _frames(chunks))

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # it has ended, or has closed its input
            self._connection.sendall(data)

    def end_input(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def resize(self, columns: int, rows: int) -> None:
        with contextlib.suppress(RefusedError, NoEngineError):  # it may have ended
            self._engine.call(lambda client: client.api.exec_resize(self._id, height=rows, width=columns))

    def wait(self) -> int:
        self._reader.join()
        if self._killer:
            self._killer.join()
        self._connection.close()
        while True:
            try:
                state = self._engine.call(lambda client: client.api.exec_inspect(self._id))
            except (RefusedError, NoEngineError):
                return KILLED  # the container is gone, or the engine
            if not state["Running"]:
                return KILLED if state["ExitCode"] is None else int(state["ExitCode"])
            if self._killer:
                return KILLED
            gevent.sleep(ENDING_POLL)

    def kill(self) -> None:
        if self._killer is None and not self._reader.ready():
            self._killer = gevent.spawn(self._kill)

    def _kill(self) -> None:
        words = ["sh", "-c", _KILL, "sh", f"{MARK}={self._mark}"]
        with contextlib.suppress(RefusedError, NoEngineError):
            self._engine.call(lambda client: client.containers.get(self._container).exec_run(words, detach=True))
        self._reader.join(timeout=KILLING)
        self._reader.kill()
        self._connection.close()

    def _chunks(self, early: bytes) -> Iterator[bytes]:
        if early:
            yield early
        with contextlib.suppress(OSError):
            while data := self._connection.recv(CHUNK):
                yield data

    def _take(self, pieces: Iterator[tuple[int, bytes]]) -> None:
        for stream, data in pieces:
            self._output(stream, data)


def _start(client: Client, container: str, command: Command, mark: str) -> tuple[str, int, bytes]:
    """Its id, a descriptor of its connection, and what has come with the head of the engine's answer."""
    made = client.api.exec_create(
        container, list(command.words), stdin=command.stdin, tty=command.tty, environment={MARK: mark}
    )["Id"]
    attached: Any = client.api.exec_start(made, tty=command.tty, socket=True)
    response = attached._response  # noqa: SLF001 - the SDK has no other way to close what it has opened here
    try:
        # The SDK gives what is below the buffer through which it has read the head, and maybe more.
        attached._sock.setblocking(False)  # noqa: SLF001 - or a look into the buffer would wait for more
        return made, os.dup(attached.fileno()), response.raw._fp.fp.peek()  # noqa: SLF001 - see above
    finally:
        response.close()


def _frames(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Streams and bytes from frames that are cut anywhere; a frame need not be whole to be passed on."""
    head, stream, left = b"", 0, 0
    for chunk in chunks:
        rest = chunk
        while rest:
            if not left:
                wanted = FRAME.size - len(head)
                head, rest = head + rest[:wanted], rest[wanted:]
                if len(head) == FRAME.size:
                    (stream, left), head = FRAME.unpack(head), b""
            elif piece := rest[:left]:
                left, rest = left - len(piece), rest[left:]
                yield stream, piece
