"""A result for a terminal: figures, small charts in blocks, and the reason of each step."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from emulator.drawing.page import duration
from emulator.simulation.result import LOST, Column, Result, Second, columns, percentile
from emulator.simulation.sweep import cost

#: Eighths of a character cell.
_BLOCKS = " ▁▂▃▄▅▆▇█"
#: Columns of a chart.
WIDTH = 72
#: Steps that are listed; more are in the page and in the JSON.
STEPS = 40


def report(result: Result) -> Iterator[str]:
    """The lines of one result."""
    yield from table(
        [["", result.title], *([name, figure] for name, figure in zip(FIGURES, figures(result), strict=True))]
    )
    yield ""
    yield from _charts(result)
    steps = result.steps
    if steps:
        yield ""
        rows = [[f"{row.t:.1f} s", f"{before} -> {row.wanted}", row.reason] for before, row in steps[:STEPS]]
        yield from table([["at", "wanted", "why"], *rows])
    if len(steps) > STEPS:
        yield f"and {len(steps) - STEPS} more steps"


def comparison(results: Sequence[Result]) -> Iterator[str]:
    """The lines of several results side by side."""
    yield from table(
        [
            ["", *(result.title for result in results)],
            *([name, *row] for name, *row in zip(FIGURES, *map(figures, results), strict=True)),
        ]
    )
    for result in results:
        yield f"\n{result.title}"
        yield from _charts(result)


def sweep(results: Sequence[Result]) -> Iterator[str]:
    """A line for each of several results."""
    rows = [["", "instances", "mean", "instance-s", "core-s used", "core-s promised", "p50", "p99", "lost"]]
    for result in results:
        found = dict(zip(FIGURES, figures(result), strict=True))
        names = ("instances, most", "instances, mean", "instance-seconds", "core-seconds used", "core-seconds promised")
        rows.append([result.title, *(found[name] for name in (*names, "latency p50", "p99", "lost"))])
    yield from table(rows)


def verdict(best: Result | None, p99: float) -> str:
    """Which of those that were swept is the cheapest, in a sentence."""
    wanted = f"answers 99 % within {p99:g} s and loses nothing"
    if best is None:
        return f"none {wanted}"
    spent, unit = cost(best)
    return f"the cheapest that {wanted}: {best.title} ({spent:.0f} {unit}, p99 {duration(best.latency(99))})"


FIGURES = (
    "requests",
    "answered",
    "lost",
    "latency p50",
    "p90",
    "p95",
    "p99",
    "slowest",
    "instances, most",
    "instances, mean",
    "waiting, most",
    "instance-seconds",
    "core-seconds used",
    "core-seconds promised",
    "watched",
)


def figures(result: Result) -> list[str]:
    """In the order of FIGURES."""
    found = result.requests.latencies()
    latencies = [duration(percentile(found, percent)) if found else "-" for percent in (50, 90, 95, 99, 100)]
    kinds = ", ".join(f"{count} x {LOST[status]}" for status, count in sorted(result.lost.items()))
    return [
        str(result.offered),
        str(result.answered),
        f"{result.lost.total()}" + (f" ({kinds})" if kinds else ""),
        *latencies,
        str(result.most_instances),
        f"{result.mean_instances:.2f}",
        str(result.most_waiting),
        f"{result.instance_seconds:.0f}",
        f"{result.core_seconds:.1f}" if result.core_seconds else "-",
        f"{result.promised_core_seconds:.0f}" if result.promised_core_seconds else "-",
        f"{result.seconds:.0f} s, of which {result.load_seconds:.0f} s load",
    ]


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows in columns, left-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _charts(result: Result) -> Iterator[str]:
    cut = columns(result, WIDTH)

    def seconds(value: Callable[[Second], float]) -> list[float]:
        return [max(value(it) for it in result.series[int(c.begin) : int(c.end)]) for c in cut]

    def spans(value: Callable[[Column], float]) -> list[float]:
        return [value(column) for column in cut]

    yield from chart("instances", seconds(lambda it: it.instances), height=4)
    yield from chart("requests/s", spans(lambda it: it.offered / (it.end - it.begin)))
    yield from chart("waiting", seconds(lambda it: it.waiting))
    yield from chart("p99", spans(lambda it: percentile(it.latencies, 99) if it.latencies else 0.0), unit=duration)
    if result.lost:
        yield from chart("lost/s", spans(lambda it: sum(it.answers[s] for s in LOST) / (it.end - it.begin)))
    if result.core_seconds:
        yield from chart("cores used", seconds(lambda it: it.cores))
    width = len(cut)
    end = f"{result.seconds:.0f} s"
    yield f"{'':19} 0{end:>{max(width - 1, len(end))}}"


def chart(
    title: str,
    values: Sequence[float],
    *,
    height: int = 1,
    unit: Callable[[float], str] = lambda value: f"{value:.0f}" if value >= 100 else f"{value:.3g}",
) -> Iterable[str]:
    """Columns of blocks, `height` lines high; the highest value is named."""
    top = max(values, default=0.0)
    lines = []
    for row in reversed(range(height)):
        cells = (_cell(value / top * height - row if top else 0.0) for value in values)
        lines.append("".join(cells))
    heads = [f"{title:11} {unit(top):>7}", *[""] * (height - 1)]
    return [f"{head:19} {line}".rstrip() for head, line in zip(heads, lines, strict=True)]


def _cell(filled: float) -> str:
    """A character cell that is filled so far; anything at all is seen."""
    eighths = min(max(filled, 0.0), 1.0) * 8
    return _BLOCKS[max(round(eighths), eighths > 0)]
