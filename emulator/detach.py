"""Running in the background: `up --detach` comes back once the emulator is ready, `down` stops it."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from emulator.errors import EmulatorError, MachineError
from emulator.lock import holder

#: Seconds that `down` waits for requests in hand to end: Knative's default timeoutSeconds would be 300, a person's
#: patience is less; what still runs then is killed.
STOP_LIMIT = 60.0


def run_detached(state_dir: Path, run: Callable[[Callable[[int], None]], int]) -> int:
    """Fork; `run(on_up)` goes on in the child, this process ends when it is up, or when it can't be.

    Until it is up the child prints to this terminal, from then on to `emulator.log` in the state folder. It says with
    which exit code this process is to end: 1 where it is up, but not all that it was to run is ready.
    """
    ready, announce = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ready)
        os.setsid()
        code = 1
        try:
            code = run(lambda code: _turn_away(announce, code, state_dir / "emulator.log"))
        except EmulatorError as error:
            print(f"error: {error}", file=sys.stderr)
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(announce)
    try:
        if told := os.read(ready, 1):
            return told[0]
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def stop(state_dir: Path) -> bool:
    """Stop the emulator of a state folder and wait until it is gone; False if none runs. Raises MachineError."""
    running = holder(state_dir)
    if running is None:
        return False
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_LIMIT
    while holder(state_dir) is not None:
        if time.monotonic() > deadline:
            raise MachineError(
                f"process {running.pid} has not ended in {STOP_LIMIT:.0f} s: look at it, or `kill -9 {running.pid}`"
            )
        time.sleep(0.02)
    return True


def _turn_away(announce: int, code: int, log: Path) -> None:
    if code:
        print(
            "not all of it is ready, and the emulator keeps running: `knative-emulator status` tells more, "
            "`knative-emulator down` stops it",
            file=sys.stderr,
        )
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab") as file, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    with contextlib.suppress(BrokenPipeError):
        os.write(announce, bytes([code]))
    os.close(announce)
