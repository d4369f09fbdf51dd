"""Actual against target for every KPI and unit: the scorecard."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade, Kpi, Target
from kpilab.model.history import History
from kpilab.model.periods import Span, parse_span
from kpilab.problems import did_you_mean, one_problem
from kpilab.scorecard.panels import KpiPanel, kpi_at, kpi_panel
from kpilab.show import Result, count_of, quantity
from kpilab.words import STATUSES, Status, Trend

FLAT = 0.01
COLUMNS = [
    "kpi",
    "unit",
    "level",
    "period",
    "actual",
    "target",
    "attainment",
    "status",
    "target_status",
    "previous",
    "change",
    "trend",
    "n_expected",
    "n_missing",
    "coverage",
]


@dataclass(frozen=True, eq=False)
class Scorecard(Result):
    """Actual against target, one row per KPI and unit.

    `tidy()` has the columns ``kpi, unit, level, period, actual, target, attainment, status`` (met, near,
    missed, no target, incomplete, no data), then ``target_status, previous`` (the same span a year before),
    ``change, trend`` and how many reporting units were expected and missing, with the coverage (0–1).
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
        counts = {
            status.replace(" ", "_"): [int((self.table["status"] == status).sum())] for status in STATUSES
        }
        whole = {
            "period": [str(self.span)],
            "n_kpis": [self.table["kpi"].nunique()],
            "n_units": [self.table["unit"].nunique()],
        }
        return pd.DataFrame({**whole, **counts, "n_missing": [int(self.table["n_missing"].sum())]})

    @property
    def text(self) -> str:
        """Return a sentence for each KPI at the top, and one on what is missing."""
        lines = [self._sentence(row) for row in self._top_rows().itertuples(index=False)]
        incomplete = self.table[self.table["n_missing"] > 0]
        if len(incomplete):
            lines.append(
                f"Resting on incomplete reports: {count_of(len(incomplete), 'value')}; see the column n_missing."
            )
        return "\n".join(lines)

    def at(self, level: str) -> "Scorecard":
        """Return the rows of one level.

        Raises
        ------
        InputError
            When the cascade has no such level.
        """
        if level not in self.cascade.levels:
            raise one_problem("level", f"unknown level '{level}'; {did_you_mean(level, self.cascade.levels)}")
        return self._where(self.table["level"] == level)

    def of_unit(self, unit: str) -> "Scorecard":
        """Return the rows of one unit.

        Raises
        ------
        InputError
            When the cascade has no such unit.
        """
        if self.cascade.named("units", unit) is None:
            known = [each.id for each in self.cascade.units]
            raise one_problem("unit", f"unknown unit '{unit}'; {did_you_mean(unit, known)}")
        return self._where(self.table["unit"] == unit)

    def children(self, kpi: str, unit: str) -> "Scorecard":
        """Return what stands below a KPI of a unit: the same KPI and the KPIs derived from it, one level down."""
        below = {child.id for child in self.cascade.children(unit)}
        derived = {kpi} | {other.id for other in self.cascade.kpis if other.parent == kpi}
        own = (self.table["unit"] == unit) & self.table["kpi"].isin(derived - {kpi})
        return self._where(own | (self.table["unit"].isin(below) & self.table["kpi"].isin(derived)))

    def _where(self, rows: pd.Series) -> "Scorecard":
        return Scorecard(self.cascade, self.span, self.table[rows].reset_index(drop=True))

    def _top_rows(self) -> pd.DataFrame:
        rank = self.table["level"].map({level: i for i, level in enumerate(self.cascade.levels)})
        return self.table[rank == self.table["kpi"].map(rank.groupby(self.table["kpi"]).min())]

    def _sentence(self, row: Any) -> str:
        kpi, unit = self.cascade.kpi(row.kpi), self.cascade.unit(row.unit)
        said = f"{unit.name}: {kpi.name}, {quantity(row.actual, kpi.unit_of_measure)}"
        if not np.isnan(row.target):
            said += f", target {quantity(row.target, kpi.unit_of_measure)} ({row.status})"
        elif row.status != "no target":
            said += f" ({row.status})"
        if row.trend:
            said += f"; a year before {quantity(row.previous, kpi.unit_of_measure)} ({row.trend})"
        return said + "."


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
        When the period cannot be read.

    Notes
    -----
    Attainment is actual / target where higher is better, target / actual where lower is better, and
    1 − |actual − near| / |near| near a value; it is missing where the quotient has no meaning (a target or
    an actual of zero or below). Status compares actual and target directly.
    """
    span = scorecard_span(cascade, history, period)
    year_before = Span(span.start - cascade.periods_per_year, span.end - cascade.periods_per_year)
    tables = [_kpi_rows(cascade, history, kpi, span, year_before) for kpi in cascade.kpis]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    return Scorecard(cascade, span, rows)


def scorecard_span(cascade: Cascade, history: History, period: object = None) -> Span:
    """Read a span of periods, by default the last complete period."""
    if period is None:
        last = last_complete_period(cascade, history)
        return Span(last, last)
    try:
        return parse_span(period, cascade.frequency)
    except ValueError as error:
        raise one_problem("period", str(error)) from error


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


def target_in_force(cascade: Cascade, kpi: str, unit: str, period: pd.Period) -> Target | None:
    """Return the target of a KPI for a unit in a period; the unit's own goes before the one for all units."""
    valid = [
        t
        for t in cascade.targets
        if t.kpi == kpi and t.unit in (None, unit) and _in_force(cascade, t, period)
    ]
    valid.sort(key=lambda t: (t.unit is not None, t.start or ""))
    return valid[-1] if valid else None


def _in_force(cascade: Cascade, target: Target, period: pd.Period) -> bool:
    after = target.start is None or cascade.period(target.start) <= period
    return after and (target.end is None or period <= cascade.period(target.end))


def _kpi_rows(cascade: Cascade, history: History, kpi: Kpi, span: Span, year_before: Span) -> pd.DataFrame:
    now, before = kpi_at(cascade, history, kpi, span), kpi_at(cascade, history, kpi, year_before)
    units = cascade.units_of(kpi)
    place = {unit: position for position, unit in enumerate(history.units)}
    at = [place[unit.id] for unit in units]
    targets = [_target_over(cascade, kpi, unit.id, span) for unit in units]
    actual, previous = now.values[0, at], before.values[0, at]
    wanted = np.array([target for target, _ in targets], dtype=float)
    coverage = now.coverage[0, at]
    change = actual - previous
    rows = {
        "kpi": kpi.id,
        "unit": [unit.id for unit in units],
        "level": [unit.level for unit in units],
        "period": str(span),
        "actual": actual,
        "target": wanted,
        "attainment": attainment(kpi, actual, wanted),
        "status": [_status(kpi, *pair) for pair in zip(actual, wanted, coverage, strict=True)],
        "target_status": [status for _, status in targets],
        "previous": previous,
        "change": change,
        "trend": [_trend(kpi, *pair) for pair in zip(actual, previous, strict=True)],
        "n_expected": now.n_expected[0, at],
        "n_missing": now.n_missing[0, at],
        "coverage": coverage,
    }
    return pd.DataFrame(rows, columns=COLUMNS)


def _target_over(cascade: Cascade, kpi: Kpi, unit: str, span: Span) -> tuple[float, str]:
    """Return the target over a span: the last one in force; for sums the targets of its periods added up."""
    last = target_in_force(cascade, kpi.id, unit, span.end)
    if last is None:
        return (kpi.near, "") if kpi.better == "near" and kpi.near is not None else (float("nan"), "")
    if kpi.kind != "sum" or span.n_periods == 1:
        return last.target, last.status
    each = [target_in_force(cascade, kpi.id, unit, span.start + i) for i in range(span.n_periods)]
    return (float("nan") if None in each else sum(t.target for t in each if t)), last.status


def attainment(kpi: Kpi, actual: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return performance against target, 1 = on target; NaN where a quotient has no meaning.

    Examples
    --------
    >>> kpi = Kpi(id="wait", name="Waiting time", sum="days", better="lower")
    >>> attainment(kpi, np.array([50.0]), np.array([40.0]))
    array([0.8])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if kpi.better == "lower":
            quotient = np.where((actual > 0) & (target > 0), target / actual, np.nan)
        elif kpi.better == "near":
            quotient = np.where(target != 0, 1 - np.abs(actual - target) / np.abs(target), np.nan)
        else:
            quotient = np.where(target > 0, actual / target, np.nan)
    return quotient


def _status(kpi: Kpi, actual: float, target: float, coverage: float) -> Status:
    if np.isnan(actual):
        return "no data"
    if coverage < kpi.coverage:
        return "incomplete"
    if np.isnan(target):
        return "no target"
    distance = {"lower": actual - target, "near": abs(actual - target)}.get(
        kpi.better or "higher", target - actual
    )
    allowed = kpi.tolerance * abs(target)
    if kpi.better == "near":
        return "met" if distance <= allowed else "near" if distance <= 2 * allowed else "missed"
    slack = 1e-12 * abs(target)
    return "met" if distance <= slack else "near" if distance <= allowed + slack else "missed"


def _trend(kpi: Kpi, actual: float, previous: float) -> Trend:
    """Compare with the same span a year before; less than one per cent of it is flat."""
    change = actual - previous
    if np.isnan(change):
        return ""
    if abs(change) <= FLAT * abs(previous):
        return "flat"
    if kpi.better == "near" and kpi.near is not None:
        return "better" if abs(actual - kpi.near) < abs(previous - kpi.near) else "worse"
    if kpi.better is None:
        return "up" if change > 0 else "down"
    return "better" if (change > 0) == (kpi.better == "higher") else "worse"
