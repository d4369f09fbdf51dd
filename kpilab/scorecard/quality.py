"""Weak KPIs: no history, numerators above their denominators, zero denominators, sudden breaks."""

from collections.abc import Iterator

import numpy as np

from kpilab.model.cascade import Cascade, Kpi
from kpilab.model.history import History
from kpilab.model.periods import period_text
from kpilab.problems import Finding, did_you_mean
from kpilab.scorecard.panels import KpiPanel, kpi_panel, measures_of, part_names
from kpilab.show import count_of, listed
from kpilab.words import BREAK_KINDS

BREAK_WINDOW = 6
BREAK_SIZE = 8.0
SUDDEN = 0.6


def findings(cascade: Cascade, history: History) -> list[Finding]:
    """List KPIs whose numbers are missing, impossible or suddenly different."""
    found: list[Finding] = []
    for kpi in cascade.kpis:
        unknown = [name for name in measures_of(cascade, kpi) if name not in history.measures]
        if unknown:
            found += _without_measures(cascade, history, kpi, unknown)
            continue
        panel = kpi_panel(cascade, history, kpi)
        for step in (_without_values, _above_one, _zero_denominators, _breaks):
            found += step(cascade, history, kpi, panel)
    return found


def _without_measures(cascade: Cascade, history: History, kpi: Kpi, unknown: list[str]) -> Iterator[Finding]:
    for name in set(unknown) & set(part_names(kpi)):  # what a formula inherits is said at its source
        what = f"kpi '{kpi.id}' needs the measure '{name}', which history does not have"
        where = cascade.where("kpis", kpi.id, kpi.kind)
        yield Finding("error", "kpi_without_history", where, what, did_you_mean(name, history.measures))


def _without_values(cascade: Cascade, history: History, kpi: Kpi, panel: KpiPanel) -> Iterator[Finding]:
    if np.isnan(panel.values).all():
        what = f"kpi '{kpi.id}' has no value at any unit of its levels ({', '.join(cascade.levels_of(kpi))})"
        where = cascade.where("kpis", kpi.id)
        yield Finding(
            "error", "kpi_without_history", where, what, "correct its levels, or deliver its measures"
        )


def _above_one(cascade: Cascade, history: History, kpi: Kpi, panel: KpiPanel) -> Iterator[Finding]:
    """Report shares whose numerator exceeds its denominator, at the units that report them themselves."""
    if kpi.ratio is None or kpi.unit_of_measure != "share":
        return
    reported = ~np.isnan(history.measure(kpi.ratio.of))
    for t, u in np.argwhere((panel.values > 1 + 1e-12) & reported):
        unit, period = history.units[u], history.periods[t]
        what = (
            f"{unit}, {period_text(period)}: {kpi.ratio.of} ({panel.numerator[t, u]:g}) is above "
            f"{kpi.ratio.per} ({panel.denominator[t, u]:g}), so '{kpi.id}' is over 100 %"
        )
        remedy = "correct the row, or give the KPI another unit_of_measure if this can be"
        yield Finding("warning", "numerator_above_denominator", history.where(unit, period), what, remedy)


def _zero_denominators(cascade: Cascade, history: History, kpi: Kpi, panel: KpiPanel) -> Iterator[Finding]:
    zero = (panel.denominator == 0) & (panel.numerator != 0) & ~np.isnan(panel.numerator)
    for t, u in np.argwhere(zero):
        unit, period = history.units[u], history.periods[t]
        what = f"{unit}, {period_text(period)}: '{kpi.id}' divides {panel.numerator[t, u]:g} by zero; it has no value"
        yield Finding(
            "warning", "zero_denominator", history.where(unit, period), what, "correct the denominator"
        )


def _breaks(cascade: Cascade, history: History, kpi: Kpi, panel: KpiPanel) -> Iterator[Finding]:
    """Report the largest lasting jump of each unit that no declared action explains, units together by KPI."""
    size, position = _largest_jump(panel.values)
    explained = [_explained(cascade, history, kpi, u, int(t)) for u, t in enumerate(position)]
    jumps = [u for u in np.flatnonzero(size > BREAK_SIZE) if not explained[u]]
    if not jumps:
        return
    jumps.sort(key=lambda u: -size[u])
    named = [f"{history.units[u]} in {period_text(history.periods[position[u]])}" for u in jumps]
    what = f"kpi '{kpi.id}' jumps and stays at {count_of(len(jumps), 'unit')}: {listed(named, most=4)}"
    remedy = (
        "look for a change of definition or system; declare it as an action (measurement, structural, shock)"
    )
    worst = jumps[0]
    where = history.where(history.units[worst], history.periods[position[worst]])
    yield Finding("warning", "sudden_break", where, what, remedy)


def _largest_jump(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, per unit, the largest shift of level in units of noise, and the period in which it begins.

    The shift is the difference of the medians of the windows before and after; noise is the median absolute
    one-period change, scaled to a standard deviation. It counts where most of it comes from one period to
    the next: a slow drift is no break.
    """
    n_periods, n_units = values.shape
    if n_periods < 2 * BREAK_WINDOW + 1:
        return np.zeros(n_units), np.zeros(n_units, dtype=int)
    windows = np.lib.stride_tricks.sliding_window_view(values, BREAK_WINDOW, axis=0)
    medians = np.median(windows, axis=2)
    shift = np.abs(medians[BREAK_WINDOW:] - medians[:-BREAK_WINDOW])
    changes = np.abs(np.diff(values, axis=0))
    at_once = changes[BREAK_WINDOW - 1 : BREAK_WINDOW - 1 + len(shift)]
    noise = (
        np.array([np.median(c[~np.isnan(c)]) if (~np.isnan(c)).any() else np.nan for c in changes.T]) * 1.4826
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.where((noise > 0) & (at_once >= SUDDEN * shift), shift / noise, 0.0)
    size = np.nan_to_num(size, nan=0.0)
    return size.max(axis=0), size.argmax(axis=0) + BREAK_WINDOW


def _explained(cascade: Cascade, history: History, kpi: Kpi, unit: int, position: int) -> bool:
    """Tell whether a declared break touches this unit and KPI near this period."""
    unit_id = history.units[unit]
    below = cascade.with_descendants([unit_id])
    near = range(position - BREAK_WINDOW, position + BREAK_WINDOW + 1)
    regimes = [history.position(cascade.period(period)) for period in cascade.breaks]
    touched = [
        history.position(cascade.period(action.start))
        for action in cascade.actions
        if action.kind in BREAK_KINDS
        and (not action.expects or kpi.id in action.expects)
        and (unit_id in cascade.with_descendants(action.units) or below & set(action.units))
    ]
    return any(start in near for start in [*regimes, *touched])
