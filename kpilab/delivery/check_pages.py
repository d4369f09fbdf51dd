"""How good the indicators are, and how well goals are covered, as parts of a page."""

import pandas as pd

from kpilab.delivery.pages import Page
from kpilab.model.cascade import Cascade
from kpilab.model.checks import CheckReport
from kpilab.show import paragraphs_html, table_html


def indicator_table(report: CheckReport, cascade: Cascade) -> Page:
    """Return how good each KPI is as an indicator: one row per KPI, by name."""
    table = report.quality()
    names = {kpi.id: kpi.name for kpi in cascade.kpis} | {"": ""}
    shown = pd.DataFrame(
        {
            "KPI": table["kpi"].map(names),
            "reports in": table["completeness"],
            "periods late": table["periods_late"],
            "signal to noise": table["signal_to_noise"],
            "season": table["seasonality"],
            "most like": table["nearest"].map(names),
            "correlation": table["nearest_correlation"],
            "leads to": table["leads_to"],
            "not measured": table["note"],
        }
    )
    return Page(paragraphs_html(report.quality_text) + table_html(shown))


def goal_table(report: CheckReport, cascade: Cascade) -> Page:
    """Return what measures each objective and its success factors."""
    table = report.coverage()
    names = {objective.id: objective.name for objective in cascade.objectives}
    names |= {factor.id: factor.name for factor in cascade.factors}
    shown = pd.DataFrame(
        {
            "goal": table["goal"].map(names),
            "kind": table["kind"],
            "KPIs": table["n_kpis"],
            "leading": table["n_leading"],
            "lagging": table["n_lagging"],
            "with target": table["n_with_target"],
            "on a link": table["n_linked"],
            "on a supported link": table["n_with_evidence"],
        }
    )
    return Page(table_html(shown))
