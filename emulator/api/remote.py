"""What runs beside an instance's program and is streamed: `kubectl exec`, `cp` by it, and `attach`.

Streams are messages of a websocket, whose first byte is the channel (k8s.io/kubelet, remotecommand; v5.channel.k8s.io
can close one, v4 can't). SPDY, which older clients ask for with a POST, is refused in words.
"""

import contextlib
from collections.abc import Mapping
from typing import Annotated, Any, Final

import gevent
import msgspec
from flask import Request, Response

from emulator.api.answers import encode
from emulator.api.forward import forward
from emulator.api.store import Object
from emulator.api.websocket import Upgrade, WebSocket
from emulator.core.pod_template import QUEUE, sidecar_in
from emulator.errors import CommandError, UserError
from emulator.logs import Log, Logs
from emulator.runtimes.base import STDERR, STDOUT, Command, Execution, Handle, Running

#: Channels beside STDOUT and STDERR.
STDIN, ERROR, RESIZE, CLOSE = 0, 3, 4, 255
V5: Final = "v5.channel.k8s.io"
PROTOCOLS: Final = (V5, "v4.channel.k8s.io")
#: Bytes of a message that resizes or closes: both are a few words.
CONTROL_LIMIT: Final = 1024
_NOT_SPDY: Final = (
    "streams are served over websockets, not over SPDY: use kubectl 1.31 or newer, or an older one with "
    "KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true"
)

_Edge = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class _Size(msgspec.Struct, rename="pascal"):
    """Of a terminal, in letters."""

    width: _Edge
    height: _Edge


def connect(request: Request, pod: Object, sub: str, logs: Logs, running: Running) -> Response:
    """Answer `exec`, `attach` or `portforward` of a pod. Raises UserError and CommandError, in a cluster's words."""
    name = pod["metadata"]["name"]
    if sub == "portforward":
        served = running(name, "")
        if served is None:
            phase = pod.get("status", {}).get("phase", "Pending")
            raise UserError(f"unable to forward port because pod is not running. Current status={phase}")
        return forward(request, pod, served.address)
    container = _container(pod, request.args.get("container", ""))
    wanted = {stream for stream in ("stdin", "stdout", "stderr") if _flag(request.args, stream)}
    tty, words = _flag(request.args, "tty"), tuple(request.args.getlist("command"))
    if not wanted:
        raise UserError("you must specify at least 1 of stdin, stdout, stderr")
    if tty and "stderr" in wanted:
        raise UserError("tty and stderr cannot both be true")
    if sub == "exec" and not words:
        raise UserError("you must specify at least one command for the exec")
    if not pod["spec"].get("nodeName"):
        raise UserError(f"pod {name} does not have a host assigned")
    sidecar = sidecar_in(pod, container)
    handle, log = running(name, sidecar), logs.find(name, sidecar)
    if handle is None or log is None:
        raise CommandError(f'unable to upgrade connection: container not found ("{container}")')
    if request.method == "POST":
        raise UserError(_NOT_SPDY)
    streams = {number for name, number in (("stdout", STDOUT), ("stderr", STDERR)) if name in wanted}
    if sub == "attach":
        return Upgrade(request, PROTOCOLS, lambda socket, _: _attach(socket, log, STDOUT in streams))
    command = Command(words, stdin="stdin" in wanted, tty=tty)
    return Upgrade(request, PROTOCOLS, lambda socket, protocol: _execute(socket, protocol, handle, command, streams))


def _execute(socket: WebSocket, protocol: str, handle: Handle, command: Command, streams: set[int]) -> None:
    """Run a command, and end it with all that it has started when the client goes."""

    def take(stream: int, data: bytes) -> None:
        if stream in streams:
            socket.send(stream, data)

    try:
        running = handle.execute(command, take)
    except CommandError as error:
        _end(socket, _not_run(error), gevent.spawn(_ignore, socket))
        return
    reader = gevent.spawn(_feed, socket, running, command, closes=protocol == V5)
    guard = gevent.spawn(socket.watch, running.kill)
    try:
        code = running.wait()
    finally:
        guard.kill()
    _end(socket, _exited(code), reader)


def _feed(socket: WebSocket, running: Execution, command: Command, *, closes: bool) -> None:
    """Do what the client says until it goes."""
    control = b""
    for channel, data, complete in socket.pieces():
        if channel == STDIN and command.stdin:
            running.write(data)
        elif channel in {RESIZE, CLOSE}:
            control = (control + data)[:CONTROL_LIMIT]
        if complete and channel == RESIZE:
            with contextlib.suppress(msgspec.DecodeError):  # kubectl's is as it should be
                size = msgspec.json.decode(control, type=_Size)
                running.resize(size.width, size.height)
        elif complete and (channel, control) == (CLOSE, bytes([STDIN])) and closes:
            running.end_input()
        if complete:
            control = b""
    running.kill()


def _attach(socket: WebSocket, log: Log, wanted: bool) -> None:
    """Show what the instance prints from now on, until it or the client goes. It reads nothing, so nothing is given."""

    def show() -> None:
        for line in log.read(follow=True, tail=0):
            if wanted:
                socket.send(STDOUT, line.encode())

    shows = gevent.spawn(show)
    reader = gevent.spawn(_ignore, socket)
    reader.link(lambda _: shows.kill(block=False))
    guard = gevent.spawn(socket.watch, lambda: shows.kill(block=False))
    shows.join()
    guard.kill()
    _end(socket, _exited(0), reader)


def _ignore(socket: WebSocket) -> None:
    for _ in socket.pieces():
        pass


def _end(socket: WebSocket, status: Mapping[str, Any], reader: "gevent.Greenlet[..., None]") -> None:
    socket.send(ERROR, encode({"metadata": {}, **status}))
    socket.close(reader)


def _exited(code: int) -> dict[str, Any]:
    """A Status as a kubelet writes it (pkg/kubelet/cri/streaming/remotecommand)."""
    if not code:
        return {"status": "Success"}
    return {
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: command terminated with exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _not_run(error: CommandError) -> dict[str, Any]:
    why = f"error executing command in container: {error}"
    return {
        "status": "Failure",
        "message": f"Internal error occurred: {why}",
        "reason": "InternalError",
        "details": {"causes": [{"message": why}]},
        "code": 500,
    }


def _container(pod: Object, asked: str) -> str:
    """Which container is meant, by the API server's rules: it has to be said where there are several."""
    name, names = pod["metadata"]["name"], [each["name"] for each in pod["spec"]["containers"]]
    if not asked:
        raise UserError(f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]")
    if asked not in names:
        raise UserError(f"container {asked} is not valid for pod {name}")
    if asked == QUEUE:
        others = ", ".join(each for each in names if each != QUEUE)
        raise UserError(f"{QUEUE} is a part of the emulator, in which nothing is run: ask for {others}")
    return asked


def _flag(args: Mapping[str, str], name: str) -> bool:
    return args.get(name, "false") not in {"false", "0"}
