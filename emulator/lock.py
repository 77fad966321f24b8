"""One emulator to a state folder: a lock that the kernel lets go of when its holder dies, however it dies."""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import NamedTuple

from emulator.errors import MachineError


class Holder(NamedTuple):
    """The emulator that runs on a state folder: its process id, and the folder that its configuration is of."""

    pid: int
    folder: str


class Lock:
    """Held while an emulator runs. The file says by whom; the file without the kernel's lock means nothing."""

    def __init__(self, state_dir: Path, folder: Path) -> None:
        self._path = state_dir / "lock"
        self._folder = folder
        self._fd = -1

    def acquire(self) -> None:
        """Raises MachineError if another emulator runs on this folder, or if the folder can't be written to."""
        folder = self._path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise MachineError(
                f"can't write to the state folder {folder} ({error.strerror}): make it writable, "
                "or name another one with --state-dir"
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            other = holder(folder)
            whose = f" (process {other.pid}, with what it runs from {other.folder})" if other else ""
            raise MachineError(
                f"an emulator runs on {folder} already{whose}: use `knative-emulator apply`, "
                "stop it with `knative-emulator down`, or give this one a folder of its own with --state-dir"
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n{self._folder}".encode())

    def release(self) -> None:
        """Leave nothing behind. The file goes while the lock is held, so that nobody waits on a file that is gone."""
        self._path.unlink(missing_ok=True)
        os.close(self._fd)


def holder(state_dir: Path) -> Holder | None:
    """Which emulator runs on this folder, if one does."""
    try:
        fd = os.open(state_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(ValueError):
            pid, _, folder = os.read(fd, 8192).decode(errors="replace").partition("\n")
            return Holder(int(pid), folder)
    finally:
        os.close(fd)
    return None
