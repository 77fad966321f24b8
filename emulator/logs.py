"""What containers print: the last lines of each, and whoever follows them."""

from collections import OrderedDict, deque
from collections.abc import Iterator

from gevent.event import Event

#: Lines kept of one container. Enough to see a crash and the requests before it; 1,000 lines are about 200 kB.
LINES_KEPT = 1000
#: Containers whose lines are kept, the gone ones included: the newest that a person would ask about.
LOGS_KEPT = 200


class Log:
    """The last lines of one instance; `write` wakes those who follow."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._written = 0
        self._news = Event()
        self.closed = False

    def write(self, line: str) -> None:
        self._lines.append(line)
        self._written += 1
        self._wake()

    def close(self) -> None:
        """No more lines will come: those who follow reach the end."""
        self.closed = True
        self._wake()

    def tail(self, lines: int) -> str:
        return "\n".join(list(self._lines)[-lines:])

    def read(self, *, follow: bool = False, tail: int | None = None) -> Iterator[str]:
        """Lines with their newline, oldest first; `follow` goes on until the instance has ended."""
        start = self._written - min(len(self._lines), LINES_KEPT if tail is None else tail)
        while True:
            first_kept = self._written - len(self._lines)
            fresh = list(self._lines)[max(start - first_kept, 0) :]
            start = self._written
            yield from (line + "\n" for line in fresh)
            if not follow or (self.closed and start == self._written):
                return
            self._news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = Event()


class Logs:
    """The logs of all instances, by the instance's name and that of a sidecar ("" is its serving container)."""

    def __init__(self) -> None:
        self._logs: OrderedDict[tuple[str, str], Log] = OrderedDict()

    def open(self, instance: str, sidecar: str = "") -> Log:
        """The log of a container; a restarted one goes on in the same log."""
        log = self._logs.get((instance, sidecar))
        if log is None or log.closed:
            log = self._logs[instance, sidecar] = Log()
            while len(self._logs) > LOGS_KEPT:
                self._logs.popitem(last=False)[1].close()
        return log

    def find(self, instance: str, sidecar: str = "") -> Log | None:
        return self._logs.get((instance, sidecar))
