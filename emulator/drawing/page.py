"""The page: one file of HTML that fetches nothing, so that it can be kept, sent and opened anywhere."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

from emulator.drawing.charts import Chart

TEMPLATE = Path(__file__).with_name("page.html")
#: The lines of a chart of latencies.
PERCENTILES = {"p50": 50, "p90": 90, "p99": 99}


def page(
    title: str,
    subtitle: str,
    verdict: tuple[str, str],
    *,
    tiles: Iterable[tuple[str, str]],
    figures: Iterable[str],
    sections: Iterable[str],
) -> str:
    """All of it. `verdict` is a sentence, and `bad` where it is one; tiles are a name and a figure."""
    said, css = verdict
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        subtitle=escape(subtitle),
        verdict=escape(said),
        verdict_class=css,
        tiles="".join(f'<div class="tile"><b>{escape(v)}</b><span>{escape(k)}</span></div>' for k, v in tiles),
        figures="\n".join(figures),
        sections="\n".join(sections),
    )


def figure(title: str, keys: Iterable[tuple[str, str]], chart: Chart) -> str:
    """A chart under its title; keys are classes of page.html, and what they stand for."""
    legend = "".join(
        f'<span class="key {css.split()[0]}"><i class="{" ".join(css.split()[1:])}"></i>{escape(words)}</span>'
        for css, words in keys
    )
    return f"<figure><figcaption><h2>{escape(title)}</h2>{legend}</figcaption>{chart.svg()}</figure>"


def section(title: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, numeric: int) -> str:
    """A table of which so many columns after the first are numbers."""

    def cells(tag: str, row: Sequence[str]) -> str:
        openings = (f'<{tag} class="n">' if 1 <= index <= numeric else f"<{tag}>" for index in range(len(row)))
        return "".join(f"{opening}{escape(cell)}</{tag}>" for opening, cell in zip(openings, row, strict=True))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f'<section><h2>{escape(title)}</h2><div class="scroll"><table>'
        f"<thead><tr>{cells('th', head)}</tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def decisions(steps: Iterable[tuple[float, int, int, str]]) -> str:
    """A table of steps: when, from how many, to how many, and why."""
    rows = [(str(number), f"{at:.1f} s", f"{a} → {b}", why) for number, (at, a, b, why) in enumerate(steps, 1)]
    return section("What the autoscaler decided, and why", ("", "at", "wanted", "reason"), rows, numeric=2)


def thin(names: Iterable[str]) -> list[tuple[str, str]]:
    """Keys of lines that are named as their classes."""
    return [(f"{name} thin", name) for name in names]


def duration(seconds: float) -> str:
    """As people say it."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
