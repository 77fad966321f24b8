from collections.abc import Callable
from typing import Any

import pytest
from fidelity.vectors import TESTS, load


@pytest.fixture(scope="session")
def measured() -> Callable[[str], Any]:
    """What was recorded on a real cluster, by name."""
    return lambda name: load(TESTS / "measured", name)
