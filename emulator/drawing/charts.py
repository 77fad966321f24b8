"""Series as SVG, drawn in classes of page.html, so that the page's colours are theirs in light and dark."""

from collections.abc import Iterable, Sequence
from html import escape
from math import floor, log10

WIDTH, HEIGHT = 960, 190
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 24
#: Grid lines of an axis, about.
TICKS = 4

Point = tuple[float, float]


def nice(top: float, ticks: int = TICKS) -> float:
    """A distance between grid lines that people count in: 1, 2 or 5 times a power of ten, about `ticks` to `top`."""
    rough = max(top, 1e-9) / ticks
    power = 10.0 ** floor(log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough)


class Chart:
    """One picture over time. Draw into it, then `svg`.

    Args:
        label: what it shows, for those who can't see it.
        seconds: length of the time axis.
        top: greatest value; the axis ends at the grid line above.
        whole: values are counts, so no grid line is between two of them.
    """

    def __init__(self, label: str, seconds: float, top: float, *, whole: bool = False) -> None:
        self._label = label
        self._seconds = seconds
        self._step = max(nice(top), 1.0 if whole else 0.0)
        self._top = self._step * max(1, -(-top // self._step))
        self._parts: list[str] = []
        self._axes()

    def area(self, css: str, points: Sequence[Point], base: Sequence[Point] = ()) -> None:
        """Fill between points and a base, which is zero by default."""
        below = [self._at(t, v) for t, v in base] or [self._at(t, 0) for t in (points[0][0], points[-1][0])]
        path = "L".join([*(self._at(t, v) for t, v in points), *reversed(below)])
        self._parts.append(f'<path class="area {css}" d="M{path}Z"/>')

    def line(self, css: str, points: Sequence[Point]) -> None:
        """Straight from point to point."""
        if points:
            self._parts.append(f'<path class="line {css}" d="M{"L".join(self._at(t, v) for t, v in points)}"/>')

    def bar(self, css: str, span: Point, bottom: float, top: float) -> None:
        """A bar between two times and two values."""
        left, right = (self._x(t) for t in span)
        gap = min(1.0, (right - left) / 4)
        y, height = self._y(top), self._y(bottom) - self._y(top)
        self._parts.append(
            f'<rect class="bar {css}" x="{left + gap / 2:.1f}" y="{y:.1f}" '
            f'width="{right - left - gap:.1f}" height="{height:.1f}"/>'
        )

    def mark(self, at: Point, text: str, title: str) -> None:
        """A small numbered disc, which says more when it is pointed at."""
        x, y = self._x(at[0]), self._y(at[1])
        self._parts.append(
            f'<g class="mark"><title>{escape(title)}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="8"/>'
            f'<text x="{x:.1f}" y="{y + 3.5:.1f}">{escape(text)}</text></g>'
        )

    def point_at(self, notes: Iterable[tuple[Point, str]]) -> None:
        """What is said where a span of time is pointed at."""
        for (begin, end), text in notes:
            x = self._x(begin)
            self._parts.append(
                f'<rect class="hot" x="{x:.1f}" y="{TOP}" width="{self._x(end) - x:.1f}" '
                f'height="{HEIGHT - TOP - BOTTOM}"><title>{escape(text)}</title></rect>'
            )

    def svg(self) -> str:
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self._label)}">'
            f"{''.join(self._parts)}</svg>"
        )

    def _axes(self) -> None:
        for number in range(round(self._top / self._step) + 1):
            value = number * self._step
            y = self._y(value)
            self._parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            self._parts.append(f'<text class="tick y" x="{LEFT - 8}" y="{y + 4:.1f}">{value:g}</text>')
        step = nice(self._seconds, 10)
        for number in range(floor(self._seconds / step) + 1):
            x = self._x(number * step)
            self._parts.append(f'<text class="tick x" x="{x:.1f}" y="{HEIGHT - 6}">{number * step:g} s</text>')

    def _at(self, time: float, value: float) -> str:
        return f"{self._x(time):.1f} {self._y(value):.1f}"

    def _x(self, time: float) -> float:
        return LEFT + min(max(time / self._seconds, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return TOP + (1 - value / self._top) * (HEIGHT - TOP - BOTTOM)


def stairs(points: Sequence[Point], end: float) -> list[Point]:
    """Points of which each value holds until the next."""
    after = [*points[1:], (end, 0.0)]
    return [corner for (t, v), (until, _) in zip(points, after, strict=True) for corner in ((t, v), (until, v))]
