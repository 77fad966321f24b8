"""Requests of instances for hosts that are not services here, passed on to those hosts: a forward proxy's part.

Instances find the private listener in `http_proxy` (see service_discovery.py), and then send there whatever they ask
over plain HTTP. What is for the rest of the world has to go on to it.
"""

from gevent import socket
from gevent.lock import Semaphore

from emulator.core.timeouts import Timeouts
from emulator.dataplane.call import Call, CutError
from emulator.dataplane.client import Client
from emulator.dataplane.door import Endpoint
from emulator.dataplane.exchange import exchange
from emulator.dataplane.message import HOP_BY_HOP, REQUEST_FIELDS, Request
from emulator.dataplane.pool import Pool
from emulator.dataplane.refusals import InstanceError, RequestError

#: Seconds for such a request as a whole: a client that wants to wait less says so itself, none waits for ever.
TIMEOUT = 3600.0
#: What the gateway would write anew for an instance is none of its business here.
_PASSED = tuple(sorted(REQUEST_FIELDS - HOP_BY_HOP - {b"host", b"content-length", b"expect"}))


class Outbound:
    """Passes requests on, each on a connection of its own; `descriptors` bounds how many at a time."""

    def __init__(self, descriptors: Semaphore) -> None:
        self._descriptors = descriptors

    def forward(self, client: Client, request: Request) -> None:
        """Answer a request whose target names a host (absolute form) with what that host answers."""
        call = Call(client, request, Timeouts(TIMEOUT), b"upstream request timeout")
        client.presence.watch()
        try:
            pool = Pool(_endpoint(request.fields[b"host"].decode()), self._descriptors)
            pool.close()  # so that no connection is kept
            exchange(call, pool, _fields(request))
        except (RequestError, CutError) as error:
            call.fail(error)
        finally:
            client.presence.unwatch()


def _endpoint(host: str) -> Endpoint:
    """Where a Host field leads to. Raises InstanceError."""
    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    name = name.strip("[]")
    try:
        *_, address = socket.getaddrinfo(name, int(port or 80), type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError, OverflowError):
        raise InstanceError(f"lookup {name}: no such host\n") from None
    return Endpoint("", str(address[0]), int(address[1]))


def _fields(request: Request) -> list[bytes]:
    kept = (line for name in _PASSED if (line := request.line(name)))
    return [b"Host: " + request.fields[b"host"], *request.passed, *kept, b"Via: 1.1 knative-emulator"]
