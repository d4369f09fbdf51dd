"""A target plan, drawn."""

from typing import Any

import numpy as np
import pandas as pd

from kpilab.delivery.charts import Chart, target_chart
from kpilab.scorecard.target_plan import TargetPlan, probability_text

MOST_ROWS_DRAWN = 40
FAR_APART = 8


def plan_chart(plan: TargetPlan) -> Chart:
    """Draw from where to where everyone is asked to go, with the probability from history alone.

    The children of the plan's unit (choose a level with ``plan.at(level)``); where sizes are far apart, in
    per cent of the actual. Of more than forty the furthest moves are drawn.

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
        return target_chart(_relative(rows), share=True, axis="change, of the actual")
    share = plan.kpi.unit_of_measure == "share"
    axis = plan.kpi.name if share else f"{plan.kpi.name}, {plan.kpi.unit_of_measure}".rstrip(", ")
    return target_chart(rows, share=share, axis=axis, parent=None if plan.rule == "sum" else plan.target)


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
