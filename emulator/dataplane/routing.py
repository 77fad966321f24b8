"""From a host name to a revision."""

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from random import Random

from emulator.core.ingress import DEFAULT_ROUTE_HEADER, TAG_HEADER
from emulator.core.revision import RevisionKey
from emulator.dataplane.door import NO_HEADERS, ByHeader, Routes, Target
from emulator.dataplane.message import Request

#: The golden ratio's fraction: the most even way to spread points one after the other, whatever the shares.
_STEP = 0.6180339887498949
_TAG, _DEFAULT_ROUTE = TAG_HEADER.encode(), DEFAULT_ROUTE_HEADER.encode()


class Split:
    """Picks among weighted targets, request by request, as evenly as can be from a random start.

    Attributes:
        mapped: the host, where it is the name of a DomainMapping; else empty.
        tag: what a host of a tag gives to requests, empty for a Route's own; None where no field is looked at.
        others: where requests go that name a tag.
    """

    __slots__ = ("_at", "_bounds", "mapped", "only", "others", "tag", "targets")

    def __init__(self, targets: Sequence[Target], rng: Random) -> None:
        self.targets = targets
        self.mapped = b""
        self.tag: bytes | None = None
        self.others: dict[bytes, Split] = {}
        weighted = [target for target in targets if target.percent > 0]
        self.only = weighted[0].revision if len(weighted) == 1 else None
        total = sum(target.percent for target in weighted)
        ends = accumulate(target.percent / total for target in weighted)
        self._bounds = [(end, target.revision) for end, target in zip(ends, weighted, strict=True)]
        self._at = rng.random()

    def led(self, request: Request) -> "Split":
        """The split that a request goes by, which is told what it took it for."""
        if self.tag is None:
            return self
        if self.tag:
            request.pass_on(_TAG, self.tag)
            return self
        other = self.others.get(request.passed_on(_TAG))
        if other is None:
            request.pass_on(_DEFAULT_ROUTE, b"true")
        return other or self

    def pick(self) -> RevisionKey:
        """The next request's revision."""
        if self.only:
            return self.only
        self._at = (self._at + _STEP) % 1.0
        return next((revision for end, revision in self._bounds if self._at < end), self._bounds[-1][1])


class RouteTable:
    """Hosts and their splits."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._splits: dict[bytes, Split] = {}

    def replace(
        self, routes: Routes, mapped: Collection[str] = (), by_header: Mapping[str, ByHeader] = NO_HEADERS
    ) -> None:
        """Take a new table; a host whose targets are as before goes on where it was."""
        splits = self._taken(routes, self._splits)
        for host in routes:
            split, header = splits[host.encode()], by_header.get(host)
            split.mapped = host.encode() if host in mapped else b""
            split.tag = header.tag.encode() if header else None
            split.others = self._taken(header.others, split.others) if header else {}
        self._splits = splits

    def _taken(self, routes: Routes, old: Mapping[bytes, Split]) -> dict[bytes, Split]:
        taken: dict[bytes, Split] = {}
        for name, targets in routes.items():
            split = old.get(name.encode())
            if split is None or tuple(split.targets) != tuple(targets):
                split = Split(targets, self._rng)
            taken[name.encode()] = split
        return taken

    def find(self, host: bytes) -> Split | None:
        """The split of a Host field: in any case of letters, with or without a port."""
        return self._splits.get(host) or self._splits.get(_name(host))


def _name(host: bytes) -> bytes:
    end = host.find(b"]") + 1 if host.startswith(b"[") else host.find(b":")
    return (host if end <= 0 else host[:end]).lower()
