"""The narrow door between the data plane and the controller: statistics up, routes and capacity down.

Nothing but these values crosses it, so that the data plane can move into processes of its own behind a pipe.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from emulator.core.revision import RevisionKey


class Target(NamedTuple):
    """One weighted target of a host; the percents of a host's targets sum to 100."""

    revision: RevisionKey
    percent: int


#: Host name in lower case and without a port -> its targets. A host that is not here gets 404.
Routes = Mapping[str, tuple[Target, ...]]
NO_ROUTES: Routes = {}


class ByHeader(NamedTuple):
    """What a host does with the field Knative-Serving-Tag (config-features, `tag-header-based-routing`).

    Attributes:
        tag: of the host of a tag, which every request is given; empty for a Route's own host.
        others: where a request at a Route's own host goes that names a tag; what names none of them is told that it
            took the default route.
    """

    tag: str
    others: Routes = NO_ROUTES


NO_HEADERS: Mapping[str, ByHeader] = {}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a *ready* instance listens; with `h2c` it is spoken to in HTTP/2, by prior knowledge."""

    instance: str
    host: str
    port: int
    h2c: bool = False


@dataclass(frozen=True, slots=True)
class Backend:
    """All that the data plane must know of one revision.

    Attributes:
        endpoints: the ready instances; one that is absent gets no new request, those it has in hand go on.
        container_concurrency: hard limit of requests in one instance at a time; 0 means none.
        timeout: seconds for the whole request (`timeoutSeconds`).
        response_start_timeout: seconds to the first byte of the response; 0 means none.
        idle_timeout: seconds between two bytes of the response; 0 means none.
        proxied: the activator is in the path (serverless service in mode Proxy). Always so at zero endpoints.
        activators: how many activators share the revision's capacity (`numActivators`).
    """

    endpoints: tuple[Endpoint, ...] = ()
    container_concurrency: int = 0
    timeout: float = 300.0
    response_start_timeout: float = 0.0
    idle_timeout: float = 0.0
    proxied: bool = True
    activators: int = 2


class RevisionStat(NamedTuple):
    """What one revision reported for the time since its last report.

    `concurrency` is time-weighted, over all requests in the revision, the waiting ones included.
    """

    revision: RevisionKey
    concurrency: float
    requests: float


class Finished(NamedTuple):
    """A request that has ended, well or not.

    Attributes:
        revision: which one it was for; None where the host is nobody's.
        method: as it came.
        target: as it came, with its query.
        arrived: when its head was there (monotonic).
        latency: seconds from then to its end.
        instance: the last one that it was in; empty where it reached none.
        seconds: how long it was there.
        cold: seconds that it waited for the revision's first instance; None where one was there.
        status: of the answer; 0 where there was none.
        error: what kept it from ending well; empty where nothing did.
    """

    revision: RevisionKey | None
    method: bytes
    target: bytes
    arrived: float
    latency: float
    instance: str
    seconds: float
    cold: float | None
    status: int
    error: str


class Plane(Protocol):
    """The data plane as the controller sees it; the simulated one is another."""

    def set_routes(
        self,
        public: Routes,
        private: Routes = NO_ROUTES,
        mapped: Collection[str] = (),
        by_header: Mapping[str, ByHeader] = NO_HEADERS,
    ) -> None:
        """Replace both tables of hosts at once: what is reached from outside, and what instances may ask each other.

        `mapped` are those public hosts that are names of DomainMappings: an instance sees the name as Host.
        `by_header` are the hosts, of both tables, that follow a request's tag.
        """
        ...

    def set_backend(self, key: RevisionKey, backend: Backend) -> None:
        """Say what a revision has now; a waiting request may go at once."""
        ...

    def remove_backend(self, key: RevisionKey) -> None:
        """Forget a revision; what waits for it is answered 503."""
        ...

    def report(self) -> list[RevisionStat]:
        """What each revision that had requests has to report since the last call."""
        ...

    def in_flight(self, instance: str) -> int:
        """Requests that the instance has in hand."""
        ...

    def waiting(self, key: RevisionKey) -> int:
        """Requests that wait for the revision to have room."""
        ...

    def served(self, instance: str) -> int:
        """Requests that the instance has answered since it was made known."""
        ...
