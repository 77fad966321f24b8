"""What any test may ask for: the Docker engine, a container of the function's image, kubectl.

A machine without one of them leaves those tests out and says so, by name, in the last lines; with CI=true they fail.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_engine import MISSING, OWNER_LABEL, Engine, missing, unless_gone
from testcontainers.core.container import DockerContainer

ROOT = Path(__file__).parent.parent

#: Property of a test's report: a sentence to print at the end.
FIGURE = "figure"


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Engine(), "engine")


def pytest_unconfigure(config: pytest.Config) -> None:
    engine: Engine = config.pluginmanager.get_plugin("engine")
    engine.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests, a file stays in one, and so does a mode of the contract suite.

    A process would start another target whenever it comes to another mode.
    """
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        item.add_marker(pytest.mark.xdist_group(str(parameters.get("target", item.path))))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    yield  # after everything else that is summed up
    for report in terminalreporter.getreports("passed"):
        for name, line in report.user_properties:
            if name == FIGURE:
                terminalreporter.write_line(f"measured: {line}")
    for report in terminalreporter.getreports("skipped"):
        reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
        if MISSING in reason:
            terminalreporter.write_line(f"LEFT OUT {report.nodeid}: {reason.removeprefix('Skipped: ')}", red=True)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.config.pluginmanager.get_plugin("engine")
    assert engine.client
    return engine


@pytest.fixture
def start_login(engine: Engine) -> Iterator[Callable[..., DockerContainer]]:
    """Starts a container of the image; takes what `Engine.login` takes."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> DockerContainer:
            container = engine.login(*arguments, **options)
            stack.callback(unless_gone, container.stop)
            return container.start()

        yield start


@pytest.fixture
def volume(engine: Engine) -> str:
    """An empty volume, to be swept with the rest at the end."""
    return str(engine.client.volumes.create(labels={OWNER_LABEL: engine.owner}).name)


@pytest.fixture(scope="session")
def kubectl() -> str:
    ours = ROOT / ".tools/bin/kubectl"
    found = str(ours) if ours.exists() else shutil.which("kubectl")
    return found or missing("kubectl", "run tools/kubectl")


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a sentence with a figure, to be printed after the last test."""
    return lambda line: record_property(FIGURE, line)
