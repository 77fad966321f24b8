"""The page: one file of HTML that fetches nothing, so that it can be kept, sent and opened anywhere."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emulator.drawing import page as drawing
from emulator.drawing.charts import Chart, Point, stairs
from emulator.drawing.page import PERCENTILES, decisions, duration, figure, section, thin
from emulator.simulation.result import percentile
from loadtest.ledger import Outcome, Reconciliation
from loadtest.series import KINDS, Column, columns, kind
from loadtest.watch import Sample, Step, steps


@dataclass(frozen=True, slots=True)
class Run:
    """All that the page tells.

    Attributes:
        title: what was done, in a few words.
        subtitle: under which conditions.
        seconds: how long it was watched.
        moments: when each request was meant to begin, in order.
        outcomes: what became of them.
        samples: what the emulator said of itself; none where there is no emulator.
        reconciliation: whether both agree.
        noun: what the requests are.
    """

    title: str
    subtitle: str
    seconds: float
    moments: Sequence[float]
    outcomes: Sequence[Outcome]
    samples: Sequence[Sample]
    reconciliation: Reconciliation
    noun: str = "logins"


def page(run: Run) -> str:
    """The whole page."""
    cut = columns(run.moments, run.outcomes, run.seconds)
    figures = [_offered(run, cut), _answered(run, cut)]
    sections = [_outcomes(run), _counts(run)]
    if run.samples:
        found = steps(run.samples)
        figures.append(_instances(run, found))
        sections.insert(0, decisions((it.at, it.before, it.after, it.reason) for it in found))
    figures += [_queue(run, cut), _latency(run, cut)]
    said = verdict(run.reconciliation, run.noun)
    return drawing.page(run.title, run.subtitle, said, tiles=_tiles(run), figures=figures, sections=sections)


def verdict(found: Reconciliation, noun: str) -> tuple[str, str]:
    """The reconciliation in a sentence, and `bad` where it is."""
    if found.lost:
        return f"{found.lost} of {found.offered} {noun} were lost.", "bad"
    if not found.balanced:
        return f"The instances count {found.served} answers, and the clients have {found.seen}.", "bad"
    return f"None of {found.offered} {noun} was lost.", ""


def _tiles(run: Run) -> Iterable[tuple[str, str]]:
    yield "lost", str(run.reconciliation.lost)
    done = sum(kind(outcome.status) == "ok" for outcome in run.outcomes)
    yield f"{'logged in' if run.noun == 'logins' else 'answered 2xx or 3xx'}, of {len(run.moments)}", str(done)
    if latencies := sorted(outcome.latency for outcome in run.outcomes):
        first = min(outcome.ended for outcome in run.outcomes) - run.moments[0]
        yield "first arrival to first answer", duration(first)
        yield "half of them answered within", duration(percentile(latencies, 50))
        yield "99 % answered within", duration(percentile(latencies, 99))
    if run.samples:
        yield "most instances ready", str(max(sample.ready for sample in run.samples))


def _offered(run: Run, cut: Sequence[Column]) -> str:
    rates = [(it.begin, it.offered / (it.end - it.begin)) for it in cut]
    chart = Chart(f"{run.noun} offered per second", run.seconds, max(rate for _, rate in rates))
    chart.area("offered", stairs(rates, cut[-1].end))
    chart.line("offered", stairs(rates, cut[-1].end))
    chart.point_at(((it.begin, it.end), _note(it, [f"{it.offered} came"])) for it in cut)
    return figure(f"Offered: {run.noun} per second that were meant to begin", [], chart)


def _answered(run: Run, cut: Sequence[Column]) -> str:
    chart = Chart("answers per second", run.seconds, max(it.answers.total() / (it.end - it.begin) for it in cut))
    for column in cut:
        bottom = 0.0
        for name in filter(column.answers.get, KINDS):
            top = bottom + column.answers[name] / (column.end - column.begin)
            chart.bar(name, (column.begin, column.end), bottom, top)
            bottom = top
    chart.point_at(
        ((it.begin, it.end), _note(it, [f"{count} x {KINDS[kind]}" for kind, count in it.answers.items()]))
        for it in cut
    )
    seen = {kind for column in cut for kind in column.answers}
    return figure("Answered, per second", [(kind, words) for kind, words in KINDS.items() if kind in seen], chart)


def _instances(run: Run, found: Sequence[Step]) -> str:
    samples = run.samples
    chart = Chart("instances", run.seconds, max(max(s.wanted, s.ready) for s in samples), whole=True)
    chart.area("ready", stairs([(s.at, s.ready) for s in samples], run.seconds))
    chart.line("ready", stairs([(s.at, s.ready) for s in samples], run.seconds))
    chart.line("wanted", stairs([(s.at, s.wanted) for s in samples], run.seconds))
    for number, step in enumerate(found, 1):
        chart.mark((step.at, step.after), str(number), f"{step.at:.1f} s: {step.before} to {step.after}. {step.reason}")
    return figure("Instances", [("wanted thin", "wanted, with the decisions below"), ("ready", "ready")], chart)


def _queue(run: Run, cut: Sequence[Column]) -> str:
    waiting = [(sample.at, float(sample.waiting)) for sample in run.samples]
    opened = [(0.0, 0.0), *((column.end, float(column.open)) for column in cut)]
    chart = Chart(f"{run.noun} in hand", run.seconds, max(value for _, value in [*waiting, *opened]), whole=True)
    keys = [("open thin", "come, and not answered yet")]
    chart.line("open", opened)
    if waiting:
        chart.area("waiting", waiting)
        chart.line("waiting", waiting)
        keys.append(("waiting", "of those, waiting for an instance or for room in one"))
    chart.point_at(((it.begin, it.end), _note(it, [f"{it.open} open at its end"])) for it in cut)
    return figure(f"{run.noun.capitalize()} in hand", keys, chart)


def _latency(run: Run, cut: Sequence[Column]) -> str:
    answered = [column for column in cut if column.latencies]
    lines: dict[str, list[Point]] = {
        name: [((it.begin + it.end) / 2, percentile(it.latencies, percent)) for it in answered]
        for name, percent in PERCENTILES.items()
    }
    chart = Chart("latency in seconds", run.seconds, max((value for _, value in lines["p99"]), default=0.0))
    for name in reversed(PERCENTILES):
        chart.line(name, lines[name])
    chart.point_at(
        (
            (it.begin, it.end),
            _note(it, [f"{name} {duration(percentile(it.latencies, q))}" for name, q in PERCENTILES.items()]),
        )
        for it in answered
    )
    return figure("Seconds from the moment that was meant, by when the answer was there", thin(PERCENTILES), chart)


def _outcomes(run: Run) -> str:
    found: dict[tuple[int, str], list[float]] = defaultdict(list)
    for outcome in run.outcomes:
        found[outcome.status, outcome.error].append(outcome.latency)
    rows = []
    for (status, error), latencies in sorted(found.items()):
        latencies.sort()
        words = " ".join(filter(None, [str(status) if status else "no status", error]))
        share = f"{100 * len(latencies) / len(run.moments):.1f} %"
        timing = (duration(percentile(latencies, percent)) for percent in (50, 99, 100))
        rows.append((words, str(len(latencies)), share, *timing))
    return section("Outcomes by status", ("status", run.noun, "share", "p50", "p99", "slowest"), rows, numeric=5)


def _counts(run: Run) -> str:
    found = run.reconciliation
    counts = [
        (f"{run.noun} that were meant to be", found.offered),
        ("ended without an HTTP status", found.silent),
        ("answered 200, but no such session of the person is in the database", found.absent),
        ("answers of instances that clients have", found.seen),
        ("answers of instances that the emulator counts", found.served),
    ]
    rows = [(words, str(count)) for words, count in counts if count is not None]
    return section("Reconciliation", ("count", run.noun), rows, numeric=1)


def _note(column: Column, words: Iterable[str]) -> str:
    return f"{column.begin:g} to {column.end:g} s: {', '.join(words)}"
