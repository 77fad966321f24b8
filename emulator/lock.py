"""One emulator to a state folder: a lock that the kernel lets go of when its holder dies, however it dies."""

import contextlib
import fcntl
import os
from pathlib import Path

from emulator.errors import MachineError


class Lock:
    """Held while an emulator runs. The file holds its process id; the file without the kernel's lock means nothing."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "lock"
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
            raise MachineError(
                f"an emulator runs on {folder} already (process {holder(folder)}): use `knative-emulator apply`, "
                "stop it with `knative-emulator down`, or give this one a folder of its own with --state-dir"
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        """Leave nothing behind. The file goes while the lock is held, so that nobody waits on a file that is gone."""
        self._path.unlink(missing_ok=True)
        os.close(self._fd)


def holder(state_dir: Path) -> int | None:
    """The process id of the emulator that runs on this folder, if one does."""
    try:
        fd = os.open(state_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(ValueError):
            return int(os.read(fd, 32))
    finally:
        os.close(fd)
    return None
