"""Asks an instance how it is by a command, once, as a kubelet does (pkg/probe/exec)."""

from gevent import with_timeout

from emulator.core.gotext import quote
from emulator.core.probe import Probe
from emulator.errors import CommandError
from emulator.runtimes.base import Command, Handle

#: Bytes of what the command prints that are told.
OUTPUT_LIMIT = 10 * 1024


def ask(probe: Probe, handle: Handle) -> str | None:
    """Run the probe's command in an instance, for at most the probe's timeout; then it is killed.

    Returns:
        None when it ended with 0, else what it printed, or why it could not be run, in kubelet's words.
    """
    words = probe.check.command
    told = bytearray()

    def take(stream: int, data: bytes) -> None:
        del stream
        told.extend(data[: OUTPUT_LIMIT - len(told)])

    try:
        running = handle.execute(Command(words), take)
    except CommandError as error:
        return str(error)
    try:
        code: int | None = with_timeout(probe.timeout, running.wait, timeout_value=None)
    finally:
        running.kill()
    if code is None:
        return f"command {quote(' '.join(words))} timed out"
    return told.decode(errors="replace") if code else None
