"""The recorded vectors, in the folder that the environment variable VECTORS names (default tests/vectors)."""

import gzip
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[2]


def folder() -> Path:
    return Path(os.environ.get("VECTORS") or TESTS / "vectors")


def load(where: Path, name: str) -> Any:
    """`<where>/<name>.json`, or the same compressed; exits with a sentence where there is neither."""
    plain = where / f"{name}.json"
    if plain.exists():
        return json.loads(plain.read_text())
    if not (where / f"{name}.json.gz").exists():
        raise SystemExit(f"{where} has neither {name}.json nor {name}.json.gz: VECTORS names the folder of all vectors")
    with gzip.open(where / f"{name}.json.gz", "rt") as file:
        return json.load(file)


@cache
def recorded(name: str) -> Any:
    """A file of vectors by its name. It is read once: change a copy."""
    return load(folder(), name)


def names() -> set[str]:
    """The files that there are, without their suffixes."""
    return {path.name.partition(".")[0] for path in folder().glob("*.json*")}
