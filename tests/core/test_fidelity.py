"""Every recorded case, and that a changed expectation is noticed; `make fidelity` runs the same comparisons."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from fidelity import COMPARISONS
from fidelity.comparison import Comparison
from fidelity.falsify import falsified, places, unnoticed
from fidelity.page import PAGE, page
from fidelity.report import compared
from fidelity.vectors import folder, names, recorded

SUPPORT = Path(__file__).parents[1] / "support"
#: Cases of each list of which expected values are changed, and how many values of a case.
CASES, VALUES = 8, 40

each_list = pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda of: f"{of.file}-{of.part}")


@each_list
def test_as_recorded(comparison: Comparison) -> None:
    result = compared(comparison)
    assert not result.differing, f"{result.differing} of {result.cases} differ, the first: {result.first}"


@each_list
def test_a_changed_expectation_is_noticed(comparison: Comparison) -> None:
    chosen = random.Random(comparison.part)
    cases = comparison.cases()
    changed = 0
    for case in chosen.sample(cases, min(CASES, len(cases))):
        paths = [path for path in places(comparison, case) if not comparison.ignored(case, path)]
        sample = chosen.sample(paths, min(VALUES, len(paths)))
        assert unnoticed(comparison, case, sample) == []
        changed += len(sample)
    assert changed


def test_every_file_is_compared() -> None:
    assert names() == {comparison.file for comparison in COMPARISONS}


def run(vectors: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"VECTORS": str(vectors), "PYTHONPATH": str(SUPPORT)}
    command = [sys.executable, "-m", "fidelity.report"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=SUPPORT.parents[1])


def test_the_command_tells_the_first_difference_and_fails(tmp_path: Path) -> None:
    """In a folder of plain and compressed files, one of them changed in one place."""
    for path in folder().glob("*.json*"):
        if path.name.partition(".")[0] != "gc":
            (tmp_path / path.name).symlink_to(path.resolve())
    (tmp_path / "gc.json").write_text(json.dumps(recorded("gc")))
    good = run(tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr
    number, case = next((n, case) for n, case in enumerate(recorded("gc")["cases"]) if len(case["deleted"]) > 1)
    changed = falsified(recorded("gc"), ("cases", number, "deleted", 1))
    (tmp_path / "gc.json").write_text(json.dumps(changed))
    bad = run(tmp_path)
    assert bad.returncode == 1
    name, was = case["name"], case["deleted"][1]
    assert f"gc.json cases[{number}] '{name}': deleted[1]: recorded '{was}x', here '{was}'" in bad.stdout
    assert [line for line in bad.stdout.splitlines() if line.split()[-1] == "1"] == [
        line for line in bad.stdout.splitlines() if line.startswith(("gc.json", " " * 36)) and "recorded" not in line
    ]


@pytest.mark.skipif("VECTORS" in os.environ, reason="the page tells of the vectors that are kept here")
def test_the_page_is_as_it_would_be_written() -> None:
    assert PAGE.read_text() == page([compared(each) for each in COMPARISONS]), "make fidelity PAGE=1 writes it anew"
