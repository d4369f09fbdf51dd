"""From an action and a KPI to arrays: which units, which periods, whom to compare with, what else happened.

The level is the one at which the action's units stand. Units are compared over a window around the start; it
is cut where another action on the same units begins. Units that another action touched within the window are
no controls. Whatever is left out is counted and said.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from kpilab.evidence.action_rivals import SPANS, Exposure, Rival, Spans, may_move, window
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Action, Kpi
from kpilab.model.periods import PANDAS_CODE, period_text
from kpilab.scorecard.panels import kpi_coarse_panel, kpi_panel
from kpilab.show import count_of
from kpilab.words import Frequency

Scale = Literal["absolute", "log", "index"]


@dataclass(frozen=True, eq=False)
class Trial:
    """The arrays of one action and one KPI.

    Attributes
    ----------
    action : Action
    kpi : Kpi
    level, frequency : str
    periods : pandas.PeriodIndex, length T
        The window.
    units : tuple of str, length N
        The treated units and those they can be compared with.
    values : ndarray, shape (T, N)
        In the KPI's own unit of measure.
    y : ndarray, shape (T, N)
        On the scale of the estimate.
    start : ndarray, shape (N,)
        Row from which on a unit is treated; infinite if never.
    scale : {"absolute", "log", "index"}
        Of y: as it is, logarithm, or share of the unit's mean before the start.
    rivals : tuple of Rival
    left_out : tuple of str
        Sentences about what is not used.
    covariates : ndarray, shape (T, k)
        KPIs that the action cannot have moved, mean of the treated units; complete ones only.
    """

    action: Action
    kpi: Kpi
    level: str
    frequency: Frequency
    periods: pd.PeriodIndex
    units: tuple[str, ...]
    values: np.ndarray
    y: np.ndarray
    start: np.ndarray
    scale: Scale
    rivals: tuple[Rival, ...]
    left_out: tuple[str, ...]
    covariates: np.ndarray

    @property
    def treated(self) -> np.ndarray:
        """Tell which units are treated, shape (N,)."""
        return np.isfinite(self.start)

    @property
    def first(self) -> int:
        """Return the first row in which a unit is treated."""
        return int(self.start[self.treated].min())

    @property
    def spans(self) -> Spans:
        """Return how many periods are looked at."""
        return SPANS[self.frequency]


def level_of(cascade: Cascade, action: Action, kpi: Kpi) -> str:
    """Return the level at which an action is judged by a KPI: the lowest of its units.

    Raises
    ------
    NotEstimable
        If the KPI exists only above that level, where the action's units cannot be seen.
    """
    units = [cascade.unit(unit) for unit in action.units] or list(cascade.roots())
    lowest = max((unit.level for unit in units), key=cascade.levels.index)
    if not _reaches(cascade, kpi, lowest):
        at = ", ".join(cascade.levels_of(kpi))
        raise NotEstimable(
            f"'{kpi.id}' exists at level {at} only, the action's units stand at '{lowest}'",
            reason="too few rows",
        )
    return lowest


def _reaches(cascade: Cascade, kpi: Kpi, level: str) -> bool:
    """Tell whether a KPI exists at a level or below it."""
    rank = cascade.levels.index(level)
    return any(cascade.levels.index(name) >= rank for name in cascade.levels_of(kpi))


class TrialBuilder:
    """Build trials, computing each KPI's panel once.

    Parameters
    ----------
    cascade : Cascade
    history : History
    """

    def __init__(self, cascade: Cascade, history: History):
        self.cascade = cascade
        self.history = history
        self._place = {unit: position for position, unit in enumerate(history.units)}
        self._panel = lru_cache(maxsize=None)(self._computed)

    def build(self, action: Action, kpi: Kpi) -> Trial:
        """Return the arrays of an action and a KPI.

        Raises
        ------
        NotEstimable
            When the action cannot reach the KPI, or history does not hold enough before and after it.
        """
        level = level_of(self.cascade, action, kpi)
        frequency: Frequency = kpi.every or self.cascade.frequency
        periods, everything = self._panel(kpi.id, level)
        units = tuple(unit.id for unit in self.cascade.units_at(level))
        observed = np.isfinite(everything).any(axis=0)
        start = self._start(action, units, periods)
        _check_dates(action, kpi, start, observed, periods, SPANS[frequency])
        others = [other for other in self.cascade.actions if other.id != action.id]
        exposures = tuple(
            self._exposure(other, units, periods) for other in others if may_move(self.cascade, other, kpi)
        )
        left = window(exposures, start, observed, SPANS[frequency], len(periods))
        stop = min(left.stop, self._last_row(action.end, periods) + 1 if action.end else left.stop)
        treated = np.isfinite(start)
        kept = observed & (treated | ~left.touched)
        begins = np.where(start >= stop, np.inf, start) - left.begin
        values = everything[left.begin : stop]
        y, scale, usable = _scaled(kpi, values, begins)
        kept &= usable
        if not np.isfinite(begins[kept]).any():
            raise NotEstimable("no treated unit has values before its start", reason="too few rows")
        return Trial(
            action, kpi, level, frequency, periods[left.begin : stop],
            tuple(unit for unit, keep in zip(units, kept, strict=True) if keep),
            values[:, kept], y[:, kept], begins[kept], scale, left.rivals,
            _said_left_out(observed, treated, left.touched, usable),
            self._covariates(action, kpi, level, periods, slice(left.begin, stop), begins),
        )  # fmt: skip

    def periods_of(self, kpi: Kpi) -> pd.PeriodIndex:
        """Return the periods in which a KPI is observed."""
        if kpi.every is None or kpi.every == self.cascade.frequency:
            return self.history.periods
        return self.history.periods.asfreq(PANDAS_CODE[kpi.every]).unique()

    def _covariates(
        self, action: Action, kpi: Kpi, level: str, periods: pd.PeriodIndex, rows: slice, start: np.ndarray
    ) -> np.ndarray:
        columns = []
        for other in (self.cascade.kpi(name) for name in action.unaffected if name != kpi.id):
            theirs, everything = (
                self._panel(other.id, level) if _reaches(self.cascade, other, level) else ([], None)
            )
            if everything is None or not periods.equals(theirs):
                continue
            y, _, usable = _scaled(other, everything[rows], start)
            series = _mean(y[:, np.isfinite(start) & usable])
            columns += [series] if np.isfinite(series).all() else []
        return np.column_stack(columns) if columns else np.empty((rows.stop - rows.start, 0))

    def _computed(self, kpi_id: str, level: str) -> tuple[pd.PeriodIndex, np.ndarray]:
        """Return a KPI at the units of a level; where it exists only below, the mean of what is below."""
        kpi = self.cascade.kpi(kpi_id)
        if kpi.every is not None and kpi.every != self.cascade.frequency:
            periods, panel = kpi_coarse_panel(self.cascade, self.history, kpi, kpi.every)
        else:
            periods, panel = self.history.periods, kpi_panel(self.cascade, self.history, kpi)
        with np.errstate(invalid="ignore"):
            values = np.where(panel.coverage < kpi.coverage, np.nan, panel.values)
        units = self.cascade.units_at(level)
        if level in self.cascade.levels_of(kpi):
            return periods, values[:, [self._place[unit.id] for unit in units]]
        rank = self.cascade.levels.index(level)
        below = next(name for name in self.cascade.levels[rank:] if name in self.cascade.levels_of(kpi))
        members = [
            [
                self._place[inner]
                for inner in self.cascade.with_descendants([unit.id])
                if self.cascade.unit(inner).level == below
            ]
            for unit in units
        ]
        return periods, np.stack([_mean(values[:, sorted(columns)]) for columns in members], axis=1)

    def _row(self, text: str, periods: pd.PeriodIndex) -> int:
        """Return the row of the first whole period that begins then or later."""
        fine = self.cascade.period(text)
        coarse = fine.asfreq(periods.freqstr)
        begun_before = coarse.start_time < fine.start_time
        return int(coarse.ordinal - periods[0].ordinal) + int(begun_before)

    def _last_row(self, text: str, periods: pd.PeriodIndex) -> int:
        return int(self.cascade.period(text).asfreq(periods.freqstr).ordinal - periods[0].ordinal)

    def _start(self, action: Action, units: tuple[str, ...], periods: pd.PeriodIndex) -> np.ndarray:
        """Return the row from which each unit is treated, infinite if never."""
        treated = self.cascade.with_descendants(action.units or [root.id for root in self.cascade.roots()])
        own = {unit: self._row(text, periods) for unit, text in action.starts.items()}
        default = self._row(action.start, periods)
        return np.array(
            [self._own_start(unit, own, default) if unit in treated else np.inf for unit in units],
            dtype=float,
        )

    def _own_start(self, unit_id: str, own: dict[str, int], default: int) -> int:
        current: str | None = unit_id
        while current is not None and current not in own:
            current = self.cascade.unit(current).parent
        return own[current] if current is not None else default

    def _exposure(self, other: Action, units: tuple[str, ...], periods: pd.PeriodIndex) -> Exposure:
        start = self._start(other, units, periods)
        inside = [bool(self.cascade.with_descendants([unit]) & set(other.units)) for unit in units]
        start = np.where(np.isinf(start) & np.array(inside), self._row(other.start, periods), start)
        return Exposure(other, start, self._last_row(other.end, periods) if other.end else np.inf)


def _check_dates(
    action: Action, kpi: Kpi, start: np.ndarray, observed: np.ndarray, periods: pd.PeriodIndex, spans: Spans
) -> None:
    """Refuse an action that history does not reach on both sides."""
    mine = start[np.isfinite(start) & observed]
    if not len(mine):
        raise NotEstimable(f"no unit of the action has a value of '{kpi.id}'", reason="too few rows")
    first, n_after = int(mine.min()), len(periods) - int(mine.min())
    span = f"{period_text(periods[0])} to {period_text(periods[-1])}"
    if n_after <= 0:
        raise NotEstimable(
            f"it starts in {action.start}, after the end of history ({span})", reason="too few rows"
        )
    if n_after < spans.fewest_after:
        raise NotEstimable(
            f"history ({span}) has {count_of(n_after, 'period')} after its start and needs {spans.fewest_after}",
            reason="too few rows",
        )
    if first < spans.fewest_before:
        had = count_of(max(first, 0), "period")
        raise NotEstimable(
            f"history ({span}) has {had} before its start in {action.start} and needs {spans.fewest_before}",
            reason="too few rows",
        )


def _scaled(kpi: Kpi, values: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, Scale, np.ndarray]:
    """Return the values on the scale of the estimate, its name, and which units have it.

    Counts grow with a unit's size, so their changes are compared in relative terms: as logarithms when all
    are positive, as shares of each unit's mean before the start when some are zero.
    """
    first = int(start[np.isfinite(start)].min()) if np.isfinite(start).any() else len(values)
    known = np.isfinite(values)
    counts = kpi.kind in ("sum", "last", "formula") or kpi.transform == "log"
    if not counts or (values[known] < 0).any():
        return values, "absolute", known[:first].any(axis=0)
    if (values[known] > 0).all():
        return np.log(np.where(known, values, np.nan)), "log", known[:first].any(axis=0)
    level = _mean(values[:first].T)
    usable = np.isfinite(level) & (level > 0)
    return values / np.where(usable, level, np.nan), "index", usable


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean of the known values of each row, NaN where there is none."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=1) / np.where(
            known.any(axis=1), known.sum(axis=1), np.nan
        )


def _said_left_out(
    observed: np.ndarray, treated: np.ndarray, touched: np.ndarray, usable: np.ndarray
) -> tuple[str, ...]:
    counted = [
        (~observed, "without any value"),
        (observed & touched & ~treated, "touched by another action in the window"),
        (observed & ~usable & ~(touched & ~treated), "without a value before the start"),
    ]
    return tuple(f"{count_of(int(which.sum()), 'unit')} {why}" for which, why in counted if which.any())
