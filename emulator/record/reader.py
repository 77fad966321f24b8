"""A record as it is read: of a file, of a running emulator, or of a simulation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from emulator.errors import UserError
from emulator.record.rows import FORMAT, AnyRow, Header

_Row = TypeVar("_Row", bound=AnyRow)
_ROWS = msgspec.json.Decoder(AnyRow)
_HEADER = msgspec.json.Decoder(Header)
_FORMAT = msgspec.json.Decoder(dict[str, object])
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Record:
    """What happened: the rows by time."""

    header: Header
    rows: Sequence[AnyRow]

    def of(self, kind: type[_Row]) -> list[_Row]:
        """The rows of one kind, by time."""
        return [row for row in self.rows if isinstance(row, kind)]

    @property
    def end(self) -> float:
        """The last moment that is known of."""
        return self.rows[-1].t if self.rows else 0.0

    def encode(self) -> bytes:
        """As a file has it."""
        return _ENCODER.encode_lines([self.header, *self.rows])


def read(file: Path) -> Record:
    """A recorded file. Raises UserError."""
    try:
        return decode(file.read_bytes(), str(file))
    except OSError as error:
        raise UserError(f"can't read {file}: {error.strerror}") from error


def decode(data: bytes, name: str) -> Record:
    """Read lines; the last one may be torn, as whoever wrote it may have been killed. Raises UserError."""
    first, *lines = data.split(b"\n")
    torn = lines.pop() if lines else b""
    try:
        # Any object could be taken for a header without a word.
        known = _FORMAT.decode(first).get("record") == FORMAT
        header = _HEADER.decode(first)
    except msgspec.DecodeError:
        known = False
    if not known:
        raise UserError(f"{name} is no record of {FORMAT}: give a file that `up --record` wrote")
    rows: list[AnyRow] = []
    for number, line in enumerate([*lines, torn] if torn.endswith(b"}") else lines, 2):
        try:
            rows.append(_ROWS.decode(line))
        except msgspec.DecodeError as error:
            if number == len(lines) + 2:
                break
            raise UserError(f"{name} line {number} is no row of {FORMAT}: {error}") from error
    return Record(header, sorted(rows, key=lambda row: row.t))
