"""`make prove`: change one line of the function for each id of docs/contract.md, and see that id's tests turn red.

A row whose tests stay green over a broken line is not covered. Each mutation of mutations.toml is applied to a copy of
`function/`, which PYTHONPATH puts before the installed one, so the tree is never touched.

    python tests/prove/run.py            all of them, after the same tests were green on the copy as it is
    python tests/prove/run.py a2 t5      those ids
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
MUTATIONS = Path(__file__).with_name("mutations.toml")
CONTRACT = ROOT / "docs/contract.md"
#: Where tests that carry an id may be.
SUITES = ("tests/contract", "tests/function")
#: At once: as many as leave a core to the tests' own processes on the smallest machine that runs them.
WORKERS = 2
#: Seconds for the tests of one id; a mutation may make them wait for what never comes, which counts as red.
PATIENCE = 600


class Mutation(NamedTuple):
    """One line of `file` to break.

    Attributes:
        id: the row of the contract whose tests must notice.
        file: path below the project's root.
        line: the line, without what is around it; there once.
        instead: what to put there.
    """

    id: str
    file: str
    line: str
    instead: str

    def apply(self, root: Path) -> None:
        """Break the copy in `root`.

        Raises:
            ValueError: the line is not there exactly once.
        """
        file = root / self.file
        lines = file.read_text().splitlines()
        places = [number for number, line in enumerate(lines) if line.strip() == self.line]
        if len(places) != 1:
            raise ValueError(f"{self.id}: {self.file} has {self.line!r} {len(places)} times, not once")
        [place] = places
        indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
        lines[place] = indent + self.instead
        file.write_text("\n".join(lines) + "\n")


def mutations() -> Sequence[Mutation]:
    return [Mutation(**entry) for entry in tomllib.loads(MUTATIONS.read_text())["mutation"]]


def ids() -> Sequence[str]:
    """Those of the contract's rows, in its order, in lower case."""
    return [row.lower() for row in re.findall(r"^\| ([A-Z]\d+) \|", CONTRACT.read_text(), re.MULTILINE)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 where every id's tests were green before and red after."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("ids", nargs="*", help="rows of docs/contract.md (default: all)")
    wanted = [row.lower() for row in parser.parse_args(arguments).ids] or ids()
    chosen = [mutation for mutation in mutations() if mutation.id in wanted]
    if green := _run(None, wanted):
        print(f"Without any mutation: {green}. Mend that first.")
        return 1
    print(f"unchanged: the tests of {len(wanted)} ids are green", flush=True)
    survived = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        for mutation, red in zip(chosen, pool.map(lambda mutation: _run(mutation, [mutation.id]), chosen), strict=True):
            survived += not red
            print(f"{mutation.id:4} {red or 'STILL GREEN':24} {mutation.file}: {mutation.instead}", flush=True)
    unproved = [row for row in wanted if row not in {mutation.id for mutation in chosen}]
    if unproved:
        print(f"no mutation is recorded for: {', '.join(unproved)}")
    print(f"{len(chosen) - survived} of {len(chosen)} mutations were noticed")
    return 1 if survived or unproved else 0


def _run(mutation: Mutation | None, rows: Iterable[str]) -> str:
    """Run the rows' tests over a copy; what turned red ("2 failed"), or "" when all were green.

    Raises:
        RuntimeError: no test was run, or a test could not be: a mutation has to break a promise, not the program.
    """
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "function", Path(folder, "function"), ignore=shutil.ignore_patterns("__pycache__"))
        if mutation:
            mutation.apply(Path(folder))
            if mutation.file.endswith(".c"):
                _compile(Path(folder))
        names = " or ".join(f"test_{row}_" for row in rows)
        # The script, as `python -m pytest` would put the tree before the copy.
        pytest = str(Path(sys.executable).with_name("pytest"))
        command = [pytest, "-q", "-k", names, "--mode", "process", "-p", "no:cacheprovider"]
        environ = {**os.environ, "PYTHONPATH": folder}
        try:
            done = subprocess.run(
                [*command, *SUITES],
                cwd=ROOT,
                env=environ,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "did not end"
    if done.returncode == 0:
        return ""
    red = re.search(r"\d+ failed", done.stdout)
    if done.returncode != 1 or red is None:
        raise RuntimeError(f"{mutation}: its tests did not run:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return red[0]


def _compile(folder: Path) -> None:
    """Build the extension of a copy in its place.

    Raises:
        FileNotFoundError: it was not, as there is no C compiler, or because the mutation breaks more than a promise.
    """
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for built in folder.rglob("*.so"):
        built.unlink()
    setup = [sys.executable, "-c", "import setuptools; setuptools.setup()", "build_ext", "--inplace"]
    output = subprocess.run(setup, cwd=folder, capture_output=True, text=True, check=True).stderr
    if not list(folder.rglob("*.so")):
        raise FileNotFoundError(f"the kernel was not built: {output}")


if __name__ == "__main__":
    sys.exit(main())
