"""Offered load for tests: open loop (arrivals don't wait for answers) and no retries, so nothing hides a failure."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Self


class Load:
    """Requests at a fixed rate, each on a connection of its own; what became of each is counted by status or error."""

    def __init__(self, port: int, host: str, path: str, rps: float) -> None:
        self._port = port
        self._host = host
        self._path = path
        self._rps = rps
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.outcomes: Counter[str] = Counter()
        self.bodies: Counter[str] = Counter()
        self._pacer = threading.Thread(target=self._pace)

    def __enter__(self) -> Self:
        self._pacer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pacer.join()
        for thread in self._threads:
            thread.join()

    def _pace(self) -> None:
        start = time.monotonic()
        sent = 0
        while not self._stop.is_set():
            if time.monotonic() - start < sent / self._rps:
                time.sleep(0.002)
                continue
            thread = threading.Thread(target=self._one)
            thread.start()
            self._threads.append(thread)
            sent += 1

    def _one(self) -> None:
        outcome, body = request(self._port, self._host, self._path)
        self.outcomes[outcome] += 1
        self.bodies[body] += 1


def request(port: int, host: str, path: str) -> tuple[str, str]:
    """One request; its status or the name of its error, and its body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        return str(response.status), response.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__, ""
    finally:
        connection.close()


def at_once(count: int, call: Callable[[int], None]) -> None:
    """Run `call(0)` ... `call(count - 1)` in threads that start together, and wait for all."""
    gate = threading.Barrier(count)

    def run(number: int) -> None:
        gate.wait()
        call(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
