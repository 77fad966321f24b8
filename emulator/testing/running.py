"""An emulator that lives as long as a test session at most, and what a test does with it."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import requests

from emulator.api import kinds
from emulator.api.kinds import Kind
from emulator.client import Client
from emulator.detach import STOP_LIMIT
from emulator.errors import MachineError, NotFound, NotReady
from emulator.manifests import AWAITED
from emulator.record import reader
from emulator.record.explain import tell
from emulator.report import POLL, failure, logs_of, ready, settled
from emulator.testing import looks
from emulator.testing.looks import Object, Source

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

#: Seconds that a start may take, that a Service has to become Ready, and that an answer may take: machines that run
#: tests are small and busy, and who waits so long has failed anyway.
PATIENCE = 60.0


class RunningEmulator:
    """A `knative-emulator up` on free ports; a context manager.

    It ends with this process, however that ends, and its instances with it.

    Args:
        state_dir: an empty folder for its kubeconfig, certificates and log.
        folder: where commands run and paths of manifests begin.
        options: further options of `up`.
    """

    def __init__(self, state_dir: Path, folder: Path, options: Sequence[str] = ()) -> None:
        self.state_dir = state_dir
        self.folder = folder
        self.kubeconfig = state_dir / "kubeconfig"
        self._options = options
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        """Raises MachineError with what it printed where it does not start."""
        # `-P`: a module of the project has no say in what the emulator imports. What `python` means in the table of
        # images is the interpreter of the tests.
        command = [sys.executable, "-P", "-m", "emulator.testing.leash", "up", "--state-dir", str(self.state_dir)]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self.log = self.state_dir / "emulator.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--port", "0", "--api-port", "0", *self._options],
                cwd=self.folder,
                env=os.environ | {"PATH": path},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests, which end it in their turn
            )
        try:
            self._wait_up()
        except BaseException:
            self.close()
            raise
        self.client = Client(self.state_dir)
        self.port = urlsplit(self.client.status()["gateway"]).port
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it, and wait until it and its instances have ended."""
        assert self._process.stdin  # noqa: S101 - a pipe, see above
        self._process.stdin.close()
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def namespace(self, name: str = "") -> "Iterator[Knative]":
        """A namespace, a new one if none is named; what was applied is deleted in the end, and a new one itself."""
        with Knative(self, name or f"test-{next(self._numbers)}") as knative:
            yield knative
            if not name:
                knative.remove(kinds.NAMESPACE, "", knative.namespace)

    def _wait_up(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while "gateway http://" not in (said := self.log.read_text()):
            if self._process.poll() is not None:
                raise MachineError(f"the emulator did not start: {said.strip()}")
            if time.monotonic() > deadline:
                raise MachineError(f"the emulator has not started within {PATIENCE:g} s: {said.strip()}")
            time.sleep(0.02)


class Knative:
    """A namespace of a running emulator: apply manifests, send requests, look at what became of it."""

    def __init__(self, emulator: RunningEmulator, namespace: str) -> None:
        self.namespace = namespace
        self.kubeconfig = emulator.kubeconfig
        self._emulator = emulator
        self._client = emulator.client
        self._applied: dict[tuple[Kind, str, str], None] = {}
        self._closing = ExitStack()
        self._session = self._closing.enter_context(requests.Session())
        # A proxy of the environment is for other people's machines.
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key in reversed(self._applied):
            self.remove(*key)
        self._closing.close()

    def apply(self, *sources: Source, wait: bool = True, timeout: float = PATIENCE) -> list[str]:
        """Create or change what manifests describe, and wait until it is Ready; returns Knative's warnings.

        Args:
            sources: files or folders (relative ones are the root folder's), documents, or their text.
            wait: whether to wait.
            timeout: seconds to wait for each.

        Raises:
            UserError: it is refused, in Knative's words.
            NotReady: it has failed or takes too long.
        """
        warnings: list[str] = []
        found = looks.manifests(sources, self.namespace, self._emulator.folder)
        for kind, document in found:
            meta = document["metadata"]
            warnings += self._client.apply(kind, document)[2]
            self._applied[kind, meta["namespace"], meta["name"]] = None
        for kind, document in found:
            if wait and kind in AWAITED:
                self._wait(kind, document["metadata"]["namespace"], document["metadata"]["name"], timeout)
        return warnings

    def wait_ready(self, name: str, timeout: float = PATIENCE, kind: str = "ksvc") -> Object:
        """Wait until a Service (or another kind) is Ready; returns it. Raises NotReady."""
        return self._wait(kinds.named(kind), self.namespace, name, timeout)

    def wait_instances(self, name: str, count: int, timeout: float = PATIENCE) -> None:
        """Wait until so many instances are there, all of them ready. Raises NotReady."""
        deadline = time.monotonic() + timeout
        while (phases := [it["phase"] for it in self.instances(name)]) != ["Ready"] * count:
            if time.monotonic() > deadline:
                raise NotReady(f"{name} was to have {count} instances within {timeout:g} s, and has {phases}")
            time.sleep(POLL)

    def url(self, name: str, tag: str = "") -> str:
        """Where a Service, a Route or a tag of its traffic is reached. Raises NotFound."""
        status = self.object("route", name).get("status", {})
        found = (
            [it.get("url") for it in status.get("traffic", ()) if it.get("tag") == tag] if tag else [status.get("url")]
        )
        if not any(found):
            raise NotFound(f"{name} has no {f'URL for the tag {tag}' if tag else 'URL yet'}")
        return str(found[0])

    def request(self, method: str, name: str, path: str = "/", *, tag: str = "", **options: Any) -> requests.Response:
        """Send a request to a Service or Route; `options` are those of `requests.request`.

        The gateway is dialled where it listens, with the name in `Host`: Python resolves no *.localhost.
        """
        headers = {**(options.pop("headers", None) or {}), "Host": urlsplit(self.url(name, tag)).netloc}
        url = f"http://127.0.0.1:{self._emulator.port}{path}"
        return self._session.request(method, url, headers=headers, **{"timeout": PATIENCE} | options)

    def get(self, name: str, path: str = "/", **options: Any) -> requests.Response:
        return self.request("GET", name, path, **options)

    def post(self, name: str, path: str = "/", **options: Any) -> requests.Response:
        return self.request("POST", name, path, **options)

    def object(self, kind: str, name: str) -> Object:
        """An object as it is stored, status and all. Raises NotFound."""
        return self._client.get(kinds.named(kind), self.namespace, name)

    def instances(self, name: str) -> list[Object]:
        """The instances of a Service, Configuration or Revision. See `looks.instances`."""
        return looks.instances(self._client.status(), self.namespace, name)

    def logs(self, name: str) -> list[str]:
        """What the instances that there are have printed, line by line."""
        return [
            line
            for pod, container, _ in logs_of(self._client, self.namespace, name)
            for line in self._client.logs(self.namespace, pod, container, follow=False, tail=None)
        ]

    def explain(self, name: str, at: str = "-0s") -> str:
        """Why a Service or Revision had as many instances as it had, now or 30 s ago (`-30s`). Raises UserError."""
        record = reader.decode(self._client.history(), "the history of the emulator")
        return tell(record, f"{self.namespace}/{name}", at, time.time() - record.header.started)

    @cached_property
    def kubernetes(self) -> "ApiClient":
        """A client of Python's `kubernetes` package, which has to be installed."""
        from kubernetes import config  # noqa: PLC0415 - not everybody has it

        connect: Any = config.new_client_from_config
        client = connect(str(self.kubeconfig))
        # Closing the client leaves its connections open.
        self._closing.callback(client.rest_client.pool_manager.clear)
        opened: ApiClient = self._closing.enter_context(client)
        return opened

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object, if it is still there."""
        with suppress(NotFound):
            self._client.delete(kind, namespace, name)

    def _wait(self, kind: Kind, namespace: str, name: str, timeout: float) -> Object:
        document = settled(self._client, kind, namespace, name, timeout)
        if not ready(document):
            raise NotReady(failure(document, timeout, self._client.status()))
        return dict(document)
