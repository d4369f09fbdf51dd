"""Parts of a page: what a report, a notebook and a widget show of a unit, of a link, of the whole."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kpilab.delivery.charts import (
    STATUS_COLOURS,
    STATUS_SIGNS,
    Chart,
    forest_chart,
    status_grid,
    trend_chart,
)
from kpilab.delivery.maps import StrategyMap
from kpilab.evidence.links import LinkResult, LinkResults
from kpilab.model.cascade import Cascade
from kpilab.model.checks import CheckReport
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.scorecard.in_force import target_in_force
from kpilab.scorecard.panels import kpi_panel
from kpilab.scorecard.rollup import Scorecard
from kpilab.show import Result, count_of, listed, number, paragraphs_html, quantity, table_html

MOST_FINDINGS = 40
_SMALL = "color:#666;font-size:12px"


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


def heading(name: str, *below: str) -> Page:
    """Return a page's heading, and lines in small print under it; names are text, never markup."""
    lines = "".join(f"<p style='margin:.2em 0;color:#555'>{html.escape(line)}</p>" for line in below if line)
    return Page(f"<h1>{html.escape(name)}</h1>{lines}")


def unit_heading(scorecard: Scorecard, unit: str) -> Page:
    """Return the heading of a unit's page: its name, the cascade and period, where it stands, who leads it."""
    cascade, about = scorecard.cascade, scorecard.cascade.unit(unit)
    place = f"{about.level} of {cascade.unit(about.parent).name}" if about.parent else about.level
    leader = cascade.named("owners", about.owner)
    below = f"{place}; led by: {leader.name}" if leader else place
    return heading(about.name, f"{cascade.name}, {scorecard.span}", below[:1].upper() + below[1:])


def standing(scorecard: Scorecard, unit: str) -> Page:
    """Return how many of a unit's targets are met and which are not; every sentence can be unfolded."""
    card = scorecard.of_unit(unit)
    folded = f"<details><summary>In sentences, to read out</summary>{paragraphs_html(card.text)}</details>"
    return Page(f"{paragraphs_html(standing_text(card))}{folded}")


def standing_text(card: Scorecard) -> str:
    """Say how many targets are met, and name what is near or missed."""
    rows = card.table[card.table["status"].isin(["met", "near", "missed"])]
    if rows.empty:
        return "No KPI has both a value and a target in this period."
    met = int((rows["status"] == "met").sum())
    said = [f"{met} of {count_of(len(rows), 'target')} met."]
    for status in ("near", "missed"):
        found = rows[rows["status"] == status]
        named = [f"{card.cascade.kpi(str(r.kpi)).name} ({_against(card, r)})" for r in found.itertuples()]
        said += [f"{status.capitalize()}: {listed(named, most=8)}."] if named else []
    return "\n".join(said)


def compared(scorecard: Scorecard, unit: str) -> Page:
    """Return a unit beside the one above it and its siblings, for KPIs that do not grow with a unit's size."""
    cascade, parent = scorecard.cascade, scorecard.cascade.unit(unit).parent
    siblings = [other.id for other in cascade.units if other.parent == parent and parent is not None]
    rows = [
        row
        for kpi in cascade.kpis
        if len(siblings) > 1 and _free_of_size(cascade, kpi)
        for row in _compared(scorecard, kpi, unit, siblings)
    ]
    if not rows:
        return Page(paragraphs_html("There is no unit beside this one to compare it with."))
    above = cascade.unit(str(parent)).name
    columns = ["KPI", "here", above, "median of its units", "rank (1 is best)"]
    return Page(table_html(pd.DataFrame(rows, columns=columns)))


def value_grid(scorecard: Scorecard) -> Page:
    """Return units × KPIs: each value on the colour and with the sign of its status, the target on hovering."""
    cascade = scorecard.cascade
    known = scorecard.table[scorecard.table["actual"].notna()]
    if known.empty:
        return Page(paragraphs_html("No unit has a value in this period."))
    kpis, units = known["kpi"].unique(), known["unit"].unique()
    cells = {(row.unit, row.kpi): _grid_cell(scorecard, row) for row in known.itertuples()}
    top = "".join(f"<th>{html.escape(cascade.kpi(kpi).name)}</th>" for kpi in kpis)
    lines = "".join(
        f"<tr><th scope='row'>{html.escape(cascade.unit(unit).name)}</th>"
        + "".join(cells.get((unit, kpi), "<td></td>") for kpi in kpis)
        + "</tr>"
        for unit in [each.id for each in cascade.units if each.id in set(units)]
    )
    silent = scorecard.table["unit"].nunique() - len(units)
    left_out = f"{count_of(silent, 'unit')} without any value in this period not shown." if silent else ""
    key = "".join(
        f"<span style='background:{STATUS_COLOURS[s]};padding:1px 8px;margin-right:6px'>{STATUS_SIGNS[s]} {s}</span>"
        for s in ("met", "near", "missed", "no target", "incomplete")
    )
    return Page(
        "<div style='overflow-x:auto'><style>.value-grid th{font-weight:500;text-align:left;font-size:11px;"
        "line-height:1.25;vertical-align:bottom;padding:2px 5px}.value-grid thead th{max-width:96px}"
        ".value-grid tbody th{white-space:nowrap}.value-grid td{text-align:right;white-space:nowrap;"
        "padding:2px 5px;border:1px solid #fff}</style>"
        f"<table class='value-grid' style='border-collapse:collapse;font-size:12px'><thead><tr><th></th>{top}</tr>"
        f"</thead><tbody>{lines}</tbody></table></div><p style='{_SMALL}'>{key} {html.escape(left_out)}</p>"
    )


def unit_trends(cascade: Cascade, history: History, unit: str, *, until: pd.Period | None = None) -> Page:
    """Return the history of each KPI of a unit, with its target and the unit above for comparison.

    What came after `until` is left out, so that a report stays the same when later months arrive.
    """
    kpis = [kpi for kpi in cascade.kpis if cascade.unit(unit).level in cascade.levels_of(kpi)]
    charts = [_unit_trend(cascade, history, kpi, unit, until or history.periods[-1]) for kpi in kpis]
    shown = "".join(f"<div>{chart.svg}</div>" for chart in charts if chart)
    if not shown:
        return Page(paragraphs_html("No KPI of this unit has a value so far."))
    columns = "display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));gap:8px"
    return Page(f"<div style='{columns}'>{shown}</div>")


def unit_card(scorecard: Scorecard, unit: str) -> Page:
    """Return a unit's actuals, targets and status, KPIs by name; a sentence when it has none."""
    rows = named_scores(scorecard.of_unit(unit)).drop(columns="unit")
    return Page(table_html(rows) if len(rows) else paragraphs_html("No KPI exists at this level."))


def children_card(scorecard: Scorecard, unit: str) -> Page:
    """Return the units below a unit as a grid of values; a sentence when there are none."""
    below = {child.id for child in scorecard.cascade.children(unit)}
    rows = scorecard.table[scorecard.table["unit"].isin(below)]
    if rows.empty:
        return Page(paragraphs_html("No units stand below this one."))
    return value_grid(Scorecard(scorecard.cascade, scorecard.span, rows))


def level_grid(scorecard: Scorecard, level: str) -> Chart:
    """Return the units of a level as a grid of statuses."""
    return status_grid(scorecard.at(level).table, names_of(scorecard.cascade))


def forest(links: LinkResults) -> Chart:
    """Return every link's interval beside the smallest effect that matters."""
    return forest_chart(links.tidy(), names_of(links.cascade))


def still_map(drawn: StrategyMap) -> Page:
    """Return a strategy map as a still picture: for print, and where no script may run."""
    return Page(drawn.svg())


def verdict_table(links: LinkResults) -> Page:
    """Return the links with verdict and reason; a sentence when there are none."""
    if not len(links):
        return Page(paragraphs_html("No arrow is assumed: list what moves what under links."))
    names = names_of(links.cascade)
    rows = [(f"{names[r.cause]} → {names[r.effect]}", r.level, r.verdict, r.reason) for r in links]
    return Page(table_html(pd.DataFrame(rows, columns=["link", "level", "verdict", "reason"])))


def unit_links(links: LinkResults, unit: str) -> Page:
    """Return the verdicts on the links between KPIs that a unit has, and whether its own history is in them."""
    cascade, names = links.cascade, names_of(links.cascade)
    level = cascade.unit(unit).level
    ours = {kpi.id for kpi in cascade.kpis if level in cascade.levels_of(kpi)}
    rows = [
        (f"{names[r.cause]} → {names[r.effect]}", r.verdict, r.reason, _part_in(links, r, unit))
        for r in links
        if {r.cause, r.effect} <= ours
    ]
    if not rows:
        return Page(paragraphs_html("No arrow is assumed between KPIs of this unit."))
    return Page(table_html(pd.DataFrame(rows, columns=["link", "verdict", "reason", "tested on"])))


def unit_findings(report: CheckReport, cascade: Cascade, unit: str) -> Page:
    """Return what the check found about a unit and the units below it."""
    ids = "|".join(re.escape(each) for each in sorted(cascade.with_descendants([unit])))
    named = re.compile(rf"(?<![\w-])(?:{ids})(?![\w-])")
    ours = tuple(f for f in report.findings if named.search(f.where) or named.search(f.what))
    if not ours:
        return Page(paragraphs_html("The check found nothing about this unit."))
    found = CheckReport(report.name, ours)
    table = found.tidy().head(MOST_FINDINGS)
    names = {each.id: f"{each.name} ({each.id})" for each in cascade.units if each.id != each.name}
    table["what"] = [named.sub(lambda at: names.get(at[0], at[0]), what) for what in table["what"]]
    rest = f"The first {len(table)} of {len(ours)}: kpilab check lists all." if len(ours) > len(table) else ""
    return Page(paragraphs_html(f"{found.text.splitlines()[0]} {rest}") + table_html(table))


def findings_by_rule(report: CheckReport) -> Page:
    """Return how often each rule was broken, with the first case and the remedy."""
    if not report.findings:
        return Page(paragraphs_html("The check found nothing."))
    groups = report.tidy().groupby(["severity", "rule"], sort=False)
    table = groups.agg(
        times=("what", "size"), first=("what", "first"), remedy=("remedy", "first")
    ).reset_index()
    return Page(paragraphs_html(report.text.split("\n")[0]) + table_html(table))


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
    return Page(f"<p style='{_SMALL}'>{html.escape(cascade.attribution)}</p>" if cascade.attribution else "")


def summary(result: Result) -> Page:
    """Return the sentences of a result without its table."""
    return Page(paragraphs_html(result.text))


def _compares_across_levels(cascade: Cascade, kpi: Kpi) -> bool:
    """Tell whether a unit and the unit above it are on one scale: ratios of what adds up, and means."""
    if kpi.ratio:
        per = cascade.measures.get(kpi.ratio.per)
        return per is None or per.across == "sum"
    return kpi.mean is not None


def _against(card: Scorecard, row: Any) -> str:
    measured = card.cascade.kpi(row.kpi).unit_of_measure
    return f"{quantity(row.actual, measured)}, target {quantity(row.target, measured)}"


def _free_of_size(cascade: Cascade, kpi: Kpi) -> bool:
    """Tell whether a KPI can be compared between a large unit and a small one."""
    if kpi.ratio is None:
        return kpi.mean is not None
    per = cascade.measures.get(kpi.ratio.per)
    return per is None or per.across != "same"


def _compared(
    scorecard: Scorecard, kpi: Kpi, unit: str, siblings: Sequence[str]
) -> Iterator[tuple[str, str, str, str, str]]:
    values = scorecard.table[scorecard.table["kpi"] == kpi.id].set_index("unit")["actual"]
    beside = values.reindex(list(siblings)).dropna()
    if unit not in beside.index or len(beside) < 2:
        return
    above = float(values.get(scorecard.cascade.unit(unit).parent, np.nan))
    rank = ""
    if kpi.better in ("higher", "lower"):
        place = int(beside.rank(ascending=kpi.better == "lower", method="min")[unit])
        rank = f"{place} of {len(beside)}"
    share = kpi.unit_of_measure == "share"
    here, middle = float(beside[unit]), float(beside.median())
    yield kpi.name, _written(here, share), _written(above, share), _written(middle, share), rank


def _grid_cell(scorecard: Scorecard, row: Any) -> str:
    kpi = scorecard.cascade.kpi(row.kpi)
    target = "" if np.isnan(row.target) else f", target {quantity(row.target, kpi.unit_of_measure)}"
    said = html.escape(f"{kpi.name}: {row.status}{target}", quote=True)
    value = html.escape(
        f"{_written(row.actual, kpi.unit_of_measure == 'share')} {STATUS_SIGNS[row.status]}".strip()
    )
    return f"<td style='background:{STATUS_COLOURS[row.status]}' title=\"{said}\">{value}</td>"


def _part_in(links: LinkResults, result: LinkResult, unit: str) -> str:
    """Say whose history a link was tested on, seen from one unit."""
    tested_on = f"{count_of(result.n_units, 'unit')} at level '{result.level}'"
    if result.level != links.cascade.unit(unit).level:
        return tested_on
    return f"{tested_on}; this one is left out" if unit in result.link.excluded else tested_on


def _written(value: float, share: bool) -> str:
    if np.isnan(value):
        return ""
    return f"{100 * value:.1f} %" if share else number(float(value))


def _unit_trend(cascade: Cascade, history: History, kpi: Kpi, unit: str, until: pd.Period) -> Chart | None:
    panel = kpi_panel(cascade, history, kpi)
    place = {name: position for position, name in enumerate(history.units)}
    parent = cascade.unit(unit).parent
    columns = {cascade.unit(unit).name: panel.values[:, place[unit]]}
    if parent and _compares_across_levels(cascade, kpi):
        columns[cascade.unit(parent).name] = panel.values[:, place[parent]]
    values = pd.DataFrame(columns, index=history.periods).loc[:until]
    if values.iloc[:, 0].isna().all():
        return None
    targets = [target_in_force(cascade, kpi.id, unit, period) for period in values.index]
    line = pd.Series([t.target if t else np.nan for t in targets], index=values.index)
    return trend_chart(values, line, kpi.name, share=kpi.unit_of_measure == "share")
