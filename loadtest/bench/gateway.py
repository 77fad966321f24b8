"""What the gateway costs: requests/s and CPU per request, straight to an app and through the gateway, in one run.

    python -m loadtest.bench.gateway [--seconds 3] [--connections 1 64] [--held 5000]

Three processes: a load generator and an app that do next to nothing in Python, and the gateway between them. The figure
that holds on a busy machine is the gateway's own CPU per request; a real cluster's proxies take 432 us for all three
hops, 254 us for activator and queue-proxy (Go, on two cores like those this was measured on). The last path writes each
request to a record, as `up --record` does. At last the memory of
requests that wait for a revision without instances, and the time until all are answered once there is one.
"""

import argparse
import multiprocessing
import select
import socket
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import psutil

HOST = "bench.default.localhost"
REQUEST = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n".encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n"
#: In front of the body in every answer, through the gateway or not.
END = b"\r\n\r\nhello\n"


def app(ready: Connection) -> None:
    """Answer every head with the same bytes."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    ready.send(listener.getsockname()[1])
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    sockets: dict[int, socket.socket] = {}
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sockets[sock.fileno()] = sock
                poll.register(sock, select.EPOLLIN)
                continue
            try:
                alive = sockets[number].recv(65536)
                if alive:
                    sockets[number].sendall(ANSWER)
            except ConnectionError:
                alive = b""
            if not alive:
                sockets.pop(number).close()


def gateway(ready: Connection, app_port: int, *, proxied: bool, record: str = "") -> None:
    """Serve one revision of one instance; set the number of instances and report what this process used when asked."""
    import gevent  # noqa: PLC0415 # in this process only

    from emulator.api.store import Store  # noqa: PLC0415
    from emulator.core.revision import RevisionKey  # noqa: PLC0415
    from emulator.dataplane.door import Backend, Endpoint, Target  # noqa: PLC0415
    from emulator.dataplane.plane import DataPlane  # noqa: PLC0415
    from emulator.record.history import History  # noqa: PLC0415
    from emulator.record.recorder import Recorder  # noqa: PLC0415
    from emulator.record.writer import Writer  # noqa: PLC0415

    class WallClock:
        def now(self) -> float:
            return time.time()

    key = RevisionKey("default", "bench-00001")
    instance = Endpoint("bench", "127.0.0.1", app_port)
    plane = DataPlane(WallClock(), lambda _: None, Random(1))  # noqa: S311 # no secret
    if record:
        history = History(time.time(), {})
        plane.tell(Recorder(Store(WallClock()), history, Writer(Path(record), history.header)).finished)
    plane.set_backend(key, Backend(endpoints=(instance,), proxied=proxied))
    plane.set_routes({HOST: (Target(key, 100),)})
    ready.send(plane.listen("127.0.0.1", 0))
    while True:
        gevent.socket.wait_read(ready.fileno())
        try:
            instances = ready.recv()
        except EOFError:
            return
        plane.set_backend(key, Backend(endpoints=(instance,) * instances, proxied=proxied))
        usage = psutil.Process()
        ready.send((sum(usage.cpu_times()[:2]), usage.memory_info().rss, plane.waiting(key)))


def ask(process: Connection, instances: int = 1) -> tuple[float, int, int]:
    """CPU seconds, resident bytes, and requests waiting in a gateway, which gets so many instances."""
    process.send(instances)
    answer: tuple[float, int, int] = process.recv()
    return answer


def load(port: int, connections: int, seconds: float) -> tuple[int, float, list[float]]:
    """Keep `connections` busy: requests answered, seconds taken, seconds of each."""
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
    sent = {}
    begin = time.perf_counter()
    for number, sock in sockets.items():
        sent[number] = time.perf_counter()
        sock.sendall(REQUEST)
    took: list[float] = []
    while time.perf_counter() < begin + seconds:
        for number, _ in poll.poll():
            answer = sockets[number].recv(65536)
            if not answer.endswith(END):
                raise SystemExit(f"Unexpected answer: {answer!r}")
            now = time.perf_counter()
            took.append(now - sent[number])
            sent[number] = now
            sockets[number].sendall(REQUEST)
    elapsed = time.perf_counter() - begin
    for sock in sockets.values():
        sock.close()
    return len(took), elapsed, took


def measure(port: int, connections: int, seconds: float, process: Connection | None) -> tuple[float, float, float]:
    """Requests/s, median latency in ms, CPU of the gateway per request in us."""
    load(port, connections, 0.3)  # warm up

    before = ask(process)[0] if process else 0.0
    count, elapsed, took = load(port, connections, seconds)
    cpu = ask(process)[0] - before if process else 0.0
    return count / elapsed, statistics.median(took) * 1000, cpu / count * 1e6


def hold(port: int, count: int, process: Connection) -> tuple[float, float]:
    """Let requests wait at zero: KiB of the gateway for each, seconds from the first instance to the last answer."""
    before = ask(process, 0)[1]
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for sock in sockets:
        sock.sendall(REQUEST)
    while ask(process, 0)[2] < count:
        time.sleep(0.05)
    each = (ask(process, 0)[1] - before) / count / 1024
    begin = time.perf_counter()
    ask(process)
    for sock in sockets:
        if not sock.recv(65536).endswith(END):
            raise SystemExit("A request that waited was not answered.")
        sock.close()
    return each, time.perf_counter() - begin


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=3.0, help="per measurement")
    options.add_argument("--connections", type=int, nargs="+", default=[1, 64])
    options.add_argument("--held", type=int, default=5000, help="requests that wait at zero")
    chosen = options.parse_args()
    context = multiprocessing.get_context("spawn")

    def start(target: object, *args: object, **kwargs: object) -> tuple[Connection, int]:
        here, there = context.Pipe()
        context.Process(target=target, args=(there, *args), kwargs=kwargs, daemon=True).start()  # type: ignore[arg-type]
        return here, here.recv()

    _, app_port = start(app)
    folder = tempfile.TemporaryDirectory(prefix="bench-")
    record = f"{folder.name}/record.jsonl"
    through = {
        "queue-proxy only": start(gateway, app_port, proxied=False),
        "activator + queue-proxy": start(gateway, app_port, proxied=True),
        "both, recorded": start(gateway, app_port, proxied=True, record=record),
    }
    print(f"{'path':26}{'conns':>6}{'req/s':>9}{'of direct':>11}{'p50 ms':>9}{'gateway CPU us/req':>20}")
    for connections in chosen.connections:
        direct, p50, _ = measure(app_port, connections, chosen.seconds, None)
        print(f"{'direct':26}{connections:6}{direct:9.0f}{'1.00':>11}{p50:9.3f}")
        for path, (process, port) in through.items():
            rate, p50, cpu = measure(port, connections, chosen.seconds, process)
            print(f"{path:26}{connections:6}{rate:9.0f}{rate / direct:11.2f}{p50:9.3f}{cpu:20.0f}")
    process, port = through["activator + queue-proxy"]
    each, seconds = hold(port, chosen.held, process)
    print(f"{chosen.held} requests held at zero: {each:.1f} KiB each, all answered in {seconds:.2f} s")


if __name__ == "__main__":
    main()
