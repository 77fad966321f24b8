from collections.abc import Iterator
from pathlib import Path

import pytest
from running import Emulator


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    running = Emulator(tmp_path)
    try:
        yield running
    finally:
        running.close()
