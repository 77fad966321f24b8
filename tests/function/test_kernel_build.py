"""The wheel with the interleaved kernel and, where there is no C compiler, without it."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from docker_engine import MISSING

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("cc") or shutil.which("gcc")
needs_compiler = pytest.mark.skipif(not COMPILER, reason=f"{MISSING}C compiler: install gcc")


@pytest.fixture
def wheel(tmp_path: Path) -> Callable[..., zipfile.ZipFile]:
    """Builds what the Dockerfile builds, out of the tree."""
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "function", tmp_path / "function", ignore=shutil.ignore_patterns("*.so", "__pycache__"))

    def build(**environ: str) -> zipfile.ZipFile:
        pip = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index"]
        command = [*pip, "--disable-pip-version-check", "--quiet", "--wheel-dir", str(tmp_path / "dist"), str(tmp_path)]
        subprocess.run(command, env={**os.environ, **environ}, check=True, capture_output=True, timeout=120)
        [built] = (tmp_path / "dist").iterdir()
        return zipfile.ZipFile(built)

    return build


def files(wheel: zipfile.ZipFile) -> set[str]:
    with wheel:
        return set(wheel.namelist())


@needs_compiler
def test_the_wheel_holds_the_kernel_for_python_3_11_and_later(wheel: Callable[..., zipfile.ZipFile]) -> None:
    built = wheel()
    assert re.search(r"-cp311-abi3-\w+\.whl$", str(built.filename))
    held = files(built)
    assert "function/credentials/_interleaved.abi3.so" in held
    assert not [name for name in held if name.endswith((".c", ".h"))]


def test_without_a_compiler_the_wheel_is_built_without_the_kernel(wheel: Callable[..., zipfile.ZipFile]) -> None:
    held = files(wheel(CC="/nonexistent/cc"))
    assert "function/credentials/passwords.py" in held
    assert not [name for name in held if name.endswith(".so")]


@needs_compiler
def test_where_there_is_a_compiler_the_kernel_was_built() -> None:
    assert importlib.util.find_spec("function.credentials._interleaved"), (
        "Python.h is missing, or run `make clean check`"
    )
