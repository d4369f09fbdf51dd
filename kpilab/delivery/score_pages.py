"""Scores of goals and trends without season, as parts of a page."""

import pandas as pd

from kpilab.delivery.charts import trend_chart
from kpilab.delivery.pages import Page
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.problems import InputError
from kpilab.scorecard.goals import score_goals
from kpilab.scorecard.in_force import TargetBook
from kpilab.scorecard.rollup import Scorecard
from kpilab.scorecard.trends import kpi_trend
from kpilab.show import paragraphs_html, table_html


def goal_scores(scorecard: Scorecard, unit: str) -> Page:
    """Return the scores of a unit's objectives, 0–10, and the worst KPI that each average may hide."""
    goals = score_goals(scorecard.of_unit(unit), by="objective")
    if goals.table.empty:
        return Page(paragraphs_html("No KPI of this unit serves an objective."))
    names = {kpi.id: kpi.name for kpi in scorecard.cascade.kpis}
    rows = pd.DataFrame(
        {
            "objective": goals.table["name"],
            "score of 10": goals.table["score"].round(1),
            "status": goals.table["status"],
            "KPIs with a score": [
                f"{n} of {m}" for n, m in zip(goals.table["n_scored"], goals.table["n_kpis"], strict=True)
            ],
            "worst of them": [names.get(kpi, "") for kpi in goals.table["worst_kpi"]],
        }
    )
    return Page(table_html(rows))


def seasonal_trends(
    cascade: Cascade, history: History, unit: str, *, until: pd.Period, most: int = 4
) -> Page:
    """Return a unit's KPIs that have a target, with their trend once the season is taken out, and its interval."""
    book = TargetBook(cascade)
    level = cascade.unit(unit).level
    chosen = [
        kpi
        for kpi in cascade.kpis
        if level in cascade.levels_of(kpi) and book.in_force(kpi.id, unit, until) is not None
    ]
    drawn = [_drawn(cascade, history, kpi, unit, until) for kpi in chosen[:most]]
    shown = "".join(f"<div>{each}</div>" for each in drawn if each)
    if not shown:
        return Page(paragraphs_html("No KPI with a target has a history long enough for a trend."))
    columns = "display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));gap:8px"
    return Page(f"<div style='{columns}'>{shown}</div>")


def _drawn(cascade: Cascade, history: History, kpi: Kpi, unit: str, until: pd.Period) -> str:
    try:
        found = kpi_trend(cascade, history, kpi=kpi.id, unit=unit, until=until)
    except InputError:  # too short a history is no fault of the reader's
        return ""
    table = found.table.set_index(pd.PeriodIndex(found.periods))
    chart = trend_chart(
        table[["adjusted"]].rename(columns={"adjusted": "without season"}),
        title=kpi.name,
        share=kpi.unit_of_measure == "share",
        band=table[["trend", "conf_low", "conf_high"]],
    )
    return chart.svg + paragraphs_html(found.text)
