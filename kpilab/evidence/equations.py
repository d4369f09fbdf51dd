"""From a link to the arrays of its equation: which units, which periods, which controls, which breaks.

The claim of an arrow is its direct effect over its lag range. It is tested with

    y[t] = β · mean(x[t−a..t−b]) + x[t−b−1] + y[t−1..t−p] + controls + breaks + effects

where the controls are what the map declares (`unroll.direct_controls`), the breaks are the actions that
changed the ruler or the ground, and x beyond the window is the lag augmentation (Toda & Yamamoto 1995).
"""

import math
from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.unroll import direct_controls
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Action, Kpi, Link
from kpilab.model.periods import PANDAS_CODE, period_text
from kpilab.scorecard.panels import KpiPanel, kpi_coarse_panel, kpi_panel
from kpilab.scorecard.scales import transformed
from kpilab.words import BREAK_KINDS, PERIODS_PER_YEAR, Frequency

OWN_LAGS = 2
_FREQUENCIES: tuple[Frequency, ...] = ("day", "week", "month", "quarter", "year")


@dataclass(frozen=True, eq=False)
class LinkData:
    """The arrays of one link's equation.

    Attributes
    ----------
    level : str
    frequency : str
        At which the link is fitted.
    lag : (int, int)
        In periods of that frequency.
    own_lags : int
    units : tuple of str, length U
    periods : pandas.PeriodIndex, length T
    y, x : ndarray, shape (T, U)
        Effect and cause, transformed.
    columns : ndarray, shape (T, U, k)
        The regressors; the first is the mean of the cause over the lag range.
    names : tuple of str, length k
    controls : tuple of (kpi, lag)
    from_above : tuple of str
        Controls that exist only at a higher level, taken from the unit above.
    volume : ndarray, shape (T, U) or None
        Denominator of the effect: the weights of the volume-weighted estimate.
    """

    level: str
    frequency: Frequency
    lag: tuple[int, int]
    own_lags: int
    units: tuple[str, ...]
    periods: pd.PeriodIndex
    y: np.ndarray
    x: np.ndarray
    columns: np.ndarray
    names: tuple[str, ...]
    controls: tuple[tuple[str, int], ...]
    from_above: tuple[str, ...]
    breaks: tuple[str, ...]
    volume: np.ndarray | None

    @property
    def used(self) -> np.ndarray:
        """Tell which (period, unit) cells have everything the equation needs, shape (T, U)."""
        return ~np.isnan(self.y) & ~np.isnan(self.columns).any(axis=2)


class LinkDataBuilder:
    """Build the arrays of links, computing each KPI's panel once.

    Parameters
    ----------
    cascade : Cascade
    history : History
    """

    def __init__(self, cascade: Cascade, history: History):
        self.cascade = cascade
        self.history = history
        self._place = {unit: position for position, unit in enumerate(history.units)}
        self.panel = lru_cache(maxsize=None)(self._computed_panel)

    def build(self, link: Link) -> LinkData:
        """Return the arrays of a link's equation.

        Raises
        ------
        NotEstimable
            When the two KPIs do not meet at any level, or the map leaves no valid controls.
        """
        cause, effect = self.cascade.kpi(link.cause), self.cascade.kpi(link.effect)
        level = self.level_of(link)
        frequency = self._frequency(cause, effect)
        lag = self.coarse_lag(link.lag, frequency)
        own_lags = link.lags or OWN_LAGS
        units = self.units_of(link, level)
        periods = self.periods(frequency)
        at = np.array([self._place[unit] for unit in units], dtype=int)
        y, x = self.values(effect, frequency)[:, at], self.values(cause, frequency)[:, at]
        columns = {
            f"{cause.id}[{_lag_text(*lag)}]": _window_mean(x, *lag),
            f"{cause.id}[t-{lag[1] + 1}]": lagged(x, lag[1] + 1),
        }
        columns |= {f"{effect.id}[t-{k}]": lagged(y, k) for k in range(1, own_lags + 1)}
        controls = self._controls(link, level, frequency, lag, own_lags)
        from_above = []
        for name, ago in controls:
            values, borrowed = self.control_values(name, level, units, frequency)
            columns[f"{name}[{_lag_text(ago, ago)}]"] = lagged(values, ago)
            from_above += [name] if borrowed else []
        transition = max(own_lags, lag[1] + 1)
        breaks, y = self.breaks({link.cause, link.effect}, units, periods, frequency, transition, y)
        columns |= breaks
        return LinkData(
            level=level,
            frequency=frequency,
            lag=lag,
            own_lags=own_lags,
            units=units,
            periods=periods,
            y=y,
            x=x,
            columns=np.stack(list(columns.values()), axis=2),
            names=tuple(columns),
            controls=controls,
            from_above=tuple(dict.fromkeys(from_above)),
            breaks=tuple(breaks),
            volume=self._volume(effect, frequency, at),
        )

    def controls_of(self, link: Link) -> tuple[tuple[str, int], ...] | None:
        """Return what the map says is to be held constant, as (kpi, lag); None when it leaves no valid controls."""
        frequency = self._frequency(self.cascade.kpi(link.cause), self.cascade.kpi(link.effect))
        lag = self.coarse_lag(link.lag, frequency)
        try:
            return self._controls(link, self.level_of(link), frequency, lag, link.lags or OWN_LAGS)
        except NotEstimable:
            return None

    def level_of(self, link: Link) -> str:
        """Return the level of a link: as declared, else the lowest at which both KPIs exist."""
        shared = [
            level
            for level in self.cascade.levels_of(self.cascade.kpi(link.cause))
            if level in self.cascade.levels_of(self.cascade.kpi(link.effect))
        ]
        if not shared or (link.at is not None and link.at not in shared):
            both = f"'{link.cause}' and '{link.effect}'"
            raise NotEstimable(
                f"{both} do not both exist at {link.at or 'any common level'}", reason="too few rows"
            )
        return link.at or shared[-1]

    def units_of(self, link: Link, level: str) -> tuple[str, ...]:
        """Return the units of a level for which a link is claimed."""
        excluded = self.cascade.with_descendants(link.excluded)
        return tuple(unit.id for unit in self.cascade.units_at(level) if unit.id not in excluded)

    def _frequency(self, *kpis: Kpi) -> Frequency:
        """Return the coarsest frequency at which the cascade and the two KPIs are observed."""
        return coarser(self.cascade.frequency, *(kpi.every for kpi in kpis))

    def coarse_lag(self, lag: tuple[int, int], frequency: Frequency) -> tuple[int, int]:
        """Return a lag range in periods of another frequency."""
        ratio = PERIODS_PER_YEAR[frequency] / PERIODS_PER_YEAR[self.cascade.frequency]
        return math.ceil(lag[0] * ratio), math.ceil(lag[1] * ratio)

    def periods(self, frequency: Frequency) -> pd.PeriodIndex:
        """Return the periods of history at a frequency."""
        if frequency == self.cascade.frequency:
            return self.history.periods
        return self.history.periods.asfreq(PANDAS_CODE[frequency]).unique()

    def _computed_panel(self, kpi_id: str, frequency: Frequency) -> KpiPanel:
        kpi = self.cascade.kpi(kpi_id)
        seldom = kpi.every is not None and _FREQUENCIES.index(kpi.every) > _FREQUENCIES.index(frequency)
        if frequency == self.cascade.frequency and not seldom:
            return kpi_panel(self.cascade, self.history, kpi)
        every = kpi.every if seldom and kpi.every else frequency
        periods, panel = kpi_coarse_panel(self.cascade, self.history, kpi, every)
        if not seldom:
            return panel
        rows = periods.get_indexer(self.periods(frequency).asfreq(PANDAS_CODE[every]))
        return KpiPanel(**{name: getattr(panel, name)[rows] for name in KpiPanel.__dataclass_fields__})

    def values(self, kpi: Kpi, frequency: Frequency) -> np.ndarray:
        """Return a KPI at every unit on the scale of its links, shape (T, U)."""
        return transformed(kpi, self.panel(kpi.id, frequency))

    def _volume(self, effect: Kpi, frequency: Frequency, at: np.ndarray) -> np.ndarray | None:
        if effect.kind not in ("ratio", "mean"):
            return None
        return self.panel(effect.id, frequency).denominator[:, at]

    def _controls(
        self, link: Link, level: str, frequency: Frequency, lag: tuple[int, int], own_lags: int
    ) -> tuple[tuple[str, int], ...]:
        drawn = [
            (other.cause, other.effect, *self.coarse_lag(other.lag, frequency))
            for other in self.cascade.links
        ]
        orders = {other.effect: other.lags or OWN_LAGS for other in self.cascade.links} | {
            link.effect: own_lags
        }
        measured = [kpi.id for kpi in self.cascade.kpis if self._level_above(kpi, level) is not None]
        try:
            controls = direct_controls(
                drawn, link.cause, link.effect, lag=lag, own_lags=orders, names=measured
            )
        except ValueError as error:
            raise NotEstimable(str(error), reason="identity") from error
        if controls is None:
            raise NotEstimable("a common cause on the map is measured at no level above", reason="collinear")
        return controls

    def _level_above(self, kpi: Kpi, level: str) -> str | None:
        """Return the lowest level, at or above a level, at which a KPI exists."""
        rank = self.cascade.levels.index(level)
        return next(
            (
                name
                for name in reversed(self.cascade.levels[: rank + 1])
                if name in self.cascade.levels_of(kpi)
            ),
            None,
        )

    def control_values(
        self, kpi_id: str, level: str, units: tuple[str, ...], frequency: Frequency
    ) -> tuple[np.ndarray, bool]:
        """Return a KPI for units of a level, from the units above where it exists only there, and whether so."""
        kpi = self.cascade.kpi(kpi_id)
        source = self._level_above(kpi, level)
        values = self.values(kpi, frequency)
        holders = [self._ancestor(unit, source) for unit in units]
        columns = [values[:, self._place[h]] if h else np.full(len(values), np.nan) for h in holders]
        return np.stack(columns, axis=1), source != level

    def _ancestor(self, unit_id: str, level: str | None) -> str | None:
        current: str | None = unit_id
        while current is not None and self.cascade.unit(current).level != level:
            current = self.cascade.unit(current).parent
        return current

    def breaks(
        self,
        kpis: Set[str],
        units: tuple[str, ...],
        periods: pd.PeriodIndex,
        frequency: Frequency,
        transition: int,
        y: np.ndarray,
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Give each touched unit a step of its own and leave out the periods whose lags straddle the break.

        A measured series that shifts by δ shifts its own lags some periods later; leaving out these periods
        and adding one step per unit is the same as dummies for each of them.
        """
        steps: dict[str, np.ndarray] = {}
        kept = y.copy()
        numbers = np.arange(len(periods))[:, None]
        code = PANDAS_CODE[frequency]
        for action in self.cascade.actions:
            if not _breaks_any(action, kpis):
                continue
            start = self.cascade.period(action.start).asfreq(code).ordinal - periods[0].ordinal
            stop = (
                self.cascade.period(action.end).asfreq(code).ordinal - periods[0].ordinal + 1
                if action.end
                else len(periods)
            )
            reached = self.cascade.with_descendants(action.units)
            touched = np.array([unit in reached for unit in units])
            if touched.all() and len(units) > 1:
                continue
            straddling = (numbers >= start) & (numbers < start + transition)
            straddling |= (numbers >= stop) & (numbers < stop + transition)
            kept[straddling & touched[None, :]] = np.nan
            for position in np.flatnonzero(touched):
                step = np.zeros_like(y)
                step[max(start, 0) : max(stop, 0), position] = 1.0
                steps[f"{action.id} at {units[position]}"] = step
        return steps, kept


def coarser(frequency: Frequency, *others: Frequency | None) -> Frequency:
    """Return the coarsest of some frequencies; None says nothing.

    Examples
    --------
    >>> coarser("month", None, "quarter")
    'quarter'
    """
    return max([frequency, *(other for other in others if other)], key=_FREQUENCIES.index)


def lagged(values: np.ndarray, periods: int) -> np.ndarray:
    """Move a panel down by some periods; what lies before its start is missing.

    Examples
    --------
    >>> lagged(np.array([[1.0], [2.0], [3.0]]), 1).ravel()
    array([nan,  1.,  2.])
    """
    moved = np.full_like(values, np.nan)
    if periods < len(values):
        moved[periods:] = values[: len(values) - periods]
    return moved


def _window_mean(values: np.ndarray, first: int, last: int) -> np.ndarray:
    return np.mean([lagged(values, periods) for periods in range(first, last + 1)], axis=0)


def _lag_text(first: int, last: int) -> str:
    one = "t" if first == 0 else f"t-{first}"
    return one if first == last else f"{one}..t-{last}"


def _breaks_any(action: Action, kpis: Set[str]) -> bool:
    touches = not action.expects or bool(kpis & set(action.expects))
    return action.kind in BREAK_KINDS and touches


def regime_of(cascade: Cascade, periods: pd.PeriodIndex) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the number of the regime of each period, and the names of the regimes."""
    starts = sorted(cascade.period(text).asfreq(periods.freqstr) for text in cascade.breaks)
    number = np.searchsorted([start.ordinal for start in starts], periods.asi8, side="right")
    bounds = [f"before {period_text(starts[0])}"] if starts else ["all periods"]
    bounds += [f"from {period_text(start)}" for start in starts]
    return number, tuple(bounds)
