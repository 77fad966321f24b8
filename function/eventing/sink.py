"""K_SINK: where events go, as a SinkBinding of Knative names it.

K_SINK              the URL
K_CE_OVERRIDES      {"extensions": {...}}: attributes to add to each event
K_CA_CERTS          certificates to trust beside the system's
SINK_TOKEN_FILE     a token to send along (Knative mounts /oidc/token), read at each event, for it is renewed
"""

from contextlib import suppress
from pathlib import Path
from time import gmtime, strftime

from function.eventing import cloudevent
from function.eventing.cloudevent import Event
from function.eventing.delivery import Sent
from function.pool.lanes import Lane
from function.settings import Settings
from function.store.outbox import Waiting
from function.web.strict_json import parse

#: Longest wait for a connection to the sink, and for its answer: together within OUTBOX_LEASE.
SEND_SECONDS = 10.0


class HttpSink:
    """Sends events to K_SINK, in binary mode, one at a time."""

    def __init__(self, settings: Settings, lane: Lane) -> None:
        self._settings = settings
        self._lane = lane

    def send(self, event: Waiting) -> Sent:
        try:
            return Sent(event, self._lane.run(lambda: self._post(event)))
        except OSError as error:
            return Sent(event, 0, str(error))

    def _post(self, event: Waiting) -> int:
        from function.web.outbound import authorities, exchange  # noqa: PLC0415 - 30 ms that no cold start needs

        settings = self._settings
        headers, body = cloudevent.write(attributed(event, settings))
        with suppress(OSError):
            headers["Authorization"] = f"Bearer {Path(settings.sink_token_file).read_text().strip()}"
        trusted = authorities(settings.ca_certs)
        return exchange(settings.sink, headers, body, seconds=SEND_SECONDS, most=0, trusted=trusted).status


def attributed(event: Waiting, settings: Settings) -> Event:
    """The CloudEvent. `partitionkey`, one of the specification's extensions, has Kafka's brokers keep the order."""
    attributes = {
        "specversion": "1.0",
        "id": event.id,
        "source": settings.issuer,
        "type": event.type,
        "subject": event.subject,
        "time": strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(event.created_at)),
        "partitionkey": event.subject,
    }
    return Event({**attributes, **settings.ce_overrides}, parse(event.data))
