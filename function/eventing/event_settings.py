"""The settings of events, in and out: rows of settings.py."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from function.kinds import IDENTIFIER, MIN_SECRET, Kind, integer, matching, row, seconds

#: What K_CE_OVERRIDES must not replace: the attributes of CloudEvents 1.0, and the one that keeps the order.
RESERVED = {
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
    "partitionkey",
}


def _overrides(text: str) -> Mapping[str, str]:
    given = json.loads(text or "{}")
    extensions = given.get("extensions", {}) if isinstance(given, dict) else None
    if not isinstance(extensions, dict):
        raise ValueError(text)  # noqa: TRY004 - as any value that is none
    for name, value in extensions.items():
        if not re.fullmatch(r"[a-z0-9]{1,20}", name) or name in RESERVED or not isinstance(value, str) or not value:
            raise ValueError(name)
    return extensions


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


OVERRIDES = Kind(_overrides, 'JSON such as {"extensions": {"tenant": "a"}}, none of them an attribute of CloudEvents')
WORDS = Kind(_words, "words, separated by commas or spaces")


@dataclass(frozen=True, slots=True)
class EventSettings:
    """What `Settings` has of them. Times are seconds."""

    events_token: str = row(
        "EVENTS_TOKEN",
        matching(rf"|[\x21-\x7e]{{{MIN_SECRET},}}", f"at least {MIN_SECRET} visible ASCII characters"),
        "",
        "Bearer token that CloudEvents must bring. Empty: events are off.",
        secret=True,
    )
    events_issuer: str = row(
        "EVENTS_ISSUER",
        matching(r"|https?://[\x21-\x7e]+", "an http or https URL"),
        "",
        "Issuer of OIDC tokens that CloudEvents may bring instead, as Knative Eventing's do: the cluster's, such as "
        "`https://kubernetes.default.svc.cluster.local`. Empty: none.",
    )
    events_keys: str = row(
        "EVENTS_KEYS",
        matching(r"|https?://[\x21-\x7e]+|/[^\0]+", "an http or https URL, or the absolute path of a file"),
        "",
        "Its public keys (RFC 7517): a URL such as `https://kubernetes.default.svc/openid/v1/jwks`, or a mounted file.",
    )
    events_authorities: str = row(
        "EVENTS_AUTHORITIES",
        matching(r"|/[^\0]+", "the absolute path of a file"),
        "",
        "PEM file of authorities to trust beside the system's when the keys are fetched; in a cluster "
        "`/var/run/secrets/kubernetes.io/serviceaccount/ca.crt`.",
    )
    events_keys_token_file: str = row(
        "EVENTS_KEYS_TOKEN_FILE",
        matching(r"|/[^\0]+", "the absolute path of a file"),
        "",
        "Token to fetch them with; in a cluster `/var/run/secrets/kubernetes.io/serviceaccount/token`.",
    )
    events_audience: str = row(
        "EVENTS_AUDIENCE",
        IDENTIFIER,
        "login-events",
        "`aud` that such a token must have: a Trigger's `subscriber.audience`.",
    )
    events_senders: tuple[str, ...] = row(
        "EVENTS_SENDERS",
        WORDS,
        "",
        "Who may send, by `sub`: `system:serviceaccount:NAMESPACE:NAME`, or with a `*` at the end all that begin so. "
        "Every pod of a cluster can have a token with any audience, so without one nobody may.",
    )
    inbox_retention: int = row(
        "INBOX_RETENTION",
        integer(60, 31_536_000),
        "604800",
        "Seconds for which events that came are remembered, so that one that is delivered again does nothing (a week).",
    )
    sink: str = row(
        "K_SINK",
        matching(r"|https?://[\x21-\x7e]+", "an http or https URL"),
        "",
        "Where events about logins and users are sent; a SinkBinding of Knative sets it. Empty: none are written.",
    )
    ce_overrides: Mapping[str, str] = row(
        "K_CE_OVERRIDES", OVERRIDES, "", "Attributes to add to each event; a SinkBinding sets it."
    )
    ca_certs: str = row(
        "K_CA_CERTS",
        matching(r"\s*|[\s\S]*-----BEGIN CERTIFICATE-----[\s\S]*", "certificates in PEM"),
        "",
        "Authorities that K_SINK's certificate may come from beside the system's; a SinkBinding sets it.",
        secret=True,  # no secret, but nobody wants to read it in an error
    )
    sink_token_file: str = row(
        "SINK_TOKEN_FILE",
        matching(r"[^\0]*", "the path of a file"),
        "/oidc/token",
        "Token to send to K_SINK, if there is such a file; the default is where Knative mounts it.",
    )
    outbox_limit: int = row(
        "OUTBOX_LIMIT",
        integer(10, 10_000_000),
        "100000",
        "Events that may wait for K_SINK (about 50 MB). Beyond it the least are dropped, and counted: first what was "
        "set aside, then `login.failed` and `login.succeeded`, the oldest first. Logins go on.",
    )
    outbox_attempts: int = row(
        "OUTBOX_ATTEMPTS",
        integer(1, 10_000),
        "100",
        "Attempts to deliver an event before it is set aside for `login-function outbox`: with pauses that double up "
        "to 5 minutes, 7.6 hours without the sink.",
    )
    outbox_lease: int = row(
        "OUTBOX_LEASE",
        integer(1, 3600),
        "60",
        "Seconds after which another instance delivers what an instance has taken and not delivered: more than the "
        "10 s that a sink has to accept a connection, and as many to answer.",
    )
    outbox_poll: float = row(
        "OUTBOX_POLL",
        seconds(0.1, 3600),
        "60",
        "Longest time between two looks of an instance at what others have left undelivered. Its own events do not "
        "wait for it.",
    )
