"""From a host name to a revision."""

from collections.abc import Collection, Sequence
from itertools import accumulate
from random import Random

from emulator.core.revision import RevisionKey
from emulator.dataplane.door import Routes, Target

#: The golden ratio's fraction: the most even way to spread points one after the other, whatever the shares.
_STEP = 0.6180339887498949


class Split:
    """Picks among weighted targets, request by request, as evenly as can be from a random start.

    Attributes:
        mapped: the host, where it is the name of a DomainMapping; else empty.
    """

    __slots__ = ("_at", "_bounds", "mapped", "only", "targets")

    def __init__(self, targets: Sequence[Target], rng: Random) -> None:
        self.targets = targets
        self.mapped = b""
        weighted = [target for target in targets if target.percent > 0]
        self.only = weighted[0].revision if len(weighted) == 1 else None
        total = sum(target.percent for target in weighted)
        ends = accumulate(target.percent / total for target in weighted)
        self._bounds = [(end, target.revision) for end, target in zip(ends, weighted, strict=True)]
        self._at = rng.random()

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

    def replace(self, routes: Routes, mapped: Collection[str] = ()) -> None:
        """Take a new table; a host whose targets are as before goes on where it was."""
        old = self._splits
        self._splits = {}
        for host, targets in routes.items():
            split = old.get(host.encode())
            if split is None or tuple(split.targets) != tuple(targets):
                split = Split(targets, self._rng)
            split.mapped = host.encode() if host in mapped else b""
            self._splits[host.encode()] = split

    def find(self, host: bytes) -> Split | None:
        """The split of a Host field: in any case of letters, with or without a port."""
        return self._splits.get(host) or self._splits.get(_name(host))


def _name(host: bytes) -> bytes:
    end = host.find(b"]") + 1 if host.startswith(b"[") else host.find(b":")
    return (host if end <= 0 else host[:end]).lower()
