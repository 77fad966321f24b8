"""One request carried to one instance and its answer back, each body at the pace of whoever takes it."""

from contextlib import suppress

from gevent import Greenlet, socket, spawn

from emulator.dataplane.call import Call, CutError
from emulator.dataplane.connection import CHUNK, Connection
from emulator.dataplane.http1_client import Http1Client
from emulator.dataplane.http1_instance import Http1Connection
from emulator.dataplane.message import Response
from emulator.dataplane.pool import Pool
from emulator.dataplane.refusals import BadRequestError, ClientGoneError, InstanceError
from emulator.dataplane.waiting import receive, send

#: Methods that may be sent a second time (RFC 9110 section 9.2.2).
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})


class NoAnswerError(InstanceError):
    """The instance closed the connection without a byte of an answer."""


def exchange(call: Call, pool: Pool, fields: list[bytes]) -> int:
    """Carry the request to an instance and the answer to the client.

    Args:
        call: the request; of its content as much as was received, the rest is taken from the client.
        pool: connections to the instance.
        fields: lines of the request's head as the instance gets it, but for those that frame the content.

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
    # What may have to be sent again, here or to another instance, stays in the request.
    pieces = request.body if request.complete else request.take()
    while True:
        kept = False
        try:
            response = _carry(call, connection, fields, pieces)
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


def _carry(call: Call, connection: Connection, fields: list[bytes], pieces: list[bytes]) -> Response:
    upload: Upload | None = None
    try:
        rest = connection.ask(call.request, fields, pieces)
        if rest or not call.request.complete:
            upload = Upload(call, connection, rest)
        response = _receive_head(connection)
        if response.status == 101:
            _tunnel(call, connection, response)
            return response
        call.begin(response)
        while not response.complete:
            if data := _receive(connection):
                connection.feed(data)
            else:
                connection.end()
            call.carry_on(response)
        if upload and not upload.done:  # half a piece may be on the wire
            response.keep_alive = False
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
        return connection.receive()
    except OSError:
        raise CutError from None


def _receive_head(connection: Connection) -> Response:
    received = False
    connection.wait()
    while not connection.response.headed:
        try:
            data = connection.receive()
        except OSError as error:
            raise NoAnswerError(f"read tcp: {(error.strerror or 'broken').lower()}\n") from None
        if not data:
            raise InstanceError("unexpected EOF\n") if received else NoAnswerError("EOF\n")
        received = True
        connection.feed(data)
    return connection.response


class Upload:
    """Content of a request on its way to the instance, in a greenlet of its own as the answer may come meanwhile.

    Attributes:
        error: why it can't be completed, if it is the client's doing; the instance's connection is shut down then.
    """

    def __init__(self, call: Call, connection: Connection, rest: list[bytes]) -> None:
        self.error: ClientGoneError | BadRequestError | None = None
        request = call.request
        expected = request.fields.get(b"expect", b"").lower() == b"100-continue"
        if expected and not (request.complete or request.http10):
            call.client.proceed()
        self._greenlet: Greenlet[..., None] = spawn(self._run, call, connection, rest)

    def _run(self, call: Call, connection: Connection, rest: list[bytes]) -> None:
        client, request = call.client, call.request
        try:
            if rest:
                connection.tell(request, rest)
            while not request.complete:
                client.receive()
                connection.tell(request, request.take())
            client.presence.watch()
        except (ClientGoneError, BadRequestError) as error:
            self.error = error
            _shut_down(connection.sock)
        except OSError:
            pass  # the instance takes no more; its answer says why

    @property
    def done(self) -> bool:
        """Whether all of it was sent."""
        return bool(self._greenlet.successful())

    def kill(self) -> None:
        self._greenlet.kill()


def _tunnel(call: Call, connection: Connection, response: Response) -> None:
    """Bytes both ways until one side ends, or the whole request is late."""
    client, request = call.client, call.request
    if not (request.tunnel and isinstance(client, Http1Client) and isinstance(connection, Http1Connection)):
        raise InstanceError("net/http: backend switched protocols although nobody asked for it\n")
    response.keep_alive, client.last = False, True
    call.response, call.status = response, response.status
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
        while data or (data := receive(source, CHUNK)):
            send(sink, data)
            data = b""
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        _shut_down(sink)


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
