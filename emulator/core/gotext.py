"""Numbers, durations and quotes as Go's standard library reads and writes them, with its words for what it refuses.

Knative's ConfigMaps and annotations are texts that Go parses, so what is accepted is what strconv and time accept.
"""

import json
import math
import re
from decimal import Decimal
from typing import Final

_INT = re.compile(r"[+-]?[0-9]+", re.ASCII)
_HEX_FLOAT = re.compile(r"[+-]?0[xX][0-9a-fA-F.]+[pP][+-]?[0-9]+", re.ASCII)
_INFINITY = re.compile(r"[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
#: What Python's float() takes and Go does not.
_NOT_GO = re.compile(r"\s|[^\x00-\x7f]|[+-]nan", re.IGNORECASE)

_BOOLS: Final = dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "false", "FALSE", "False"), False
)

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_DURATION_PART = re.compile(r"(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?(?P<unit>[^0-9.]*)")


class OutOfRangeError(ValueError):
    """The text is a number, but not one that the type can hold."""


def parse_bool(text: str) -> bool:
    """strconv.ParseBool. Raises ValueError."""
    if text not in _BOOLS:
        raise ValueError(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")
    return _BOOLS[text]


def parse_int64(text: str) -> int:
    """strconv.ParseInt in base 10. Raises OutOfRangeError, or ValueError for what is no whole number."""
    return _parse_int(text, 64)


def parse_int32(text: str) -> int:
    """The same for 32 bits."""
    return _parse_int(text, 32)


def parse_uint64(text: str) -> int:
    """strconv.ParseUint in base 10, which takes no sign. Raises as `parse_int64`."""
    if not text.isdecimal() or not text.isascii():
        raise ValueError(f"strconv.ParseUint: parsing {quote(text)}: invalid syntax")
    if int(text) >= 1 << 64:
        raise OutOfRangeError(f"strconv.ParseUint: parsing {quote(text)}: value out of range")
    return int(text)


def _parse_int(text: str, bits: int) -> int:
    if not _INT.fullmatch(text):
        raise ValueError(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    number = int(text)
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise OutOfRangeError(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    return number


def parse_float(text: str) -> float:
    """strconv.ParseFloat for 64 bits, NaN and infinities included. Raises OutOfRangeError or ValueError."""
    try:
        number = float.fromhex(text) if _HEX_FLOAT.fullmatch(text) else float(_NOT_GO.sub("?", text))
    except ValueError:
        raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax") from None
    except OverflowError:
        number = math.inf
    if math.isinf(number) and not _INFINITY.fullmatch(text):
        raise OutOfRangeError(f"strconv.ParseFloat: parsing {quote(text)}: value out of range")
    return number


def parse_duration(text: str) -> float:
    """time.ParseDuration, in seconds. Raises ValueError."""
    body = text[1:] if text[:1] in {"-", "+"} else text
    if body == "0":
        return 0.0
    total, at = 0, 0
    while at < len(body):
        part = _DURATION_PART.match(body, at)
        if part is None or not (part["whole"] or part["fraction"]):
            break
        if not part["unit"]:
            raise ValueError(f"time: missing unit in duration {quote(text)}")
        if part["unit"] not in _NANOSECONDS:
            raise ValueError(f"time: unknown unit {quote(part['unit'])} in duration {quote(text)}")
        unit = _NANOSECONDS[part["unit"]]
        fraction = part["fraction"] or "0"
        # Go takes the whole part exactly, and the fraction in floating point, truncated to nanoseconds.
        total += int(part["whole"] or "0") * unit + int(int(fraction) * (unit / 10 ** len(fraction)))
        at = part.end()
    if not body or at < len(body) or total >= 1 << 63:
        raise ValueError(f"time: invalid duration {quote(text)}")
    return (-total if text.startswith("-") else total) / 1e9


def format_duration(seconds: float) -> str:
    """A time.Duration as fmt's %v writes it: `1h0m0s`, `1.5s`, `100ms`, `0s`."""
    nanoseconds = round(abs(seconds) * 1e9)
    sign = "-" if seconds < 0 else ""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < 10**9:
        unit = next(unit for unit in ("ms", "µs", "ns") if nanoseconds >= _NANOSECONDS[unit])
        return f"{sign}{_decimal(nanoseconds, _NANOSECONDS[unit])}{unit}"
    minutes, rest = divmod(nanoseconds, _NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    leading = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{leading}{_decimal(rest, 10**9)}s"


def _decimal(number: int, unit: int) -> str:
    whole, rest = divmod(number, unit)
    digits = str(rest).zfill(len(str(unit)) - 1).rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def format_float(number: float) -> str:
    """A float64 as fmt's %v writes it: shortest, with an exponent only below 1e-4 and from 1e21."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    if number.is_integer() and abs(number) < 1e21:
        # The shortest digits that give the number, and zeros for the rest.
        return format(Decimal(repr(number)).to_integral_value(), "f")
    return repr(number)


def format_fixed(number: float) -> str:
    """A float64 as fmt's %f writes it."""
    return f"{number:.6f}" if math.isfinite(number) else format_float(number)


def quote(text: str) -> str:
    """A text as fmt's %q writes it."""
    return json.dumps(text, ensure_ascii=False)
