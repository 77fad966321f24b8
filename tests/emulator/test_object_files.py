"""Objects in files: what is read back, what is refused by name, and what becomes of a change that can't be written."""

import contextlib
import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.api.core_types import namespace
from emulator.api.history import History
from emulator.api.kinds import CONFIG_MAP, CONFIGURATION, NAMESPACE, POD, SECRET, SERVICE, Kind
from emulator.api.object_files import ObjectFiles
from emulator.api.store import Change, Object, Store
from emulator.core.clock import SimClock
from emulator.errors import Expired, MachineError, NotFound

SERVICE_FILE = "objects/services.serving.knative.dev/default/login"


def document(kind: Kind, name: str, **more: Any) -> Object:
    meta = {"name": name} | ({"namespace": "default"} if kind.namespaced else {})
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": meta | more.pop("meta", {})} | more


def service(image: str = "a", **meta: Any) -> Object:
    return document(SERVICE, "login", meta=meta, spec={"template": {"spec": {"containers": [{"image": image}]}}})


def begin(folder: Path, now: float = 1_700_000_000.0) -> tuple[Store, ObjectFiles]:
    """The store of an emulator that begins on a state folder; nobody ends it, as nobody ends one that is killed."""
    files = ObjectFiles(folder)
    store = Store(SimClock(now), files.write)
    store.restore(*files.read())
    store.announce()
    return store, files


def everything(store: Store) -> list[Object]:
    return [each for kind in (NAMESPACE, SECRET, CONFIG_MAP, SERVICE, CONFIGURATION) for each in store.all(kind)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return begin(tmp_path)[0]


def test_what_was_stored_is_there_again_as_it_was(store: Store, tmp_path: Path) -> None:
    store.create(NAMESPACE, namespace("default"))
    store.create(SECRET, document(SECRET, "n" * 253, data={"url": "eA=="}))
    store.create(CONFIG_MAP, document(CONFIG_MAP, "gone"))
    store.create(CONFIG_MAP, document(CONFIG_MAP, "\u00fc.text", data={"\u20ac": "\n\x00"}))
    store.delete(CONFIG_MAP, "default", "gone")
    store.create(SERVICE, service())
    store.update(SERVICE, service("b", labels={"a": "b"}))
    after, _ = begin(tmp_path)
    assert everything(after) == everything(store)
    assert store.get(SERVICE, "default", "login")["metadata"]["generation"] == 2


def test_only_the_owner_of_the_folder_reads_what_is_in_it(store: Store, tmp_path: Path) -> None:
    store.create(SECRET, document(SECRET, "login"))
    (tmp_path / "objects").chmod(0o755)
    begin(tmp_path)
    assert stat.S_IMODE((tmp_path / "objects").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "objects/secrets/default/login").stat().st_mode) == 0o600


def test_versions_never_come_again_and_watches_of_before_have_expired(store: Store, tmp_path: Path) -> None:
    store.create(SERVICE, service())
    # Pods are not kept, but their changes are counted.
    pods = [store.create(POD, document(POD, f"p{number}")) for number in range(5)]
    after, _ = begin(tmp_path)
    with pytest.raises(NotFound):
        after.get(POD, "default", "p0")
    history = History(after)
    for version in (1, int(store.version)):
        with pytest.raises(Expired):
            history.since(version)
    assert int(after.create(POD, document(POD, "p"))["metadata"]["resourceVersion"]) > int(
        pods[-1]["metadata"]["resourceVersion"]
    )
    assert history.since(int(after.version)) == []
    ObjectFiles(tmp_path).clear()
    third, _ = begin(tmp_path)
    assert everything(third) == []
    assert int(third.version) > int(after.version)


def test_a_clock_that_was_set_back_changes_nothing_that_is_there(store: Store, tmp_path: Path) -> None:
    created = store.create(SERVICE, service())
    after, _ = begin(tmp_path, now=1_600_000_000.0)
    again = after.update(SERVICE, service("b"))
    assert again["metadata"]["creationTimestamp"] == created["metadata"]["creationTimestamp"]
    assert int(again["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])


def test_status_is_written_with_the_next_flush_and_intent_at_once(tmp_path: Path) -> None:
    store, files = begin(tmp_path)
    created = store.create(SERVICE, service())
    store.update_status(SERVICE, created, {"url": "u"})
    assert "status" not in json.loads((tmp_path / SERVICE_FILE).read_bytes())
    files.flush()
    assert json.loads((tmp_path / SERVICE_FILE).read_bytes())["status"] == {"url": "u"}
    store.update_status(SERVICE, created, {"url": "v"})
    store.update(SERVICE, service(labels={"a": "b"}))
    assert begin(tmp_path)[0].get(SERVICE, "default", "login") == store.get(SERVICE, "default", "login")
    store.update_status(SERVICE, created, {"url": "w"})
    store.delete(SERVICE, "default", "login")
    files.flush()
    assert not list(begin(tmp_path)[0].all(SERVICE))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def rewritten(change: Callable[[Object], object]) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        stored = json.loads(path.read_bytes())
        change(stored)
        path.write_text(json.dumps(stored))

    return rewrite


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("file", "spoil", "why"),
    [
        (SERVICE_FILE, truncated, "truncated"),
        (SERVICE_FILE, lambda path: path.write_bytes(b""), "truncated"),
        (SERVICE_FILE, lambda path: path.write_bytes(b"\x00" * 100), "malformed"),
        (SERVICE_FILE, lambda path: path.write_text("[]"), "Expected `object`, got `array`"),
        (SERVICE_FILE, a_folder, "Is a directory"),
        (
            SERVICE_FILE,
            rewritten(lambda it: it["metadata"].pop("uid")),
            "missing required field `uid` - at `$.metadata`",
        ),
        (SERVICE_FILE, rewritten(lambda it: it["metadata"].pop("generation")), "it lacks its spec or generation"),
        (SERVICE_FILE, rewritten(lambda it: it["metadata"].update(name="x")), "another object, Service default/x"),
        (SERVICE_FILE, rewritten(lambda it: it.update(kind="Job")), "it holds another object, Job default/login"),
        ("objects/resource-version", truncated, "truncated"),
        ("objects/resource-version", rewritten(lambda it: it.update(format=2)), "it is of format 2"),
    ],
)
def test_a_file_that_cant_be_read_is_named_and_nothing_is_lost(
    store: Store, tmp_path: Path, file: str, spoil: Callable[[Path], object], why: str
) -> None:
    store.create(SERVICE, service())
    store.create(SECRET, document(SECRET, "login"))
    whole = (tmp_path / file).read_bytes()
    spoil(tmp_path / file)
    with pytest.raises(MachineError) as refused:
        ObjectFiles(tmp_path).read()
    assert str(refused.value).startswith(f"{tmp_path / file} can't be read: ")
    assert why in str(refused.value)
    assert "Nothing was changed" in str(refused.value)
    if (tmp_path / file).is_dir():
        (tmp_path / file).rmdir()
    (tmp_path / file).write_bytes(whole)
    assert everything(begin(tmp_path)[0]) == everything(store)


def test_all_files_that_cant_be_read_are_named_and_the_others_go_on_without_them(store: Store, tmp_path: Path) -> None:
    store.create(SERVICE, service())
    store.create(SECRET, document(SECRET, "login"))
    store.create(CONFIG_MAP, document(CONFIG_MAP, "kept"))
    broken = [
        tmp_path / SERVICE_FILE,
        tmp_path / "objects/secrets/default/login",
        tmp_path / "objects/resource-version",
    ]
    for path in broken:
        truncated(path)
    with pytest.raises(MachineError) as refused:
        ObjectFiles(tmp_path).read()
    assert all(f"{path} can't be read" in str(refused.value) for path in broken)
    for path in broken:
        path.unlink()
    after, _ = begin(tmp_path)
    assert everything(after) == list(store.all(CONFIG_MAP))
    assert int(after.version) > int(store.version)


def test_a_folder_of_a_kind_that_is_not_known_is_named(store: Store, tmp_path: Path) -> None:
    store.create(SERVICE, service())
    (tmp_path / "objects/jobs.batch").mkdir()
    with pytest.raises(MachineError, match=r"objects/jobs\.batch is no kind of objects that is known here"):
        ObjectFiles(tmp_path).read()


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Fill the disk: what is written then meets ENOSPC; it has room again at the next call."""
    draft = tmp_path / "objects/draft"

    def fill() -> None:
        if draft.is_symlink():
            draft.unlink()
        else:
            draft.symlink_to("/dev/full")

    yield fill
    draft.unlink(missing_ok=True)


def test_a_change_that_finds_the_disk_full_is_refused_and_nobody_hears_of_it(
    store: Store, tmp_path: Path, full: Callable[[], None]
) -> None:
    heard: list[Change] = []
    first = store.create(SERVICE, service())
    history = History(store)
    store.subscribe(heard.append)
    before = everything(store), store.version
    full()
    for write in (
        lambda: store.update(SERVICE, service("b")),
        lambda: store.create(SECRET, document(SECRET, "login")),
        lambda: store.terminate(SERVICE, first),
    ):
        with pytest.raises(MachineError, match=r"nothing was stored, .* No space left on device"):
            write()
    assert (everything(store), store.version, heard) == (*before, [])
    assert everything(begin(tmp_path)[0]) == before[0]
    full()
    store.update(SERVICE, service("b"))
    assert everything(begin(tmp_path)[0]) == everything(store)
    assert [change.object for change in history.since(int(before[1]))] == [store.get(SERVICE, "default", "login")]


def test_statuses_wait_for_room_on_the_disk(tmp_path: Path, full: Callable[[], None]) -> None:
    store, files = begin(tmp_path)
    created = store.create(SERVICE, service())
    full()
    store.update_status(SERVICE, created, {"url": "u"})
    with pytest.raises(MachineError, match="No space left on device"):
        files.flush()
    full()
    files.flush()
    assert begin(tmp_path)[0].get(SERVICE, "default", "login")["status"] == {"url": "u"}


@pytest.mark.parametrize("changes", range(1, 6))
def test_a_deletion_that_was_cut_short_is_ended_by_the_next(tmp_path: Path, changes: int) -> None:
    """The emulator dies after so many of the changes that a deletion consists of."""
    files = ObjectFiles(tmp_path)
    store = Store(SimClock(0), lambda change: left.pop() and files.write(change))
    left = [True] * 100
    store.restore(*files.read())
    store.create(NAMESPACE, namespace("default"))
    owner = store.create(SERVICE, service())
    refs = {"ownerReferences": [{"uid": owner["metadata"]["uid"]}]}
    store.create(CONFIGURATION, document(CONFIGURATION, "login", meta=refs, spec={}))
    store.create(SECRET, document(SECRET, "login"))
    left[:] = [True] * changes
    with contextlib.suppress(IndexError):
        store.delete(SERVICE, "default", "login", foreground=True)
        store.delete(NAMESPACE, "", "default")
        pytest.fail("it was not cut short")
    after, _ = begin(tmp_path)
    marked = (each for each in everything(after) if "deletionTimestamp" in each["metadata"])
    assert not list(marked)
    owners = {each["metadata"]["uid"] for each in everything(after)}
    for each in everything(after):
        assert {reference["uid"] for reference in each["metadata"].get("ownerReferences", ())} <= owners
