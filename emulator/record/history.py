"""The latest decisions of a running emulator, or of a simulated one."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from emulator.record.decisions import decision_row, instances_row, same
from emulator.record.reader import Record
from emulator.record.rows import Decision, Header, Instances
from emulator.revision import RevisionController

if TYPE_CHECKING:
    from emulator.core import autoscaler, scaler

#: Rows kept in memory, of all revisions together: two busy ones write two in 2 s each, so more than an hour of them, in
#: about 10 MB. A recorded file has them all.
ROWS_KEPT = 5_000

_Row = Decision | Instances


class History:
    """Looks at revisions after each step, and keeps what has changed.

    `tell` is given each row too; a file is written that way.

    Attributes:
        header: when it began, and the ConfigMaps in force.
    """

    def __init__(self, started: float, config: Mapping[str, Mapping[str, str]]) -> None:
        self.header = Header(started=started, config=config)
        self.tell: Callable[[_Row], None] = lambda _: None
        self._rows: deque[_Row] = deque()
        #: The last row of each kind, for it holds until there is another one, however long ago it was.
        self._decisions: dict[str, Decision] = {}
        self._instances: dict[str, Instances] = {}
        self._seen: dict[str, tuple[autoscaler.Decision, scaler.Outcome]] = {}

    def look(self, revisions: Iterable[RevisionController], now: float) -> None:
        """Keep what is new of the revisions, and forget what no row is left of."""
        started = self.header.started
        for revision in revisions:
            name, scaler = str(revision.replicas.key), revision.scaler
            decision, outcome = self._seen.get(name, (None, None))
            if scaler.decision is not decision or scaler.outcome is not outcome:
                self._seen[name] = scaler.decision, scaler.outcome
                row = decision_row(revision, now, started)
                if not same(row, self._decisions.get(name)):
                    self._decisions[name] = row
                    self._keep(row)
            before = self._instances.get(name)
            if before is None or revision.changed or revision.replicas.wanted != before.wanted:
                counts = instances_row(revision, now, started)
                if before is None or (counts.wanted, counts.phases) != (before.wanted, before.phases):
                    self._instances[name] = counts
                    self._keep(counts)
            if revision.gone:
                for latest in (self._seen, self._decisions, self._instances):
                    latest.pop(name, None)

    def record(self) -> Record:
        """What is known."""
        oldest = self._rows[0].t if self._rows else 0.0
        latest: list[_Row] = [*self._decisions.values(), *self._instances.values()]
        held = [row for row in latest if row.t < oldest]
        return Record(self.header, sorted([*held, *self._rows], key=lambda row: row.t))

    def _keep(self, row: _Row) -> None:
        self._rows.append(row)
        if len(self._rows) > ROWS_KEPT:
            self._rows.popleft()
        self.tell(row)
