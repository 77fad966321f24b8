"""Results as a page of charts."""

from collections.abc import Iterator, Sequence

from emulator.drawing import page as drawing
from emulator.drawing.charts import Chart, Point, stairs
from emulator.drawing.page import PERCENTILES, decisions, duration, figure, section, thin
from emulator.simulation.result import LOST, Result, columns, percentile
from emulator.simulation.terminal import FIGURES, figures

#: Columns of a chart over time.
COLUMNS = 120
#: Steps that are marked in a chart; all are in the table.
MARKS = 30


def page(results: Sequence[Result], subtitle: str, said: str) -> str:
    """One page of one or several results; `said` is the verdict of a sweep, if there is one."""
    first = results[0]
    tiles = [] if len(results) > 1 else _tiles(first)
    sections = [
        section(
            "Figures",
            ("", *(result.title for result in results)),
            list(zip(FIGURES, *map(figures, results), strict=True)),
            numeric=len(results),
        )
    ]
    drawn = results if len(results) <= 2 else ()
    sections += [decisions((row.t, before, row.wanted, row.reason) for before, row in result.steps) for result in drawn]
    lost = sum(result.lost.total() for result in results)
    verdict = said or (f"{lost} requests were lost." if lost else "No request was lost.")
    title = (
        "Simulation of " + " and ".join(result.title for result in results[:2]) + ("" if len(results) < 3 else " ...")
    )
    shown = [each for result in drawn for each in _figures(result, f"{result.title}: " if len(drawn) > 1 else "")]
    return drawing.page(
        title, subtitle, (verdict, "bad" if lost and not said else ""), tiles=tiles, figures=shown, sections=sections
    )


def _tiles(result: Result) -> list[tuple[str, str]]:
    found = dict(zip(FIGURES, figures(result), strict=True))
    return [
        ("lost", str(result.lost.total())),
        ("requests", found["requests"]),
        ("half answered within", found["latency p50"]),
        ("99 % answered within", found["p99"]),
        ("most instances", found["instances, most"]),
        ("instance-seconds", found["instance-seconds"]),
        ("core-seconds used", found["core-seconds used"]),
    ]


def _figures(result: Result, of: str) -> Iterator[str]:
    end, series, cut = result.seconds, result.series, columns(result, COLUMNS)
    widths = [column.end - column.begin for column in cut]
    offered: list[Point] = [(it.begin, it.offered / width) for it, width in zip(cut, widths, strict=True)]
    chart = Chart("requests per second", end, max(rate for _, rate in offered))
    chart.area("offered", stairs(offered, end))
    chart.line("offered", stairs(offered, end))
    yield figure(f"{of}requests per second", [], chart)

    chart = Chart("instances", end, max(max(it.instances, it.wanted) for it in series), whole=True)
    ready: list[Point] = [(it.at - 1, it.ready) for it in series]
    chart.area("ready", stairs(ready, end))
    chart.line("ready", stairs(ready, end))
    chart.line("wanted", stairs([(it.at - 1, it.wanted) for it in series], end))
    for number, (before, row) in enumerate(result.steps[:MARKS], 1):
        chart.mark((row.t, row.wanted), str(number), f"{row.t:.1f} s: {before} to {row.wanted}. {row.reason}")
    yield figure(f"{of}instances", [("wanted thin", "wanted, with the decisions below"), ("ready", "ready")], chart)

    chart = Chart("requests in hand", end, max(it.open for it in series), whole=True)
    chart.line("open", [(it.at, it.open) for it in series])
    chart.area("waiting", [(it.at, it.waiting) for it in series])
    chart.line("waiting", [(it.at, it.waiting) for it in series])
    keys = [("open thin", "come, and not answered yet"), ("waiting", "of those, waiting for room in an instance")]
    yield figure(f"{of}requests in hand", keys, chart)

    answered = [column for column in cut if column.latencies]
    chart = Chart("latency in seconds", end, max((percentile(it.latencies, 99) for it in answered), default=0.0))
    for name, percent in reversed(PERCENTILES.items()):
        chart.line(name, [((it.begin + it.end) / 2, percentile(it.latencies, percent)) for it in answered])
    chart.point_at(
        (
            (it.begin, it.end),
            f"{it.begin:g} to {it.end:g} s: "
            + ", ".join(f"{name} {duration(percentile(it.latencies, q))}" for name, q in PERCENTILES.items()),
        )
        for it in answered
    )
    yield figure(f"{of}seconds to an answer, by when it came", thin(PERCENTILES), chart)

    if result.lost:
        lost: list[Point] = [
            (it.begin, sum(it.answers[status] for status in LOST) / width)
            for it, width in zip(cut, widths, strict=True)
        ]
        chart = Chart("lost per second", end, max(rate for _, rate in lost))
        chart.area("lost", stairs(lost, end))
        chart.line("lost", stairs(lost, end))
        yield figure(f"{of}lost per second", [], chart)
    if result.core_seconds:
        chart = Chart("cores in use", end, max(it.cores for it in series))
        chart.area("ok", stairs([(it.at - 1, it.cores) for it in series], end))
        chart.line("ok", stairs([(it.at - 1, it.cores) for it in series], end))
        yield figure(f"{of}cores in use", [], chart)
