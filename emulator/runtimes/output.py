"""What a container prints, as the engine sends it: frames of two streams, to be made lines of one log."""

import struct
from collections import defaultdict
from typing import BinaryIO

from emulator.runtimes.base import LINE_LIMIT, LogSink

#: Stream (1 standard output, 2 standard error), three zeros, length of what follows (Docker Engine API, attach).
FRAME = struct.Struct(">BxxxL")


def copy_lines(frames: BinaryIO, log: LogSink) -> None:
    """Write all lines of both streams to the log until the engine closes; a line over LINE_LIMIT bytes is cut."""
    pending: defaultdict[int, bytes] = defaultdict(bytes)
    while len(head := frames.read(FRAME.size)) == FRAME.size:
        stream, size = FRAME.unpack(head)
        *lines, rest = (pending[stream] + frames.read(size)).split(b"\n")
        for line in lines:
            _write(line, log)
        while len(rest) >= LINE_LIMIT:
            _write(rest[:LINE_LIMIT], log)
            rest = rest[LINE_LIMIT:]
        pending[stream] = rest
    for rest in filter(None, pending.values()):
        _write(rest, log)


def _write(line: bytes, log: LogSink) -> None:
    log.write(line[:LINE_LIMIT].decode(errors="replace").rstrip("\r"))
