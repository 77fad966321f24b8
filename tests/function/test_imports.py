"""What a cold start pays for: the packages that `serve` has loaded when it answers its first /readyz (S10)."""

import subprocess
import sys
from pathlib import Path

import function

PACKAGE = Path(function.__file__).parent
#: Everything that the framework brings, and gevent. A new name here is paid for at every cold start.
AT_START = {
    "blinker",
    "click",
    "cloudevents",
    "deprecation",
    "flask",
    "function",
    "functions_framework",
    "gevent",
    "greenlet",
    "itsdangerous",
    "jinja2",
    "markupsafe",
    "packaging",
    "werkzeug",
    "zope",
}
#: Standard library modules that are slow to load and easy to pull in by accident.
NEVER_AT_START = {"asyncio", "unittest", "multiprocessing", "xml", "sqlalchemy", "pdb", "doctest"}

PROBE = """
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
from function import cli, serve, main
for name in sorted({name.partition(".")[0] for name in sys.modules} - {name.partition(".")[0] for name in before}):
    print(name)
"""


def loaded() -> set[str]:
    # -I: none of what this test run or the developer's environment adds.
    command = [sys.executable, "-I", "-c", PROBE, str(PACKAGE.parent)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return set(output.stdout.split())


def test_s10_nothing_is_loaded_before_it_is_used() -> None:
    names = {name for name in loaded() if "cython" not in name}
    third_party = {
        name for name in names if name.lstrip("_") not in {known.lstrip("_") for known in sys.stdlib_module_names}
    }
    print("loaded at start:", *sorted(third_party))
    assert third_party - AT_START == set()
    assert names & NEVER_AT_START == set()


def test_s10_nobody_waits_for_the_second_factor_of_others() -> None:
    """Its modules are loaded at its first use (see routes.py)."""
    code = "import sys; from function import cli, serve, main; print(*sys.modules)"
    command = [sys.executable, "-I", "-c", code]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    later = {"mfa", "second_step", "second_factor", "challenges", "totp", "recovery", "store.second_factor"}
    assert "function.endpoints.login" in output
    assert not {f"function.{name}" for name in later} & set(output)


def test_s10_the_sources_name_no_more_than_that() -> None:
    """The imports at the top of the files, so that the guard holds for modules that `serve` comes to use later, too."""
    heavy = {
        "bcrypt",
        "psycopg",
        "prometheus_client",
        "msgspec",
        "pydantic",
        "requests",
        "structlog",
        "sqlalchemy",
        "limits",
    }
    for file in PACKAGE.rglob("*.py"):
        for line in file.read_text().splitlines():
            words = line.split()
            if line.startswith(("import ", "from ")):
                # The module that is there to hold psycopg is itself imported late, by those who have PostgreSQL.
                assert words[1].partition(".")[0] not in heavy or file.name == "postgres.py", (file, line)
                assert words[1] != "function.store.postgres", (file, line)
