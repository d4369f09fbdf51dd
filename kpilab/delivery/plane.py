"""Simple pictures written directly as SVG, fast enough to follow a slider: a plane, lines on it, a frame."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kpilab.delivery.charts import Chart

WIDTH, HEIGHT = 420.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 12.0, 30.0, 24.0


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
    return " ".join(f"{plane.x(x):.1f},{plane.y(y):.1f}" for x, y in points)


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
    ticks = np.linspace(plane.low, plane.high, 4)[1:3]
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
    head = f'<text x="4" y="16" font-size="12" font-weight="600">{html.escape(title)}</text>'
    body = "".join([*axes, *parts, *names, head])
    return Chart(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" width="{WIDTH:g}" '
        f'font-family="sans-serif" font-size="10" fill="#333" role="img">{body}</svg>'
    )
