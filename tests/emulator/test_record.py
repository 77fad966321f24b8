"""`up --record FILE` of a real emulator: nothing missing, nothing twice, nothing secret, nothing broken."""

import contextlib
import http.client
import signal
import stat
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import psutil
import pytest
import requests
from load import at_once
from running import Emulator, manifest, until

from emulator.errors import UserError
from emulator.record import reader, writer
from emulator.record.rows import Applied, Arrival, Decision, Gap, Header, Instances

HELLO = "default/hello"
QUICK = {"autoscaling.knative.dev/target": "2"}


def rows_of(emulator: Emulator) -> reader.Record:
    return reader.read(emulator.folder / "run.jsonl")


def latest_counts(emulator: Emulator) -> Iterable[Instances]:
    return {row.revision: row for row in rows_of(emulator).of(Instances)}.values()


def recording(emulator: Emulator, **env: str) -> None:
    emulator.up("--demo", "--record", "run.jsonl", services=(manifest(annotations=QUICK, env=env),))


def test_each_request_is_in_the_record_once_however_it_ended(emulator: Emulator) -> None:
    recording(emulator, PASSWORD="hunter2")

    def ask(number: int) -> None:
        url = f"http://127.0.0.1:{emulator.port}/sleep/{number}?token=hunter3"
        with contextlib.suppress(requests.RequestException):
            requests.get(
                url, headers={"Host": "hello.default.localhost", "Authorization": "hunter4"}, timeout=60
            ).raise_for_status()

    at_once(20, ask)
    assert emulator.get("/sleep?ms=1").status_code == 200
    leaver = http.client.HTTPConnection("127.0.0.1", emulator.port)
    leaver.request("GET", "/sleep?ms=9000", headers={"Host": "hello.default.localhost"})
    until(lambda: sum(i["in_flight"] for r in emulator.revisions() for i in r["instances"]))
    leaver.close()
    until(lambda: not sum(i["in_flight"] for r in emulator.revisions() for i in r["instances"]))
    # Last, for while it is started anew nobody is served.
    assert emulator.get("/exit?code=1").status_code == 502
    assert emulator.get("/lost", service="nobody").status_code == 404
    assert emulator.interrupt(signal.SIGTERM) == 0

    record = rows_of(emulator)
    arrivals = record.of(Arrival)
    assert Counter(row.path for row in arrivals) == Counter(
        [*(f"/sleep/{number}" for number in range(20)), "/sleep", "/sleep", "/exit", "/lost"]
    )
    assert all((row.status, row.error) == (200, None) for row in arrivals if row.path.startswith("/sleep/"))
    ended = {(row.path, row.status, row.error) for row in arrivals if not row.path.startswith("/sleep/")}
    [broke] = [ending for ending in ended if ending[0] == "/exit"]
    assert broke[1] == 502
    assert broke[2]  # in Go's words, which depend on how far it got
    assert ended - {broke} == {("/sleep", 200, None), ("/sleep", 0, "client gone"), ("/lost", 404, None)}
    for row in arrivals:
        if row.path == "/lost":
            assert (row.service, row.revision, row.instance, row.seconds) == (None, None, None, None)
        else:
            assert (row.service, row.revision) == (HELLO, f"{HELLO}-00001")
            assert row.status == 502 or (row.instance and row.seconds and 0 < row.seconds <= row.latency)
            assert row.t < record.end
    text = (emulator.folder / "run.jsonl").read_text()
    assert "hunter" not in text
    assert stat.S_IMODE((emulator.folder / "run.jsonl").stat().st_mode) == 0o600
    assert record.header.config["config-autoscaler"]["stable-window"] == "6s"


def test_a_record_tells_what_was_applied_decided_and_running(emulator: Emulator) -> None:
    recording(emulator)
    at_once(12, lambda _: emulator.get("/sleep?ms=2500"))
    live = emulator.cli("explain", "hello", "--at", "2.5s")
    assert live.returncode == 0, live.stderr
    emulator.apply(manifest(annotations=QUICK | {"autoscaling.knative.dev/max-scale": "1"}))
    until(lambda: emulator.revisions()[0]["ready"])
    emulator.cli("delete", "ksvc", "hello")
    until(lambda: not any(row.phases for row in latest_counts(emulator)))
    emulator.interrupt(signal.SIGTERM)

    record = rows_of(emulator)
    services = [row for row in record.of(Applied) if row.object["kind"] == "Service"]
    assert [row.verb for row in services] == ["ADDED", "MODIFIED", "DELETED"]
    annotations = services[1].object["spec"]["template"]["metadata"]["annotations"]
    assert annotations["autoscaling.knative.dev/max-scale"] == "1"
    first = [row for row in record.of(Decision) if row.revision == f"{HELLO}-00001"]
    assert max(row.wanted for row in first) > 1
    assert any(row.panic_since is not None for row in first)
    counts = [row for row in record.of(Instances) if row.revision == f"{HELLO}-00001"]
    assert max(row.phases.get("Ready", 0) for row in counts) == max(row.wanted for row in first)
    assert counts[-1].phases == {}
    assert not record.of(Gap)

    told = emulator.cli("explain", "--file", "run.jsonl", "--at", "2.5s")
    assert told.stdout == live.stdout
    assert "requests in flight averaged" in told.stdout


def test_killed_it_leaves_whole_lines(emulator: Emulator) -> None:
    recording(emulator)
    stop = threading.Event()

    def ask() -> None:
        with contextlib.suppress(requests.RequestException):
            while not stop.is_set():
                emulator.get()

    asking = threading.Thread(target=ask)
    asking.start()
    file = emulator.folder / "run.jsonl"
    until(lambda: file.read_bytes().count(b'"arrival"') > 100)
    emulator.interrupt(signal.SIGKILL)
    stop.set()
    asking.join()
    whole, _, _ = file.read_bytes().rpartition(b"\n")
    assert len(rows_of(emulator).of(Arrival)) >= whole.count(b'"arrival"')


def test_a_file_that_is_there_is_left_as_it_is(emulator: Emulator) -> None:
    (emulator.folder / "run.jsonl").write_text("mine")
    emulator.start("--port", "0", "--record", "run.jsonl")
    assert emulator.process is not None
    _, said = emulator.process.communicate(timeout=60)
    assert emulator.process.returncode == 1
    assert "run.jsonl is there already: name another file with --record, or remove it" in said
    assert (emulator.folder / "run.jsonl").read_text() == "mine"


def test_a_file_that_cannot_be_made_is_said(emulator: Emulator) -> None:
    emulator.start("--port", "0", "--record", "nowhere/run.jsonl")
    assert emulator.process is not None
    _, said = emulator.process.communicate(timeout=60)
    assert emulator.process.returncode == 1
    assert "nowhere/run.jsonl: No such file or directory" in said


def test_a_full_disk_ends_the_recording_and_nothing_else(emulator: Emulator) -> None:
    recording(emulator)
    assert emulator.process is not None
    file = emulator.folder / "run.jsonl"
    until(lambda: b'"applied"' in file.read_bytes())
    # Not much more of the file than there is: what a disk without room does to it.
    psutil.Process(emulator.process.pid).rlimit(psutil.RLIMIT_FSIZE, (file.stat().st_size + 1000, -1))
    for _ in range(50):
        assert emulator.get("/full").status_code == 200
    assert emulator.process.stderr is not None
    said = next(line for line in emulator.process.stderr if line.startswith("error"))
    assert f"error: recording to {file} ended after" in said
    assert "requests go on unrecorded" in said
    assert emulator.get().status_code == 200
    assert file.read_bytes().endswith(b"}\n")
    assert rows_of(emulator).of(Applied)
    assert emulator.interrupt(signal.SIGTERM) == 0


def test_rows_that_find_no_room_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROWS_WAITING", 3)
    out = writer.Writer(tmp_path / "run.jsonl", Header())
    for number in range(5):
        out.put(Arrival(float(number), "default/hello"))
    out.close()
    rows = reader.read(tmp_path / "run.jsonl").rows
    assert [row.t for row in rows] == [0.0, 1.0, 2.0, 2.0]
    assert rows[-1] == Gap(2.0, 2)


ROW = b'{"kind":"gap","t":1.0,"lost":3}'
HEADER = b'{"record":"knative-emulator/1","started":0.0,"config":{}}'


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (HEADER, []),
        (HEADER + b"\n", []),
        (HEADER + b"\n" + ROW + b"\n", [1.0]),
        (HEADER + b"\n" + ROW + b"\n" + ROW, [1.0, 1.0]),
        (HEADER + b"\n" + ROW + b"\n" + ROW[:-1], [1.0]),
        (HEADER + b"\n" + ROW.replace(b"1.0", b"2") + b"\n" + ROW + b"\n", [1.0, 2.0]),
    ],
)
def test_lines_are_read_by_time_and_the_last_may_be_torn(data: bytes, rows: list[float]) -> None:
    assert [row.t for row in reader.decode(data, "it").rows] == rows


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is no record of knative-emulator/1"),
        (b"hello\n", "it is no record of knative-emulator/1"),
        (ROW + b"\n", "it is no record of knative-emulator/1"),
        (HEADER.replace(b"/1", b"/2"), "it is no record of knative-emulator/1"),
        (HEADER + b"\n" + ROW[:-1] + b"\n" + ROW + b"\n", "it line 2 is no row"),
        (HEADER + b'\n{"kind":"tea","t":1}\n' + ROW + b"\n", "it line 2 is no row"),
    ],
)
def test_what_is_no_record_is_refused(data: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        reader.decode(data, "it")
    with pytest.raises(UserError, match="can't read"):
        reader.read(tmp_path / "none")


def test_a_record_survives_being_written_and_read() -> None:
    record = reader.decode(HEADER + b"\n" + ROW + b"\n", "it")
    assert reader.decode(record.encode(), "it") == record
