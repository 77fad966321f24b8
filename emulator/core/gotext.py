"""Numbers, durations and quotes as Go's standard library reads and writes them.

Knative's ConfigMaps and annotations are texts that Go parses, so what is accepted is what strconv and time accept.
"""

import json
import math
import re

MAX_INT32 = 2**31 - 1
MAX_INT64 = 2**63 - 1

_INT = re.compile(r"[+-]?[0-9]+", re.ASCII)
_HEX_FLOAT = re.compile(r"[+-]?0[xX][0-9a-fA-F.]+[pP][+-]?[0-9]+", re.ASCII)
_INFINITY = re.compile(r"[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
_SIGNED_NAN = re.compile(r"[+-]nan", re.ASCII | re.IGNORECASE)

_SECOND = 10**9
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}
_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)", re.ASCII)


class OutOfRangeError(ValueError):
    """The text is a number, but not one that the type can hold."""


def parse_int(text: str, bits: int = 64) -> int:
    """strconv.ParseInt in base 10. Raises OutOfRangeError, or ValueError for what is no whole number."""
    if not _INT.fullmatch(text):
        raise ValueError(f"{quote(text)} is not a whole number")
    number = int(text)
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise OutOfRangeError(f"{text} does not fit in {bits} bits")
    return number


def parse_float(text: str) -> float:
    """strconv.ParseFloat for 64 bits: also NaN, infinities and hexadecimal floats. Raises ValueError."""
    if not text.isascii() or text != text.strip() or _SIGNED_NAN.fullmatch(text):
        raise ValueError(f"{quote(text)} is not a number")
    number = float.fromhex(text) if _HEX_FLOAT.fullmatch(text) else float(text)
    if math.isinf(number) and not _INFINITY.fullmatch(text):
        raise OutOfRangeError(f"{text} does not fit in a 64 bit float")
    return number


def parse_duration(text: str) -> int:
    """time.ParseDuration: nanoseconds. Raises ValueError."""
    body = text[1:] if text[:1] in {"-", "+"} else text
    sign = -1 if text[:1] == "-" else 1
    if body == "0":
        return 0
    total, at = 0, 0
    while at < len(body):
        part = _DURATION_PART.match(body, at)
        if part is None or part[3] not in _UNITS or not (part[1] or part[2]):
            raise ValueError(f"invalid duration {quote(text)}")
        unit = _UNITS[part[3]]
        total += int(part[1] or "0") * unit
        if part[2]:
            # Go multiplies in floating point here, and truncates.
            total += int(int(part[2]) * (unit / 10 ** len(part[2])))
        at = part.end()
    if not body or total > MAX_INT64:
        raise ValueError(f"invalid duration {quote(text)}")
    return sign * total


def is_whole_seconds(nanoseconds: int) -> bool:
    """Whether a duration has no fraction of a second."""
    return nanoseconds % _SECOND == 0


def quote(text: str) -> str:
    """A text as fmt's %q writes it."""
    return json.dumps(text, ensure_ascii=False)


def format_float(number: float) -> str:
    """A float64 as fmt's %v writes it: shortest, with an exponent only below 1e-4 and from 1e21."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    if number.is_integer() and abs(number) < 1e21:
        return str(int(number))
    return repr(number)
