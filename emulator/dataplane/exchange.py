"""One request carried to one instance and its answer back, each body at the pace of whoever takes it."""

from contextlib import suppress
from time import monotonic

from gevent import Greenlet, socket, spawn

from emulator.core.timeouts import Timeouts
from emulator.dataplane.client import Client, date_field
from emulator.dataplane.http1 import Request, Response
from emulator.dataplane.pool import CHUNK, Connection, Pool
from emulator.dataplane.refusals import BadRequestError, ClientGoneError, InstanceError, TimedOutError

#: Methods that may be sent a second time (RFC 9110 section 9.2.2).
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})


class CutError(Exception):
    """The answer broke off after its head was passed on: only closing the connection says so."""


class NoAnswerError(InstanceError):
    """The instance closed the connection without a byte of an answer."""


class Call:
    """One request on its way.

    Attributes:
        arrived: when its head was complete (monotonic).
        cold: seconds that it waited for the revision's first instance; None where one was there.
        response: the answer, once its head went out to the client.
        keep: the client's connection may carry another request afterwards.
    """

    __slots__ = ("_late", "arrived", "client", "cold", "keep", "request", "response", "sent", "timeouts")

    def __init__(self, client: Client, request: Request, timeouts: Timeouts, timeout_text: bytes) -> None:
        self.client = client
        self.request = request
        self.timeouts = timeouts
        self.arrived = monotonic()
        self.cold: float | None = None
        self.keep = request.keep_alive
        self.response: Response | None = None
        self.sent = 0
        self._late = TimedOutError(timeout_text.decode())
        client.deadline.set(timeouts.deadline(self.arrived, None), self._late)

    def progress(self) -> None:
        """A byte of the response went out: move the deadline."""
        self.client.deadline.set(self.timeouts.deadline(self.arrived, monotonic()), self._late)

    def begin(self, response: Response) -> None:
        """Send the head of the answer and what has come of its content."""
        head_only = self.request.method == b"HEAD" or response.status in {204, 304}
        self.keep = self.keep and self.request.complete
        head = [b"HTTP/1.1 %d %b" % (response.status, response.reason), *response.passed]
        head.append(response.line(b"date") or date_field())
        if head_only:
            if response.status != 204 and (length := response.line(b"content-length")):
                head.append(length)
        elif response.length is not None:
            head.append(b"Content-Length: %d" % response.length)
        elif self.request.http10:
            response.chunked = self.keep = False
        else:
            response.chunked = True
            head.append(b"Transfer-Encoding: chunked")
        if self.cold is not None:
            head.append(b"Server-Timing: cold-start;dur=%d" % round(self.cold * 1000))
        if not self.keep:
            head.append(b"Connection: close")
        elif self.request.http10:
            head.append(b"Connection: keep-alive")
        content = b"" if head_only else response.take()
        self.sent = len(content)
        self.response = response
        self.client.send(b"\r\n".join([*head, b"", content]))
        if self.timeouts.response_start or self.timeouts.idle:
            self.progress()

    def carry_on(self, response: Response) -> None:
        """Send more of the content."""
        if content := response.take():
            self.sent += len(content)
            self.client.send(content)
            if self.timeouts.idle:
                self.progress()

    def end_late(self, late: TimedOutError) -> None:
        """A timeout fired after the head was sent: append its text and end the content as well as can be."""
        response = self.response
        if response is None or response.complete or self.client.sending:
            raise CutError
        text = str(late).encode()
        if response.chunked:
            self.client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text))
        else:
            self.keep = False
            self.client.send(text if response.length is None else text[: response.length - self.sent])


def exchange(call: Call, pool: Pool, head: bytes) -> int:
    """Carry the request to an instance and the answer to the client.

    Args:
        call: the request; of its content as much as was received, the rest is taken from the client.
        pool: connections to the instance.
        head: the request's head as the instance gets it.

    Returns:
        The answer's status, once all of it was sent.

    Raises:
        RefusedError: nothing was sent; the request is as it was.
        InstanceError: no answer that could be passed on.
        CutError: it ended in the middle.
        ClientGoneError, TimedOutError, BadRequestError: as their names say; the instance's connection was closed.
    """
    request = call.request
    call.client.presence.confirm()
    repeatable = request.complete and request.method in IDEMPOTENT
    connection = pool.take()
    content = request.take()
    while True:
        kept = False
        try:
            response = _carry(call, connection, head + content)
            kept = response.keep_alive and request.complete and not response.body
        except NoAnswerError:
            # It may have been closing the unused connection when the request came.
            if not (connection.reused and repeatable):
                raise
        else:
            return response.status
        finally:
            if kept:
                pool.give(connection)
            else:
                connection.close()
        connection = pool.dial()


def _carry(call: Call, connection: Connection, data: bytes) -> Response:
    reader = connection.reader
    reader.expect(call.request.method)
    upload: Upload | None = None
    try:
        with suppress(OSError):  # it takes no more, but perhaps said why
            connection.sock.sendall(data)
        if not call.request.complete:
            upload = Upload(call, connection)
        response = _receive_head(connection)
        if response.status == 101:
            _tunnel(call, connection, response)
            return response
        call.begin(response)
        while not response.complete:
            if data := _receive(connection):
                reader.feed(data)
            else:
                reader.end()
            call.carry_on(response)
    except (InstanceError, CutError):
        if upload and upload.error:
            raise upload.error from None
        if call.response:
            raise CutError from None
        raise
    finally:
        if upload:
            upload.kill()
    return response


def _receive(connection: Connection) -> bytes:
    try:
        return connection.sock.recv(CHUNK)
    except OSError:
        raise CutError from None


def _receive_head(connection: Connection) -> Response:
    reader, received = connection.reader, False
    while not reader.response.headed:
        try:
            data = connection.sock.recv(CHUNK)
        except OSError as error:
            raise NoAnswerError(f"read tcp: {(error.strerror or 'broken').lower()}\n") from None
        if not data:
            raise InstanceError("unexpected EOF\n") if received else NoAnswerError("EOF\n")
        received = True
        reader.feed(data)
    return reader.response


class Upload:
    """Content of a request on its way to the instance, in a greenlet of its own as the answer may come meanwhile.

    Attributes:
        error: why it can't be completed, if it is the client's doing; the instance's connection is shut down then.
    """

    def __init__(self, call: Call, connection: Connection) -> None:
        self.error: ClientGoneError | BadRequestError | None = None
        request = call.request
        call.client.presence.unwatch()  # the one that receives sees it too
        if request.fields.get(b"expect", b"").lower() == b"100-continue" and not request.http10:
            call.client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._greenlet: Greenlet[..., None] = spawn(self._run, call, connection)

    def _run(self, call: Call, connection: Connection) -> None:
        client, request = call.client, call.request
        try:
            while not request.complete:
                client.receive()
                if data := request.take():
                    connection.sock.sendall(data)
            client.presence.watch()
        except (ClientGoneError, BadRequestError) as error:
            self.error = error
            _shut_down(connection.sock)
        except OSError:
            pass  # the instance takes no more; its answer says why

    def kill(self) -> None:
        self._greenlet.kill()


def _tunnel(call: Call, connection: Connection, response: Response) -> None:
    """Bytes both ways until one side ends, or the whole request is late."""
    client, request = call.client, call.request
    if not request.tunnel:
        raise InstanceError("net/http: backend switched protocols although nobody asked for it\n")
    call.keep = response.keep_alive = False
    call.response = response
    fields = [line for name in (b"connection", b"upgrade") if (line := response.line(name))]
    head = [b"HTTP/1.1 101 Switching Protocols", *response.passed, *fields]
    client.presence.unwatch()
    client.send(b"\r\n".join([*head, b"", connection.reader.leftover]))
    upstream: Greenlet[..., None] = spawn(_pump, client.sock, connection.sock, client.reader.leftover)
    try:
        call.progress()
        while data := _receive(connection):
            client.send(data)
            call.progress()
    except CutError:
        pass  # the end of a tunnel, however it comes, is passed on as an end
    finally:
        upstream.kill()


def _pump(source: socket.socket, sink: socket.socket, first: bytes) -> None:
    try:
        data = first
        while data or (data := source.recv(CHUNK)):
            sink.sendall(data)
            data = b""
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        _shut_down(sink)


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
