"""The manifests as kustomize builds them, and emulators whose instances are containers."""

import functools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker_engine import IMAGE_LABEL, unless_gone
from greeting import GREETER, Containers
from running import Emulator

from emulator.runtimes.docker import STATE_LABEL

ROOT = Path(__file__).parent.parent.parent

Objects = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="session")
def kustomize(kubectl: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Objects]:
    """Builds a folder of knative/; the objects by kind and name."""
    tree = tmp_path_factory.mktemp("kustomize") / "knative"
    shutil.copytree(ROOT / "knative", tree, symlinks=True)
    shutil.copy(tree / "postgres/database.env.example", tree / "postgres/database.env")

    def build(folder: str) -> Objects:
        built = subprocess.run([kubectl, "kustomize", tree / folder], check=False, capture_output=True, text=True)
        assert built.returncode == 0, built.stderr
        documents = [document for document in yaml.safe_load_all(built.stdout) if document]
        return {(document["kind"], document["metadata"]["name"]): document for document in documents}

    return build


@pytest.fixture(scope="module")
def image(engine: Any) -> str:
    """A small service in an image of its own, on the base that the function's image is built on."""
    base = (ROOT / "Dockerfile").read_text().split()[1]
    options = ["--build-arg", f"BASE={base}", "--label", IMAGE_LABEL]
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", GREETER, *options, "tests/support/greeter"], cwd=ROOT, check=True
    )
    return GREETER


@pytest.fixture
def containers(engine: Any, tmp_path: Path) -> Iterator[Containers]:
    """Lists the containers of the test's emulators, those that have ended too."""

    def ours(**labels: str) -> list[Any]:
        wanted = [f"{STATE_LABEL}={tmp_path}/state", *(f"{name}={value}" for name, value in labels.items())]
        found: list[Any] = engine.client.containers.list(all=True, ignore_removed=True, filters={"label": wanted})
        return found

    yield ours
    for container in ours():
        unless_gone(functools.partial(container.remove, force=True, v=True))


@pytest.fixture
def emulator(tmp_path: Path, containers: Containers) -> Iterator[Emulator]:
    running = Emulator(tmp_path)
    try:
        yield running
    finally:
        running.close()
