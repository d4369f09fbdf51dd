"""Where units stand before they are given a target: actual, weight, own best, how far they usually move."""

from dataclasses import dataclass

import numpy as np

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import Span, period_text
from kpilab.problems import one_problem
from kpilab.scorecard.difficulty import Record, record_of
from kpilab.scorecard.panels import KpiPanel, kpi_at, kpi_panel, kpi_spans


@dataclass(frozen=True, eq=False)
class Standing:
    """A KPI of every unit, arrays of shape (U,) in the order of `History.units`.

    Attributes
    ----------
    base : Span
        The periods of `actual`.
    actual : ndarray
        NaN where there is none.
    values : ndarray, shape (T, U)
        The KPI over spans as long as the target's, in the order of time.
    record : Record
        How far units moved in the time from `base` to the target (a year, where the two are the same).
    """

    base: Span
    actual: np.ndarray
    values: np.ndarray
    record: Record


def standing_of(cascade: Cascade, history: History, kpi: Kpi, unit: str, span: Span) -> Standing:
    """Return where every unit stands on a KPI, as far as a target for `span` at `unit` is concerned.

    A past span stands for itself. For a future one the same periods of the latest complete year are taken,
    so that the season is the same; where history is too short for that, the last complete periods.

    Raises
    ------
    InputError
        When history has no complete span of that length.
    """
    panel = kpi_panel(cascade, history, kpi)
    base = _base(cascade, history, kpi, panel, unit, span)
    values, step = _values(cascade, history, kpi, panel, base, past=base == span)
    ahead = span.end.ordinal - base.end.ordinal or cascade.periods_per_year
    actual = kpi_at(cascade, history, kpi, base).values[0]
    return Standing(base, actual, values, record_of(values, max(1, ahead // step)))


def _base(cascade: Cascade, history: History, kpi: Kpi, panel: KpiPanel, unit: str, span: Span) -> Span:
    last = _last_complete(kpi, panel, history.units.index(unit))
    if last < 0:
        raise one_problem("unit", f"'{unit}' has no history of '{kpi.id}'; deliver its measures first")
    first, end = history.position(span.start), history.position(span.end)
    if first < 0:
        began = period_text(history.periods[0])
        raise one_problem("period", f"'{span}' is before history, which begins in {began}")
    years = max(0, -(-(end - last) // cascade.periods_per_year))
    back = years * cascade.periods_per_year
    if first - back >= 0:
        return Span(span.start - back, span.end - back)
    if span.n_periods > last + 1:
        raise one_problem(
            "period",
            f"'{span}' is {span.n_periods} periods long, and history of '{kpi.id}' has only {last + 1} up to "
            f"{period_text(history.periods[last])}; choose a shorter one",
        )
    latest = history.periods[last]
    return Span(latest - (span.n_periods - 1), latest)


def _last_complete(kpi: Kpi, panel: KpiPanel, position: int) -> int:
    known = ~np.isnan(panel.values[:, position])
    covered = known & (np.nan_to_num(panel.coverage[:, position], nan=0) >= kpi.coverage)
    rows = np.flatnonzero(covered if covered.any() else known)
    return int(rows[-1]) if len(rows) else -1


def _values(
    cascade: Cascade, history: History, kpi: Kpi, panel: KpiPanel, base: Span, past: bool
) -> tuple[np.ndarray, int]:
    """Return the KPI over spans as long as `base`, and how many periods lie between their ends.

    What came after a past span is no part of its history.
    """
    if base.n_periods == 1:
        return (panel.values[: history.position(base.end) + 1] if past else panel.values), 1
    step = _step(cascade.periods_per_year, base.n_periods)
    ends = range(history.position(base.end), base.n_periods - 2, -step)
    spans = [Span(history.periods[end - base.n_periods + 1], history.periods[end]) for end in reversed(ends)]
    return np.vstack([each.values for each in kpi_spans(cascade, history, kpi, spans)]), step


def _step(periods_per_year: int, n_periods: int) -> int:
    """Return the largest divisor of a year that is no more than a quarter of the span."""
    most = max(1, n_periods // 4)
    return next(step for step in range(most, 0, -1) if periods_per_year % step == 0)
