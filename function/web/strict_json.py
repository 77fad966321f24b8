"""JSON in which every member name occurs once: of two, one party takes the first and another the last."""

import json
from typing import Any


def parse(text: str) -> Any:
    """Parse a document.

    Raises:
        ValueError: it is not JSON (NaN and Infinity are not), or repeats a name.
        RecursionError: it is nested too deep.
    """
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
