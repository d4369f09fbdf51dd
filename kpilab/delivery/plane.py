"""Simple pictures written directly as SVG, fast enough to follow a slider: a plane, lines on it, a frame."""

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import shorten, wrap

import numpy as np

from kpilab.delivery.charts import Chart

WIDTH, HEIGHT = 420.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 12.0, 36.0, 24.0
TITLE_LETTERS = 64  # in a line of the title, of which there are two at the most
GAP = 12.0


@dataclass(frozen=True)
class Plane:
    """Where numbers lie on the picture."""

    low: float
    high: float
    first: float
    last: float

    def x(self, value: float) -> float:
        """Return the horizontal place."""
        share = (value - self.first) / max(self.last - self.first, 1e-12)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return the vertical place, cut off at the edges."""
        share = min(max((value - self.low) / max(self.high - self.low, 1e-300), 0.0), 1.0)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def plane_of(values: np.ndarray, first: float, last: float) -> Plane:
    """Return a plane that shows all values, with some room, from a first to a last horizontal place."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.1
    return Plane(low - room, high + room, float(first), float(last))


def points_text(plane: Plane, points: Sequence[tuple[float, float]]) -> str:
    """Return points as SVG writes them."""
    x, y = np.asarray(points, dtype=float).reshape(-1, 2).T
    across = LEFT + (x - plane.first) / max(plane.last - plane.first, 1e-12) * (WIDTH - LEFT - RIGHT)
    share = np.clip((y - plane.low) / max(plane.high - plane.low, 1e-300), 0.0, 1.0)
    down = HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    return " ".join(map("%.1f,%.1f".__mod__, zip(across.tolist(), down.tolist(), strict=True)))


def line_svg(
    plane: Plane, x: np.ndarray, y: np.ndarray, colour: str, *, dashes: str = "", width: float = 1.4
) -> str:
    """Draw a line, with gaps where values are missing."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    known = np.isfinite(y)
    runs = np.split(np.arange(len(y)), np.flatnonzero(np.diff(known.astype(int))) + 1)
    return "".join(
        f'<polyline points="{points_text(plane, list(zip(x[run], y[run], strict=True)))}" fill="none" '
        f'stroke="{colour}" stroke-width="{width}"{dashed}/>'
        for run in runs
        if len(run) and known[run[0]]
    )


def framed(
    plane: Plane,
    parts: list[str],
    title: str,
    marks: list[tuple[float, str]],
    written: Callable[[float], str],
) -> Chart:
    """Put title and axes around what is drawn."""
    ticks = [tick for tick in round_ticks(plane.low, plane.high, most=5) if plane.low < tick < plane.high]
    axes = [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{plane.y(t):.1f}" y2="{plane.y(t):.1f}" stroke="#eceff3"/>'
        f'<text x="{LEFT - 5}" y="{plane.y(t) + 4:.1f}" text-anchor="end">{html.escape(written(float(t)))}</text>'
        for t in ticks
    ]
    anchors = ["start", *["middle"] * (len(marks) - 2), "end"]
    names = [
        f'<text x="{plane.x(at):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{html.escape(name)}</text>'
        for (at, name), anchor in zip(marks, anchors, strict=True)
    ]
    head = _title_svg(title)
    body = "".join([*axes, *parts, *names, head])
    return Chart(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" width="{WIDTH:g}" '
        f'font-family="sans-serif" font-size="10" fill="#333" role="img">{body}</svg>'
    )


def side_by_side(charts: Sequence[Chart], *, columns: int = 2) -> Chart:
    """Put pictures of this module into one, row by row."""
    if not charts:
        return Chart("")
    n_columns = min(columns, len(charts))
    width = n_columns * (WIDTH + GAP) - GAP
    height = math.ceil(len(charts) / n_columns) * (HEIGHT + GAP) - GAP
    placed = [
        chart.svg.replace(
            "<svg ",
            f'<svg x="{(place % n_columns) * (WIDTH + GAP):g}" y="{(place // n_columns) * (HEIGHT + GAP):g}" '
            f'height="{HEIGHT:g}" ',
            1,
        )
        for place, chart in enumerate(charts)
    ]
    return Chart(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" style="max-width:100%;height:auto">{"".join(placed)}</svg>'
    )


def round_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Return round numbers between two ends, few enough to be read.

    Examples
    --------
    >>> round_ticks(0.61, 0.89), round_ticks(-3.0, 12.0, most=4)
    ([0.65, 0.7, 0.75, 0.8, 0.85], [0.0, 5.0, 10.0])
    """
    rough = (high - low) / most
    if not (math.isfinite(rough) and rough > 0):
        return []
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{place * step:.10g}") for place in range(first, last + 1)]


def _title_svg(title: str) -> str:
    """Write a title of any length: in two lines at the most, whole when it is pointed at."""
    first, *rest = wrap(title, TITLE_LETTERS) or [""]
    lines = [first, *([shorten(" ".join(rest), TITLE_LETTERS, placeholder="…")] if rest else [])]
    written = "".join(
        f'<tspan x="4" y="{12 + 14 * place}">{html.escape(line)}</tspan>' for place, line in enumerate(lines)
    )
    whole = f"<title>{html.escape(title)}</title>" if rest else ""
    return f'<text font-size="12" font-weight="600">{whole}{written}</text>'
