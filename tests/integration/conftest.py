"""The manifests as kustomize builds them."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

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
