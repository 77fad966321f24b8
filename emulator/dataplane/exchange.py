"""One request carried to one instance and its answer back, each body at the pace of whoever takes it."""

from contextlib import suppress

from gevent import Greenlet, socket, spawn

from emulator.dataplane.call import Call, CutError
from emulator.dataplane.message import Response
from emulator.dataplane.pool import CHUNK, Connection, Pool
from emulator.dataplane.refusals import BadRequestError, ClientGoneError, InstanceError
from emulator.dataplane.waiting import receive, send

#: Methods that may be sent a second time (RFC 9110 section 9.2.2).
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})


class NoAnswerError(InstanceError):
    """The instance closed the connection without a byte of an answer."""


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
    # What may have to be sent again, here or to another instance, stays in the request.
    content = request.framed() if request.complete else request.take()
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
            send(connection.sock, data)
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
        return receive(connection.sock, CHUNK)
    except OSError:
        raise CutError from None


def _receive_head(connection: Connection) -> Response:
    reader, received = connection.reader, False
    connection.wait()
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
        if request.fields.get(b"expect", b"").lower() == b"100-continue" and not request.http10:
            call.client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._greenlet: Greenlet[..., None] = spawn(self._run, call, connection)

    def _run(self, call: Call, connection: Connection) -> None:
        client, request = call.client, call.request
        try:
            while not request.complete:
                client.receive()
                if data := request.take():
                    send(connection.sock, data)
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
