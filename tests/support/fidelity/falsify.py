"""Each way to change one expected value of a case, to see that the comparison notices."""

from collections.abc import Iterator
from typing import Any

from fidelity.comparison import Case, Comparison, Path


def places(comparison: Comparison, case: Case) -> Iterator[Path]:
    """The paths of all values in the outputs of a case."""
    for output in comparison.outputs:
        for path in _found(case, output.split(".") if output else []):
            yield from _leaves(_at(case, path), path)


def unnoticed(comparison: Comparison, case: Case, paths: list[Path]) -> list[Path]:
    """Those of `paths` at which another value makes no difference."""
    if comparison.peeks:
        return [path for path in paths if not any(comparison.differences(falsified(case, path)))]
    got = comparison.got(case)
    return [path for path in paths if not any(comparison.against(falsified(case, path), got))]


def falsified(value: Any, path: Path) -> Any:
    """A copy with another value at `path`."""
    if not path:
        return _other(value)
    key, *rest = path
    copy = value.copy()
    copy[key] = falsified(value[key], tuple(rest))
    if not rest and str(key).endswith("_ns"):
        copy[key] = value[key] + 10_000  # times may differ by a microsecond
    return copy


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    return {"x": "x"} if isinstance(value, dict) else ["x"]


def _found(value: Any, names: list[str]) -> Iterator[Path]:
    if not names:
        yield ()
    elif isinstance(value, list) and not names[0].isdecimal():
        for index, each in enumerate(value):
            yield from ((index, *path) for path in _found(each, names))
    elif isinstance(value, list) or names[0] in value:
        key = int(names[0]) if isinstance(value, list) else names[0]
        yield from ((key, *path) for path in _found(value[key], names[1:]))


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _leaves(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict | list) and value:
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _leaves(value[key], (*path, key))
    else:
        yield path
