"""Charts as SVG for a page: text in the page's own font and colours, so that light and dark suit both."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from cnnlab.reporting.report.thinning import thinned

STRONG = 0.9  # of a mistake's colour: letters on it are black in both themes
CROWDED = 40  # points of a line: marks of the usual size would hide it
NUM_COLOURS = 6  # `s0` to `s5` of style.css
DASHES = ("", "6 3", "2 2", "8 3 2 3", "1 3", "10 4")

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 78, 18, 16, 54
ROW, EDGE = 54, 24  # of a chart of intervals


@dataclass(frozen=True)
class Line:
    """Points that belong together.

    Attributes:
        label: in the legend; empty for a line that has none of its own.
        points: x, y and what is said of the point.
        series: its colour.
        dash: its dashes; those of `series` if not given.
        is_faint: drawn thin, such as one of several seeds.
    """

    label: str
    points: Sequence[tuple[float, float, str]]
    series: int
    dash: int | None = None
    is_faint: bool = False

    @property
    def style(self) -> str:
        """Its colour and dashes, as attributes of SVG."""
        # Of the same colour again, the dashes are others.
        dash = self.series + self.series // NUM_COLOURS if self.dash is None else self.dash
        dashes = DASHES[dash % len(DASHES)]
        return colour(self.series) + (f' stroke-dasharray="{dashes}"' if dashes else "")


@dataclass(frozen=True)
class Axis:
    """One direction of a chart.

    Attributes:
        label: what it shows, with its unit.
        low: where it begins.
        high: where it ends.
        ticks: where it is marked.
        write: makes a tick's text.
        height: makes equal steps of the axis of its values; such as a logarithm.
    """

    label: str
    low: float
    high: float
    ticks: Sequence[float]
    write: Callable[[float], str]
    height: Callable[[float], float] = float

    def share(self, value: float) -> float:
        """Return where a value lies, 0 at the axis' beginning and 1 at its end."""
        low, high = self.height(self.low), self.height(self.high)
        return (self.height(value) - low) / (high - low) if high > low else 0.5


def round_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Return round numbers from `low` to `high`, at most about so many."""
    if high <= low:
        return [low]
    rough = (high - low) / most
    unit = 10 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def line_chart(lines: Sequence[Line], x: Axis, y: Axis, *, title: str) -> str:
    """Draw lines over two axes; each point says what it is when pointed at.

    Args:
        lines: drawn in order.
        x: from left to right.
        y: from bottom to top.
        title: what the chart shows, for those who cannot see it.
    """
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(point: tuple[float, float, str]) -> tuple[float, float]:
        return LEFT + across * x.share(point[0]), TOP + up * (1 - y.share(point[1]))

    parts = [_axes(x, y)]
    for line in lines:
        points = thinned(line.points)
        path = " ".join(f"{left:.1f},{top:.1f}" for left, top in map(place, points))
        faint = " faint" if line.is_faint else ""
        style = line.style.replace('class="', f'class="line{faint} ')
        marks = []
        for point in points:
            left, top = place(point)
            says = f"<title>{escape(point[2])}</title>" if point[2] else ""
            radius = 1.2 if len(points) > CROWDED else 2.2 if line.is_faint else 3.2
            mark = f'<circle cx="{left:.1f}" cy="{top:.1f}" r="{radius}" class="point">{says}</circle>'
            marks.append(mark if says else "")
        parts.append(f'<g {style}><polyline points="{path}"/>{"".join(marks)}</g>')
    return _svg(parts, title, more=' tabindex="0"')


def colour(series: int) -> str:
    """Return a series' colour, as an attribute of SVG: of the page's theme."""
    return f'class="s{series % NUM_COLOURS}"'


def legend(lines: Sequence[Line]) -> str:
    """Return the names of the lines, as HTML."""
    items = []
    for line in lines:
        if line.label:
            sample = f'<svg width="28" height="8" aria-hidden="true"><path d="M0 4H28" {line.style}/></svg>'
            items.append(f"<li>{sample} {escape(line.label)}</li>")
    return f'<ul class="legend">{"".join(items)}</ul>'


def interval_chart(rows: Sequence[tuple[str, float, float, float]], x: Axis, *, title: str) -> str:
    """Draw a mean with its interval for each name: (name, mean, low, high)."""
    height = TOP + ROW * len(rows) + BOTTOM
    across = WIDTH - 2 * EDGE

    def left(value: float) -> float:
        return EDGE + across * x.share(value)

    parts = []
    for tick in x.ticks:
        parts.append(f'<path d="M{left(tick):.1f} {TOP}V{height - BOTTOM}" class="grid"/>')
        parts.append(_text(left(tick), height - BOTTOM + 20, x.write(tick), anchor="middle"))
    parts.append(_text(EDGE + across / 2, height - 8, x.label, anchor="middle"))
    for index, (name, mean, low, high) in enumerate(rows):
        top = TOP + ROW * index
        middle = top + 38
        says = f"{name}: {x.write(mean)} ({x.write(low)}, {x.write(high)})"
        parts.append(_text(EDGE, top + 20, name))
        parts.append(
            f'<g {colour(index)}><path d="M{left(low):.1f} {middle}H{left(high):.1f}M{left(low):.1f} '
            f'{middle - 6}v12M{left(high):.1f} {middle - 6}v12" class="bar"/><circle cx="{left(mean):.1f}" '
            f'cy="{middle}" r="5" class="point"><title>{escape(says)}</title></circle></g>'
        )
    return _svg(parts, title, height=height, more=' tabindex="0"')


def matrix_chart(
    cells: Sequence[Sequence[float]], names: Sequence[str], *, title: str, labels: tuple[str, str]
) -> str:
    """Draw a confusion matrix: rows true, columns predicted; mistakes darker the more there are of them.

    Args:
        cells: counts.
        names: of the classes.
        title: what the chart shows.
        labels: of the rows and of the columns.
    """
    num = len(names)
    side = max(14, min(40, 440 // num))
    longest = max(len(name) for name in names)
    before = 40 + min(110, 7 * longest)
    width, height = before + side * num + 20, before + side * num + 12
    largest = max((cells[i][j] for i in range(num) for j in range(num) if i != j), default=0) or 1
    parts = [
        _text(before + side * num / 2, 14, labels[1], anchor="middle"),
        f'<g transform="rotate(-90)">{_text(-(before + side * num / 2), 14, labels[0], anchor="middle")}</g>',
    ]
    for i, name in enumerate(names):
        at = before + side * (i + 0.5)
        short = name if len(name) <= 15 else name[:14] + "…"
        parts.append(_text(before - 6, at + 4, short, anchor="end"))
        if 8 * longest < side:
            parts.append(_text(at, before - 8, short, anchor="middle"))
        else:
            turned = f"translate({at + 4:.1f} {before - 6}) rotate(-90)"
            parts.append(f'<g transform="{turned}">{_text(0, 0, short)}</g>')
        for j, other in enumerate(names):
            count = cells[i][j]
            share = 0.0 if i == j else count / largest
            kind = "right" if i == j else "wrong"
            opacity = 0.25 if i == j else max(0.06, share)
            says = f"{name} → {other}: {count:,.0f}"
            parts.append(
                f'<rect x="{before + side * j}" y="{before + side * i}" '
                f'width="{side - 1}" height="{side - 1}" '
                f'class="{kind}" fill-opacity="{opacity:.2f}"><title>{escape(says)}</title></rect>'
            )
            if side >= 24 and count:
                kind = "count strong" if share > STRONG else "count"
                middle = before + side * (j + 0.5) - 0.5
                parts.append(_text(middle, at + 4, f"{count:.0f}", anchor="middle", kind=kind))
    return _svg(parts, title, width=width, height=height, kind="chart matrix")


def _axes(x: Axis, y: Axis) -> str:
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts = []
    for tick in y.ticks:
        top = TOP + up * (1 - y.share(tick))
        parts.append(f'<path d="M{LEFT} {top:.1f}H{WIDTH - RIGHT}" class="grid"/>')
        parts.append(_text(LEFT - 6, top + 4, y.write(tick), anchor="end"))
    for tick in x.ticks:
        left = LEFT + across * x.share(tick)
        parts.append(f'<path d="M{left:.1f} {HEIGHT - BOTTOM}v5" class="tick"/>')
        parts.append(_text(left, HEIGHT - BOTTOM + 20, x.write(tick), anchor="middle"))
    parts.append(f'<path d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}" class="tick"/>')
    parts.append(_text(LEFT + across / 2, HEIGHT - 8, x.label, anchor="middle"))
    middle = TOP + up / 2
    parts.append(f'<g transform="rotate(-90)">{_text(-middle, 16, y.label, anchor="middle")}</g>')
    return "".join(parts)


def _text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def _svg(
    parts: Sequence[str],
    title: str,
    *,
    width: float = WIDTH,
    height: float = HEIGHT,
    kind: str = "chart",
    more: str = "",
) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}" class="{kind}" '
        f'style="max-width:{1.1 * width:.0f}px"{more}>{"".join(parts)}</svg>'
    )
