"""Volumes with files of ConfigMaps and Secrets: a folder each, changed at once and as a whole, as the kubelet does.

What a program sees are links through `..data`, a link itself: `key -> ..data/key`, `..data -> ..<time>`. All files are
written beside, then `..data` is turned to them in one step (Kubernetes pkg/volume/util/atomic_writer.go).
"""

import contextlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from time import time_ns

import gevent

from emulator.core.environment import UnresolvedReference
from emulator.core.volumes import Files

#: Seconds after which a changed object is in the files of running instances, at most; a kubelet takes a minute or two.
SYNC = 1.0
DATA, NEXT = "..data", "..data_tmp"
_FOLDER_MODE = 0o755


class Volumes:
    """The volumes of one instance, kept as what `files` tells of each of them."""

    def __init__(self, folder: Path, files: Mapping[str, Callable[[], Files]]) -> None:
        """Write them. Raises UnresolvedReference and OSError."""
        self._folder = folder
        self._files = files
        self._written: dict[str, Files] = {}
        for name in files:
            self._write(name)
        self._keeper = gevent.spawn(self._keep) if files else None

    def close(self) -> None:
        """Nobody looks at them any more."""
        if self._keeper:
            self._keeper.kill(block=False)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self) -> None:
        while True:
            gevent.sleep(SYNC)
            for name in self._files:
                # An object that was deleted stays in the files of those that run, as in a cluster.
                with contextlib.suppress(UnresolvedReference, OSError):
                    self._write(name)

    def _write(self, name: str) -> None:
        files = self._files[name]()
        if self._written.get(name) != files:
            lay_out(self._folder / name, files)
            self._written[name] = files


def lay_out(folder: Path, files: Files) -> None:
    """Make the files those of a folder, in one step. Raises OSError."""
    _folder(folder)
    fresh = folder / f"..{time_ns()}"
    _folder(fresh)
    for path, file in files.items():
        at = fresh
        for part in PurePosixPath(path).parts[:-1]:
            at /= part
            _folder(at)
        target = fresh / path
        target.write_bytes(file.data)
        target.chmod(file.mode)
    before = folder / DATA
    old = before.resolve() if before.is_symlink() else None
    (folder / NEXT).unlink(missing_ok=True)
    (folder / NEXT).symlink_to(fresh.name)
    (folder / NEXT).replace(before)
    shown = {PurePosixPath(path).parts[0] for path in files}
    for name in shown - {entry.name for entry in folder.iterdir()}:
        (folder / name).symlink_to(f"{DATA}/{name}")
    for entry in folder.iterdir():
        if entry.is_symlink() and entry.name not in shown | {DATA}:
            entry.unlink()
    if old:
        shutil.rmtree(old, ignore_errors=True)


def _folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(_FOLDER_MODE)  # whatever the umask is: the program may be any user
