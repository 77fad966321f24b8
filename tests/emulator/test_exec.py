"""`kubectl exec`, `cp` and `attach`, and the Python client's, against instances that are processes."""

import contextlib
import gc
import itertools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from bare_api import Api, error
from executing import MUCH, Kubectl, behaves
from kubernetes import client, config, stream
from running import PATIENCE, Emulator, manifest, until

from emulator.api.kinds import POD
from emulator.core.pod_template import DEFAULT_CONTAINER
from emulator.runtimes.process import free_port

ALWAYS = {"autoscaling.knative.dev/min-scale": "1"}
PODS = "/api/v1/namespaces/default/pods"
#: A command's own, to find it by.
MARKS = itertools.count(90_000)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("exec"))
    try:
        running.up(services=(manifest(env={"WHO": "me"}, annotations=ALWAYS),))
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def run(kubectl: str, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return Kubectl(kubectl, emulator, tmp_path_factory.mktemp("home"))


@pytest.fixture
def python(emulator: Emulator) -> Iterator[Any]:
    with config.new_client_from_config(str(emulator.state_dir / "kubeconfig")) as api:
        yield client.CoreV1Api(api)
        api.rest_client.pool_manager.clear()


def left(emulator: Emulator, mark: int) -> list[int]:
    found = []
    for pid in emulator.processes():
        try:
            if str(mark) in " ".join(psutil.Process(pid).cmdline()):
                found.append(pid)
        except psutil.NoSuchProcess:
            continue
    return found


def test_exec_and_cp(run: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    behaves(run, str(tmp_path / "inside"), tmp_path)


def test_of_one_who_is_killed_nothing_is_left(run: Kubectl, emulator: Emulator) -> None:
    mark = next(MARKS)
    process = run.start("exec", "POD", "--", "sh", "-c", f"sleep {mark} & sleep {mark}")
    until(lambda: len(left(emulator, mark)) == 3)
    process.kill()
    process.wait()
    until(lambda: not left(emulator, mark))


def test_of_one_who_is_killed_nothing_is_left_though_nobody_reads_what_it_sent(
    run: Kubectl, emulator: Emulator
) -> None:
    mark = next(MARKS)
    with Path("/dev/zero").open("rb") as endless:
        process = run.start("exec", "-i", "POD", "--", "sleep", str(mark), stdin=endless)
        until(lambda: left(emulator, mark))
        time.sleep(1)  # until all buffers on the way are full
        process.kill()
        process.wait()
    until(lambda: not left(emulator, mark))


def test_of_one_who_is_killed_nothing_is_left_though_it_read_nothing(run: Kubectl, emulator: Emulator) -> None:
    mark = next(MARKS)
    process = run.start("exec", "POD", "--", "sh", "-c", f"yes {mark}", stdout=subprocess.PIPE)
    until(lambda: left(emulator, mark))
    process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    process.kill()
    process.communicate()
    until(lambda: not left(emulator, mark))


def test_a_command_ends_with_its_instance(run: Kubectl, emulator: Emulator) -> None:
    mark = next(MARKS)
    process = run.start("exec", "POD", "--", "sleep", str(mark), stderr=subprocess.PIPE)
    until(lambda: left(emulator, mark))
    [serving] = [pid for pid in emulator.processes() if "hello.py" in " ".join(psutil.Process(pid).cmdline())]
    os.kill(serving, signal.SIGKILL)
    assert process.communicate(timeout=PATIENCE)[1] == b"command terminated with exit code 137\n"
    assert process.returncode == 137
    until(lambda: emulator.revisions()[0]["instances"][0]["phase"] == "Ready")


def test_attach_shows_what_is_printed(run: Kubectl, emulator: Emulator, tmp_path: Path) -> None:
    output = tmp_path / "attached"
    with output.open("wb") as file:
        process = run.start("attach", "POD", stdout=file, stderr=subprocess.STDOUT)
    try:

        def asked() -> bool:
            emulator.get("/now-and-here")
            return "GET /now-and-here" in output.read_text()

        until(asked)
    finally:
        process.terminate()
        process.wait()


def test_what_is_not_served_is_refused_in_words(run: Kubectl, emulator: Emulator) -> None:
    refused = "Error from server (BadRequest): {}\n".format
    assert run.run("exec", "POD", "-c", "other", "--", "true")[2] == refused(
        f"container other is not valid for pod {run.pod}"
    )
    assert "ask for user-container" in run.run("exec", "POD", "-c", "queue-proxy", "--", "true")[2]
    old = run.run("exec", "POD", "--", "true", KUBECTL_REMOTE_COMMAND_WEBSOCKETS="false")[2]
    assert old.startswith(refused("streams are served over websockets, not over SPDY: use kubectl 1.31")[:-1])
    code, _, errors = run.run("port-forward", "POD", ":8080")
    assert code == 1
    where = errors.partition("reaches")[2].split()[2].rstrip(",")
    assert requests.get(where, timeout=PATIENCE).text.startswith("hello")
    for sub in ("exec", "attach", "portforward"):
        assert run.run("auth", "can-i", "create", "pods", f"--subresource={sub}")[1] == b"yes\n"


# The client leaves it to nobody to close a connection once the server has said that it closes.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_pythons_client(python: Any, run: Kubectl, emulator: Emulator) -> None:
    ask = {"name": run.pod, "namespace": "default", "container": "user-container", "stdout": True, "stderr": True}
    command = ["sh", "-c", "echo $WHO; echo oh >&2"]
    printed = stream.stream(python.connect_get_namespaced_pod_exec, command=command, **ask)
    assert sorted(printed.split()) == ["me", "oh"]

    more = {"stdin": True, "_preload_content": False}
    talk = stream.stream(python.connect_get_namespaced_pod_exec, command=["sh", "-c", "cat; exit 7"], **ask, **more)
    assert talk.subprotocol == "v5.channel.k8s.io"
    for channel, junk in ((4, '{"Width": -1}'), (4, "wide" * 1000), (9, "x"), (255, "x")):
        talk.write_channel(channel, junk)
    talk.write_stdin("täxt\n")
    assert talk.readline_stdout(timeout=PATIENCE) == "täxt"
    talk.write_channel(0, MUCH.hex().encode())
    talk.close_channel(0)
    talk.run_forever(timeout=PATIENCE)
    talk.close()
    assert (talk.returncode, talk.read_stdout() == MUCH.hex()) == (7, True)

    mark = next(MARKS)
    talk = stream.stream(python.connect_get_namespaced_pod_exec, command=["sleep", str(mark)], **ask, **more)
    until(lambda: left(emulator, mark))
    talk.close()
    until(lambda: not left(emulator, mark))
    del talk
    gc.collect()


def test_pythons_client_forwards_ports(python: Any, run: Kubectl, emulator: Emulator) -> None:
    free = free_port()
    ports = f"8080,{free}"
    forward = stream.portforward(python.connect_get_namespaced_pod_portforward, run.pod, "default", ports=ports)
    with contextlib.closing(forward.socket(8080)) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(b"GET /forwarded HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n")
        answer = b""
        while data := connection.recv(4096):
            answer += data
    assert answer.startswith(b"HTTP/1.")
    assert b"hello" in answer
    until(lambda: forward.error(free))
    assert forward.error(free) == f"failed to connect to port {free}: Connection refused"
    forward.close()
    until(lambda: not [each for each in threading.enumerate() if "port forward" in each.name])
    forward.websocket.shutdown()  # once the server has said that it closes, the client leaves that to nobody


def test_a_page_of_another_origin_gets_nothing(python: Any, run: Kubectl) -> None:
    api = python.api_client.configuration

    def ask(path: str = "exec?command=true&stdout=1&container=user-container", **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        where = f"{api.host}{PODS}/{run.pod}/{path}"
        return requests.get(where, headers=named, verify=api.ssl_ca_cert, timeout=PATIENCE)

    [token] = api.api_key.values()
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert ask(Authorization=token, Origin="https://evil.example", **upgrade).status_code == 403
    assert ask(Origin=api.host, **upgrade).status_code == 401
    assert ask(Authorization=token).json()["message"] == "Upgrade request required"
    told = ask(Authorization=token, Origin=api.host, **upgrade).json()
    assert told["message"] == "unable to upgrade: Missing header, 'Sec-WebSocket-Version'"
    version = {"Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    told = ask(Authorization=token, Sec_WebSocket_Protocol="base64.channel.k8s.io", **upgrade, **version).json()
    assert "ask for one of the protocols v5.channel.k8s.io, v4.channel.k8s.io" in told["message"]
    ports = {"portforward": "at least 1 port", "portforward?ports=0": 'unable to parse "0" as a port'}
    for path, words in ports.items():
        told = ask(path, Authorization=token, Sec_WebSocket_Protocol="v4.channel.k8s.io").json()
        assert words in told["message"]


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("command=a&stdout=1", 400, "a container name must be specified for pod p, choose one of: [c queue-proxy]"),
        ("command=a&container=c", 400, "you must specify at least 1 of stdin, stdout, stderr"),
        ("command=a&container=c&tty=true&stderr=true", 400, "tty and stderr cannot both be true"),
        ("container=c&stdout=true", 400, "you must specify at least one command for the exec"),
        ("command=a&container=c&stdout=true", 500, 'unable to upgrade connection: container not found ("c")'),
    ],
)
def test_what_a_command_needs(query: str, code: int, message: str) -> None:
    api = Api()
    containers = [{"name": "c"}, {"name": "queue-proxy"}]
    for name, node in (("p", {"nodeName": "n"}), ("waits", {})):
        shown = {"annotations": {DEFAULT_CONTAINER: "c"}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"} | shown}
        api.store.create(POD, pod | {"spec": {"containers": containers} | node})
    for method in ("GET", "POST"):
        told, reason, words = error(api(method, f"{PODS}/p/exec?{query}"))
        assert (told, words) == (code, message)
        assert reason == ("BadRequest" if code == 400 else "InternalError")
    waits = error(api("GET", f"{PODS}/waits/exec?command=a&container=c&stdout=1"))
    assert waits == (400, "BadRequest", "pod waits does not have a host assigned")
    assert error(api("GET", f"{PODS}/none/exec?command=a"))[:2] == (404, "NotFound")


def test_discovery_says_that_pods_have_streams() -> None:
    _, found = Api()("GET", "/api/v1")
    entries = {each["name"]: each for each in found["resources"]}
    for name, kind in (("exec", "PodExecOptions"), ("attach", "PodAttachOptions"), ("log", "Pod")):
        entry = entries[f"pods/{name}"]
        assert entry["kind"] == kind
        assert entry["verbs"] == (["get"] if name == "log" else ["create", "get"])
