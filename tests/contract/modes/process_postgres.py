"""A target that is a process of this machine, as in process.py, on a PostgreSQL that runs in a container."""

from pathlib import Path

import pytest
from docker_engine import Engine

from tests.contract.modes.process import ProcessMode


class ProcessPostgresMode(ProcessMode):
    """Needs a Docker engine; tests/support has it, and says so where there is none."""

    name = "process-postgres"

    def database_url(self, config: pytest.Config, folder: Path) -> str:
        engine = config.pluginmanager.get_plugin("engine")
        assert isinstance(engine, Engine)
        return engine.postgres.fresh()


MODE = ProcessPostgresMode()
