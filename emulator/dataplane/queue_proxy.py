"""One instance with what stands in front of it: its limit, its queue, the fields it finds in a request."""

import uuid
from collections import Counter
from time import monotonic

from gevent.lock import Semaphore

from emulator.core.breaker import MAX_CONCURRENCY, QUEUE_PROXY_DEPTH_FACTOR, Breaker, Ticket
from emulator.dataplane.call import Call
from emulator.dataplane.door import Endpoint
from emulator.dataplane.exchange import exchange
from emulator.dataplane.message import ORIGINAL_HOST, Request
from emulator.dataplane.pool import Pool
from emulator.dataplane.refusals import RefusedError
from emulator.dataplane.waiting import Gate

#: The activator's own address, which is a hop too.
LOOPBACK = b"127.0.0.1"


class RetiredError(Exception):
    """The instance left the revision while the request waited for it: another one is to be asked."""


class Instance:
    """A queue-proxy and the instance behind it.

    Attributes:
        limit: requests in the instance at a time (`containerConcurrency`; a very big number for none).
        in_flight: requests that it has, the waiting ones included.
        answers: how many it answered, by class of status (2 for 2xx).
        retired: it gets no new request.
        slots: those of the activator that its requests hold.
    """

    def __init__(self, endpoint: Endpoint, container_concurrency: int, descriptors: Semaphore) -> None:
        self.endpoint = endpoint
        self.limit = container_concurrency or MAX_CONCURRENCY
        self.in_flight = 0
        self.answers: Counter[int] = Counter()
        self.retired = False
        self.slots: set[Ticket] = set()
        self.pool = Pool(endpoint, descriptors)
        self._gate: Gate | None = None
        if container_concurrency:
            depth = QUEUE_PROXY_DEPTH_FACTOR * container_concurrency
            self._gate = Gate(Breaker(depth, container_concurrency, container_concurrency))

    def serve(self, call: Call, *, proxied: bool) -> None:
        """Answer the call.

        Raises:
            QueueFullError: its queue is full.
            RetiredError, RefusedError: nothing was sent, and another instance may be asked.
            Exception: see `exchange`.
        """
        gate = self._gate
        self.in_flight += 1
        try:
            ticket = gate.enter() if gate else None
            call.instance, begun = self.endpoint.instance, monotonic()
            try:
                status = exchange(call, self.pool, instance_fields(call.request, call.client.address, proxied=proxied))
                self.answers[status // 100] += 1
            except RefusedError:
                call.instance = ""
                raise
            finally:
                call.seconds = monotonic() - begun
                if gate and ticket:
                    gate.leave(ticket)
        finally:
            self.in_flight -= 1

    @property
    def queued(self) -> int:
        """Requests that wait for it to have room."""
        return self._gate.breaker.queued if self._gate else 0

    def resume(self) -> None:
        """Take new requests (again)."""
        self.retired = self.pool.closed = False

    def retire(self) -> None:
        """Take no new request. Those it has go on; those that wait for it are sent away."""
        self.retired = True
        self.pool.close()
        if self._gate:
            self._gate.clear(RetiredError)


def instance_fields(request: Request, client: bytes, *, proxied: bool) -> list[bytes]:
    """The fields of a request as the container sees it, measured on a real cluster.

    Every hop appends its peer to X-Forwarded-For. The queue-proxy makes Forwarded of what arrives there, unless the
    client sent one: so it names the client only where the activator was a hop before.

    Args:
        request: as it came.
        client: address of the gateway's peer.
        proxied: the activator is in the path, which is this same process.
    """
    fields = request.fields
    hops = fields.get(b"x-forwarded-for", b"")
    if proxied:
        hops = _append(hops, client)
    proto = fields.get(b"x-forwarded-proto", b"http")
    host = fields.get(b"x-forwarded-host", b"")
    forwarded = fields.get(b"forwarded") or forwarded_field(hops, host, proto)
    request_id = fields.get(b"x-request-id") or str(uuid.uuid4()).encode()
    lines = [
        b"Host: " + (fields.get(ORIGINAL_HOST) or fields.get(b"host", b"")),
        *request.passed,
        b"Forwarded: " + forwarded,
        b"X-Forwarded-For: " + _append(hops, LOOPBACK if proxied else client),
        b"X-Forwarded-Proto: " + proto,
        b"X-Request-Id: " + request_id,
    ]
    if host:
        lines.append(b"X-Forwarded-Host: " + host)
    if proxied:
        lines.append(b"K-Proxy-Request: activator")
    return lines


def forwarded_field(hops: bytes, host: bytes, proto: bytes) -> bytes:
    """Forwarded (RFC 7239) of X-Forwarded-For, -Host and -Proto, as the shim of pkg/http/handler makes it."""
    nodes = [b"for=" + _node(hop.strip()) for hop in hops.split(b",") if hop.strip()]
    first = [*nodes[:1], *([b"host=" + host] if host else []), b"proto=" + proto]
    return b", ".join([b";".join(first), *nodes[1:]])


def _node(address: bytes) -> bytes:
    return b'"[%b]"' % address.strip(b"[]") if b":" in address else address


def _append(hops: bytes, address: bytes) -> bytes:
    return b"%b, %b" % (hops, address) if hops else address
