"""People who log in, in a process of their own: open loop, each on a connection of their own.

Started by login.py: a `Job` as JSON on standard input, a `Told` for each person as JSON lines on standard output.
"""

import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import gevent
from gevent import socket

#: Seconds to an answer; no answer of the function takes so long.
TIMEOUT = 120.0
#: Whoever is sent away so often gives up: somebody would have to be forgotten.
MOST_TRIES = 50


@dataclass(frozen=True)
class Job:
    """Who comes when, in seconds from the start. `obey`: come back after Retry-After; `stay`: keep the connection."""

    port: int
    names: Sequence[str]
    password: str
    moments: Sequence[float]
    obey: bool
    stay: bool


@dataclass
class Told:
    """What became of one person. Times are seconds from the start of the job.

    Attributes:
        status: of the last answer; 0 for a connection that ended without one.
        tries: requests made.
        meant: when the person came.
        done: when the last answer was there.
        first: seconds to the first answer.
        retry_after: whether each 503 said when to come back.
    """

    status: int
    tries: int
    meant: float
    done: float
    first: float
    retry_after: bool


def main() -> None:
    job = Job(**json.load(sys.stdin))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    start = time.monotonic()
    kept: list[socket.socket] = []
    people = [
        gevent.spawn(person, job, name, moment, start, kept)
        for name, moment in zip(job.names, job.moments, strict=True)
    ]
    for one in people:
        print(json.dumps(asdict(one.get())))
    sys.stdout.flush()
    if job.stay:
        sys.stdin.close()
        gevent.sleep(TIMEOUT)  # until we are killed: the connections stay open


def person(job: Job, name: str, moment: float, start: float, kept: list[socket.socket]) -> Told:
    gevent.sleep(max(0.0, start + moment - time.monotonic()))
    told = Told(0, 0, moment, 0.0, 0.0, retry_after=True)
    while told.tries < MOST_TRIES:
        told.tries += 1
        told.status, after = ask(job, name, kept)
        told.done = time.monotonic() - start
        told.first = told.first or told.done - moment
        if told.status != 503:
            break
        told.retry_after = told.retry_after and after is not None
        if not job.obey or after is None:
            break
        gevent.sleep(after)
    return told


def ask(job: Job, name: str, kept: list[socket.socket]) -> tuple[int, float | None]:
    """(status, or 0 for none; seconds of Retry-After)."""
    body = json.dumps({"username": name, "password": job.password})
    head = (
        "POST /login HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{'' if job.stay else 'Connection: close' + chr(13) + chr(10)}\r\n"
    )
    try:
        sock = socket.create_connection(("127.0.0.1", job.port), timeout=TIMEOUT)
        sock.sendall((head + body).encode())
        answer = b""
        while b"\r\n\r\n" not in answer and (data := sock.recv(4096)):
            answer += data
    except OSError:
        return 0, None
    if job.stay:
        kept.append(sock)
    else:
        sock.close()
    if not answer.startswith(b"HTTP/1.1 "):
        return 0, None
    headers = dict(line.split(": ", 1) for line in answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:])
    return int(answer[9:12]), float(headers["Retry-After"]) if "Retry-After" in headers else None


if __name__ == "__main__":
    main()
