"""From the quality table to findings: which KPIs are weak indicators, and what to do about it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.problems import Finding
from kpilab.scorecard.kpi_quality import SEASON
from kpilab.show import count_of, listed

LEAST_COMPLETE = 0.9
LEAST_SIGNAL = 0.25
NEAR_DUPLICATE = 0.95
LARGE_SHIFT = 3.0
GAMING_LEVEL = 0.01
LEAST_SPIKE = 0.5


def findings(cascade: Cascade, table: pd.DataFrame) -> list[Finding]:
    """List KPIs that are weak indicators.

    Parameters
    ----------
    cascade : Cascade
    table : DataFrame
        What `kpi_quality` returns.

    Notes
    -----
    A sign of gaming is reported when its p-value is below 0.01 divided by the number of KPIs tested for it
    (Bonferroni): honest histories raise each alarm in at most one cascade of a hundred.
    """
    steps = (_reports, _noise, _breaks, _gaming, _process, _leading)
    rows = [row for row in table.to_dict("records") if row["n_units"] > 0]
    levels = _gaming_levels(table)
    found = [finding for row in rows for step in steps for finding in step(cascade, row, levels)]
    return [*found, *_duplicates(cascade, rows)]


def gaming_signs(cascade: Cascade, table: pd.DataFrame) -> dict[str, str]:
    """Return the KPIs with a sign of gaming, and which."""
    levels = _gaming_levels(table)
    rows = [row for row in table.to_dict("records") if row["n_units"] > 0]
    return {row["kpi"]: finding.rule for row in rows for finding in _gaming(cascade, row, levels)}


def _gaming_levels(table: pd.DataFrame) -> dict[str, float]:
    return {
        name: GAMING_LEVEL / max(int(table[name].notna().sum()), 1) for name in ("bunching_p", "year_end_p")
    }


def summary(table: pd.DataFrame) -> str:
    """Return one sentence on the quality table: what is noisy, late, or said twice.

    Parameters
    ----------
    table : DataFrame
        What `kpi_quality` returns.
    """
    known = table[table["n_units"] > 0]
    if known.empty:
        return ""
    said = [f"KPI quality: {count_of(len(known), 'KPI')} with values"]
    measured = known.dropna(subset=["signal_to_noise"])
    if len(measured):
        worst = measured.iloc[int(measured["signal_to_noise"].argmin())]
        said.append(f"least signal in {worst['kpi']} ({worst['signal_to_noise']:.2g} times its noise)")
    late = known.loc[known["periods_late"] > 0, "kpi"].tolist()
    said += [f"late: {listed(late)}"] if late else []
    twice = known[known["nearest_correlation"].abs() >= NEAR_DUPLICATE]
    pairs = list(
        dict.fromkeys(" = ".join(sorted((r["kpi"], r["nearest"]))) for r in twice.to_dict("records"))
    )
    said += [f"near-duplicates: {listed(pairs)}"] if pairs else []
    return "; ".join(said) + "."


def _reports(cascade: Cascade, row: Any, levels: dict[str, float]) -> Iterator[Finding]:
    kpi = cascade.kpi(row["kpi"])
    where = cascade.where("kpis", kpi.id)
    if row["completeness"] < LEAST_COMPLETE:
        what = f"kpi '{kpi.id}': {100 * row['completeness']:.0f} % of the expected reports came in"
        yield Finding("warning", "kpi_incomplete", where, what, "find the missing reports, or who owes them")
    patience = max(1.0, SEASON[kpi.every or cascade.frequency] / 4)
    if row["periods_late"] > patience:
        late = count_of(int(row["periods_late"]), kpi.every or cascade.frequency)
        what = f"kpi '{kpi.id}': the last value is {late} old when history ends"
        yield Finding("warning", "kpi_late", where, what, "get it sooner, or steer by an earlier sign")


def _noise(cascade: Cascade, row: Any, levels: dict[str, float]) -> Iterator[Finding]:
    if row["signal_to_noise_top"] < LEAST_SIGNAL:
        share = 100 * row["signal_to_noise_top"] / (1 + row["signal_to_noise_top"])
        what = f"kpi '{row['kpi']}' is mostly noise: even at its highest level only {share:.0f} % of its variance"
        what += " lasts beyond one period"
        remedy = "judge it by the quarter or year, never by one period; or measure more cases"
        yield Finding("note", "kpi_noisy", cascade.where("kpis", row["kpi"]), what, remedy)


def _breaks(cascade: Cascade, row: Any, levels: dict[str, float]) -> Iterator[Finding]:
    """Report a KPI that a change of the ruler moved; a break of regime may be real and is not reported."""
    action = cascade.named("actions", row["break_at"])
    if action is not None and abs(row["break_shift"]) >= LARGE_SHIFT:
        what = f"kpi '{row['kpi']}' shifts by {row['break_shift']:+.1f} sd of its noise with '{action.id}'"
        what += f" ({action.start}), a change of measurement"
        remedy = "do not compare across it; set targets on the new definition"
        yield Finding("note", "kpi_definition_break", cascade.where("kpis", row["kpi"]), what, remedy)


def _gaming(cascade: Cascade, row: Any, levels: dict[str, float]) -> Iterator[Finding]:
    where, kpi = cascade.where("kpis", row["kpi"]), row["kpi"]
    remedy = "look at how these values come about; this is a sign, no proof"
    if row["bunching_p"] < levels["bunching_p"]:
        what = f"kpi '{kpi}': {row['bunching']:.1f} times as many values just on the good side of the target"
        what += f" as those beside lead to expect (p = {row['bunching_p']:.2g})"
        yield Finding("warning", "bunching_at_target", where, what, remedy)
    if row["n_never_missed"]:
        what = f"kpi '{kpi}': {count_of(row['n_never_missed'], 'unit')} never missed the target"
        yield Finding("warning", "never_misses", where, f"{what} by a margin too narrow for that", remedy)
    if row["year_end_p"] < levels["year_end_p"] and row["year_end_spike"] > LEAST_SPIKE:
        what = f"kpi '{kpi}': the last month of the year stands {row['year_end_spike']:.1f} sd of noise above"
        what += f" what the months around it lead to (p = {row['year_end_p']:.2g})"
        yield Finding("warning", "year_end_spike", where, what, f"{remedy}; a holiday may do the same")


def _process(cascade: Cascade, row: Any, levels: dict[str, float]) -> Iterator[Finding]:
    if not row["process"]:
        where, what = cascade.where("kpis", row["kpi"]), f"kpi '{row['kpi']}' has no process"
        yield Finding("note", "kpi_without_process", where, what, "name the process in which it is made")


def _leading(cascade: Cascade, row: Any, levels: dict[str, float]) -> Iterator[Finding]:
    kpi = cascade.kpi(row["kpi"])
    where = cascade.where("kpis", kpi.id, "timing")
    if kpi.timing != "leading" or row["n_supported"]:
        return
    if not row["leads_to"]:
        what = f"kpi '{kpi.id}' is called leading, but no link says what it leads to"
        yield Finding("note", "leading_without_link", where, what, "draw the link, so that it can be tested")
    elif "not tested" not in row["leads_to"]:
        what = f"kpi '{kpi.id}' is called leading, but history supports none of its links: {row['leads_to']}"
        yield Finding("note", "leading_unsupported", where, what, "do not steer by it before a link holds")


def _duplicates(cascade: Cascade, rows: list[Any]) -> Iterator[Finding]:
    """Report each group of KPIs whose changes are nearly the same once."""
    partners: dict[frozenset[str], float] = {}
    for row in rows:
        if not np.isnan(row["nearest_correlation"]) and abs(row["nearest_correlation"]) >= NEAR_DUPLICATE:
            partners[frozenset((row["kpi"], row["nearest"]))] = row["nearest_correlation"]
    for pair, correlation in partners.items():
        names = [kpi.id for kpi in cascade.kpis if kpi.id in pair]
        what = f"kpis {listed([repr(name) for name in names])} move as one: their changes correlate {correlation:.3f}"
        remedy = "one of the two would do, unless they are meant to add up"
        yield Finding("note", "kpi_near_duplicates", cascade.where("kpis", names[0]), what, remedy)
