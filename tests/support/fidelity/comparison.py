"""What a comparison is: a list of cases, what they expect, and what the emulator makes of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from fidelity.vectors import recorded

Case = Any
Path = tuple[str | int, ...]
WHOLE = ""

#: Floats may differ by this (README.md of the vectors).
TOLERANCE = 1e-6

_ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "nothing"})()


@dataclass(frozen=True)
class Comparison:
    """The cases in the list `part` of a file.

    `replay` runs the emulator's code on a case, which it gets without its `outputs`, and says what came out in the
    words of the file. The outputs (`steps.out` is the `out` of each of the `steps`) are what should have; `expected`
    puts them into the form of `replay` where the notes of the file leave something out. `ignored` says, for the path
    of a value in them, why it need not be the same. Where the output is the WHOLE list (or object) it is one case.
    """

    file: str
    part: str
    replay: Callable[[Case], Any]
    outputs: tuple[str, ...]
    expected: Callable[[Case], Any] | None = None
    ignored: Callable[[Case, Path], str] = lambda case, path: ""
    #: Whether `replay` has to see the outputs too.
    peeks: bool = False

    def cases(self) -> list[Case]:
        cases = recorded(self.file)[self.part]
        return [cases] if WHOLE in self.outputs else cases

    def name(self, number: int, case: Case) -> str:
        """How a case is called in the words of a difference."""
        name = case.get("name", "") if isinstance(case, Mapping) else ""
        return f"{self.file}.json {self.part}[{number}]" + (f" {name!r}" if name else "")

    def wanted(self, case: Case) -> Any:
        if self.expected:
            return self.expected(case)
        return {key: case[key] for key in self.outputs if key in case}

    def got(self, case: Case) -> Any:
        """What the emulator says. Raises whatever goes wrong."""
        inputs = case
        for output in () if self.peeks else self.outputs:
            inputs = None if output == WHOLE else without(inputs, output.split("."))
        return self.replay(inputs)

    def differences(self, case: Case) -> Iterator[str]:
        """Where the emulator says something else than a case, in words."""
        try:
            got = self.got(case)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is one difference, and the others are told too
            yield f"nothing came out: {type(error).__name__}: {error}"
        else:
            yield from self.against(case, got)

    def against(self, case: Case, got: Any) -> Iterator[str]:
        """Where a case expects something else than what came out."""
        try:
            wanted = self.wanted(case)
        except Exception as error:  # noqa: BLE001 - an expectation that is not of the form is not met
            yield f"what was recorded can't be read: {type(error).__name__}: {error}"
        else:
            yield from differences(wanted, got)


def without(value: Any, path: list[str]) -> Any:
    """A copy of `value` that lacks what is at `path`; lists on the way have it in each of their members."""
    if isinstance(value, list) and not path[0].isdecimal():
        return [without(each, path) for each in value]
    if isinstance(value, list):
        return value[: int(path[0])]
    if path[0] not in value:
        return value
    if len(path) == 1:
        return {key: each for key, each in value.items() if key != path[0]}
    return value | {path[0]: without(value[path[0]], path[1:])}


def differences(want: Any, got: Any, path: str = "") -> Iterator[str]:
    """Each leaf in which two documents differ."""
    if isinstance(want, Mapping) and isinstance(got, Mapping):
        for key in sorted(want.keys() | got.keys()):
            yield from differences(want.get(key, _ABSENT), got.get(key, _ABSENT), f"{path}.{key}" if path else str(key))
    elif isinstance(want, list | tuple) and isinstance(got, list | tuple):
        for index, (one, other) in enumerate(zip_longest(want, got, fillvalue=_ABSENT)):
            yield from differences(one, other, f"{path}[{index}]")
    elif not same(want, got):
        yield f"{path}: recorded {want!r}, here {got!r}"


def same(want: Any, got: Any) -> bool:
    """Whole numbers, booleans and texts exactly, floats within the tolerance."""
    if isinstance(want, bool) or isinstance(got, bool):
        return want is got
    if isinstance(want, float | int) and isinstance(got, float | int):
        exact = isinstance(want, int) and isinstance(got, int)
        return bool(want == got or (not exact and abs(want - got) <= TOLERANCE))
    return bool(want == got)
