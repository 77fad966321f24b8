"""More logins than can be hashed (S1, S2, S3, S5)."""

import contextlib
import json
import re
import socket
import struct
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.contract.conftest import PATIENCE, Account, Api, Target, Wire, eventually


def login_bytes(name: str, password: str) -> bytes:
    body = json.dumps({"username": name, "password": password}).encode()
    head = b"POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def test_s2_a_storm_is_answered_whole_and_at_once(api: Api, target: Target, account: Account) -> None:
    """Every connection ends in 200 or in 503 with Retry-After; each 200 has a session; probes go on meanwhile."""
    with contextlib.ExitStack() as stack:
        wires = [Wire(target) for _ in range(400)]
        for wire in wires:
            stack.callback(wire.socket.close)
            wire.send(login_bytes(*account))
        probes = 0
        with ThreadPoolExecutor(len(wires)) as pool:
            answers = [pool.submit(wire.response) for wire in wires]
            while not all(answer.done() for answer in answers):
                assert api.get("/livez").status_code == 200
                probes += 1
        statuses = Counter(answer.result()[0] for answer in answers)
    assert statuses.keys() <= {200, 503}, statuses
    assert statuses[200] > 0
    assert probes > 0
    for answer in answers:
        status, body = answer.result()
        if status == 200:
            assert api.refresh(json.loads(body)["refresh_token"]).status_code == 200


def test_s2_retry_after_is_the_time_that_the_queue_takes(target: Target, account: Account, api: Api) -> None:
    def retry_after(_: int) -> str | None:
        response = api.post("/login", json={"username": account.name, "password": account.password})
        return response.headers.get("Retry-After") if response.status_code == 503 else None

    with ThreadPoolExecutor(300) as pool:
        told = [value for value in pool.map(retry_after, range(300)) if value is not None]
    # Where something stands in front that holds a queue of its own, no more come through than can be hashed.
    assert told or target.headers, "nobody was turned away"
    assert all(1 <= int(value) <= PATIENCE for value in told), Counter(told)
    # Whoever waits that long gets in.
    time.sleep(max(map(int, told), default=0))
    api.login(account)


def test_s5_refresh_and_userinfo_keep_their_lane(target: Target, account: Account, api: Api) -> None:
    tokens = api.login(account)
    stop = threading.Event()

    def press(_: int) -> None:
        while not stop.is_set():
            api.post("/login", json={"username": account.name, "password": account.password})

    with ThreadPoolExecutor(8) as pool:
        pressing = [pool.submit(press, number) for number in range(8)]
        try:
            for _ in range(20):
                response = api.refresh(tokens["refresh_token"])
                assert response.status_code == 200
                tokens = response.json()
                assert api.userinfo(tokens["access_token"]).status_code == 200
                assert api.get("/readyz").status_code == 200
        finally:
            stop.set()
        for pressed in pressing:
            pressed.result(PATIENCE)


def counted(api: Api, name: str) -> float:
    """The sum of a metric over its labels."""
    values = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", api.get("/metrics").text, re.MULTILINE)
    return sum(map(float, values))


def test_s3_a_login_whose_client_has_gone_is_not_hashed(api: Api, target: Target) -> None:
    shed, submitted = counted(api, "login_hashes_shed_total"), counted(api, "login_hashes_submitted_total")
    for _ in range(30):
        wire = Wire(target)
        wire.send(login_bytes(f"nobody-{uuid.uuid4().hex}", "no password at all"))
        # Reset rather than close, as a process that dies does.
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.socket.close()
    eventually(lambda: counted(api, "login_hashes_submitted_total") > submitted, "none came in")
    eventually(lambda: counted(api, "login_queue_depth") == 0, "still waiting")
    assert counted(api, "login_hashes_shed_total") > shed
