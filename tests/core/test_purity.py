import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted((ROOT / "emulator" / "core").rglob("*.py"))

# What asks the machine for something: core is told, and tells what to do.
IMPURE_MODULES = {
    *("asyncio", "gevent", "greenlet", "multiprocessing", "select", "selectors", "signal", "subprocess", "threading"),
    *("concurrent", "httptools", "http", "requests", "socket", "socketserver", "ssl", "urllib"),
    *("fcntl", "fileinput", "glob", "io", "mmap", "os", "pathlib", "shutil", "sqlite3", "tempfile"),
    *("docker", "flask", "kubernetes", "logging", "psutil", "random", "secrets", "sys", "time", "uuid"),
}
# A generator that is passed in is an argument like any other, and a pure path is a text that is taken apart.
ALLOWED = {"random.Random", "pathlib.PurePosixPath"}
IMPURE_CALLS = {"open", "input", "print", "exec", "eval", "__import__", "Random"}
WALL_CLOCK = {"now", "utcnow", "today"}


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that they can be told apart"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def faults(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    for name in imports(tree):
        if name.split(".")[0] in IMPURE_MODULES and name not in ALLOWED:
            yield f"imports {name}"
        if name.split(".")[0] == "emulator" and not name.startswith("emulator.core"):
            yield f"imports {name} of the shell"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            yield f"line {node.lineno} calls {node.func.id}"
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in WALL_CLOCK
            and ast.unparse(node.func.value).split(".")[-1] in {"datetime", "date"}
        ):
            yield f"line {node.lineno} asks for the time"


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_decides_and_does_nothing_else(path: Path) -> None:
    assert list(faults(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "import gevent.event",
        "from time import time",
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.datetime.now(datetime.UTC)",
        "from emulator.controller import Controller",
        "from emulator import controller",
        "def f():\n    import socket",
        "text = open('x').read()",
        "from pathlib import Path",
        "from random import choice",
        "from random import Random\nchoice = Random().choice",
    ],
)
def test_impurity_is_noticed(source: str) -> None:
    assert list(faults(source))


@pytest.mark.parametrize(("package", "other"), [("function", "emulator"), ("emulator", "function")])
def test_the_two_programs_meet_over_http_only(package: str, other: str) -> None:
    crossing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in imports(ast.parse(path.read_text()))
        if name.split(".")[0] == other
    ]
    assert crossing == []
