"""PostgreSQL for the tests: one container a session, a fresh database for whoever asks."""

import uuid
from collections.abc import Mapping
from pathlib import Path

import psycopg
import yaml
from testcontainers.community.postgres import PostgresContainer

ROOT = Path(__file__).parents[2]
PORT = 5432
#: Nothing here survives the session, so nothing waits for a disk.
FAST = "postgres -c fsync=off -c full_page_writes=off -c max_connections=300"


def image() -> str:
    """The one that the manifests run."""
    documents = yaml.safe_load_all((ROOT / "knative/postgres/postgres.yaml").read_text())
    [stateful] = (document for document in documents if document["kind"] == "StatefulSet")
    return str(stateful["spec"]["template"]["spec"]["containers"][0]["image"])


class Postgres:
    """A running server; its databases are this session's."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.container = PostgresContainer(image(), driver=None, password=uuid.uuid4().hex, labels=dict(labels))
        self.container.with_command(FAST).start()

    def fresh(self) -> str:
        """URL of an empty database, as this machine reaches it."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.container.get_connection_url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.container.get_connection_url().rpartition("/")[0] + f"/{name}"

    def from_containers(self, url: str) -> str:
        """The same database as containers on the engine's default network reach it."""
        container = self.container.get_wrapped_container()
        container.reload()
        address = container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        credentials, _, rest = url.rpartition("@")
        return f"{credentials}@{address}:{PORT}/{rest.rpartition('/')[2]}"
