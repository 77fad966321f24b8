"""Counts, kept as plain numbers, and their Prometheus text.

The text format is written here in a few lines. prometheus_client would take 14 ms of the hub at the first scrape (its
import, beyond what is loaded by then) and 1.2 MB of every instance; the tests read the text with its parser instead.
"""

import threading
from collections.abc import Iterator, Mapping
from typing import NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Family(NamedTuple):
    """A metric: its Prometheus type and help."""

    type: str
    help: str


FAMILIES: Mapping[str, Family] = {
    "login_requests_total": Family("counter", "Requests answered, by route, method and status."),
    "login_attempts_total": Family("counter", "Logins answered, by outcome: ok, refused, shed, throttled."),
    "login_hashes_submitted_total": Family("counter", "Logins that asked for a place in the hash queue."),
    "login_hashes_completed_total": Family("counter", "Logins hashed, by algorithm, cost and outcome."),
    "login_hashes_shed_total": Family("counter", "Logins not hashed, by reason."),
    "login_throttled_total": Family("counter", "Logins not hashed because of wrong ones before, by what was exceeded."),
    "login_locked_total": Family("counter", "Accounts and devices that reached the cap of consecutive failures."),
    "login_second_factors_total": Family(
        "counter", "Second factors of logins, by outcome: ok, required (none was sent), wrong, throttled, refused."
    ),
    "login_hash_seconds_total": Family(
        "counter", "Seconds that threads spent hashing; over login_hashes_completed_total, seconds per hash."
    ),
    "login_hash_batches_total": Family(
        "counter", "Batches hashed; under login_hashes_completed_total, logins hashed at a time."
    ),
    "login_queue_seconds_total": Family("counter", "Seconds that hashed logins waited for their turn."),
    "login_refused_connections_total": Family("counter", "Connections refused before they were a request, by status."),
    "login_events_sent_total": Family(
        "counter", "Events sent to K_SINK, by type and outcome: delivered, retried, parked."
    ),
    "login_events_dropped_total": Family("counter", "Events dropped for OUTBOX_LIMIT, by type."),
    "login_outbox_waiting": Family("gauge", "Events that wait for K_SINK, when this instance last looked."),
    "login_outbox_parked": Family("gauge", "Events set aside for `login-function outbox`, likewise."),
    "login_queue_depth": Family("gauge", "Logins that wait or are hashed now."),
    "login_hash_seconds_average": Family("gauge", "Moving average of seconds per full batch, as the queue uses it."),
    "login_hash_width": Family("gauge", "Logins that a full batch hashes, by engine (HASH_ENGINE)."),
    "login_hash_threads": Family("gauge", "Threads that hash."),
    "login_instance_info": Family("gauge", "1; names this instance."),
}

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters by name and labels. Safe to use from several threads."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[Labels, float]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, amount: float = 1, /, **labels: str | int) -> None:
        key = tuple((label, str(value)) for label, value in labels.items())
        with self._lock:
            family = self._counts.setdefault(name, {})
            family[key] = family.get(key, 0) + amount

    def text(self, gauges: Mapping[str, tuple[Mapping[str, str], float]]) -> str:
        """The exposition: all counters, and `gauges` as name -> (labels, value) read at this moment."""
        with self._lock:
            samples = {name: list(family.items()) for name, family in self._counts.items()}
        for name, (labels, value) in gauges.items():
            samples[name] = [(tuple(labels.items()), value)]
        return "".join(_lines(samples))


def _lines(samples: Mapping[str, list[tuple[Labels, float]]]) -> Iterator[str]:
    for name, family in FAMILIES.items():
        yield f"# HELP {name} {family.help}\n# TYPE {name} {family.type}\n"
        for labels, value in samples.get(name, []):
            inner = ",".join(f'{label}="{_escape(text)}"' for label, text in labels)
            yield f"{name}{{{inner}}} {value!r}\n" if inner else f"{name} {value!r}\n"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
