"""Exploration: which KPIs of one unit move before which others. Leads to look at, never a verdict."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpilab.evidence.fitting import seasonal_columns
from kpilab.evidence.map_checks import shared_measures
from kpilab.evidence.regress import Screen, benjamini_hochberg, screen
from kpilab.evidence.regress.linear import orthonormal_basis, partial_out
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi, Link
from kpilab.problems import one_problem
from kpilab.scorecard.panels import kpi_panel
from kpilab.scorecard.scales import transformed
from kpilab.show import Result, count_of

ALPHA = 0.05
FEWEST_PERIODS_PER_LAG = 10
COLUMNS = [
    "cause",
    "effect",
    "lags",
    "n_obs",
    "f_statistic",
    "p_value",
    "q_value",
    "drawn",
    "shared_measures",
]


@dataclass(frozen=True, eq=False)
class ScreenResults(Result):
    """Hold all ordered pairs of one unit's KPIs: whether the past of one adds to the other's own past."""

    cascade: Cascade
    unit: str
    table: pd.DataFrame
    left_out: tuple[str, ...]

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the unit; it says that this is exploration."""
        return f"{self.cascade.unit(self.unit).name}: exploration of all pairs (not evidence)"

    def tidy(self) -> pd.DataFrame:
        """Return one row per ordered pair, those with the smallest q-value first."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: pairs, how many stand out, and the false-discovery rate at which they do."""
        found = int((self.table["q_value"] < ALPHA).sum())
        facts = {
            "unit": self.unit,
            "n_pairs": len(self.table),
            "n_found": found,
            "false_discovery_rate": ALPHA,
        }
        return pd.DataFrame([{**facts, "n_left_out": len(self.left_out)}])

    @property
    def text(self) -> str:
        """Return how many pairs stand out, and what that is worth."""
        found = int((self.table["q_value"] < ALPHA).sum())
        said = (
            f"{found} of {count_of(len(self.table), 'ordered pair')} stand out at a false-discovery rate of 5 %. "
            "This is exploration: no cause is held constant, and a pair that stands out is a lead to think about, "
            "not a link that history supports."
        )
        return said + (
            f"\nToo short or with gaps, left out: {', '.join(self.left_out)}." if self.left_out else ""
        )


def screen_pairs(
    cascade: Cascade, history: History, *, unit: str | None = None, lags: int = 3
) -> ScreenResults:
    """Screen all ordered pairs of KPIs of one unit for leads.

    Each series is taken on the scale of its links, the season is taken out, and the joint F test asks whether
    `lags` values of one KPI add to `lags` values of the other's own past.

    Parameters
    ----------
    cascade : Cascade
    history : History
    unit : str, optional
        Default: the unit at the top.
    lags : int
        1 or more.

    Returns
    -------
    ScreenResults
        KPIs too short for the common span are counted and named.

    Raises
    ------
    InputError
        When the unit is unknown, or fewer than two KPIs have a common history.
    """
    chosen = cascade.unit(unit or cascade.roots()[0].id).id
    series = _series(cascade, history, chosen)
    common = _common(series, FEWEST_PERIODS_PER_LAG * lags)
    if common.shape[1] < 2:
        raise one_problem("unit", f"'{chosen}' has no two KPIs with a common history; choose another unit")
    found = screen(_without_season(common), lags)
    left_out = tuple(name for name in series.columns if name not in common.columns)
    table = _table(cascade, list(common.columns), found, lags)
    return ScreenResults(cascade, chosen, table, left_out)


def _series(cascade: Cascade, history: History, unit: str) -> pd.DataFrame:
    place = history.units.index(unit)
    kpis: list[Kpi] = [k for k in cascade.kpis if cascade.unit(unit).level in cascade.levels_of(k)]
    columns = {kpi.id: transformed(kpi, kpi_panel(cascade, history, kpi))[:, place] for kpi in kpis}
    frame = pd.DataFrame(columns, index=history.periods)
    return frame.dropna(axis="columns", how="all")


def _common(series: pd.DataFrame, fewest: int) -> pd.DataFrame:
    """Return the longest run of periods in which the KPIs that reach it are all known.

    The KPI with the fewest values is dropped until the rest have at least `fewest` periods without a gap.
    """
    kept = series
    while kept.shape[1] >= 2:
        whole = _longest_run(kept.notna().all(axis=1).to_numpy())
        part = kept.iloc[whole]
        part = part.loc[:, part.std() > 0]
        if len(part) >= fewest:
            return part
        kept = kept.drop(columns=kept.notna().sum().idxmin())
    return kept.iloc[:0]


def _longest_run(known: np.ndarray) -> slice:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(int), [0]])))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return slice(0, 0)
    longest = int((stops - starts).argmax())
    return slice(int(starts[longest]), int(stops[longest]))


def _without_season(series: pd.DataFrame) -> np.ndarray:
    values = series.to_numpy()
    index = series.index
    season = seasonal_columns(index) if isinstance(index, pd.PeriodIndex) else np.empty((len(values), 0))
    return partial_out(values / values.std(axis=0), orthonormal_basis(season))


def _table(cascade: Cascade, names: list[str], found: Screen, lags: int) -> pd.DataFrame:
    drawn = {(link.cause, link.effect) for link in cascade.links}
    rows = [
        (names[i], names[j], lags, found.n_obs, found.f_statistic[i, j], found.p_value[i, j])
        for i, j in np.argwhere(~np.isnan(found.p_value))
    ]
    table = pd.DataFrame(rows, columns=COLUMNS[:6])
    table["q_value"] = benjamini_hochberg(table["p_value"]) if len(table) else []
    table["drawn"] = [pair in drawn for pair in zip(table["cause"], table["effect"], strict=True)]
    pairs = [Link(cause=c, effect=e) for c, e in zip(table["cause"], table["effect"], strict=True)]
    table["shared_measures"] = [bool(shared_measures(cascade, pair)) for pair in pairs]
    return table.sort_values("q_value", kind="stable", ignore_index=True)
