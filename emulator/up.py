"""`knative-emulator up`: put the parts together, run until told to stop, leave nothing behind."""

import argparse
import errno
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gevent import signal_handler as on_signal
from gevent import sleep, spawn
from gevent.event import Event

from emulator.api import tls
from emulator.api.admission import Admission
from emulator.api.kinds import DOMAIN_MAPPING, SERVICE, Kind
from emulator.api.object_files import FLUSH_SECONDS, ObjectFiles
from emulator.api.server import ApiServer, make_app
from emulator.api.store import Store
from emulator.controller import Controller
from emulator.core.settings import ConfigError
from emulator.dataplane.plane import DataPlane
from emulator.errors import MachineError, UserError
from emulator.kubelet import Kubelet
from emulator.lock import Lock
from emulator.logs import Logs
from emulator.manifests import AWAITED, read_manifests
from emulator.record.recorder import Recorder
from emulator.record.writer import Writer
from emulator.report import POLL, failure, ready, success
from emulator.runtimes.choice import choose
from emulator.seeds import sow
from emulator.service_discovery import variables
from emulator.settings import Settings, read_settings

LOOPBACK = "127.0.0.1"
#: Seconds after which the controller steps again when a step has failed, as a controller's work queue backs off.
RETRY_SECONDS = 1.0
#: Seconds that requests in hand get when the emulator stops, before their instances are told to end.
DRAIN = 10.0


class WallClock:
    """The wall's time; the only place where the emulator asks for it."""

    def now(self) -> float:
        return time.time()


def run(options: argparse.Namespace, on_up: Callable[[int], None]) -> int:
    """Run until SIGINT or SIGTERM; returns 0. Raises UserError and MachineError where it can't.

    `on_up` is told 0, or 1 where something of the manifests is not ready: what went wrong with it is still to be seen.
    """
    documents = read_manifests(options.filename, options.namespace) if options.filename else []
    settings = read_settings(options.config)
    settings = settings.with_demo() if options.demo else settings
    lock = Lock(options.state_dir, settings.folder)
    lock.acquire()
    try:
        emulator = Emulator(options, settings)
        try:
            for kind, document in documents:
                for warning in emulator.admission.apply(kind, document)[1]:
                    print(f"Warning: {warning}", flush=True)
            code = 0 if options.no_wait else emulator.wait_ready(documents, options.timeout)
            print(f"gateway http://localhost:{emulator.port}   export KUBECONFIG={emulator.kubeconfig}", flush=True)
            on_up(code)
            emulator.stopping.wait()
        finally:
            emulator.close()
    finally:
        lock.release()
    return 0


class Emulator:
    """All parts of a running emulator."""

    def __init__(self, options: argparse.Namespace, settings: Settings) -> None:
        self.stopping = Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            on_signal(number, self.stopping.set)
        clock = WallClock()
        self._files = ObjectFiles(options.state_dir)
        if options.fresh:
            self._files.clear()
        kept = self._files.read()
        store, logs = Store(clock, self._files.write), Logs()
        store.restore(*kept)
        self._store = store
        self._wake = Event()
        runtime = choose(options.runtime, settings, options.state_dir)
        try:
            self.admission = Admission(store, settings.config, runtime.name_for)
            self._controller = Controller(clock, store, settings.config, self._wake.set, capacity=settings.node)
        except ConfigError as error:
            raise UserError(f"{settings.file}: {error}") from error
        runtime.sweep()
        self._plane = DataPlane(clock, self._controller.demanded)
        self._kubelet = Kubelet(runtime, logs, self._controller.reported)
        self.port = _listen(self._plane.listen, options.port, "--port")
        # Instances that are processes inherit this environment; what their manifest says goes over it.
        os.environ |= variables(self._plane.listen_private(LOOPBACK, 0), os.environ)
        self._controller.connect(self._plane, self._kubelet, self.port)
        sow(store, settings.config, LOOPBACK, self.port)
        history = self._controller.history
        self._recorder: Recorder | None = None
        if options.record:
            self._recorder = Recorder(store, history, Writer(options.record, history.header))
            self._plane.tell(self._recorder.finished)
        # All have to hear of what was there before, the watches aside: theirs begin after it.
        store.announce()
        who = tls.identity(options.state_dir)
        app = make_app(
            *(store, self.admission, logs),
            running=self._kubelet.running,
            token=who.token,
            describe=lambda: {"folder": str(settings.folder)} | self._controller.describe(),
            history=lambda: history.record().encode(),
        )
        self._api = ApiServer((LOOPBACK, 0), app, log=None, certfile=str(who.certificate), keyfile=str(who.key))
        api_port = _listen(self._listen_api, options.api_port, "--api-port")
        self.kubeconfig = options.state_dir / "kubeconfig"
        tls.write_kubeconfig(self.kubeconfig, who, api_port)
        if found := sum(1 for _ in store.all(SERVICE)):
            services = "1 service" if found == 1 else f"{found} services"
            print(f"went on with {services} from {options.state_dir}; `up --fresh` begins without", flush=True)
        self._loops = [spawn(self._run), spawn(self._flush)]

    def wait_ready(self, documents: Iterable[tuple[Kind, Mapping[str, Any]]], timeout: float) -> int:
        """Wait for what was applied; returns 0, or 1 if some of it failed or the time is over. Says which and why."""
        deadline = time.monotonic() + timeout
        waiting = {(kind, doc["metadata"]["namespace"], doc["metadata"]["name"]) for kind, doc in documents}
        waiting = {key for key in waiting if key[0] in AWAITED}
        code = 0
        while waiting and not self.stopping.is_set():
            for key in sorted(waiting, key=lambda key: (AWAITED.index(key[0]), *key[1:])):
                if key[0] is DOMAIN_MAPPING and any(other[0] is not DOMAIN_MAPPING for other in waiting):
                    continue  # it fails as long as what it refers to is not there
                document = self._store.get(*key)
                verdict = ready(document)
                if verdict is None and time.monotonic() < deadline:
                    continue
                waiting.discard(key)
                code |= not verdict
                print(
                    success(document)
                    if verdict
                    else f"error: {failure(document, timeout, self._controller.describe())}",
                    flush=True,
                )
            sleep(POLL)
        return code

    def close(self) -> None:
        """Stop accepting, let requests in hand end, end all instances."""
        self._plane.close(DRAIN)
        for loop in self._loops:
            loop.kill()
        if self._recorder:
            self._recorder.close()
        self._kubelet.close()
        self._api.stop()
        self._files.flush()

    def _flush(self) -> None:
        said = ""
        while True:
            sleep(FLUSH_SECONDS)
            try:
                self._files.flush()
                said = ""
            except MachineError as error:
                if str(error) != said:
                    print(f"error: {error}", flush=True)
                said = str(error)

    def _run(self) -> None:
        """The controller's loop on the wall's clock: it steps when something is due, or when it is woken."""
        while True:
            self._wake.clear()
            try:
                due = self._controller.step()
            except Exception:  # noqa: BLE001 - one object's fault must not end the work for all others
                traceback.print_exc()
                due = time.time() + RETRY_SECONDS
            self._wake.wait(timeout=max(0.0, due - time.time()))

    def _listen_api(self, host: str, port: int) -> int:
        self._api.set_listener((host, port))
        self._api.start()
        return self._api.server_port or 0


def _listen(listen: Callable[[str, int], int], port: int, option: str) -> int:
    try:
        return listen(LOOPBACK, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise MachineError(
            f"port {port} is taken by another program: stop it, or choose another with {option}"
        ) from error
