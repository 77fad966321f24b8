"""docs/fidelity.md, made from the comparisons, the settings and the vocabulary: `make fidelity PAGE=1` writes it."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from emulator.core.config import SETTINGS
from emulator.core.config_defaults import FEATURES
from emulator.core.settings import Setting, rows
from emulator.core.vocabulary import CONFIG_MAPS_NOT_READ, KNOWN
from fidelity import COMPARISONS
from fidelity.comparison import Comparison
from fidelity.falsify import places
from fidelity.params import CONSTANTS_NOT_EMULATED
from fidelity.report import Result
from fidelity.vectors import TESTS, recorded

PAGE = TESTS.parent / "docs" / "fidelity.md"

_INTRODUCTION = """\
# Fidelity

What the emulator decides is compared with what Knative's own Go code decided:
{source}. `make fidelity` runs the comparison, and writes this page with
`PAGE=1`; `VECTORS=/folder make fidelity` compares with other vectors of the same form. The code that is compared is the
code that runs.
"""
_DIFFERENCES = """\
There is no case in which the emulator is known to differ, but for those in which the reference itself crashes
(`reference_panics`: a rollout that shrinks below the revision in its middle); there it goes on.

What the vectors' own notes leave out of the comparison, and what has no counterpart:
"""
_KEYS = """\
A key of a ConfigMap is read and checked as Knative does; where it has no effect, any value but its default is refused.
An annotation that has no effect gets a warning."""
#: What can't be in the vectors.
_BEYOND = (
    "A ConfigMap's number that is NaN or infinite is refused; Knative takes it, and nothing can be counted with it.",
    "Of Go templates there are fields, pipes, if and the functions and, or, not, eq, ne, index, len, print, printf.",
    "Where more waiting requests are woken than slots came free, Go's scheduler chooses; here the first come first.",
)


def page(results: list[Result]) -> str:
    source = recorded("autoscaler")["source"].partition(",")
    commit = f"{source[0]}," + source[2].partition(", run")[0]
    return "\n".join(
        (
            _INTRODUCTION.format(source=commit),
            "| file | list | cases | agreed | values compared |",
            "| --- | --- | ---: | ---: | ---: |",
            *(_row(result) for result in results),
            "",
            "## Known differences",
            "",
            _DIFFERENCES,
            *(f"- {line}" for line in _left_out()),
            "",
            "Beyond what the vectors can hold:",
            "",
            *(f"- {line}" for line in _BEYOND),
            "",
            "## Not emulated",
            "",
            _KEYS,
            "",
            "| where | key | why |",
            "| --- | --- | --- |",
            *(f"| {where} | `{key}` | {why} |" for where, key, why in _not_emulated()),
            "",
        )
    )


def write(results: list[Result]) -> Path:
    PAGE.write_text(page(results))
    return PAGE


def _row(result: Result) -> str:
    of = result.comparison
    agreed = result.cases - result.differing
    return f"| {of.file}.json | {of.part} | {result.cases} | {agreed} | {_values(of)} |"


def _values(comparison: Comparison) -> int:
    return sum(not comparison.ignored(case, path) for case in comparison.cases() for path in places(comparison, case))


def _left_out() -> Iterator[str]:
    for comparison in COMPARISONS:
        found: dict[str, int] = {}
        for case in comparison.cases():
            for path in places(comparison, case):
                if why := comparison.ignored(case, path):
                    found[why] = found.get(why, 0) + 1
        for why, count in found.items():
            yield f"{comparison.file}.json, {comparison.part}: {why} ({count} values)"


def _not_emulated() -> Iterator[tuple[str, str, str]]:
    settings: list[tuple[str, Setting]] = [(name, row) for name, of in SETTINGS.items() for _, row in rows(of)]
    settings += [("config-features", row) for row in FEATURES]
    for name, row in settings:
        if row.not_emulated:
            yield name, row.key, row.not_emulated
    for name, keys in CONFIG_MAPS_NOT_READ.items():
        for why, alike in groupby(keys, keys.__getitem__):
            yield name, "`, `".join(alike), why
    for known in KNOWN:
        if known.not_emulated:
            yield known.kind, known.key[0], known.not_emulated
    for key, why in CONSTANTS_NOT_EMULATED.items():
        yield "constant", key, why
