"""The file of a record: always a new one, as no run's record is to be written over, or into, another's."""

import os
from pathlib import Path

from emulator.errors import MachineError, UserError
from emulator.record.reader import Record


def create(file: Path) -> int:
    """Make it, for this user alone; returns its descriptor. Raises UserError where it exists, MachineError."""
    try:
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    except FileExistsError:
        raise UserError(f"{file} is there already: name another file with --record, or remove it") from None
    except OSError as error:
        raise MachineError(f"can't record to {file}: {error.strerror}") from error


def write(file: Path, record: Record) -> None:
    """Write all of a record. Raises UserError, MachineError."""
    try:
        with os.fdopen(create(file), "wb") as out:
            out.write(record.encode())
    except OSError as error:
        raise MachineError(f"can't record to {file}: {error.strerror}") from error
