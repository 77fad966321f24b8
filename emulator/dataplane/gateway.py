"""The ingress: connections of clients, and which revision each request is for."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic

from gevent import Greenlet, sleep, socket, spawn
from gevent.pool import Group

from emulator.core.breaker import QueueFullError
from emulator.core.revision import RevisionKey
from emulator.core.timeouts import refusal
from emulator.dataplane.activator import Revision
from emulator.dataplane.call import Call, CutError
from emulator.dataplane.client import Client
from emulator.dataplane.door import Finished
from emulator.dataplane.http1_client import LINGER, Http1Client
from emulator.dataplane.message import ORIGINAL_HOST, Request
from emulator.dataplane.refusals import BadRequestError, ClientGoneError, RequestError
from emulator.dataplane.routing import RouteTable

#: Connections that may wait to be accepted: a burst of clients (the kernel's net.core.somaxconn caps it).
BACKLOG = 4096
#: Clients beyond the limit which are told so at a time; any more are closed without a word.
TURNED_AWAY = 256
#: Seconds for those that wait when the gateway closes to be told so.
LAST_WORDS = 0.5


class Gateway:
    """Accepts connections, up to `limit` at a time, and answers what comes on them.

    `elsewhere` answers requests in absolute form for hosts that are not in the table; without it they get 404 too.

    Attributes:
        finished: is told of each request that was not for elsewhere, once it has ended; it must not wait.
    """

    def __init__(
        self,
        routes: RouteTable,
        revisions: Mapping[RevisionKey, Revision],
        limit: int,
        elsewhere: Callable[[Client, Request], None] | None = None,
    ) -> None:
        self._routes = routes
        self._revisions = revisions
        self._limit = limit
        self._elsewhere = elsewhere
        self.finished: Callable[[Finished], None] | None = None
        self._listeners: list[tuple[socket.socket, Greenlet[..., None]]] = []
        self._clients: set[Http1Client] = set()
        self._connections = Group()
        self._open = self._turned_away = 0
        self._closing = False

    def listen(self, host: str, port: int) -> int:
        """Accept connections there; returns the port. Raises OSError (EADDRINUSE, EADDRNOTAVAIL, ...)."""
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is accepted inherits it
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        self._listeners.append((listener, spawn(self._accept, listener)))
        return int(listener.getsockname()[1])

    def stop(self, grace: float) -> None:
        """Accept no more, and wait up to `grace` seconds for what is in hand."""
        self._closing = True
        for listener, acceptor in self._listeners:
            acceptor.kill()
            listener.close()
        self._listeners.clear()
        for client in list(self._clients):
            client.retire()
        self._connections.join(timeout=grace)

    def close(self) -> None:
        """End what is left."""
        self._connections.join(timeout=LAST_WORDS)
        self._connections.kill()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, address = listener.accept()
            except OSError:  # the client left already, or descriptors ran out elsewhere in the process
                sleep(0.01)
                continue
            if self._open < self._limit:
                self._open += 1
                self._connections.start(Greenlet(self._serve, sock, address[0].encode()))
            elif self._turned_away < TURNED_AWAY:
                self._turned_away += 1
                self._connections.start(Greenlet(self._turn_away, sock))
            else:
                sock.close()

    def _serve(self, sock: socket.socket, address: bytes) -> None:
        client = Http1Client(sock, address)
        self._clients.add(client)
        try:
            while not (client.last or self._closing) and (request := client.next_request()):
                self._handle(client, request)
                if not request.complete:
                    client.linger()
        except BadRequestError as error:
            with suppress(ClientGoneError):
                client.answer(None, error.code, str(error).encode())
                client.linger()
        except (ClientGoneError, CutError):
            pass
        finally:
            self._open -= 1
            self._clients.discard(client)
            client.close()

    def _turn_away(self, sock: socket.socket) -> None:
        client = Http1Client(sock, b"")
        text = f"The gateway holds {self._limit} connections, as many as it may; raise `ulimit -n`.\n"
        try:
            client.deadline.set(monotonic() + LINGER, ClientGoneError())
            client.receive()
            client.answer(None, 503, text.encode())
            client.linger()
        except (ClientGoneError, BadRequestError):
            pass
        finally:
            self._turned_away -= 1
            client.close()

    def _handle(self, client: Client, request: Request) -> None:
        split = self._routes.find(request.fields.get(b"host", b""))
        if split is None:
            if self._elsewhere and request.absolute:
                self._elsewhere(client, request)
            else:
                self._not_found(client, request, None, b"")
            return
        if split.mapped:
            request.fields[ORIGINAL_HOST] = split.mapped
        key = split.led(request).pick()
        revision = self._revisions.get(key)
        if revision is None:
            text = f'Error getting active endpoint: revision.serving.knative.dev "{key.name}" not found\n'
            self._not_found(client, request, key, text.encode())
            return
        call = revision.call(client, request)
        failure: Exception | None = None
        try:
            revision.serve(call)
        except (QueueFullError, RequestError, CutError) as error:
            failure = error
            call.fail(error)
        except ClientGoneError as error:
            failure = error
            raise
        finally:
            client.presence.unwatch()
            if call.status:
                revision.answers[call.status // 100] += 1
            if self.finished:
                self.finished(_finished(key, call, failure))

    def _not_found(self, client: Client, request: Request, key: RevisionKey | None, text: bytes) -> None:
        arrived = monotonic()
        client.answer(request, 404, text)
        if self.finished:
            latency = monotonic() - arrived
            self.finished(Finished(key, request.method, request.target, arrived, latency, "", 0.0, None, 404, ""))


def _finished(key: RevisionKey, call: Call, failure: Exception | None) -> Finished:
    request, status = call.request, call.status
    if failure is None:
        error = "" if status else "ended with the gateway"
    elif isinstance(failure, ClientGoneError):
        error = "client gone"
    elif isinstance(failure, CutError):
        error = "cut"
    else:
        error = refusal(failure).body.decode().strip() or str(failure).strip()
        status = failure.code if isinstance(failure, BadRequestError) else status
    return Finished(
        key,
        request.method,
        request.target,
        call.arrived,
        monotonic() - call.arrived,
        call.instance,
        call.seconds,
        call.cold,
        status,
        error,
    )
