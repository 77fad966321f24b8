import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.core.autoscaler import DeciderSpec
from emulator.core.metrics import MetricSpec

TESTS = Path(__file__).resolve().parent.parent


def load(folder: Path, name: str) -> Any:
    """`<folder>/<name>.json`, or the same compressed."""
    plain = folder / f"{name}.json"
    if plain.exists():
        return json.loads(plain.read_text())
    with gzip.open(folder / f"{name}.json.gz", "rt") as file:
        return json.load(file)


def load_vectors(name: str) -> Any:
    """Recorded vectors by name, from the folder in VECTORS (default tests/vectors)."""
    return load(Path(os.environ.get("VECTORS") or TESTS / "vectors"), name)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vectors(file, list='cases'): run the test with each `case` of recorded vectors")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("vectors")
    if marker is None:
        return
    cases = load_vectors(marker.args[0])[marker.kwargs.get("list", "cases")]
    ids = [case["name"] if "name" in case and "out" not in case else str(i) for i, case in enumerate(cases)]
    metafunc.parametrize("case", cases, ids=ids)


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], Any]:
    return load_vectors


@pytest.fixture(scope="session")
def measured() -> Callable[[str], Any]:
    """What was recorded on a real cluster, by name."""
    return lambda name: load(TESTS / "measured", name)


def decider_spec_of(recorded: dict[str, Any]) -> DeciderSpec:
    return DeciderSpec(**{key.removesuffix("_s"): value for key, value in recorded.items()})


def metric_spec_of(recorded: dict[str, Any]) -> MetricSpec:
    return MetricSpec(**{key.removesuffix("_s"): value for key, value in recorded.items()})


@pytest.fixture(scope="session")
def decider_spec() -> Callable[[dict[str, Any]], DeciderSpec]:
    """From the recorded form (seconds are marked by _s)."""
    return decider_spec_of


@pytest.fixture(scope="session")
def metric_spec() -> Callable[[dict[str, Any]], MetricSpec]:
    """From the recorded form (seconds are marked by _s)."""
    return metric_spec_of
