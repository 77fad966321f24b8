"""What became of each request, and whether that agrees with what the server counted. Times are seconds of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Outcome(NamedTuple):
    """How one request ended.

    Attributes:
        person: name of the account, or what was asked for.
        intended: when the person meant to log in.
        sent: when the request began; later than intended only where the load itself could not keep up.
        ended: when all of the answer was there, or nothing would come any more.
        status: of the answer; 0 where it ended without one.
        error: why there is no status; or why the answer could not be read to its end.
        session: id of the session that a 200 brought; empty where none could be read.
        served_by: the instance that answered, as it says itself; empty where the gateway did, or the answer was cut.
    """

    person: str
    intended: float
    sent: float
    ended: float
    status: int
    error: str = ""
    session: str = ""
    served_by: str = ""

    @property
    def latency(self) -> float:
        """Seconds since the person meant to log in: whoever had to wait before the request went out waited too."""
        return self.ended - self.intended


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Two counts of the same logins, the clients' and the server's.

    Attributes:
        offered: logins that were meant to be.
        silent: ended without an HTTP status, or not at all.
        absent: answered 200, but without a session that could be read, or one that the database does not have as that
            person's. None: they were no logins.
        seen: answers of instances that clients have in full. None: they don't say whose they are.
        served: answers that the server counted as given by instances. None: it was not asked.
    """

    offered: int
    silent: int
    absent: int | None
    seen: int | None
    served: int | None

    @property
    def lost(self) -> int:
        """Requests of which nobody can say that they were answered."""
        return self.silent + (self.absent or 0)

    @property
    def balanced(self) -> bool:
        """Whether both sides count the same answers."""
        return self.served is None or self.served == self.seen


def reconcile(
    offered: int, outcomes: Sequence[Outcome], sessions: Mapping[str, str] | None, served: int | None
) -> Reconciliation:
    """Compare.

    Args:
        offered: logins that were meant to be; what has no outcome by now is silent.
        outcomes: what the clients saw.
        sessions: session id -> name of its owner, as the database has it; None where the database can't be read.
        served: answers of instances by the server's count; None where it does not tell.
    """
    answered = [outcome for outcome in outcomes if outcome.status]
    absent = sum(outcome.status == 200 and not _is_there(outcome, sessions) for outcome in answered)
    seen = sum(bool(outcome.served_by) for outcome in answered)
    return Reconciliation(offered, offered - len(answered), absent, seen, served)


def reconcile_answers(outcomes: Sequence[Outcome], offered: int) -> Reconciliation:
    """What can be said of requests that are no logins: each has an answer, or has none."""
    return Reconciliation(offered, offered - sum(bool(outcome.status) for outcome in outcomes), None, None, None)


def _is_there(outcome: Outcome, sessions: Mapping[str, str] | None) -> bool:
    if sessions is None:
        return bool(outcome.session)
    return sessions.get(outcome.session) == outcome.person
