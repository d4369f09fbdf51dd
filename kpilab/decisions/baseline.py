"""What happens if nothing is done: every KPI ahead of history, added up over the units exactly.

Units that stand for themselves are forecast one by one on the scale of the KPI's links; the others are the
sums of their children. The shocks of all KPIs and units are drawn together, a past period at a time: what
hit all units at once in history hits them together ahead, so that a sum is as uncertain as it should be.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
import pandas as pd

from kpilab.decisions.forecasts import FEWEST_FOR_A_MODEL, Forecast, forecast
from kpilab.decisions.tree import KpiTree, kpi_tree
from kpilab.evidence.equations import LinkDataBuilder, coarser
from kpilab.evidence.fitting import one_thread
from kpilab.model.cascade import Cascade
from kpilab.model.formula import evaluate_formula
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.model.periods import PANDAS_CODE
from kpilab.progress import with_bar
from kpilab.scorecard.panels import KpiPanel, kpi_panel, part_names
from kpilab.scorecard.scales import transformed
from kpilab.words import PERIODS_PER_YEAR, Frequency, Transform

NOTHING = 1e-9  # of the largest part


class Baseline:
    """Forecasts of KPIs and measures, each computed once.

    Parameters
    ----------
    cascade : Cascade
    history : History
    units : tuple of str, length P
    horizon : int
        Periods ahead, H.
    draws, seed : int
        Number of paths, R, and the seed of the shocks.
    """

    def __init__(
        self, cascade: Cascade, history: History, units: tuple[str, ...], horizon: int, draws: int, seed: int
    ):
        self.cascade, self.history, self.units = cascade, history, units
        self.horizon, self.draws = horizon, draws
        self.periods = pd.period_range(history.periods[-1] + 1, periods=horizon)
        self._builder = LinkDataBuilder(cascade, history)
        self._at = np.array([history.units.index(unit) for unit in units], dtype=int)
        n_periods, season = len(history.periods), cascade.periods_per_year
        self._shock_start = n_periods - season
        self._shocked = np.random.default_rng([seed, 1]).integers(n_periods, size=(season + horizon, draws))
        unknown = np.random.default_rng([seed, 2])
        self._season_shocked = unknown.integers(n_periods, size=(season, draws))
        self._rank = unknown.uniform(size=draws)
        self.tree = lru_cache(maxsize=None)(self._tree)
        self.values = lru_cache(maxsize=None)(self._values)
        self.balances = lru_cache(maxsize=None)(self._balances)
        self._series = lru_cache(maxsize=None)(self._all_series)
        self._forecast_at = lru_cache(maxsize=None)(self._one_forecast)
        self._forecasts = lru_cache(maxsize=None)(self._all_forecasts)

    def kpi(self, name: str) -> Kpi:
        """Return a KPI, or a measure as if it were one."""
        found = self.cascade.named("kpis", name)
        return found if found is not None else measure_as_kpi(self.cascade, name)

    def parts(self, kpi: Kpi) -> dict[str, tuple[str, ...]]:
        """Return, for each name in a formula, the KPIs and measures whose product it is.

        A measure is the KPI that adds it up; the numerator of a ratio is that ratio times its denominator, so
        that what moves the ratio moves it too; any other measure stands for itself.
        """
        return {name: self._factors(kpi, name) for name in part_names(kpi)}

    def scale(self, kpi_id: str) -> Transform | None:
        """Return the scale on which a KPI's links, and so its forecasts, are linear."""
        return self.kpi(kpi_id).transform

    def outcome(self, kpi_id: str, change: np.ndarray | None = None) -> np.ndarray:
        """Return what the KPI may become, shape (H, P, R), with a change on the scale of its links.

        Units without a forecast are NaN.
        """
        kpi = self.kpi(kpi_id)
        if kpi.formula:
            raise ValueError(f"'{kpi_id}' is computed from its parts: evaluate the formula on their outcomes")
        tree, ahead = self.tree(kpi_id), self._forecasts(kpi_id)
        found = np.full((self.horizon, len(self.units), self.draws), np.nan)
        for place, (mean, paths, _) in ahead.items():
            line = mean[:, None] + paths
            found[:, place] = back(kpi.transform, line if change is None else line + change[:, place])
        return added_up(tree, found)

    def outcome_of_formula(self, kpi: Kpi, outcomes: dict[str, np.ndarray]) -> np.ndarray:
        """Return the outcome of a formula from those of what it is made of."""
        made = {
            name: np.prod([outcomes[factor] for factor in factors], axis=0)
            for name, factors in self.parts(kpi).items()
        }
        found = evaluate_formula(kpi.formula or "", made)
        return np.where(np.isnan(found), np.nan, 0.0) if self.balances(kpi.id) else found

    def history_of(self, kpi_id: str) -> np.ndarray:
        """Return the KPI's past, shape (T, P)."""
        return self._panel(self.kpi(kpi_id)).values[:, self._at]

    def model_of(self, kpi_id: str, unit: str) -> str:
        """Return how a unit's KPI is forecast."""
        place = self.units.index(unit)
        ahead = self._forecasts(kpi_id).get(place)
        return "" if ahead is None else ahead[2]

    def _balances(self, kpi_id: str) -> bool:
        """Tell whether a formula came to nothing in every unit and period of history, like accounts that balance.

        Its parts are forecast one by one, and what they miss each other by is no forecast of it.
        """
        kpi = self.kpi(kpi_id)
        if not kpi.formula:
            return False
        values = self._panel(kpi).values
        known = ~np.isnan(values)
        sizes = [np.abs(self._panel(self.kpi(name)).values[known]) for name in part_names(kpi)]
        if known.sum() < FEWEST_FOR_A_MODEL or not all(size.any() for size in sizes):
            return False
        return bool((np.abs(values[known]) <= NOTHING * np.max(sizes, axis=0)).all())

    def _factors(self, kpi: Kpi, name: str) -> tuple[str, ...]:
        if name != kpi.id and self.cascade.named("kpis", name):
            return (name,)
        whole = [other for other in self.cascade.kpis if name in (other.sum, other.last)]
        if whole:
            return (whole[0].id,)
        ratios = [other for other in self.cascade.kpis if other.ratio and other.ratio.of == name]
        if ratios and ratios[0].ratio:
            return (ratios[0].id, *self._factors(ratios[0], ratios[0].ratio.per))
        return (name,)

    def _panel(self, kpi: Kpi) -> KpiPanel:
        if self.cascade.named("kpis", kpi.id):
            return self._builder.panel(kpi.id, self.cascade.frequency)
        return kpi_panel(self.cascade, self.history, kpi)

    def _tree(self, kpi_id: str) -> KpiTree:
        kpi = self.kpi(kpi_id)
        return kpi_tree(self.cascade, self.history, kpi, self._panel(kpi), self.horizon, self.units)

    def _values(self, kpi_id: str) -> np.ndarray:
        """Return the point forecast in the KPI's own unit of measure, shape (H, P)."""
        kpi = self.kpi(kpi_id)
        if kpi.formula:
            names = {factor for factors in self.parts(kpi).values() for factor in factors}
            return self.outcome_of_formula(kpi, {name: self.values(name) for name in names})
        tree = self.tree(kpi_id)
        found = np.full((self.horizon, len(self.units)), np.nan)
        for place, (mean, _, _) in self._forecasts(kpi_id).items():
            found[:, place] = back(kpi.transform, mean)
        return added_up(tree, found)

    def look_ahead(self, kpis: Iterable[str], progress: Callable[[int, int], None]) -> None:
        """Forecast every series of some KPIs now; `progress` is told how many of how many are done."""
        names = {name for kpi in kpis for name in self._needed(self.kpi(kpi))}
        places = [(name, place) for name in sorted(names) for place in self._series(name)]
        with one_thread():
            for done, (name, place) in enumerate(places):
                progress(done, len(places))
                self._forecast_at(name, place)

    def _needed(self, kpi: Kpi) -> set[str]:
        """Return what is forecast for a KPI: itself, or what its formula is made of."""
        if not kpi.formula:
            return {kpi.id}
        factors = {factor for factors in self.parts(kpi).values() for factor in factors}
        return {name for factor in factors for name in self._needed(self.kpi(factor))}

    def _all_forecasts(self, kpi_id: str) -> dict[int, tuple[np.ndarray, np.ndarray, str]]:
        """Return mean (H,) and deviations (H, R) of each unit that stands for itself, on the links' scale."""
        places = with_bar(self._series(kpi_id), f"forecasts of {kpi_id}")
        with one_thread():
            return {place: self._forecast_at(kpi_id, place) for place in places}

    def _all_series(self, kpi_id: str) -> dict[int, np.ndarray]:
        """Return the past of each unit that stands for itself, on the links' scale and at their frequency."""
        kpi = self.kpi(kpi_id)
        if self.cascade.named("kpis", kpi_id):
            values = self._builder.values(kpi, self._frequency(kpi))[:, self._at]
        else:
            values = transformed(kpi, self._panel(kpi))[:, self._at]
        own = np.flatnonzero(self.tree(kpi_id).own)
        return {int(place): values[:, place] for place in own if (~np.isnan(values[:, place])).any()}

    def _one_forecast(self, kpi_id: str, place: int) -> tuple[np.ndarray, np.ndarray, str]:
        frequency = self._frequency(self.kpi(kpi_id))
        return self._ahead(self._series(kpi_id)[place], self._rows(frequency), PERIODS_PER_YEAR[frequency])

    def _frequency(self, kpi: Kpi) -> Frequency:
        return coarser(self.cascade.frequency, kpi.every)

    def _rows(self, frequency: Frequency) -> np.ndarray:
        """Return the row that each period of history and horizon has at another frequency, shape (T + H,)."""
        if frequency == self.cascade.frequency:
            return np.arange(len(self.history.periods) + self.horizon)
        code = PANDAS_CODE[frequency]
        past, ahead = self.history.periods.asfreq(code).asi8, self.periods.asfreq(code).asi8
        return np.concatenate([past, ahead]) - past[0]

    def _ahead(self, values: np.ndarray, rows: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray, str]:
        """Forecast one series and lay it over the horizon; what is already known is certain."""
        last = int(np.flatnonzero(~np.isnan(values))[-1])
        steps = rows[-self.horizon :] - last
        n_steps = int(max(steps[-1], 1))
        ahead = forecast(values, n_steps, season)
        season_shocks = _errors_of(ahead, rows, self._season_shocked)
        paths = ahead.paths(self._shocks(ahead, rows, last, n_steps), season_shocks, self._rank)
        future = steps >= 1
        mean = np.where(future, ahead.mean[np.maximum(steps, 1) - 1], values[last])
        deviations = np.where(future[:, None], paths[np.maximum(steps, 1) - 1], 0.0)
        return mean, deviations, ahead.model

    def _shocks(self, ahead: Forecast, rows: np.ndarray, last: int, n_steps: int) -> np.ndarray:
        """Take the errors that the series had in the periods drawn for the steps ahead."""
        first_of_row = np.searchsorted(rows, np.arange(last + 1, last + 1 + n_steps))
        drawn = self._shocked[np.clip(first_of_row - self._shock_start, 0, len(self._shocked) - 1)]
        return _errors_of(ahead, rows, drawn)


def _errors_of(ahead: Forecast, rows: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return the errors of drawn periods; where the series had none, any other of its own."""
    own = ahead.errors[~np.isnan(ahead.errors)]
    found = ahead.errors[rows[drawn]]
    unknown = np.isnan(found)
    found[unknown] = own[drawn[unknown] % len(own)]
    return found


def measure_as_kpi(cascade: Cascade, name: str) -> Kpi:
    """Return a measure in the clothes of a KPI, to be forecast and added up like one."""
    stock = name in cascade.measures and cascade.measures[name].over_time == "last"
    return Kpi.model_validate({"id": name, "name": name, "last" if stock else "sum": name})


def added_up(tree: KpiTree, values: np.ndarray) -> np.ndarray:
    """Fill in the units that are sums of their children, from the bottom up; shape (H, P, …)."""
    filled = values.copy()
    for parent, children in tree.parents:
        if tree.computed[parent]:
            filled[:, parent] = tree.up(filled, children, slice(0, len(values)))
    return filled


def forward(scale: Transform | None, values: np.ndarray) -> np.ndarray:
    """Bring values to the scale of links; what has no place there is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "log":
            return np.where(values > 0, np.log(values), np.nan)
        if scale == "logit":
            return np.where((values > 0) & (values < 1), np.log(values / (1 - values)), np.nan)
    return values


def back(scale: Transform | None, values: np.ndarray) -> np.ndarray:
    """Bring values from the scale of links to the KPI's own unit of measure."""
    with np.errstate(over="ignore"):
        if scale == "log":
            return np.exp(values)
        return 1 / (1 + np.exp(-values)) if scale == "logit" else values
