"""The store's objects in the state folder: a file each, so that one that can't be read takes no other with it.

    objects/resource-version                        how far versions may have gone
    objects/services.serving.knative.dev/default/login
    objects/namespaces/default

A change is written to a draft, which then takes the file's place: whoever kills the emulator finds the object as it was
before or after, and what a caller was told has been stored. Nobody waits for the disk itself: a power cut may take the
last changes that the operating system had not written yet. Status is another matter, as it is made anew from what runs:
it is written with the next tick of `flush`.

A file's name is its object's, without an ending: a name may be 253 characters long and a file's 255.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from emulator.api.kinds import KINDS, SERVING, Kind
from emulator.api.store import Change, Object
from emulator.errors import MachineError

#: Seconds between two times that changes of status are written.
FLUSH_SECONDS: Final = 1.0
#: Versions are counted by what is never written, too: so many are reserved at a time, and those left are skipped by the
#: next emulator. It then counts from where no version was given out before.
RESERVED: Final = 100_000
#: How files are laid out and read; another number is another emulator's.
FORMAT: Final = 1

_VERSION, _DRAFT = "resource-version", "draft"
#: What users write, and Revisions. What the controller shows of what runs (Pods, Events) ends with what it shows.
_KEPT = {kind.resource: kind for kind in KINDS if "create" in kind.verbs}


class Kept(NamedTuple):
    """What a state folder holds: the objects, and the version to count from."""

    objects: list[tuple[Kind, Object]]
    version: int


class _Reserved(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    reserved: Annotated[int, msgspec.Meta(ge=0)]


class _Metadata(msgspec.Struct):
    """What the store and the controllers take for granted of an object."""

    name: str
    uid: str
    creationTimestamp: str  # noqa: N815 - Kubernetes' name
    resourceVersion: Annotated[str, msgspec.Meta(pattern="^[0-9]+$")]  # noqa: N815 - Kubernetes' name
    namespace: str = ""
    generation: int | None = None


class _Document(msgspec.Struct):
    apiVersion: str  # noqa: N815 - Kubernetes' name
    kind: str
    metadata: _Metadata
    spec: dict[str, Any] | None = None


class ObjectFiles:
    """Reads and writes the objects of one state folder, which is locked."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "objects"
        self._reserved = 0
        self._late: dict[Path, Object] = {}

    def clear(self) -> None:
        """Forget all objects, but not which versions were given out. Raises MachineError."""
        with _told(f"can't remove what is in {self._folder}"), contextlib.suppress(FileNotFoundError):
            for folder in self._folder.iterdir():
                if folder.is_dir():
                    shutil.rmtree(folder)

    def read(self) -> Kept:
        """All that is there. Raises MachineError that names each file that can't be read, and has changed none."""
        with _told(f"can't read {self._folder}"):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            # It holds Secrets.
            self._folder.chmod(stat.S_IRWXU)
            files = list(self._files())
        objects, wrong = [], []
        for path, kind in files:
            try:
                objects.append((kind, _read(path, kind)))
            except (OSError, ValueError) as error:
                wrong.append(f"{path} can't be read: {_why(error)}")
        try:
            newest = max((int(each["metadata"]["resourceVersion"]) for _, each in objects), default=0)
            self._reserved = self._read_reserved(newest)
        except (OSError, ValueError) as error:
            wrong.append(f"{self._folder / _VERSION} can't be read: {_why(error)}")
        if wrong:
            raise MachineError(
                f"{'; '.join(wrong)}. Nothing was changed: mend it, or move it away to go on without it "
                "(an object takes along what it owns)"
            )
        # One more than any that was given out: a watch from before has expired, it has missed at least its Pods.
        return Kept(objects, self._reserved + 1 if self._reserved else 0)

    def write(self, change: Change) -> None:
        """Make a change last that is about to be stored. Raises MachineError, and then all is as it was."""
        meta = change.object["metadata"]
        with _told(f"nothing was stored, as the state folder {self._folder.parent} can't be written to"):
            version = int(meta["resourceVersion"])
            if version > self._reserved:
                self._replace(self._folder / _VERSION, msgspec.to_builtins(_Reserved(FORMAT, version + RESERVED)))
                self._reserved = version + RESERVED
            if change.kind.resource not in _KEPT:
                return
            path = self._path(change.kind, meta)
            if change.verb == "DELETED":
                path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    path.parent.rmdir()
            elif change.before is not None and _intent(change.object) == _intent(change.before):
                self._late[path] = change.object
                return
            else:
                self._replace(path, change.object)
            self._late.pop(path, None)

    def flush(self) -> None:
        """Write what has changed of statuses. Raises MachineError; what is left is tried again the next time."""
        with _told(f"can't write to the state folder {self._folder.parent}"):
            while self._late:
                path, stored = next(iter(self._late.items()))
                self._replace(path, stored)
                del self._late[path]

    def _files(self) -> Iterator[tuple[Path, Kind]]:
        for folder in sorted(self._folder.iterdir()):
            if folder.name in {_VERSION, _DRAFT}:
                continue
            kind = _KEPT.get(folder.name)
            if kind is None:
                raise MachineError(
                    f"{folder} is no kind of objects that is known here: was it put there by a newer one?"
                )
            yield from ((path, kind) for path in sorted(folder.glob("*/*" if kind.namespaced else "*")))

    def _path(self, kind: Kind, meta: Object) -> Path:
        return self._folder.joinpath(kind.resource, meta.get("namespace", ""), meta["name"])

    def _read_reserved(self, newest: int) -> int:
        try:
            raw = (self._folder / _VERSION).read_bytes()
        except FileNotFoundError:
            return newest + RESERVED if newest else 0
        found = msgspec.json.decode(raw, type=_Reserved)
        if found.format != FORMAT:
            raise ValueError(f"it is of format {found.format}, this emulator reads {FORMAT}")
        return max(found.reserved, newest)

    def _replace(self, path: Path, document: Object) -> None:
        draft = self._folder / _DRAFT
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(document))
        try:
            draft.rename(path)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.rename(path)


def _read(path: Path, kind: Kind) -> Object:
    """Raises OSError and ValueError."""
    raw = path.read_bytes()
    told = msgspec.json.decode(raw, type=_Document)
    meta = told.metadata
    home = (path.parent.name, path.name) if kind.namespaced else ("", path.name)
    if (told.apiVersion, told.kind, meta.namespace, meta.name) != (kind.api_version, kind.name, *home):
        raise ValueError(f"it holds another object, {told.kind} {meta.namespace}/{meta.name} of {told.apiVersion}")
    if kind.group == SERVING and None in (told.spec, meta.generation):
        raise ValueError("it lacks its spec or generation")
    document: Object = msgspec.json.decode(raw)
    return document


def _intent(document: Object) -> Iterable[Any]:
    """What of an object is not its status, nor follows from a write of it."""
    meta = {key: value for key, value in document["metadata"].items() if key != "resourceVersion"}
    managers = [each for each in meta.pop("managedFields", ()) if each.get("subresource") != "status"]
    return managers, meta, {key: value for key, value in document.items() if key not in {"metadata", "status"}}


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MachineError(f"{what}: {_why(error)}") from error


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
