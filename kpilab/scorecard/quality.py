"""Weak KPIs: no history, numerators above their denominators, divisions by zero, sudden breaks."""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kpilab.model.cascade import Cascade
from kpilab.model.formula import NO_VALUE
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import period_text
from kpilab.problems import Finding, did_you_mean
from kpilab.progress import with_bar
from kpilab.scorecard.panels import KpiPanel, formula_parts, kpi_panel, measures_of, part_names
from kpilab.show import count_of, quantity
from kpilab.words import BREAK_KINDS

BREAK_WINDOW = 6
BREAK_SIZE = 8.0
SUDDEN = 0.6
NORMAL = 1.4826  # from a median absolute deviation to a standard deviation


def findings(cascade: Cascade, history: History) -> list[Finding]:
    """List KPIs whose numbers are missing, impossible or suddenly different."""
    found: list[Finding] = []
    for kpi in with_bar(cascade.kpis, "KPIs"):
        unknown = [name for name in measures_of(cascade, kpi) if name not in history.measures]
        if unknown:
            found += _without_measures(cascade, history, kpi, unknown)
            continue
        panel = kpi_panel(cascade, history, kpi)
        for step in (
            _without_values,
            _above_one,
            _zero_denominators,
            _negative_denominators,
            _formula_gaps,
            _breaks,
        ):
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
    zero = (panel.denominator == 0) & ~np.isnan(panel.numerator)
    if kpi.mean is not None:
        yield from _weights_of_zero(cascade, history, kpi, zero)
        return
    for t, u in np.argwhere(zero & (panel.numerator != 0)):
        unit, period = history.units[u], history.periods[t]
        what = f"{unit}, {period_text(period)}: '{kpi.id}' divides {panel.numerator[t, u]:g} by zero; it has no value"
        yield Finding(
            "warning", "zero_denominator", history.where(unit, period), what, "correct the denominator"
        )


def _weights_of_zero(cascade: Cascade, history: History, kpi: Kpi, zero: np.ndarray) -> Iterator[Finding]:
    """Report where a mean has values, but every weight is zero."""
    if zero.any() and kpi.mean is not None:
        first = _first_place(history, zero)
        what = f"every weight of '{kpi.id}' ({kpi.mean.weight}) is zero {first}; it has no value there"
        remedy = "correct the weights, or leave the cells of the measure empty"
        yield Finding("warning", "weights_of_zero", cascade.where("kpis", kpi.id, "mean"), what, remedy)


def _negative_denominators(
    cascade: Cascade, history: History, kpi: Kpi, panel: KpiPanel
) -> Iterator[Finding]:
    """Report negative denominators and weights: they turn a quotient's sign, and a mean leaves its values' range."""
    negative = panel.denominator < 0
    if negative.any():
        name = part_names(kpi)[-1]
        what = f"'{kpi.id}' divides by a negative {name} {_first_place(history, negative)}"
        remedy = "correct it: what stands below the line counts something"
        yield Finding(
            "warning", "negative_denominator", cascade.where("kpis", kpi.id, kpi.kind), what, remedy
        )


def _first_place(history: History, found: np.ndarray) -> str:
    """Say where something was found first, and how often."""
    t, u = np.argwhere(found)[0]
    more = int(found.sum()) - 1
    first = f"at {history.units[u]} in {period_text(history.periods[t])}"
    return f"{first} and {count_of(more, 'more time')}" if more else first


def _formula_gaps(cascade: Cascade, history: History, kpi: Kpi, panel: KpiPanel) -> Iterator[Finding]:
    """Report where a formula has no value although everything that it names has one."""
    if kpi.formula is None:
        return
    parts = [kpi_panel(cascade, history, part).values for part in formula_parts(cascade, kpi).values()]
    at_levels = np.isin(cascade.level_ranks, [cascade.levels.index(each) for each in cascade.levels_of(kpi)])
    gaps = np.isnan(panel.values) & ~np.isnan(parts).any(axis=0) & at_levels
    if not gaps.any():
        return
    what = f"kpi '{kpi.id}' has no value {_first_place(history, gaps)}: its formula {NO_VALUE} there"
    remedy = "say nothing where nothing happened: leave the cell of the measure empty; or mend the formula"
    yield Finding("warning", "formula_gap", cascade.where("kpis", kpi.id, "formula"), what, remedy)


def _breaks(cascade: Cascade, history: History, kpi: Kpi, panel: KpiPanel) -> Iterator[Finding]:
    """Report each unit's largest lasting jump that no declared break explains.

    A unit without figures of its own is left out where a unit below it jumps: it is the same jump.
    """
    jumps = _unexplained_jumps(cascade, history, kpi, panel.values)
    own = dict(zip(history.units, (~np.isnan(history.values)).any(axis=(0, 2)), strict=True))
    remedy = (
        "look for a change of definition or system; declare it as an action (measurement, structural, shock)"
    )
    for unit, (position, before, after) in jumps.items():
        if not own[unit] and any(child.id in jumps for child in cascade.children(unit)):
            continue
        period = history.periods[position]
        moved = " to ".join(quantity(value, kpi.unit_of_measure) for value in (before, after))
        what = f"{unit}: kpi '{kpi.id}' jumps from {moved} in {period_text(period)} and stays"
        yield Finding("warning", "sudden_break", history.where(unit, period), what, remedy)


def _unexplained_jumps(
    cascade: Cascade, history: History, kpi: Kpi, values: np.ndarray
) -> dict[str, tuple[int, float, float]]:
    """Return each jumping unit's row of history, and the level before and after it."""
    size = _jump_sizes(values)
    jumps = {}
    for u in np.flatnonzero((size > BREAK_SIZE).any(axis=0)):
        unexplained = size[:, u].copy()
        for start in _declared_breaks(cascade, history, kpi, history.units[u]):
            unexplained[max(start - 2 * BREAK_WINDOW, 0) : max(start + 1, 0)] = 0
        if unexplained.max() > BREAK_SIZE:
            at = int(unexplained.argmax()) + BREAK_WINDOW
            parts = (values[at - BREAK_WINDOW : at, u], values[at : at + BREAK_WINDOW, u])
            jumps[history.units[u]] = (at, float(np.median(parts[0])), float(np.median(parts[1])))
    return jumps


def _jump_sizes(values: np.ndarray) -> np.ndarray:
    """Return how large a lasting jump begins in each period, in units of noise.

    The shift is the difference of the medians of the windows before and after; noise is the median absolute
    one-period change, of the whole series or of the two windows, whichever is larger, scaled to a standard
    deviation. A jump counts where most of it comes from one period to the next: a slow drift is no break.

    Parameters
    ----------
    values : ndarray, shape (T, U)

    Returns
    -------
    ndarray, shape (T - 2 * BREAK_WINDOW + 1, U)
        The first row is the period with the number `BREAK_WINDOW`.
    """
    size = np.zeros((max(len(values) - 2 * BREAK_WINDOW + 1, 1), values.shape[1]))
    long_enough = (~np.isnan(values)).sum(axis=0) >= 2 * BREAK_WINDOW
    if len(values) > 2 * BREAK_WINDOW and long_enough.any():
        size[:, long_enough] = _jumps_of_long(values[:, long_enough])
    return size


def _jumps_of_long(values: np.ndarray) -> np.ndarray:
    medians = np.median(sliding_window_view(values, BREAK_WINDOW, axis=0), axis=2)
    shift = np.abs(medians[BREAK_WINDOW:] - medians[:-BREAK_WINDOW])
    changes = np.abs(np.diff(values, axis=0))
    at_once = changes[BREAK_WINDOW - 1 : BREAK_WINDOW - 1 + len(shift)]
    whole = np.array([np.median(c[~np.isnan(c)]) if (~np.isnan(c)).any() else np.nan for c in changes.T])
    nearby = np.median(sliding_window_view(changes, 2 * BREAK_WINDOW - 1, axis=0), axis=2)
    noise = NORMAL * np.maximum(whole, nearby)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.where((noise > 0) & (at_once >= SUDDEN * shift), shift / noise, 0.0)
    return np.nan_to_num(size, nan=0.0)


def _declared_breaks(cascade: Cascade, history: History, kpi: Kpi, unit_id: str) -> list[int]:
    """Return the rows of history in which a declared break touches a unit and KPI."""
    below = cascade.with_descendants([unit_id])
    periods = [cascade.period(period) for period in cascade.breaks]
    periods += [
        cascade.period(action.start)
        for action in cascade.actions
        if action.kind in BREAK_KINDS
        and (not action.expects or kpi.id in action.expects)
        and (unit_id in cascade.with_descendants(action.units) or below & set(action.units))
    ]
    return [history.position(period) for period in periods]
