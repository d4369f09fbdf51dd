"""One KPI's history as its quality is judged by: at its own frequency, by level, against its targets."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi, Target
from kpilab.model.periods import PANDAS_CODE
from kpilab.scorecard.panels import KpiPanel, kpi_coarse_panel, kpi_panel
from kpilab.words import Frequency


@dataclass(frozen=True)
class KpiSeries:
    """A KPI's history with what is promised of it: its own targets, of any status."""

    cascade: Cascade
    history: History
    kpi: Kpi
    own_targets: tuple[Target, ...] = ()

    @property
    def frequency(self) -> Frequency:
        """Return how often the KPI is observed."""
        return self.kpi.every or self.cascade.frequency

    @cached_property
    def fine(self) -> KpiPanel:
        """Return the panel at the cascade's frequency."""
        return kpi_panel(self.cascade, self.history, self.kpi)

    @cached_property
    def own(self) -> tuple[pd.PeriodIndex, np.ndarray]:
        """Return periods and values, shape (T, U), of the KPI's own frequency; a period cut by the end is left out."""
        if self.frequency == self.cascade.frequency:
            return self.history.periods, self.fine.values
        periods, panel = kpi_coarse_panel(self.cascade, self.history, self.kpi, self.frequency)
        code = PANDAS_CODE[self.cascade.frequency]
        whole = np.array([period.asfreq(code, "end") <= self.history.periods[-1] for period in periods])
        return periods[whole], panel.values[whole]

    @cached_property
    def between_periods(self) -> np.ndarray:
        """Return values, shape (T, U), without those inside a coarser own period, where nothing can change."""
        values = self.fine.values
        if self.frequency == self.cascade.frequency:
            return values
        coarse = self.history.periods.asfreq(PANDAS_CODE[self.frequency])
        same = np.concatenate([[False], coarse[1:] == coarse[:-1], [False]])
        return np.where((same[:-1] & same[1:])[:, None], np.nan, values)

    def columns_at(self, level: str) -> list[int]:
        """Return the positions of the units of a level that have a value."""
        known = ~np.isnan(self.fine.values).all(axis=0)
        return [u for u, unit in enumerate(self.cascade.units) if unit.level == level and known[u]]

    @cached_property
    def top(self) -> list[int]:
        """Return the positions of the units of the highest level at which the KPI has a value."""
        found = (self.columns_at(level) for level in self.cascade.levels_of(self.kpi))
        return next((columns for columns in found if columns), [])

    @cached_property
    def bottom(self) -> list[int]:
        """Return the positions of the units of the lowest level at which the KPI has a value."""
        found = (self.columns_at(level) for level in reversed(self.cascade.levels_of(self.kpi)))
        return next((columns for columns in found if columns), [])

    @property
    def good_way(self) -> float:
        """Return 1 where higher is better, −1 where lower is; NaN where neither is."""
        return {"higher": 1.0, "lower": -1.0}.get(self.kpi.better or "", float("nan"))

    @cached_property
    def distance(self) -> np.ndarray:
        """Return how far values are on the good side of their official target, shape (T, U); NaN without one.

        Of a KPI that is observed less often than history counts, only the last period of each own one.
        """
        distance = self.good_way * (self.fine.values - self.targets)
        if self.frequency == self.cascade.frequency:
            return distance
        coarse = self.history.periods.asfreq(PANDAS_CODE[self.frequency])
        last = np.concatenate([coarse[1:] != coarse[:-1], [True]])
        return np.where(last[:, None], distance, np.nan)

    @cached_property
    def bottom_with_target(self) -> list[int]:
        """Return the positions of the units of the lowest level that has values and targets."""
        judged = ~np.isnan(self.distance).all(axis=0)
        found = (
            [u for u in self.columns_at(level) if judged[u]]
            for level in reversed(self.cascade.levels_of(self.kpi))
        )
        return next((columns for columns in found if columns), [])

    @cached_property
    def room(self) -> np.ndarray:
        """Return how far targets are from what values cannot pass (0, and 1 for a share), shape (T, U)."""
        values = self.fine.values
        low = self.targets if not (values < 0).any() else np.full(values.shape, np.inf)
        is_share = self.kpi.unit_of_measure == "share" and not (values > 1).any()
        return np.minimum(low, 1 - self.targets) if is_share else low

    @cached_property
    def step(self) -> np.ndarray:
        """Return the smallest step by which a value can change, shape (T, U): one case; 0 where it flows."""
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.kpi.ratio is not None:
                return 1 / np.abs(self.fine.denominator)
        known = self.fine.values[~np.isnan(self.fine.values)]
        return np.full(self.fine.values.shape, float(bool((known == np.rint(known)).all())))

    @cached_property
    def targets(self) -> np.ndarray:
        """Return the official target in force, shape (T, U); a unit's own goes before the one for all.

        An illustrative one is left out: nobody plays a target to which nobody is held.
        """
        periods = self.history.periods
        place = {unit: position for position, unit in enumerate(self.history.units)}
        in_force = np.full((len(periods), len(place)), np.nan)
        own = [target for target in self.own_targets if target.status == "official"]
        for target in sorted(own, key=lambda t: (t.unit is not None, t.start or "")):
            first = self.history.position(self.cascade.period(target.start)) if target.start else 0
            stop = self.history.position(self.cascade.period(target.end)) + 1 if target.end else len(periods)
            columns = [place[target.unit]] if target.unit else slice(None)
            in_force[max(first, 0) : max(stop, 0), columns] = target.target
        return in_force
