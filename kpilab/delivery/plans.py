"""A target plan, drawn: SVG written directly, fast enough to follow a slider."""

import html
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from kpilab.delivery.charts import Chart
from kpilab.delivery.plane import round_ticks
from kpilab.scorecard.target_plan import TargetPlan, probability_text
from kpilab.show import number

MOST_ROWS_DRAWN = 40
FAR_APART = 8
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 840.0, 250.0, 170.0, 22.0, 22.0
_NAME_LETTERS = 40
_USUAL, _BEYOND = "#2166ac", "#b2182b"


def plan_chart(plan: TargetPlan) -> Chart:
    """Draw from where to where everyone is asked to go, with the probability from history alone.

    The children of the plan's unit (choose a level with ``plan.at(level)``); where sizes are far apart, in
    per cent of the actual. Of more than forty the furthest moves are drawn. Hollow: actual; full: target; the
    small tick is what was reached in the best tenth of own history; the dashed line is the parent's target.

    Parameters
    ----------
    plan : TargetPlan
    """
    rows = plan.tidy()
    if plan.method != "evidence":
        rows = rows[rows["level"] == rows["level"].iloc[0]]
    names = [plan.name_of(row) for row in rows.itertuples(index=False)]
    words = [_words(row) for row in rows.itertuples(index=False)]
    rows = rows.assign(name=names, words=words).reset_index(drop=True)
    if len(rows) > MOST_ROWS_DRAWN:
        furthest = rows["stretch"].abs().sort_values(ascending=False).index[:MOST_ROWS_DRAWN]
        rows = rows.loc[sorted(furthest)]
    if plan.method == "evidence" or _far_apart(rows["actual"]):
        return _drawn(_relative(rows), "change, of the actual", share=True)
    share = plan.kpi.unit_of_measure == "share"
    axis = plan.kpi.name if share else f"{plan.kpi.name}, {plan.kpi.unit_of_measure}".rstrip(", ")
    return _drawn(rows, axis, share=share, parent=None if plan.rule == "sum" else plan.target)


def _drawn(rows: pd.DataFrame, axis: str, *, share: bool, parent: float | None = None) -> Chart:
    """Put rows of ``name, actual, target, best, locked, beyond_best, words`` on one axis."""
    values = rows[["actual", "target", "best"]].to_numpy(dtype=float).ravel()
    known = np.append(values[np.isfinite(values)], [] if parent is None else [parent])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    room = 0.04 * (high - low) or 0.1 * max(abs(high), 1.0)
    low, high = low - room, high + room

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    bottom = _TOP + _ROW * max(len(rows), 1)
    parts = [_tick_svg(x(tick), bottom, tick, share) for tick in round_ticks(low, high)]
    if parent is not None:
        parts.append(_upright(x(parent), _TOP, bottom, "#999", dashes="4 3"))
    for place, row in enumerate(rows.itertuples(index=False)):
        parts.append(_row_svg(row, x, _TOP + _ROW * (place + 0.5)))
    parts.append(f'<text x="{_WIDTH - _RIGHT + 10}" y="14" fill="#555">probability</text>')
    said = f"{axis}  (○ actual, ● target, ■ locked, | best tenth of own history)"
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle:g}" y="{bottom + 34:g}" text-anchor="middle">{html.escape(said)}</text>')
    return Chart(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {bottom + 42:g}" width="{_WIDTH:g}" '
        f'height="{bottom + 42:g}" style="max-width:100%;height:auto" font-family="sans-serif" font-size="11" '
        'fill="#333" role="img">'
        f"{''.join(parts)}</svg>"
    )


def _row_svg(row: Any, x: Callable[[float], float], y: float) -> str:
    """Draw one move: a line from the actual to the target, the best as a tick, the name and the words."""
    colour = _BEYOND if row.beyond_best else _USUAL
    name = row.name if len(row.name) <= _NAME_LETTERS else f"{row.name[: _NAME_LETTERS - 1]}…"
    drawn = [f'<text x="{_LEFT - 8}" y="{y + 4:g}" text-anchor="end">{html.escape(name)}</text>']
    at, to = (x(value) if np.isfinite(value) else None for value in (row.actual, row.target))
    if at is not None and to is not None:
        drawn.append(
            f'<line x1="{at:.1f}" x2="{to:.1f}" y1="{y:g}" y2="{y:g}" stroke="{colour}" stroke-opacity="0.45" '
            'stroke-width="2.5"/>'
        )
    if at is not None:
        drawn.append(
            f'<circle cx="{at:.1f}" cy="{y:g}" r="4" fill="white" stroke="#777" stroke-width="1.2"/>'
        )
    if to is not None and row.locked:
        drawn.append(f'<rect x="{to - 4:.1f}" y="{y - 4:g}" width="8" height="8" fill="{colour}"/>')
    elif to is not None:
        drawn.append(f'<circle cx="{to:.1f}" cy="{y:g}" r="4.5" fill="{colour}"/>')
    if np.isfinite(row.best):
        drawn.append(_upright(x(row.best), y - 7, y + 7, "#333"))
    words = html.escape(row.words)
    return f'{"".join(drawn)}<text x="{_WIDTH - _RIGHT + 10}" y="{y + 4:g}" fill="{colour}">{words}</text>'


def _tick_svg(x: float, bottom: float, tick: float, share: bool) -> str:
    said = f"{100 * tick:.10g} %" if share else number(tick)
    return (
        f'{_upright(x, _TOP, bottom, "#eceff3")}<text x="{x:.1f}" y="{bottom + 15:g}" text-anchor="middle">'
        f"{said}</text>"
    )


def _upright(x: float, top: float, bottom: float, colour: str, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    at = f'x1="{x:.1f}" x2="{x:.1f}" y1="{top:g}" y2="{bottom:g}"'
    return f'<line {at} stroke="{colour}" stroke-width="1.2"{dashed}/>'


def _words(row: Any) -> str:
    said = [probability_text(row.difficulty), "locked" * row.locked, "beyond own best" * row.beyond_best]
    return ", ".join(word for word in said if word)


def _far_apart(actual: pd.Series) -> bool:
    size = np.abs(actual[actual != 0])
    return len(size) > 1 and size.max() > FAR_APART * size.min()


def _relative(rows: pd.DataFrame) -> pd.DataFrame:
    """Return targets and bests as changes from the actual, as a share of its size."""
    size = rows["actual"].abs().where(rows["actual"] != 0, 1.0)
    changed = {name: (rows[name] - rows["actual"]) / size for name in ("target", "best")}
    return rows.assign(**changed, actual=0.0)
