"""Rows on their way to a file: collected in memory, written by a thread, so that no request waits for the disk.

Each write is of whole lines. Whoever kills the emulator loses at most what the last half second brought, and may tear
one line, the last.
"""

import os
import sys
from pathlib import Path

import msgspec
from gevent import Greenlet, sleep, spawn
from gevent.threadpool import ThreadPool

from emulator.errors import MachineError
from emulator.record.file import create
from emulator.record.rows import AnyRow, Gap, Header

#: Seconds between two writes: what a crash may cost, against a system call for each request.
FLUSH = 0.5
#: Rows that may wait for the disk, about 500 bytes each: ten seconds of the busiest gateway. What comes when there are
#: so many is counted, and not kept.
ROWS_WAITING = 50_000


class Writer:
    """Writes to a file that it makes.

    When the disk takes no more it says so on standard error, once, and requests go on unrecorded.
    """

    def __init__(self, file: Path, header: Header) -> None:
        """Raises UserError where the file exists, MachineError where it can't be written."""
        self._file = file
        self._encoder = msgspec.json.Encoder()
        self._rows: list[AnyRow] = []
        self._lost = self._size = self._kept = 0
        self._ended = False
        self._descriptor = create(file)
        try:
            self._write(self._encoder.encode_lines([header]), 0)
        except OSError as error:
            raise MachineError(f"can't record to {file}: {error.strerror}") from error
        self._pool = ThreadPool(1)
        self._loop: Greenlet[..., None] = spawn(self._run)

    def put(self, row: AnyRow) -> None:
        """Take a row; never waits."""
        if self._ended:
            return
        if len(self._rows) < ROWS_WAITING:
            self._rows.append(row)
        else:
            self._lost += 1

    def close(self) -> None:
        """Write what is left."""
        self._loop.kill()
        self._flush()
        self._ended = True
        self._pool.kill()
        os.close(self._descriptor)

    def _run(self) -> None:
        while not self._ended:
            sleep(FLUSH)
            self._flush()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if self._lost and rows:
            rows.append(Gap(t=rows[-1].t, lost=self._lost))
            self._lost = 0
        if not rows or self._ended:
            return
        try:
            self._pool.apply(self._write, (self._encoder.encode_lines(rows), len(rows)))
        except OSError as error:
            self._ended = True
            self._rows.clear()
            said = f"recording to {self._file} ended after {self._kept} rows: {error.strerror}"
            sys.stderr.write(f"error: {said}; requests go on unrecorded\n")
            sys.stderr.flush()

    def _write(self, data: bytes, rows: int) -> None:
        """All of the data, or none of it."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)
        self._kept += rows
