"""What-ifs drawn as fans, plans as a frontier: SVG written directly, fast enough to follow a slider."""

import html

import numpy as np
import pandas as pd

from kpilab.decisions.plan import ActionPlan
from kpilab.decisions.scenario import Scenario
from kpilab.delivery.charts import Chart
from kpilab.delivery.plane import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Plane,
    framed,
    line_svg,
    plane_of,
    points_text,
    side_by_side,
)
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import period_text
from kpilab.problems import one_problem
from kpilab.scorecard.panels import kpi_panel
from kpilab.show import number, quantity

_FUTURE, _PAST, _ANYWAY, _TARGET = "#2166ac", "#444444", "#8a8f98", "#b2182b"
_DRAWN = ["conf_low", "conf_high", "baseline", "median", "target"]
PERIODS_BEFORE = 24


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
    path = scenario.path(kpi, unit).reset_index()
    if path.empty:
        raise one_problem("fan", f"the scenario does not show '{kpi}' at '{unit}'")
    return _fan(scenario, history, path, scenario.cascade.kpi(kpi), unit)


def _fan(scenario: Scenario, history: History, path: pd.DataFrame, noun: Kpi, unit: str) -> Chart:
    """Draw one KPI of one unit; `path` has a row per period ahead."""
    past = kpi_panel(scenario.cascade, history, noun).values[-PERIODS_BEFORE:, history.units.index(unit)]
    ahead = np.arange(1, len(path) + 1)
    before = np.arange(1 - len(past), 1)
    low, high, anyway, median, target = path[_DRAWN].to_numpy(dtype=float).T
    plane = plane_of(np.concatenate([past, low, high, anyway, target]), before[0], ahead[-1])
    band = [*zip(ahead, high, strict=True), *zip(ahead[::-1], low[::-1], strict=True)]
    parts = [
        f'<polygon points="{points_text(plane, band)}" fill="{_FUTURE}" fill-opacity="0.18"/>',
        line_svg(plane, before, past, _PAST),
        line_svg(plane, ahead, anyway, _ANYWAY, dashes="5 4"),
        line_svg(plane, ahead, median, _FUTURE, width=2.2),
        line_svg(plane, ahead, target, _TARGET, dashes="2 3"),
    ]
    periods = [
        period_text(history.periods[-len(past)]),
        period_text(history.periods[-1]),
        str(path["period"].iloc[-1]),
    ]
    marks = list(zip([float(before[0]), 0.0, float(ahead[-1])], periods, strict=True))
    share = noun.unit_of_measure == "share"
    parts = [*(_no_mans_land(plane, low, high) if share else ()), *parts]
    measured = f"{noun.name} ({noun.unit_of_measure})" if noun.unit_of_measure and not share else noun.name
    title = f"{measured}, {scenario.cascade.unit(unit).name}"
    return framed(plane, parts, title, marks, lambda value: quantity(value, "share" if share else ""))


def _no_mans_land(plane: Plane, low: np.ndarray, high: np.ndarray) -> list[str]:
    """Shade where no share can be, below 0 and above 1: a fan that reaches in there says too much."""
    edges = [("below 0 %", plane.low, 0.0)] if np.nanmin(low) < 0 else []
    edges += [("above 100 %", 1.0, plane.high)] if np.nanmax(high) > 1 else []
    found = []
    for name, bottom, top in edges:
        y, height = plane.y(top), plane.y(bottom) - plane.y(top)
        found.append(
            f'<rect x="{LEFT}" width="{WIDTH - LEFT - RIGHT}" y="{y:.1f}" height="{height:.1f}" '
            f'fill="{_ANYWAY}" fill-opacity="0.15"><title>{name}: no share can be here</title></rect>'
            f'<text x="{LEFT + 4}" y="{y + height / 2 + 3:.1f}" fill="{_ANYWAY}">{name}</text>'
        )
    return found


def frontier_chart(plan: ActionPlan) -> Chart:
    """Draw what each budget buys; the budget asked for is a line.

    Parameters
    ----------
    plan : ActionPlan
    """
    points = plan.frontier()
    cost, achieves = points["cost"].to_numpy(float), points["achieves"].to_numpy(float)
    last = max(float(cost.max()), plan.budget) or 1.0
    plane = plane_of(np.append(achieves, 0.0), 0.0, last)
    steps = [(cost[0], achieves[0])]
    for spent, gain in zip(cost[1:], achieves[1:], strict=True):
        steps += [(spent, steps[-1][1]), (spent, gain)]
    steps.append((last, steps[-1][1]))
    x = plane.x(plan.budget)
    parts = [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{_TARGET}" '
        'stroke-dasharray="2 3"/>'
    ]
    parts.append(
        f'<polyline points="{points_text(plane, steps)}" fill="none" stroke="{_FUTURE}" stroke-width="2"/>'
    )
    for spent, gain, actions in zip(cost, achieves, points["actions"], strict=True):
        tip = html.escape(f"{number(float(spent))}: {actions or 'nothing'}")
        parts.append(
            f'<circle cx="{plane.x(spent):.1f}" cy="{plane.y(gain):.1f}" r="4" fill="{_FUTURE}">'
            f"<title>{tip}</title></circle>"
        )
    marks = [(0.0, "0"), (plan.budget, f"budget {number(plan.budget)}")]
    share = plan.objective != "value"
    return framed(
        plane, parts, f"What a budget buys: {plan.achieves}", marks,
        lambda value: f"{100 * value:.3g} %" if share else number(value),
    )  # fmt: skip


def fan_charts(scenario: Scenario, history: History, *, unit: str | None = None, most: int = 12) -> Chart:
    """Draw every KPI of a scenario at one unit, side by side.

    Parameters
    ----------
    unit : str, optional
        Default: the highest unit that is shown.
    most : int
        KPIs to draw.
    """
    chosen = scenario if unit is None else scenario.of_unit(unit)
    shown, paths = chosen.shown(), chosen.table.groupby(["kpi", "unit"], sort=False)
    pairs = list(dict.fromkeys(zip(shown["kpi"], shown["unit"], strict=True)))[:most]
    return side_by_side(
        [
            _fan(scenario, history, paths.get_group((kpi, at)), scenario.cascade.kpi(kpi), at)
            for kpi, at in pairs
        ]
    )
