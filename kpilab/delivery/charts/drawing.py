"""What all charts share: how they look, and how a figure becomes SVG: the only matplotlib import with its siblings.

Figures are made without pyplot, so that nothing is global, and with fixed ids and no date, so that the same
data give the same bytes.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

_STYLE: dict = {
    "svg.hashsalt": "kpilab",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.family": "sans-serif",
}


@dataclass(frozen=True)
class Chart:
    """A finished chart.

    Attributes
    ----------
    svg : str
        A complete SVG element.
    """

    svg: str

    def _repr_html_(self) -> str:
        return f"<div style='max-width:100%;overflow-x:auto'>{self.svg}</div>"

    def __repr__(self) -> str:
        return "Chart"

    def save(self, path: str | Path) -> Path:
        """Write the chart as an SVG file."""
        target = Path(path)
        target.write_text(self.svg, encoding="utf-8")
        return target


def styled():  # type: ignore[no-untyped-def]
    """Return a context in which figures look alike."""
    return matplotlib.rc_context(_STYLE)


def sentence(text: str) -> Chart:
    """Return a chart that only says why there is none."""
    with styled():
        figure = Figure(figsize=(8.4, 0.4))
        figure.text(0, 0.5, text, va="center", fontsize=10)
        return finished(figure)


def finished(figure: Figure) -> Chart:
    """Return a figure as SVG, the same bytes for the same data."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return Chart(text[text.index("<svg") :])


def plain(text: str) -> str:
    """Keep matplotlib from reading a name as mathematics."""
    return text.replace("$", r"\$")


def shortened(text: str, most: int = 62) -> str:
    """Return a name that fits."""
    return plain(text if len(text) <= most else text[: most - 1] + "…")
