"""Parts of a page: what a report, a notebook and a widget show of a unit, of a link, of the whole."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpilab.delivery.charts import (
    Chart,
    forest_chart,
    profile_chart,
    scatter_chart,
    status_grid,
    trend_chart,
)
from kpilab.evidence.links import LinkResult, LinkResults
from kpilab.model.cascade import Cascade, Kpi
from kpilab.model.checks import CheckReport
from kpilab.model.history import History
from kpilab.scorecard.panels import kpi_panel
from kpilab.scorecard.rollup import Scorecard, target_in_force
from kpilab.show import Result, heading_html, number, paragraphs_html, table_html


@dataclass(frozen=True)
class Page:
    """A piece of HTML that a notebook shows as it is."""

    body: str

    def _repr_html_(self) -> str:
        return self.body

    def __repr__(self) -> str:
        return "Page"


def names_of(cascade: Cascade) -> dict[str, str]:
    """Return the names of all KPIs and units by id."""
    return {unit.id: unit.name for unit in cascade.units} | {kpi.id: kpi.name for kpi in cascade.kpis}


def unit_trends(cascade: Cascade, history: History, unit: str) -> Page:
    """Return the history of each KPI of a unit, with its target and the unit above for comparison."""
    kpis = [kpi for kpi in cascade.kpis if cascade.unit(unit).level in cascade.levels_of(kpi)]
    charts = [_unit_trend(cascade, history, kpi, unit) for kpi in kpis]
    shown = "".join(
        f"<div style='flex:1 1 480px;max-width:640px'>{chart.svg}</div>" for chart in charts if chart
    )
    return Page(f"<div style='display:flex;flex-wrap:wrap;gap:8px'>{shown}</div>")


def unit_card(scorecard: Scorecard, unit: str) -> Page:
    """Return a unit's actuals, targets and status, KPIs by name."""
    return Page(table_html(named_scores(scorecard.of_unit(unit))))


def children_card(scorecard: Scorecard, unit: str) -> Page:
    """Return the units below a unit as a grid of statuses; a sentence when there are none."""
    below = {child.id for child in scorecard.cascade.children(unit)}
    rows = scorecard.table[scorecard.table["unit"].isin(below)]
    if rows.empty:
        return Page(paragraphs_html("No units stand below this one."))
    return Page(status_grid(rows, names_of(scorecard.cascade)).svg)


def level_grid(scorecard: Scorecard, level: str) -> Chart:
    """Return the units of a level as a grid of statuses."""
    return status_grid(scorecard.at(level).table, names_of(scorecard.cascade))


def forest(links: LinkResults) -> Chart:
    """Return every link's interval beside the smallest effect that matters."""
    return forest_chart(links.tidy(), names_of(links.cascade))


def verdict_table(links: LinkResults, kpis: Sequence[str] | None = None) -> Page:
    """Return the links, or those that touch some KPIs, with verdict and reason."""
    names = names_of(links.cascade)
    rows = [
        (f"{names[r.cause]} → {names[r.effect]}", r.level, r.verdict, r.reason)
        for r in links
        if kpis is None or {r.cause, r.effect} & set(kpis)
    ]
    return Page(table_html(pd.DataFrame(rows, columns=["link", "level", "verdict", "reason"])))


def unit_links(links: LinkResults, unit: str) -> Page:
    """Return the verdicts on the links that touch the KPIs of a unit."""
    cascade = links.cascade
    level = cascade.unit(unit).level
    return verdict_table(links, [kpi.id for kpi in cascade.kpis if level in cascade.levels_of(kpi)])


def unit_findings(report: CheckReport, cascade: Cascade, unit: str) -> Page:
    """Return what the check found about a unit and the units below it."""
    ours = report.about(*sorted(cascade.with_descendants([unit])))
    if not ours.findings:
        return Page(paragraphs_html("The check found nothing about this unit."))
    return Page(paragraphs_html(ours.text.split("\n")[0]) + table_html(ours.tidy(), most_rows=12))


def link_page(links: LinkResults, result: LinkResult) -> Page:
    """Return everything about one link: verdict, scatter, lag profile, regimes, controls, checks.

    The scatter shows cause and effect with everything else held constant; its slope is the estimate.
    """
    names = names_of(links.cascade)
    head = heading_html(f"{names[result.cause]} → {names[result.effect]}: {result.verdict}")
    said = [result.reason, f"Assumed because: {result.link.because}" if result.link.because else ""]
    if result.fit is None:
        return Page(head + paragraphs_html("\n".join(said)))
    left = result.partialled
    scatter = scatter_chart(
        left["cause"], left["effect"], result.estimate, names[result.cause], names[result.effect]
    )
    profile = profile_chart(result.profile(), result.frequency, result.data.lag if result.data else None)
    pair = f"<div style='display:flex;flex-wrap:wrap;gap:12px'>{scatter.svg}{profile.svg}</div>"
    held = "Held constant: " + (", ".join((*result.controls, *result.breaks)) or "own history only")
    beside = (
        f"Beside it, not deciding: weighted by volume {number(result.volume_weighted) or 'not defined'}; an unseen "
        f"common cause would have to explain {100 * result.robustness_value:.0f} % of what is left of both to "
        f"explain the estimate away. Decided by: {result.fit.method}, {result.fit.n_clusters} clusters."
    )
    regimes = pd.DataFrame(
        [(r.name, r.estimate, r.conf_low, r.conf_high, r.n_obs) for r in result.regimes],
        columns=["regime", "estimate", "conf_low", "conf_high", "n_obs"],
    )
    tables = table_html(result.checks()) + (table_html(regimes) if len(regimes) else "")
    return Page(
        head + paragraphs_html("\n".join(said)) + pair + paragraphs_html(f"{held}.\n{beside}") + tables
    )


def named_scores(scorecard: Scorecard) -> pd.DataFrame:
    """Return a scorecard's rows as people read them: names, shares in per cent."""
    cascade = scorecard.cascade
    rows = scorecard.table
    shares = np.array([cascade.kpi(kpi).unit_of_measure == "share" for kpi in rows["kpi"]], dtype=bool)
    written = {
        column: [_written(value, share) for value, share in zip(rows[column], shares, strict=True)]
        for column in ("actual", "target", "previous")
    }
    return pd.DataFrame(
        {
            "KPI": [cascade.kpi(kpi).name for kpi in rows["kpi"]],
            "unit": [cascade.unit(unit).name for unit in rows["unit"]],
            "actual": written["actual"],
            "target": written["target"],
            "status": rows["status"].to_list(),
            "a year before": written["previous"],
            "trend": rows["trend"].to_list(),
            "reports missing": [
                f"{m} of {n}" if m else "" for m, n in zip(rows["n_missing"], rows["n_expected"], strict=True)
            ],
        }
    )


def attribution(cascade: Cascade) -> Page:
    """Return whose data these are."""
    return Page(f"<p style='color:#777;font-size:12px'>{html.escape(cascade.attribution)}</p>")


def summary(result: Result) -> Page:
    """Return the sentences of a result without its table."""
    return Page(paragraphs_html(result.text))


def _compares_across_levels(cascade: Cascade, kpi: Kpi) -> bool:
    """Tell whether a unit and the unit above it are on one scale: ratios of what adds up, and means."""
    if kpi.ratio:
        per = cascade.measures.get(kpi.ratio.per)
        return per is None or per.across == "sum"
    return kpi.mean is not None


def _written(value: float, share: bool) -> str:
    if np.isnan(value):
        return ""
    return f"{100 * value:.1f} %" if share else number(float(value))


def _unit_trend(cascade: Cascade, history: History, kpi: Kpi, unit: str) -> Chart | None:
    panel = kpi_panel(cascade, history, kpi)
    place = {name: position for position, name in enumerate(history.units)}
    parent = cascade.unit(unit).parent
    columns = {cascade.unit(unit).name: panel.values[:, place[unit]]}
    if parent and _compares_across_levels(cascade, kpi):
        columns[cascade.unit(parent).name] = panel.values[:, place[parent]]
    values = pd.DataFrame(columns, index=history.periods)
    if values.iloc[:, 0].isna().all():
        return None
    targets = [target_in_force(cascade, kpi.id, unit, period) for period in history.periods]
    line = pd.Series([t.target if t else np.nan for t in targets], index=history.periods)
    return trend_chart(values, line, kpi.name, share=kpi.unit_of_measure == "share")
