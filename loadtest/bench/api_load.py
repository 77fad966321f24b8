"""Callers of the emulator's API: one connection each, kept open, as a cluster's clients do; and those who watch."""

import argparse
import contextlib
import http.client
import json
import ssl
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

#: Seconds to an answer; what takes longer is broken, not slow.
PATIENCE = 120.0
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
#: Clients that ask again as soon as they are answered.
CLIENTS = 4
#: Changes whose way to the watchers is measured, one after the other.
CHANGES = 100

Document = dict[str, Any]


class Api:
    """A connection to the API of the emulator whose state folder is given. For one thread."""

    def __init__(self, state_dir: Path) -> None:
        config = yaml.safe_load((state_dir / "kubeconfig").read_text())
        server = urlsplit(config["clusters"][0]["cluster"]["server"])
        secure = ssl.create_default_context(cafile=str(state_dir / "ca.crt"))
        self._connection = http.client.HTTPSConnection(
            str(server.hostname), server.port, timeout=PATIENCE, context=secure
        )
        self._token = f"Bearer {config['users'][0]['user']['token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(self, verb: str, path: str, document: Document | None = None) -> bytes:
        """The body of an answer. Raises RuntimeError where it is none of 2xx."""
        response = self.send(verb, path, document)
        body = response.read()
        if not 200 <= response.status < 300:
            raise RuntimeError(f"{verb} {path}: {response.status} {body!r}")
        return body

    def send(self, verb: str, path: str, document: Document | None = None) -> http.client.HTTPResponse:
        """The same before its body."""
        media_type = "application/merge-patch+json" if verb == "PATCH" else "application/json"
        headers = {"Authorization": self._token, "Content-Type": media_type}
        self._connection.request(verb, path, json.dumps(document) if document else None, headers)
        return self._connection.getresponse()


class Watcher:
    """Watches from now on and gives every event to `seen`, in a thread of its own; a context manager."""

    def __init__(self, state_dir: Path, path: str, seen: Callable[[Mapping[str, Any]], None]) -> None:
        self._api = Api(state_dir)
        self._response = self._api.send("GET", f"{path}?watch=true")
        self._seen = seen
        self._thread = threading.Thread(target=self._read)
        self._sock = self._api._connection.sock  # noqa: SLF001 - same file

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(2)
        self._thread.join()
        self._response.close()
        self._api.__exit__()

    def _read(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            for line in self._response:
                self._seen(json.loads(line))


class ApiBench:
    """Requests per second among many ConfigMaps and those who watch them, and how long a change is on its way.

    `cpu` tells the seconds that the emulator has computed.
    """

    def __init__(self, state_dir: Path, cpu: Callable[[], float], options: argparse.Namespace) -> None:
        self._state_dir, self._cpu = state_dir, cpu
        self._objects, self._watchers, self._seconds = options.objects, options.watchers, options.seconds
        self._heard = [0] * self._watchers
        #: When each change of the last part was sent, by its text, and the seconds until each watcher heard of it.
        self._sent: dict[str, float] = {}
        self._delays: list[float] = []

    def measure(self) -> dict[str, Any]:
        with Api(self._state_dir) as api:
            for number in range(self._objects):
                meta = {"name": f"c-{number}"}
                document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"turn": "none"}}
                api.call("POST", CONFIG_MAPS, document)
        with contextlib.ExitStack() as watching:
            for number in range(self._watchers):
                watching.enter_context(Watcher(self._state_dir, CONFIG_MAPS, partial(self._seen, number)))
            return {
                "objects": self._objects,
                "watchers": self._watchers,
                "GET": self._rate("GET", self._one, lambda _: None),
                "LIST": self._rate("GET", lambda _: CONFIG_MAPS, lambda _: None),
                "PATCH": self._rate("PATCH", self._one, lambda turn: {"data": {"turn": str(turn)}}),
                **self._events(),
            }

    def _one(self, turn: int) -> str:
        return f"{CONFIG_MAPS}/c-{turn % self._objects}"

    def _seen(self, watcher: int, event: Mapping[str, Any]) -> None:
        self._heard[watcher] += 1
        if when := self._sent.get(event["object"].get("data", {}).get("turn", "")):
            self._delays.append(time.monotonic() - when)

    def _rate(
        self, verb: str, path: Callable[[int], str], document: Callable[[int], Document | None]
    ) -> Mapping[str, float]:
        """Requests per second that are answered, and the emulator's CPU of each, its watchers' events included."""
        began, cpu = time.monotonic(), self._cpu()
        counts = [0] * CLIENTS

        def ask(client: int) -> None:
            with Api(self._state_dir) as api:
                while time.monotonic() < began + self._seconds:
                    turn = counts[client] * CLIENTS + client
                    api.call(verb, path(turn), document(turn))
                    counts[client] += 1

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(ask, range(CLIENTS)))
        took = time.monotonic() - began
        while len(set(self._heard)) > 1 and time.monotonic() < began + PATIENCE:
            time.sleep(0.02)
        return {"per_second": sum(counts) / took, "cpu_ms": (self._cpu() - cpu) * 1000 / sum(counts)}

    def _events(self) -> Mapping[str, float]:
        """Changes one after the other, and their way to all watchers."""
        with Api(self._state_dir) as api:
            for number in range(CHANGES):
                text = f"change {number}"
                self._sent[text] = time.monotonic()
                api.call("PATCH", self._one(number), {"data": {"turn": text}})
                time.sleep(0.01)
        expected, end = CHANGES * self._watchers, time.monotonic() + PATIENCE
        while len(self._delays) < expected and time.monotonic() < end:
            time.sleep(0.02)
        return {
            "events_lost": expected - len(self._delays),
            "event_median_ms": statistics.median(self._delays) * 1000,
            "event_p99_ms": statistics.quantiles(self._delays, n=100)[98] * 1000,
        }
