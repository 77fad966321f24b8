"""Results as a picture; needs matplotlib, which is an extra (`charts`) as nothing else here does."""

from collections.abc import Callable, Sequence
from pathlib import Path

from emulator.errors import MachineError
from emulator.simulation.result import Result, Second, columns, percentile

#: Columns of a chart over time.
COLUMNS = 120
#: What is drawn of each second, from above: what it is, and how it is read.
ROWS: Sequence[tuple[str, Callable[[Second], float]]] = (
    ("requests/s", lambda it: it.offered),
    ("instances", lambda it: it.instances),
    ("waiting", lambda it: it.waiting),
    ("cores used", lambda it: it.cores),
)


def draw(results: Sequence[Result], file: Path) -> None:
    """Write a PNG, a line for each result. Raises MachineError without matplotlib, OSError."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - half a second, and not there by default
    except ImportError as error:
        raise MachineError("a PNG needs matplotlib: .venv/bin/pip install -e '.[charts]', or write .html") from error
    figure = Figure(figsize=(11, 12), layout="constrained")
    axes = figure.subplots(len(ROWS) + 1, sharex=True)
    for result in results:
        for axis, (title, value) in zip(axes, ROWS, strict=False):
            axis.step([it.at for it in result.series], [value(it) for it in result.series], label=result.title)
            axis.set_ylabel(title)
        cut = [column for column in columns(result, COLUMNS) if column.latencies]
        axes[-1].plot([it.end for it in cut], [percentile(it.latencies, 99) for it in cut], label=result.title)
    axes[-1].set_ylabel("p99, s")
    axes[-1].set_xlabel("s")
    for axis in axes:
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(file, format="png", dpi=100)
