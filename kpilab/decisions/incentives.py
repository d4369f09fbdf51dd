"""What one unit more of a KPI pays: slopes, kinks and cliffs, where it stands."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kpilab.decisions.pay_forward import place_draws
from kpilab.decisions.payout import CurveArrays
from kpilab.decisions.statements import PayLine, PayStatement, Place
from kpilab.model.cascade import Cascade
from kpilab.model.periods import Span
from kpilab.scorecard.in_force import TargetBook

COLUMNS = [
    "kpi", "unit", "actual", "payout", "money_at_target", "slope_down", "slope_up", "kink", "next_cliff", "jump",
]  # fmt: skip
_STEP = 1e-6


def incentives(cascade: Cascade, span: Span, statements: Sequence[PayStatement]) -> pd.DataFrame:
    """Return, per KPI and unit, what one unit more of it pays everybody together.

    Columns ``kpi, unit, actual, payout, money_at_target, slope_down, slope_up`` (money per unit of the KPI,
    towards lower and higher values), ``kink`` (the two differ), ``next_cliff`` (the nearest value at which
    the payout jumps), ``jump`` (by how much money). Gates, modifiers and caps are held as they are.
    """
    money: dict[Place, float] = {}
    line_at: dict[Place, PayLine] = {}
    for statement in statements:
        for line in statement.lines:
            at_target = float(statement.target_pay * line.weight * statement.factor)
            money[line.place] = money.get(line.place, 0.0) + at_target
            line_at[line.place] = line
    book = TargetBook(cascade)
    rows = [_row(book, span, place, line_at[place], money[place]) for place in money]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(book: TargetBook, span: Span, place: Place, line: PayLine, money: float) -> list[object]:
    """Return one row: by the chain rule from the KPI's value to performance to payout."""
    arrays = CurveArrays(place.curve)
    left, right = arrays.slopes(np.inf if line.performance is None else float(line.performance))
    inner = _performance_slope(book, span, place, line)
    down, up = (left, right) if inner >= 0 else (right, left)
    cliffs = [(_value_at(book.cascade, place, line, at, inner), height) for at, height in arrays.cliffs()]
    nearest, jump = min(cliffs, key=lambda cliff: abs(cliff[0] - line.actual), default=(float("nan"), 0.0))
    kink = bool(abs(left - right) > 1e-12)
    slopes = [money * inner * side + 0.0 for side in (down, up)]
    known = [place.kpi, place.unit, line.actual, float(line.payout), money]
    return [*known, *slopes, kink, nearest, money * jump]


def _performance_slope(book: TargetBook, span: Span, place: Place, line: PayLine) -> float:
    """Return how performance moves per unit of the KPI's value, from its two sides; 0 where it has no meaning."""
    step = _STEP * max(abs(line.actual), abs(line.target), _STEP)
    around = {(place.kpi, place.unit): np.array([line.actual - step, line.actual + step])}
    low, high = place_draws(book, [place], around, span)[:, 0]
    slope = (high - low) / (2 * step)
    return float(slope) if np.isfinite(slope) else 0.0


def _value_at(cascade: Cascade, place: Place, line: PayLine, performance: float, slope: float) -> float:
    """Return the KPI's value at which a performance is reached, on the side of the target where it stands."""
    better, target = cascade.kpi(place.kpi).better, line.target
    if place.curve.base == "value":
        return performance
    if place.curve.base != "attainment":  # score and progress are straight lines
        here = float(line.performance or 0)
        return line.actual + (performance - here) / slope if slope else float("nan")
    if better == "lower":
        return target / performance if performance else float("nan")
    if better == "near":
        side = 1.0 if line.actual < target else -1.0
        return target - side * (1 - performance) * abs(target)
    return performance * target
