"""The server: pywsgi's loop and response side, with a request side of our own (http1.py) and limits on time.

Nothing is monkey-patched. What waits on the network is gevent's own, what computes (bcrypt) or waits on the database
has a lane.

Why not gunicorn's gevent worker, which the framework's own `create_server` would start? Measured side by side, on the
corpus of tests/contract/test_strict_http.py, with 40 clients that trickle a body, and from exec to /readyz 200:

    bare pywsgi        refuses 14 of 49, cuts off no slow client,   290 ms, 30 MB
    gunicorn's worker  refuses 47 of 49, cuts off no slow client,   432 ms, 55 MB (two processes), and monkey-patches
    this               refuses all 49, cuts off all 40,             276 ms, 32 MB
"""

import contextlib
import errno
import io
import json
import resource
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

import gevent
from gevent import socket
from gevent.pool import Pool
from gevent.pywsgi import Input, WSGIHandler, WSGIServer

from function.settings import Settings
from function.web.answers import phrase
from function.web.http1 import Head, ProtocolError, read_body, read_head
from function.web.listener import refuse_newcomers

#: Descriptors kept for the database, the log and the like; the others are for connections.
RESERVED_DESCRIPTORS = 64
#: For a response, which is small, to leave: a client that does not read it is gone.
WRITE_TIMEOUT = 10.0
#: How long and how much to go on reading after a refusal, so that the client reads it before a reset throws it away.
LINGER_SECONDS = 1.0
LINGER_BYTES = 1 << 20
#: When stopping, how long a connection attempt that is under way may take to come through: a few round trips.
HANDSHAKE_SECONDS = 0.1
#: When stopping, how long a request may still come in on a connection that was open before.
LAST_REQUEST_SECONDS = 0.5

#: Told of a connection that was refused before it was a request: (status, why, client address).
Refused = Callable[[int, str, str], None]


class Server(WSGIServer):
    """Serves a WSGI application on a bound socket.

    Attributes:
        draining: from now on every response ends its connection.
        idle: handlers that wait for the first byte of a request; they alone may be interrupted.
    """

    # Of gevent's 100, each with a request to answer, a hop of a login that is already in would wait 35 ms: between two
    # hops of an admitted login a burst of 9,000 let so much time pass that only 10 met their deadline; of 8, 301 did.
    max_accept = 8

    def __init__(self, listener: socket.socket, application: Any, settings: Settings, refused: Refused) -> None:
        super().__init__(
            listener,
            application,
            spawn=Pool(_descriptors() - RESERVED_DESCRIPTORS),
            log=None,
            handler_class=Handler,
            environ={"SERVER_NAME": settings.host},  # otherwise it asks DNS for one
        )
        self.settings = settings
        self.refused = refused
        self.draining = False
        self.idle: set[Handler] = set()

    def drain(self, delay: float, grace: float) -> int:
        """Go on for `delay` seconds, then stop accepting, finish what was accepted, close what idles.

        Returns:
            The connections that were not finished `grace` seconds after that.
        """
        self.draining = True
        gevent.sleep(delay)
        refuse_newcomers(self.socket)
        gevent.sleep(HANDSHAKE_SECONDS)
        self.stop_accepting()
        # What the kernel has accepted for us was accepted: closing the listener would reset it.
        while (accepted := self.do_read()) is not None:
            self.do_handle(*accepted)
        self.close()
        with _within(LAST_REQUEST_SECONDS):
            while self.idle:
                gevent.sleep(0.01)
        for handler in list(self.idle):
            handler.interrupt()
        self.pool.join(timeout=grace)
        return len(self.pool)


class Handler(WSGIHandler):
    """One connection: reads requests strictly and within limits, lets pywsgi write the responses."""

    server: Server
    served = 0

    def handle_one_request(self) -> Literal[True] | None:
        """True when the connection goes on, None when it is over: the protocol of the method overridden."""
        try:
            head = self._next_head()
            body = self._body(head) if head else None
        except ProtocolError as error:
            self._refuse(error)
            return None
        except OSError:
            return None
        if head is None:
            return None
        self._serve(head, body)
        if body is None:
            self._linger()
        return None if self.close_connection else True

    def finalize_headers(self) -> None:
        super().finalize_headers()
        if self.close_connection or self.server.draining:
            self.close_connection = True
            headers: Any = self.response_headers  # bytes; the stubs say text
            headers[:] = [*(pair for pair in headers if pair[0] != b"Connection"), (b"Connection", b"close")]

    def _write_with_headers(self, data: bytes) -> None:
        """Head and body in one write: pywsgi's two are two system calls, and two packets."""
        self.headers_sent = True
        self.finalize_headers()
        status: Any = self.status  # bytes, as are the headers; the stubs say text
        headers: Any = self.response_headers
        head = b"".join([b"HTTP/1.1 %b\r\n" % status, *(b"%b: %b\r\n" % pair for pair in headers), b"\r\n"])
        if self.response_use_chunked:
            self._sendall(head)
            self._write(data)  # type: ignore[attr-defined]  # it is there; the stubs leave it out
        else:
            self._sendall(head + data)

    def log_request(self) -> None:
        """Nothing: the application logs its requests, and `refused` hears of what did not become one."""

    def interrupt(self) -> None:
        """Let a wait for the next request end as if the client had closed; what it has sent by now is still read."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RD)

    def _next_head(self) -> Head | None:
        """Wait for a request and read its head; None when the connection ends between two requests."""
        settings = self.server.settings
        self.server.idle.add(self)
        try:
            with _within(settings.keep_alive_timeout if self.served else settings.head_timeout):
                if self.rfile.peek(1):
                    self.server.idle.discard(self)
        finally:
            waited_in_vain = self in self.server.idle
            self.server.idle.discard(self)
        if waited_in_vain:
            return None
        try:
            with gevent.Timeout(settings.head_timeout):
                return read_head(self.rfile.readline, settings.max_head)
        except gevent.Timeout:
            raise ProtocolError(408, "head took too long") from None

    def _body(self, head: Head) -> bytes | None:
        """The body; None when it is too long, which is for the application to say, and the end of the connection."""
        settings = self.server.settings
        if head.length is not None and head.length > settings.max_body:
            return None
        try:
            with gevent.Timeout(settings.body_timeout):
                if head.expects and head.length != 0:
                    self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = read_body(head, self.rfile.readline, self.rfile.read, settings.max_body)
        except gevent.Timeout:
            raise ProtocolError(408, "body took too long") from None
        return body if len(body) <= settings.max_body else None

    def _serve(self, head: Head, body: bytes | None) -> None:
        self.served += 1
        self.command, self.request_version = head.method, head.version
        self.close_connection = head.close or body is None
        self.application = self.server.application
        self.wsgi_input = Input(io.BytesIO(body or b""), len(body or b""))  # type: ignore[arg-type]  # any reader does
        self.environ = self._environ(head, body)
        self.handle_one_response()

    def _environ(self, head: Head, body: bytes | None) -> dict[str, Any]:
        path, _, query = head.target.partition("?")
        environ: dict[str, Any] = self.server.get_environ()
        for name, value in head.fields.items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        environ.pop("HTTP_CONTENT_LENGTH", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ |= {
            "REQUEST_METHOD": head.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": head.version,
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_PORT": str(self.client_address[1]),
            "CONTENT_TYPE": environ.pop("HTTP_CONTENT_TYPE", ""),
            # One that is over the limit is all that the application needs to see of a body that is.
            "CONTENT_LENGTH": str(self.server.settings.max_body + 1 if body is None else len(body)),
            "wsgi.input": self.wsgi_input,
            "function.socket": self.socket,
        }
        return environ

    def _refuse(self, error: ProtocolError) -> None:
        self.server.refused(error.status, str(error), self.client_address[0])
        title = phrase(error.status)
        body = json.dumps(
            {"type": "about:blank", "title": title, "status": error.status, "detail": f"{error}."}
        ).encode()
        head = (
            f"HTTP/1.1 {error.status} {title}\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        with contextlib.suppress(OSError):
            self._sendall(head.encode() + body)
            self._linger()

    def _sendall(self, data: bytes) -> None:
        # The kernel nearly always takes it all at once; only what is left needs a timer.
        with contextlib.suppress(BlockingIOError):
            data = data[self.socket.send(data, timeout=0.0) :]  # type: ignore[call-arg]  # gevent's takes it
        if data:
            with gevent.Timeout(WRITE_TIMEOUT, BrokenPipeError(errno.EPIPE, "the client does not read")):
                super()._sendall(data)  # type: ignore[misc]  # it is there; the stubs leave it out

    def _linger(self) -> None:
        left = LINGER_BYTES
        # A client that resets the connection instead of reading has what it wanted.
        with contextlib.suppress(OSError), _within(LINGER_SECONDS):
            self.socket.shutdown(socket.SHUT_WR)
            while left > 0 and (data := self.socket.recv(65536)):
                left -= len(data)


def _within(seconds: float) -> gevent.Timeout:
    """Leave a block silently when it takes longer."""
    return gevent.Timeout(seconds, exception=False)  # type: ignore[arg-type]  # documented; the stubs leave it out


def _descriptors() -> int:
    """Raise the soft limit of descriptors to the hard one, and return it.

    Shells say 1,024, and a storm is 10,000 connections.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return int(hard)
