"""Actual against target for every KPI and unit: the scorecard."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import Span, parse_span, period_text, year_to_date
from kpilab.problems import one_problem
from kpilab.scorecard.card_table import scorecard_table
from kpilab.scorecard.panels import KpiPanel, kpi_panel
from kpilab.show import Result, count_of, listed, quantity
from kpilab.words import STATUSES

SHOWN = [
    "kpi", "unit", "name", "level", "actual", "target", "attainment", "status", "score", "previous", "trend",
    "worst_child", "worst_status", "coverage",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scorecard(Result):
    """Actual against target, one row per KPI and unit.

    `tidy()` has the columns ``kpi, unit, level, period, actual, target, attainment, status`` (met, near,
    missed, no target, incomplete, no data), then

    - ``target_status, previous`` (the same span a year before), ``change, trend``;
    - ``n_expected, n_missing, coverage``: how many reports were due and are missing, and the share there;
    - ``baseline, progress``: the part of the way from the baseline to the target, 1 = arrived;
    - ``red_flag, score``: where the actual stands on a scale of 0–10 (red flag 3⅓, target 6⅔);
    - ``share_of_parent``: for what adds up over units, the part of the unit above, 0–1;
    - ``worst_child, worst_actual, worst_status``: the unit that an average may hide;
    - ``previous_target, target_change`` (eased, tightened, moved), ``previous_attainment`` (a year ago,
      against the target then), ``attainment_old_target`` (now, against the target then);
    - ``year_to_date, rolling_year``: from the start of the year, and over twelve months, to the end of the span.
    """

    cascade: Cascade
    span: Span
    table: pd.DataFrame

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade and the period."""
        return f"{self.cascade.name}: scorecard {self.span}"

    def tidy(self) -> pd.DataFrame:
        """Return one row per KPI and unit."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: the period, and how many rows have each status."""
        counts = {word.replace(" ", "_"): [int((self.table["status"] == word).sum())] for word in STATUSES}
        whole = {
            "period": [str(self.span)],
            "n_kpis": [self.table["kpi"].nunique()],
            "n_units": [self.table["unit"].nunique()],
        }
        return pd.DataFrame({**whole, **counts, "n_missing": [int(self.table["n_missing"].sum())]})

    def shown(self) -> pd.DataFrame:
        """Return the columns that fit on a page, with names; without units that are silent and owe no report."""
        names = {unit.id: unit.name for unit in self.cascade.units}
        table = self.table[~self._silent()]
        named = {"name": table["unit"].map(names), "worst_child": table["worst_child"].map(names).fillna("")}
        return table.assign(**named)[SHOWN].reset_index(drop=True)

    @property
    def text(self) -> str:
        """Return a sentence per KPI at the top, what its average hides, and what is missing."""
        top = self._top_rows()
        lines = [self._sentence(row) for row in top.itertuples(index=False)]
        lines += [self._target_sentence(row) for row in top.itertuples(index=False) if row.target_change]
        hidden = self.table[(self.table["status"] == "met") & (self.table["worst_status"] == "missed")]
        if len(hidden):
            named = [self._hidden(row) for row in hidden.itertuples(index=False)]
            lines.append(f"Met above, missed below: {listed(named)}.")
        incomplete = self.table[self.table["n_missing"] > 0]
        if len(incomplete):
            counted = count_of(len(incomplete), "value")
            lines.append(f"Resting on incomplete reports: {counted}; see the column n_missing.")
        if n_silent := int(self._silent().sum()):
            lines.append(
                f"Left out of the table, as no report was due and none came: {count_of(n_silent, 'value')}."
            )
        return "\n".join(lines)

    def at(self, level: str) -> "Scorecard":
        """Return the rows of one level.

        Raises
        ------
        InputError
            When the cascade has no such level.
        """
        return self._where(self.table["level"] == self.cascade.known_level(level))

    def of_unit(self, unit: str) -> "Scorecard":
        """Return the rows of one unit.

        Raises
        ------
        InputError
            When the cascade has no such unit.
        """
        return self._where(self.table["unit"] == self.cascade.unit(unit).id)

    def children(self, kpi: str, unit: str) -> "Scorecard":
        """Return what stands below a KPI of a unit: the same KPI and the KPIs derived from it, one level down."""
        below = {child.id for child in self.cascade.children(unit)}
        derived = {kpi} | {other.id for other in self.cascade.kpis if other.parent == kpi}
        own = (self.table["unit"] == unit) & self.table["kpi"].isin(derived - {kpi})
        return self._where(own | (self.table["unit"].isin(below) & self.table["kpi"].isin(derived)))

    def target_changes(self) -> pd.DataFrame:
        """Return the rows whose target was eased, tightened or moved within a year, and what it did to attainment."""
        columns = [
            "kpi", "unit", "previous_target", "target", "target_change", "previous", "actual",
            "previous_attainment", "attainment", "attainment_old_target",
        ]  # fmt: skip
        changed = self.table[self.table["target_change"] != ""]
        said = [self._target_sentence(row) for row in changed.itertuples(index=False)]
        return changed[columns].assign(said=said).reset_index(drop=True)

    def _silent(self) -> pd.Series:
        return self.table["actual"].isna() & (self.table["n_expected"] == 0)

    def _where(self, rows: pd.Series) -> "Scorecard":
        return Scorecard(self.cascade, self.span, self.table[rows].reset_index(drop=True))

    def _name(self, noun: str, entry_id: str) -> str:
        entry = self.cascade.unit(entry_id) if noun == "unit" else self.cascade.kpi(entry_id)
        return entry.name

    def _hidden(self, row: Any) -> str:
        child, above = self._name("unit", row.worst_child), self._name("unit", row.unit)
        return f"{child} under {above} ({self._name('kpi', row.kpi)})"

    def _top_rows(self) -> pd.DataFrame:
        rank = self.table["level"].map({level: i for i, level in enumerate(self.cascade.levels)})
        return self.table[rank == self.table["kpi"].map(rank.groupby(self.table["kpi"]).min())]

    def _sentence(self, row: Any) -> str:
        kpi = self.cascade.kpi(row.kpi)
        said = f"{self._name('unit', row.unit)}: {kpi.name}, {quantity(row.actual, kpi.unit_of_measure)}"
        if not np.isnan(row.target):
            said += f", target {quantity(row.target, kpi.unit_of_measure)} ({_status_said(row)})"
        elif row.status != "no target":
            said += f" ({_status_said(row)})"
        if row.trend:
            said += f"; a year before {quantity(row.previous, kpi.unit_of_measure)} ({row.trend})"
        return said + "."

    def _target_sentence(self, row: Any) -> str:
        """Say what a changed target did to attainment, and what performance did."""
        kpi = self.cascade.kpi(row.kpi)
        old, new = (quantity(value, kpi.unit_of_measure) for value in (row.previous_target, row.target))
        said = f"{self._name('unit', row.unit)}: {kpi.name}, target {row.target_change} from {old} to {new}"
        before, now, against_old = row.previous_attainment, row.attainment, row.attainment_old_target
        if np.isnan([before, now, against_old]).any():
            return f"{said} within the year."
        moved = "rose" if now > before else "fell" if now < before else "stayed at"
        ends = _percent(now) if now == before else f"from {_percent(before)} to {_percent(now)}"
        by_target, by_performance = abs(now - against_old), abs(against_old - before)
        why = "because of the target" if by_target >= by_performance else "mostly because of performance"
        performance = {"better": "performance improved", "worse": "performance fell"}.get(
            row.trend, "performance stayed as it was"
        )
        return (
            f"{said}. Attainment {moved} {ends}, {why}; {performance}: against the old target attainment is "
            f"{_percent(against_old)}."
        )


def roll_up(cascade: Cascade, history: History, *, period: object = None) -> Scorecard:
    """Compute every KPI for every unit that has it, against the target in force.

    Parameters
    ----------
    cascade : Cascade
    history : History
    period : str or Period, optional
        A period (``2023-03``), a coarser one (``2023``, ``2023-Q1``) or a span (``2012-04..2013-03``);
        default: the last complete period. Sums and ratios are added up over a span; stocks are not.

    Returns
    -------
    Scorecard

    Raises
    ------
    InputError
        When the period cannot be read, or lies outside history.

    Notes
    -----
    Attainment is actual / target where higher is better, target / actual where lower is better, and
    1 − |actual − near| / |near| near a value; it is missing where the quotient has no meaning (a target or
    an actual of zero or below). Status compares actual with target and red flag directly.
    """
    span = within_history(history, scorecard_span(cascade, history, period))
    return Scorecard(cascade, span, scorecard_table(cascade, history, _compared(cascade, span)))


def scorecard_span(cascade: Cascade, history: History, period: object = None) -> Span:
    """Read a span of periods, by default the last complete period."""
    if period is None:
        last = last_complete_period(cascade, history)
        return Span(last, last)
    try:
        return parse_span(period, cascade.frequency)
    except ValueError as error:
        raise one_problem("period", str(error)) from error


def within_history(history: History, span: Span) -> Span:
    """Return a span that history speaks of, in part at least.

    Raises
    ------
    InputError
        When it lies before or after history.
    """
    first, last = history.periods[0], history.periods[-1]
    if span.end < first or span.start > last:
        known = f"{period_text(first)} to {period_text(last)}"
        raise one_problem("period", f"{span} lies outside the history; give a period from {known}")
    return span


def last_complete_period(cascade: Cascade, history: History) -> pd.Period:
    """Return the last period in which every KPI that is still reported is complete at its highest units.

    KPIs whose reports ended more than a year before the end of history are passed over.
    """
    ends = [_last_complete(cascade, kpi, kpi_panel(cascade, history, kpi)) for kpi in cascade.kpis]
    ends = [end for end in ends if end >= 0]
    recent = [end for end in ends if end > max(ends) - cascade.periods_per_year]
    return history.periods[min(recent)] if recent else history.periods[-1]


def _last_complete(cascade: Cascade, kpi: Kpi, panel: KpiPanel) -> int:
    top = cascade.levels_of(kpi)[:1]
    columns = [i for i, unit in enumerate(cascade.units) if unit.level in top]
    covered = np.nan_to_num(panel.coverage[:, columns], nan=0) >= kpi.coverage
    complete = (~np.isnan(panel.values[:, columns]) & covered).any(axis=1)
    return int(np.flatnonzero(complete)[-1]) if complete.any() else -1


def _compared(cascade: Cascade, span: Span) -> list[Span]:
    """Return the span, the same a year before, the year to its end, and the twelve months to its end."""
    per_year = cascade.periods_per_year
    return [
        span,
        Span(span.start - per_year, span.end - per_year),
        year_to_date(span.end, cascade.year_start),
        Span(span.end - per_year + 1, span.end),
    ]


def _status_said(row: Any) -> str:
    if row.status != "incomplete":
        return str(row.status)
    return f"incomplete: {row.n_expected - row.n_missing:.0f} of {count_of(int(row.n_expected), 'report')}"


def _percent(share: float) -> str:
    return "no value" if np.isnan(share) else f"{100 * share:.3g} %"
