"""How many instances come up at a time."""

from collections.abc import Iterator

import gevent
import pytest
from gevent.event import AsyncResult
from gevent.server import StreamServer

from emulator.core.instance import Signal
from emulator.core.revision import RevisionKey
from emulator.core.support import RuntimeName
from emulator.errors import LaunchError
from emulator.kubelet import Kubelet
from emulator.logs import Logs
from emulator.runtimes.base import Address, Exit, Launch, LogSink, Report

#: Of a port that nobody listens on: what is there never gets ready.
NOBODY = Address("127.0.0.1", 1)


class Handle:
    def __init__(self, address: Address) -> None:
        self.address = address
        self.ended: AsyncResult[Exit] = AsyncResult()

    def wait(self) -> Exit:
        return self.ended.get()

    def stop(self, grace: float) -> None:
        del grace
        self.ended.set(Exit(0, ""))


class Runtime:
    """Starts nothing, and says what it was to start; `addresses` tell what listens where, others are never ready."""

    def __init__(self) -> None:
        self.started: dict[str, Handle] = {}
        self.addresses: dict[str, Address] = {}

    def name_for(self, image: str) -> RuntimeName:
        del image
        return RuntimeName.PROCESS

    def prepare(self, launch: Launch) -> None:
        if launch.image == "missing":
            raise LaunchError("ContainerMissing", "there is none")

    def start(self, launch: Launch, log: LogSink) -> Handle:
        del log
        handle = self.started[launch.instance] = Handle(self.addresses.get(launch.instance, NOBODY))
        return handle

    def sweep(self) -> int:
        return 0


def launch(name: str, image: str = "hello") -> Launch:
    return Launch(
        name,
        RevisionKey("default", "hello-00001"),
        image,
        command=(),
        args=(),
        env={},
        working_dir=None,
        container_port=8080,
        probes={},
        pod={"containers": [{"image": image}]},
    )


@pytest.fixture
def listener() -> Iterator[Address]:
    server = StreamServer(("127.0.0.1", 0), lambda *_: None)
    server.start()
    yield Address("127.0.0.1", server.server_port)
    server.stop()


def settle(runtime: Runtime, *names: str) -> None:
    """Wait until these have been started, and see that no others are."""
    with gevent.Timeout(30):
        while set(runtime.started) < set(names):
            gevent.sleep(0.005)
    gevent.sleep(0.05)
    assert set(runtime.started) == set(names)


def test_the_next_one_starts_when_one_is_ready_has_ended_or_was_stopped(listener: Address) -> None:
    runtime, reports = Runtime(), list[Report]()
    kubelet = Kubelet(runtime, Logs(), reports.append, starts=2, start_turn=600)
    runtime.addresses["c"] = listener
    for name in "abcdefg":
        kubelet.start(launch(name, "missing" if name == "d" else "hello"))
    settle(runtime, "a", "b")
    runtime.started["a"].ended.set(Exit(1, "gone"))
    # c is ready at once, d can't be had and takes no turn, e comes up.
    settle(runtime, "a", "b", "c", "e")
    assert [report.instance for report in reports if report.signal is Signal.PROBE_OK] == ["c"]
    # One that waits for its turn is stopped without ever having been started.
    kubelet.stop("f", 0)
    kubelet.stop("b", 0)
    settle(runtime, "a", "b", "c", "e", "g")
    kubelet.close()
    assert {report.instance for report in reports if report.signal is Signal.EXITED} == set("abcdefg")


def test_one_that_takes_its_time_makes_way_for_the_next() -> None:
    runtime = Runtime()
    kubelet = Kubelet(runtime, Logs(), lambda _: None, starts=1, start_turn=0.02)
    for name in "abc":
        kubelet.start(launch(name))
    settle(runtime, "a", "b", "c")
    kubelet.close()
