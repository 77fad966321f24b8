"""CloudEvents 1.0 over HTTP: reading one in either mode, writing one in either mode (C1).

By hand, because the SDK neither percent-decodes header values nor holds an event to its grammar; what is imported
already is json.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from function.errors import Refusal
from function.web.answers import JSON_TYPE
from function.web.strict_json import parse

STRUCTURED_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"
REQUIRED = ("id", "source", "specversion", "type")

_NAME = re.compile(r"[a-z0-9]+")
# Section 3.1.3.2 of the HTTP binding: space, double quote, percent and all outside printable ASCII are percent-encoded.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_TIME = re.compile(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]+)?([Zz]|[+-][0-2][0-9]:[0-5][0-9])"
)


class Mode(Enum):
    """Content modes of the HTTP binding, section 3."""

    BINARY = "binary"
    STRUCTURED = "structured"


@dataclass(frozen=True, slots=True)
class Event:
    """A CloudEvent: context attributes by name, and data, which here is JSON or nothing."""

    attributes: Mapping[str, str]
    data: Any = None
    mode: Mode = field(default=Mode.BINARY, compare=False)

    @property
    def type(self) -> str:
        return self.attributes["type"]


def read(headers: Mapping[str, str], media: str, body: bytes) -> Event:
    """Read an event out of a request.

    Args:
        headers: the request's; values as WSGI has them, bytes as latin-1.
        media: the media type of Content-Type, in lower case and without parameters.
        body: the request's.

    Raises:
        Refusal: 415 for a batch or another event format, 400 for what is no event.
    """
    if media.startswith("application/cloudevents"):
        if media != STRUCTURED_TYPE:
            raise Refusal(415, f"Send one event at a time, in binary mode or as {STRUCTURED_TYPE}.")
        return _structured(body)
    return _binary(headers, media, body)


def write(event: Event) -> tuple[dict[str, str], bytes]:
    """Headers and body of `event`, in its mode."""
    if event.mode is Mode.STRUCTURED:
        document = {**event.attributes, "datacontenttype": JSON_TYPE, "data": event.data}
        return {"Content-Type": STRUCTURED_TYPE}, json.dumps(document).encode()
    headers = {f"ce-{name}": quote(value, safe=_PLAIN) for name, value in event.attributes.items()}
    return {**headers, "Content-Type": JSON_TYPE}, json.dumps(event.data).encode()


def _binary(headers: Mapping[str, str], media: str, body: bytes) -> Event:
    found = {name.lower()[3:]: _decoded(value) for name, value in headers.items() if name.lower().startswith("ce-")}
    return Event(_checked(found), _data(media or JSON_TYPE, body))


def _structured(body: bytes) -> Event:
    document = _json(body)
    if not isinstance(document, dict):
        raise _no_event("not a JSON object")
    data, encoded = document.pop("data", None), document.pop("data_base64", None)
    attributes = _checked(document)
    if encoded is not None:
        if data is not None:
            raise _no_event("data and data_base64 exclude each other")
        media = attributes.get("datacontenttype", JSON_TYPE).partition(";")[0].strip().lower()
        data = _data(media, _base64(encoded))
    return Event(attributes, data, Mode.STRUCTURED)


def _checked(found: Mapping[str, Any]) -> dict[str, str]:
    """Section 3 of the specification: names, the required four, and no empty ones among those that are there."""
    attributes: dict[str, str] = {}
    for name, value in found.items():
        if not _NAME.fullmatch(name):
            raise _no_event("attribute names are lower-case letters and digits")
        # Extensions may be numbers and booleans in JSON; section 3.4 has their text form.
        text = json.dumps(value) if isinstance(value, bool | int) and name not in REQUIRED else value
        if not isinstance(text, str) or not text:
            raise _no_event(f"{name} is empty or not a string")
        attributes[name] = text
    for name in REQUIRED:
        if name not in attributes:
            raise _no_event(f"{name} is missing")
    if attributes["specversion"] != "1.0":
        raise _no_event("specversion is not 1.0")
    if "time" in attributes and not _TIME.fullmatch(attributes["time"]):
        raise _no_event("time is not RFC 3339")
    return attributes


def _decoded(value: str) -> str:
    """A header value as an attribute's: unquoted, then percent-decoded once, as UTF-8 (section 3.1.3.2)."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeError:
        raise _no_event("a header is not UTF-8 when percent-decoded") from None


def _base64(encoded: Any) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (TypeError, ValueError):
        raise _no_event("data_base64 is not base64") from None


def _data(media: str, body: bytes) -> Any:
    if not body:
        return None
    if media != JSON_TYPE and not media.endswith("+json"):
        raise _no_event("data is not JSON")
    return _json(body)


def _json(body: bytes) -> Any:
    try:
        return parse(body.decode())
    except (ValueError, RecursionError):
        raise _no_event("the body is not JSON") from None


def _no_event(why: str) -> Refusal:
    return Refusal(400, f"Not a CloudEvent 1.0 with JSON data: {why}.")
