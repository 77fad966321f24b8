"""What is wrong with an object and where, and how Knative says it.

The grammar is that of knative.dev/pkg apis/field_error.go: problems of the same message and details are one, with their
paths sorted; the list is sorted by message; a problem without a path still has its colon.

A validator yields problems with paths relative to what it was given; whoever called it puts the way there in front.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from emulator.core.gotext import quote

#: A path that means the very thing that was given.
HERE = ""


class Problem(NamedTuple):
    """One thing that is wrong. A warning never refuses an object."""

    message: str
    paths: tuple[str, ...] = ()
    details: str = ""
    warning: bool = False

    def __str__(self) -> str:
        details = f"\n{self.details}" if self.details else ""
        return f"{self.message}: {', '.join(self.paths)}{details}"


def within(prefix: str, problems: Iterable[Problem]) -> Iterator[Problem]:
    """The same problems, seen from outside of the field `prefix` (`spec`, `containers[0]`, `[3]`, ...)."""
    return (p._replace(paths=tuple(join(prefix, path) for path in p.paths)) for p in problems)


def join(prefix: str, path: str) -> str:
    """`containers` + `[0].name` is `containers[0].name`."""
    steps: list[str] = []
    for step in f"{prefix}.{path}".split("."):
        if steps and step.startswith("[") and step.endswith("]"):
            steps[-1] += step
        elif step:
            steps.append(step)
    return ".".join(steps)


def merged(problems: Iterable[Problem]) -> list[Problem]:
    """Problems as they are told: equal ones as one, sorted."""
    paths: dict[tuple[str, str, bool], set[str]] = {}
    for problem in problems:
        paths.setdefault((problem.message, problem.details, problem.warning), set()).update(problem.paths)
    return [
        Problem(message, tuple(sorted(where)), details, warning)
        for (message, details, warning), where in sorted(paths.items())
    ]


def missing_field(*paths: str) -> Problem:
    return Problem("missing field(s)", paths)


def disallowed_fields(*paths: str) -> Problem:
    return Problem("must not set the field(s)", paths)


def invalid_value(value: Any, path: str, details: str = "") -> Problem:
    return Problem(f"invalid value: {value}", (path,), details)


def out_of_bounds(value: Any, low: Any, high: Any, path: str) -> Problem:
    return Problem(f"expected {low} <= {value} <= {high}", (path,))


def missing_one_of(*paths: str) -> Problem:
    return Problem("expected exactly one, got neither", paths)


def multiple_one_of(*paths: str) -> Problem:
    return Problem("expected exactly one, got both", paths)


def invalid_key_name(key: str, path: str, details: str = "") -> Problem:
    return Problem(f"invalid key name {quote(key)}", (path,), details)
