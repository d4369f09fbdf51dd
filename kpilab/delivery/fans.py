"""What-ifs drawn as fans, plans as a frontier: SVG written directly, fast enough to follow a slider."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpilab.decisions.plan import ActionPlan
from kpilab.decisions.scenario import Scenario
from kpilab.delivery.charts import Chart
from kpilab.model.history import History
from kpilab.model.periods import period_text
from kpilab.problems import one_problem
from kpilab.scorecard.panels import kpi_panel
from kpilab.show import number, quantity

_WIDTH, _HEIGHT = 420.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 12.0, 30.0, 24.0
_FUTURE, _PAST, _ANYWAY, _TARGET = "#2166ac", "#444444", "#8a8f98", "#b2182b"
PERIODS_BEFORE = 24


@dataclass(frozen=True)
class _Plane:
    """Where numbers lie on the picture."""

    low: float
    high: float
    first: float
    last: float

    def x(self, value: float) -> float:
        """Return the horizontal place."""
        share = (value - self.first) / max(self.last - self.first, 1e-12)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """Return the vertical place, cut off at the edges."""
        share = min(max((value - self.low) / max(self.high - self.low, 1e-300), 0.0), 1.0)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def fan_chart(scenario: Scenario, history: History, *, kpi: str, unit: str) -> Chart:
    """Draw one KPI of a scenario: its past, what happens anyway (dashed), and the fan of what may follow.

    Parameters
    ----------
    scenario : Scenario
    history : History
    kpi, unit : str
        The target in force is a red line.

    Raises
    ------
    InputError
        When the scenario has no such row.
    """
    path = scenario.path(kpi, unit)
    if path.empty:
        raise one_problem("fan", f"the scenario does not show '{kpi}' at '{unit}'")
    noun = scenario.cascade.kpi(kpi)
    past = kpi_panel(scenario.cascade, history, noun).values[-PERIODS_BEFORE:, history.units.index(unit)]
    ahead = np.arange(1, len(path) + 1)
    before = np.arange(1 - len(past), 1)
    shown = [past, path["conf_low"], path["conf_high"], path["baseline"], path["target"]]
    plane = _plane(np.concatenate([np.asarray(one, dtype=float) for one in shown]), before[0], ahead[-1])
    low, high = path["conf_low"].to_numpy(), path["conf_high"].to_numpy()
    band = [*zip(ahead, high, strict=True), *zip(ahead[::-1], low[::-1], strict=True)]
    parts = [
        f'<polygon points="{_points(plane, band)}" fill="{_FUTURE}" fill-opacity="0.18"/>',
        _line(plane, before, past, _PAST),
        _line(plane, ahead, path["baseline"].to_numpy(), _ANYWAY, dashes="5 4"),
        _line(plane, ahead, path["median"].to_numpy(), _FUTURE, width=2.2),
        _line(plane, ahead, path["target"].to_numpy(), _TARGET, dashes="2 3"),
    ]
    periods = [
        period_text(history.periods[-len(past)]),
        period_text(history.periods[-1]),
        str(path.index[-1]),
    ]
    marks = list(zip([float(before[0]), 0.0, float(ahead[-1])], periods, strict=True))
    title = f"{noun.name}, {scenario.cascade.unit(unit).name}"
    return _framed(plane, parts, title, marks, lambda value: quantity(value, noun.unit_of_measure))


def frontier_chart(plan: ActionPlan) -> Chart:
    """Draw what each budget buys; the budget asked for is a line.

    Parameters
    ----------
    plan : ActionPlan
    """
    points = plan.frontier()
    cost, achieves = points["cost"].to_numpy(float), points["achieves"].to_numpy(float)
    last = max(float(cost.max()), plan.budget) or 1.0
    plane = _plane(np.append(achieves, 0.0), 0.0, last)
    steps = [(cost[0], achieves[0])]
    for spent, gain in zip(cost[1:], achieves[1:], strict=True):
        steps += [(spent, steps[-1][1]), (spent, gain)]
    steps.append((last, steps[-1][1]))
    x = plane.x(plan.budget)
    parts = [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="{_TARGET}" '
        'stroke-dasharray="2 3"/>'
    ]
    parts.append(
        f'<polyline points="{_points(plane, steps)}" fill="none" stroke="{_FUTURE}" stroke-width="2"/>'
    )
    for spent, gain, actions in zip(cost, achieves, points["actions"], strict=True):
        tip = html.escape(f"{number(float(spent))}: {actions or 'nothing'}")
        parts.append(
            f'<circle cx="{plane.x(spent):.1f}" cy="{plane.y(gain):.1f}" r="4" fill="{_FUTURE}">'
            f"<title>{tip}</title></circle>"
        )
    marks = [(0.0, "0"), (plan.budget, f"budget {number(plan.budget)}")]
    share = plan.objective != "value"
    return _framed(
        plane, parts, f"What a budget buys: {plan.achieves}", marks,
        lambda value: f"{100 * value:.3g} %" if share else number(value),
    )  # fmt: skip


def _plane(values: np.ndarray, first: float, last: float) -> _Plane:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.1
    return _Plane(low - room, high + room, float(first), float(last))


def _points(plane: _Plane, points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{plane.x(x):.1f},{plane.y(y):.1f}" for x, y in points)


def _line(
    plane: _Plane, x: np.ndarray, y: np.ndarray, colour: str, *, dashes: str = "", width: float = 1.4
) -> str:
    """Draw a line, with gaps where values are missing."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    known = np.isfinite(y)
    runs = np.split(np.arange(len(y)), np.flatnonzero(np.diff(known.astype(int))) + 1)
    return "".join(
        f'<polyline points="{_points(plane, list(zip(x[run], y[run], strict=True)))}" fill="none" '
        f'stroke="{colour}" stroke-width="{width}"{dashed}/>'
        for run in runs
        if len(run) and known[run[0]]
    )


def _framed(
    plane: _Plane,
    parts: list[str],
    title: str,
    marks: list[tuple[float, str]],
    written: Callable[[float], str],
) -> Chart:
    """Put title and axes around what is drawn."""
    ticks = np.linspace(plane.low, plane.high, 4)[1:3]
    axes = [
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{plane.y(t):.1f}" y2="{plane.y(t):.1f}" stroke="#eceff3"/>'
        f'<text x="{_LEFT - 5}" y="{plane.y(t) + 4:.1f}" text-anchor="end">{html.escape(written(float(t)))}</text>'
        for t in ticks
    ]
    anchors = ["start", *["middle"] * (len(marks) - 2), "end"]
    names = [
        f'<text x="{plane.x(at):.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{html.escape(name)}</text>'
        for (at, name), anchor in zip(marks, anchors, strict=True)
    ]
    head = f'<text x="4" y="16" font-size="12" font-weight="600">{html.escape(title)}</text>'
    body = "".join([*axes, *parts, *names, head])
    return Chart(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" width="{_WIDTH:g}" '
        f'font-family="sans-serif" font-size="10" fill="#333" role="img">{body}</svg>'
    )


def fan_charts(scenario: Scenario, history: History, *, unit: str | None = None, most: int = 12) -> Chart:
    """Draw every KPI of a scenario at one unit, side by side.

    Parameters
    ----------
    unit : str, optional
        Default: the highest unit that is shown.
    most : int
        KPIs to draw.
    """
    table: pd.DataFrame = scenario.shown() if unit is None else scenario.of_unit(unit).shown()
    pairs = list(dict.fromkeys(zip(table["kpi"], table["unit"], strict=True)))[:most]
    return Chart("".join(fan_chart(scenario, history, kpi=kpi, unit=at).svg for kpi, at in pairs))
