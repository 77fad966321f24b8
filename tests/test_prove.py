"""`make prove` in the small: each promise has tests and a mutation, and each mutation still finds its line."""

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def prove() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prove", ROOT / "tests/prove/run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUN = prove()


def test_each_promise_has_a_mutation() -> None:
    assert {mutation.id for mutation in RUN.mutations()} == set(RUN.ids())


def test_each_promise_has_tests_and_no_test_has_a_promise_that_is_not_made() -> None:
    files = [file for suite in RUN.SUITES for file in (ROOT / suite).rglob("test_*.py")]
    named = {row for file in files for row in re.findall(r"def test_([acmnst]\d+)_", file.read_text())}
    assert named == set(RUN.ids())


@pytest.mark.parametrize("mutation", RUN.mutations(), ids=lambda mutation: mutation.id)
def test_each_mutation_changes_the_one_line_that_it_is_of(mutation: tuple[str, ...], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "function", tmp_path / "function", ignore=shutil.ignore_patterns("__pycache__"))
    RUN.Mutation(*mutation).apply(tmp_path)
