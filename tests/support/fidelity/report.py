"""What `make fidelity` prints: each file of vectors with its cases, those that agree, and the first that does not."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from fidelity import COMPARISONS
from fidelity.comparison import Comparison
from fidelity.vectors import folder, names


@dataclass(frozen=True)
class Result:
    """What became of one comparison; `first` is the first difference, with its case."""

    comparison: Comparison
    cases: int
    differing: int
    first: str


def compared(comparison: Comparison) -> Result:
    differing, first = 0, ""
    for number, case in enumerate(comparison.cases()):
        difference = next(comparison.differences(case), "")
        if difference:
            differing += 1
            first = first or f"{comparison.name(number, case)}: {difference}"
    return Result(comparison, number + 1, differing, first)


def lines(results: list[Result]) -> Iterator[str]:
    """The results as text, a line each, and below it the first difference."""
    yield f"{'file':<16}{'list':<20}{'cases':>7}{'agreed':>8}{'differing':>11}"
    for result in results:
        of = result.comparison
        agreed = result.cases - result.differing
        yield f"{of.file + '.json':<16}{of.part:<20}{result.cases:>7}{agreed:>8}{result.differing:>11}"
        if result.first:
            yield f"    {result.first}"
    total, differing = sum(result.cases for result in results), sum(result.differing for result in results)
    yield f"{'':<16}{'':<20}{total:>7}{total - differing:>8}{differing:>11}"


def main() -> int:
    """Compare all; the status says whether all agreed."""
    print(f"Knative's decisions as recorded in {folder()}, and the emulator's:")
    results = [compared(comparison) for comparison in COMPARISONS]
    print("\n".join(lines(results)))
    if os.environ.get("PAGE"):
        from fidelity.page import write  # noqa: PLC0415 - it is made of what is here

        print(f"Wrote {write(results)}.")
    if unknown := names() - {comparison.file for comparison in COMPARISONS}:
        print(f"No comparison reads {', '.join(sorted(unknown))}.")
    return 1 if unknown or any(result.differing for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
