"""Cold start of the login function against a hello-world under the plain functions framework, in one run.

    python -m loadtest.bench.cold_start [--runs 15]

Prints, for each program, milliseconds of the wall's clock from exec to the first 200 (and for the login function to
the first signed token), the ratio of the medians, and the memory of its processes; then what each import costs on top
of those before it. The programs take turns, so that a noisy machine is noisy for both; the first turn warms the page
cache and the bytecode and is not counted.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

BIN = Path(sys.executable).parent
#: Where the figures of the last run are kept.
RESULTS = Path(__file__).with_name("results")
HELLO = "def hello(request):\n    return 'hello'\n"
ACCOUNT = ("bench", "a password of the benchmark")
#: In the order in which a start comes to them; the last is loaded after readiness, for the first token.
IMPORTS = (
    "flask",
    "functions_framework",
    "gevent.pywsgi",
    "bcrypt",
    "sqlite3",
    "function.serve",
    "function.access.tokens",
)
#: Prints milliseconds and resident MB that each import adds.
IMPORTER = """
import importlib, sys, time
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
for name in sys.argv[1:]:
    memory, began = resident(), time.perf_counter()
    importlib.import_module(name)
    print(name, (time.perf_counter() - began) * 1000, resident() - memory)
"""
#: A program that is not ready by then is broken, not slow.
PATIENCE = 30.0


def wait_for(port: int, request: bytes) -> None:
    """Wait for a 200 to `request`, sent again and again until somebody listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with (
            contextlib.suppress(ConnectionError),
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock,
        ):
            sock.sendall(request)
            if response := sock.recv(65536):
                if b" 200 " not in response:
                    raise RuntimeError(f"not what was measured: {response!r}")
                return
        time.sleep(0.001)
    raise TimeoutError(f"nothing answers on port {port}")


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode()


def login() -> bytes:
    body = json.dumps({"username": ACCOUNT[0], "password": ACCOUNT[1]})
    head = "POST /login HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@contextlib.contextmanager
def running(command: list[str], port: int, environ: Mapping[str, str], folder: Path) -> Iterator[tuple[float, int]]:
    """Start `command`; (monotonic time of its exec, its process id)."""
    env = {**os.environ, **environ, "PORT": str(port), "HOST": "127.0.0.1"}
    began = time.monotonic()
    process = subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield began, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def memory(pid: int) -> float:
    """MB that a process and its children hold, shared pages counted once (PSS)."""
    process = psutil.Process(pid)
    return sum(part.memory_full_info().pss for part in [process, *process.children(recursive=True)]) / 1e6


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def hello(folder: Path) -> Mapping[str, float]:
    port = free_port()
    command = [str(BIN / "functions-framework"), "--target", "hello", "--source", str(folder / "hello.py")]
    with running(command, port, {}, folder) as (began, pid):
        wait_for(port, get("/"))
        ready = time.monotonic() - began
        return {"hello-world, first 200 (ms)": ready * 1000, "hello-world, memory (MB)": memory(pid)}


def function(folder: Path, environ: Mapping[str, str]) -> Mapping[str, float]:
    port = free_port()
    with running([str(BIN / "login-function"), "serve"], port, environ, folder) as (began, pid):
        wait_for(port, get("/readyz"))
        ready = time.monotonic() - began
        held = memory(pid)
    with running([str(BIN / "login-function"), "serve"], port, environ, folder) as (began, _):
        wait_for(port, login())
        token = time.monotonic() - began
    return {
        "login function, /readyz 200 (ms)": ready * 1000,
        "login function, first token (ms)": token * 1000,
        "login function, memory (MB)": held,
    }


def imports() -> Iterator[tuple[str, float]]:
    """(what was measured, its value) for each import."""
    done = subprocess.run([sys.executable, "-c", IMPORTER, *IMPORTS], check=True, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        name, milliseconds, megabytes = line.split()
        yield f"import {name} (ms)", float(milliseconds)
        yield f"import {name} (MB)", float(megabytes)


def main() -> int:
    parser = argparse.ArgumentParser(description="Cold start of the login function against a hello-world.")
    parser.add_argument("--runs", type=int, default=15, help="turns of each program (default: %(default)s)")
    runs: int = parser.parse_args().runs
    samples: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "hello.py").write_text(HELLO)
        # Cost 10, so that the hash (50 ms) does not hide what is measured.
        environ = {"DATABASE_URL": f"sqlite:///{folder}/login.db", "HASH_COST": "10"}
        add = [str(BIN / "login-function"), "users", "add", ACCOUNT[0], "--password-stdin"]
        subprocess.run(add, input=ACCOUNT[1], text=True, env={**os.environ, **environ}, check=True)
        for turn in range(runs + 1):
            for measured, value in {**hello(folder), **function(folder, environ), **dict(imports())}.items():
                samples.setdefault(measured, []).extend([value] if turn else [])
    for measured, values in samples.items():
        print(
            f"{measured:36} min {min(values):6.1f}   median {statistics.median(values):6.1f}   max {max(values):6.1f}"
        )
    medians = {measured: statistics.median(values) for measured, values in samples.items()}
    ratio = medians["login function, /readyz 200 (ms)"] / medians["hello-world, first 200 (ms)"]
    print(f"{'login function / hello-world':36} {ratio:.2f} x")
    RESULTS.mkdir(exist_ok=True)
    kept = {"runs": runs, "medians": medians, "ratio": ratio}
    (RESULTS / "cold_start.json").write_text(json.dumps(kept, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
