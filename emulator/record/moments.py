"""Moments of a record: as a person says them, and as they are told to one."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from emulator.core.gotext import parse_duration
from emulator.errors import UserError


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a record, as it is spoken of: the time of day, and the second of the record.

    `zone` is where the clock hangs; None for this machine's.
    """

    started: float
    zone: tzinfo | None = None

    def __call__(self, at: float) -> str:
        clock = datetime.fromtimestamp(self.started + at, UTC).astimezone(self.zone)
        return f"{clock:%H:%M:%S} ({at:.1f} s)"


def moment(text: str, started: float, end: float, zone: tzinfo | None = None) -> float:
    """The second of the record that a person means.

    Args:
        text: "-30s" before the end, "31" or "1h30m" after the begin, a time of day (12:00:31), or a date and time
            (ISO 8601).
        started: Unix seconds of second 0.
        end: the last second.
        zone: where the person's clock hangs; None for this machine's.

    Raises:
        UserError: it is none of these.
    """
    if found := re.fullmatch(r"(-?)(\d+(?:\.\d+)?|(?:\d+(?:\.\d+)?(?:h|ms|m|s))+)", text.replace(" ", "")):
        seconds = float(found[2]) if found[2][-1].isdecimal() else parse_duration(found[2])
        return end - seconds if found[1] else seconds
    begin = datetime.fromtimestamp(started, UTC).astimezone(zone)
    try:
        if "-" in text:
            said = datetime.fromisoformat(text)
            said = said if said.tzinfo else said.replace(tzinfo=begin.tzinfo)
        else:
            said = datetime.fromisoformat(f"{begin:%Y-%m-%d}T{text}").replace(tzinfo=begin.tzinfo)
            # The first time after the begin at which a clock shows it.
            said += timedelta(days=said < begin.replace(microsecond=0))
    except ValueError:
        raise UserError(
            f"--at {text!r} is no moment: say -30s (before the end), 31s or 1h30m (after the begin) or 12:00:31"
        ) from None
    return said.timestamp() - started


def within(at: float, text: str, started: float, begin: float, end: float) -> float:
    """A moment of the record, which runs from `begin` to `end`: a second beyond is that end, as people say whole ones.

    Raises:
        UserError: nothing is known of that moment, which was said as `text`.
    """
    if begin - 1 < at < end + 1:
        return min(max(at, begin), end)
    first, last = (datetime.fromtimestamp(started + each, UTC).astimezone() for each in (begin, end))
    days = "" if first.date() == last.date() else "%Y-%m-%d "
    raise UserError(
        f"--at {text} is not in the record, which runs from {first:{days}%H:%M:%S} to {last:{days}%H:%M:%S}"
        f" ({begin:.0f} s to {end:.0f} s)"
    )
