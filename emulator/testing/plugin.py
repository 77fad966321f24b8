"""What pytest loads wherever the package is installed: fixtures, and the options that they obey.

Every test session of such an environment imports this, so it imports no more until a test asks for a fixture.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.testing.running import Knative, RunningEmulator
    from emulator.testing.simulated import SimulatedKnative


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("knative").addoption(
        "--knative-runtime",
        choices=("auto", "process", "docker"),
        default="auto",
        help="what runs instances, as `knative-emulator up --runtime` (default auto)",
    )
    parser.addini(
        "knative_config", "configuration file of the emulator (default knative-emulator.yaml, if there is one)"
    )
    parser.addini("knative_options", "further options of `knative-emulator up`, such as --demo", "args", [])


@pytest.fixture(scope="session")
def knative_emulator(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[RunningEmulator]":
    """A running emulator, one for the whole session. `namespace()` of it is what the fixture `knative` gives."""
    from emulator.testing.running import RunningEmulator  # noqa: PLC0415 - see above

    config = pytestconfig.getini("knative_config")
    options = [
        *("--runtime", pytestconfig.getoption("--knative-runtime")),
        *(("--config", config) if config else ()),
        *pytestconfig.getini("knative_options"),
    ]
    with RunningEmulator(tmp_path_factory.mktemp("knative"), pytestconfig.rootpath, options) as running:
        yield running


@pytest.fixture
def knative(knative_emulator: "RunningEmulator") -> "Iterator[Knative]":
    """A namespace of the test's own in a running emulator; what was applied goes with it."""
    with knative_emulator.namespace() as namespace:
        yield namespace


@pytest.fixture
def knative_simulated(pytestconfig: pytest.Config) -> "Callable[..., SimulatedKnative]":
    """Makes emulators on simulated time; takes manifests, and what `SimulatedKnative` takes."""
    from emulator.settings import read_settings  # noqa: PLC0415 - see above
    from emulator.testing.simulated import SimulatedKnative  # noqa: PLC0415

    root = pytestconfig.rootpath
    file = root / (pytestconfig.getini("knative_config") or "knative-emulator.yaml")
    settings = read_settings(file) if file.exists() else None
    return lambda *sources, **model: SimulatedKnative(
        *sources, folder=root, config_maps=settings.config if settings else {}, **model
    )
