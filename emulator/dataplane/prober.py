"""Asks an instance how it is, once, as a kubelet does."""

from gevent import Timeout, socket, ssl

from emulator.core.probe import Check, Probe
from emulator.dataplane.http1 import ResponseReader
from emulator.dataplane.pool import connect
from emulator.dataplane.refusals import InstanceError

#: What a kubelet of this version calls itself; some applications answer it differently.
USER_AGENT = "kube-probe/1.32"
#: Bytes of an answer read at a time; only its head matters.
HEAD_CHUNK = 4096


def ask(probe: Probe, host: str, port: int) -> str | None:
    """Ask once, for at most the probe's timeout.

    Args:
        probe: what to ask.
        host: address of the instance.
        port: its serving port.

    Returns:
        None when it passed, else why not, in kubelet's words.
    """
    check = probe.check
    address = (check.host or host, check.port or port)
    if check.service is not None:
        from emulator.dataplane.grpc_health import ask_health  # noqa: PLC0415 - what speaks HTTP/2 is for who asks so

        return ask_health(check.service, *address, probe.timeout)
    late = Timeout(probe.timeout)
    late.start()
    try:
        reason = _ask(check, address)
    except Timeout as timeout:
        if timeout is not late:
            raise
        reason = "context deadline exceeded"
    except InstanceError as error:
        reason = str(error).strip()
    except ssl.SSLError as error:
        reason = f"remote error: tls: {error.reason}"
    except OSError as error:
        reason = f"read tcp: {(error.strerror or str(error)).lower()}"
    finally:
        late.close()
    return reason


def _ask(check: Check, address: tuple[str, int]) -> str | None:
    with connect(*address) as sock:
        if check.path is None:
            return None
        if not check.https:
            return _get(check, sock, address)
        with _secured(sock) as secured:
            return _get(check, secured, address)


def _secured(sock: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # as kubelet: the instance is known by its address
    return context.wrap_socket(sock)


def _get(check: Check, sock: socket.socket, address: tuple[str, int]) -> str | None:
    given = {name.lower() for name, _ in check.headers}
    headers = [("Host", f"{address[0]}:{address[1]}"), ("User-Agent", USER_AGENT), ("Accept", "*/*")]
    lines = [f"GET {check.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers if name.lower() not in given]
    lines += [f"{name}: {value}" for name, value in check.headers]
    sock.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    reader = ResponseReader()
    try:
        reader.expect(b"GET")
        while not reader.response.headed:
            data = sock.recv(HEAD_CHUNK)
            if not data:
                return "EOF"
            reader.feed(data)
        status = reader.response.status
    finally:
        reader.close()
    return None if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"
