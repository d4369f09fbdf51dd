"""One equation, estimated: the inference that the number of units and periods allows.

Panels have unit and period effects, unweighted. Under 20 clusters the standard error is CR2 with
Satterthwaite degrees of freedom, from there on clustered with t(G − 1); under 12 the wild bootstrap decides
and its inversion is the interval; under 8 the larger of its p and that of Driscoll–Kraay with fixed-b
critical values. Single series are tested with HC3 and a seasonal pattern.
"""

from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
import pandas as pd
from scipy import special
from threadpoolctl import ThreadpoolController

from kpilab.evidence.equations import LinkData
from kpilab.evidence.regress.linear import Estimate, NotEstimable, regress, t_inference
from kpilab.evidence.regress.panels import panel_inference
from kpilab.evidence.regress.wild import wild_inference, wild_interval
from kpilab.evidence.regress.within import Within, within
from kpilab.model.cascade import Cascade

FEWEST_UNITS = 5
FEWEST_PERIODS = 20
FEWEST_PANEL_PERIODS = 10
CR2_BELOW = 20
CONFIRMED_BELOW = 30
WILD_BELOW = 12
BOTH_BELOW = 8
DUMMIES_FROM = 60
DRAWS = 9999
SEED = 0
NARROW = 0.90


@dataclass(frozen=True, eq=False)
class Equation:
    """The rows that an estimate uses.

    Attributes
    ----------
    y, x : ndarray, shape (n,)
        The effect, and the tested column.
    controls : ndarray, shape (n, q)
        Held constant; may be redundant among themselves.
    unit, period, cluster : ndarray of int, shape (n,)
        Codes; `period` counts the calendar from the first period of history.
    volume : ndarray, shape (n,), or None
        Denominator of the effect.
    x_name : str
    control_names : tuple of str, length q
    unit_names : tuple of str
    """

    y: np.ndarray
    x: np.ndarray
    controls: np.ndarray
    unit: np.ndarray
    period: np.ndarray
    cluster: np.ndarray
    volume: np.ndarray | None
    x_name: str
    control_names: tuple[str, ...]
    unit_names: tuple[str, ...]

    @property
    def n_units(self) -> int:
        """Return how many units have rows."""
        return len(np.unique(self.unit))

    @property
    def is_panel(self) -> bool:
        """Tell whether there is more than one unit."""
        return self.n_units > 1

    @cached_property
    def within(self) -> Within:
        """Return the panel regression with its effects and controls partialled out.

        Raises
        ------
        NotEstimable
            When nothing of cause or effect is left.
        """
        return within(
            self.y,
            self.x[:, None],
            self.unit,
            self.period,
            "both",
            controls=self.controls,
            cluster=self.cluster,
        )

    def testing(self, column: np.ndarray, name: str) -> "Equation":
        """Return the equation that tests another column and holds the former one constant too."""
        controls = np.column_stack([self.x, self.controls])
        return replace(
            self, x=column, controls=controls, x_name=name, control_names=(self.x_name, *self.control_names)
        )

    def rows(self, kept: np.ndarray) -> "Equation":
        """Return the equation on some of its rows."""
        names = (
            "y",
            "x",
            "controls",
            "unit",
            "period",
            "cluster",
            *(["volume"] if self.volume is not None else []),
        )
        return replace(self, **{name: getattr(self, name)[kept] for name in names})


@dataclass(frozen=True)
class LinkFit:
    """The estimate of one link's direct effect and the inference that decides.

    `std_error`, `df` describe the sampling error on which power rests; `p_value` and the intervals are those
    of the method that decides: 95 % from `conf_low` to `conf_high`, 90 % from `narrow_low` to `narrow_high`.
    `second_p_value` is that of CR2 where another method decides alone with fewer than 30 clusters; else NaN.
    """

    estimate: float
    std_error: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    narrow_low: float
    narrow_high: float
    df: float
    n_obs: int
    n_units: int
    n_clusters: int
    method: str
    second_p_value: float = float("nan")


def equation_of(cascade: Cascade, data: LinkData) -> Equation:
    """Stack the usable rows of a link and choose its clusters; a single series gets its season as controls.

    Raises
    ------
    NotEstimable
        When there are too few units or periods.
    """
    used = data.used & _enough_rows(data.used)
    period, unit = np.nonzero(used)
    _check_size(data, unit, period)
    columns, names = data.columns[period, unit], data.names
    if len(np.unique(unit)) == 1:
        season = seasonal_columns(data.periods)[period]
        columns = np.column_stack([columns, season])
        names = (*names, *(f"season {i + 1}" for i in range(season.shape[1])))
    return Equation(
        y=data.y[period, unit],
        x=columns[:, 0],
        controls=columns[:, 1:],
        unit=unit,
        period=period,
        cluster=_clusters(cascade, data, unit),
        volume=None if data.volume is None else data.volume[period, unit],
        x_name=names[0],
        control_names=names[1:],
        unit_names=data.units,
    )


def estimate(equation: Equation, *, decide: bool = True) -> LinkFit:
    """Estimate the coefficient of the tested column.

    Parameters
    ----------
    equation : Equation
    decide : bool
        Let the wild bootstrap decide where there are few clusters; without it (for checks) the analytic
        standard error does.

    Raises
    ------
    NotEstimable
        When the column has no variation of its own, or too few rows are left.
    """
    if not equation.is_panel:
        return _single_series(equation)
    fit = equation.within
    clusters = fit.rows.n_clusters
    if clusters < FEWEST_UNITS:
        raise NotEstimable(
            f"only {clusters} clusters of units; {FEWEST_UNITS} are needed", reason="too few rows"
        )
    one = panel_inference(fit, "cr2" if clusters < CR2_BELOW else "cluster").only()
    method = "CR2" if clusters < CR2_BELOW else "clustered"
    found = _link_fit(one, fit.rows.n_units, clusters, method)
    if decide and clusters < WILD_BELOW:
        return _decided_by_bootstrap(found, fit)
    if decide and CR2_BELOW <= clusters < CONFIRMED_BELOW:
        return replace(found, second_p_value=panel_inference(fit, "cr2").only().p_value)
    return found


def _decided_by_bootstrap(found: LinkFit, fit: Within) -> LinkFit:
    wild = wild_inference(fit, 0, draws=DRAWS, seed=SEED)
    wide, narrow = (wild.conf_low, wild.conf_high), wild_interval(fit, 0, draws=DRAWS, seed=SEED)
    p_value, method, second = wild.p_value, "wild bootstrap", found.p_value
    if fit.rows.n_clusters < BOTH_BELOW:
        other, second = panel_inference(fit, "driscoll_kraay").only(), float("nan")
        if other.p_value > wild.p_value:
            p_value, method = other.p_value, "Driscoll–Kraay, fixed-b"
        wide = _spanned(wide, other)
        narrow = _spanned(narrow, panel_inference(fit, "driscoll_kraay", confidence=NARROW).only())
    return replace(
        found, p_value=p_value, method=method, second_p_value=second,
        conf_low=wide[0], conf_high=wide[1], narrow_low=narrow[0], narrow_high=narrow[1],
    )  # fmt: skip


def _spanned(interval: tuple[float, float], other: Estimate) -> tuple[float, float]:
    return min(interval[0], other.conf_low), max(interval[1], other.conf_high)


def one_thread() -> AbstractContextManager[object]:
    """Keep linear algebra to one thread: on matrices this small its threads only wait for each other."""
    return _thread_pools().limit(limits=1)


@cache
def _thread_pools() -> ThreadpoolController:
    """Find the libraries that have threads, once: it takes longer than a regression."""
    return ThreadpoolController()


def volume_weighted(equation: Equation) -> float:
    """Return the estimate in which each row counts by its volume; NaN where the effect has none."""
    if equation.volume is None or not equation.is_panel or not (equation.volume > 0).all():
        return float("nan")
    weighted = within(
        equation.y,
        equation.x[:, None],
        equation.unit,
        equation.period,
        "both",
        controls=equation.controls,
        cluster=equation.cluster,
        weights=equation.volume / equation.volume.mean(),
    )
    return float(weighted.estimate[0])


def seasonal_columns(periods: pd.PeriodIndex) -> np.ndarray:
    """Return a seasonal pattern, shape (T, m): two harmonics below 60 periods, dummies from there on."""
    lengths = {"D": 7, "W": 52, "M": 12, "Q": 4}
    code = periods.freqstr.split("-")[0]
    if code not in lengths:
        return np.empty((len(periods), 0))
    length, season = lengths[code], _season_of(periods, code)
    if len(periods) >= DUMMIES_FROM and length <= 12:
        return (season[:, None] == np.arange(1, length)[None, :]).astype(float)
    angles = 2 * np.pi * np.outer(season, np.arange(1, 3)) / length
    waves = np.column_stack([np.sin(angles), np.cos(angles)])
    return waves[:, np.ptp(waves, axis=0) > 1e-9]


def partialled_out(equation: Equation) -> pd.DataFrame:
    """Return what is left of cause and effect once everything else is held constant."""
    if equation.is_panel:
        fit = equation.within
        cause = fit.influence[:, 0] / (fit.influence[:, 0] @ fit.influence[:, 0])
        return pd.DataFrame({"cause": cause, "effect": fit.residuals + cause * fit.estimate[0]})
    single = regress(equation.y, equation.x[:, None], equation.controls)
    return pd.DataFrame({"cause": single.tested[:, 0], "effect": single.target})


def statsmodels_fit(equation: Equation) -> object:
    """Fit the same equation with statsmodels, effects as dummies; its clustered or HC3 errors."""
    import statsmodels.api as sm

    X = pd.DataFrame({equation.x_name: equation.x})
    controls = pd.DataFrame(equation.controls, columns=list(equation.control_names))
    if not equation.is_panel:
        return sm.OLS(equation.y, sm.add_constant(pd.concat([X, controls], axis=1), prepend=False)).fit(
            cov_type="HC3", use_t=True
        )
    controls = controls.iloc[:, list(equation.within.controls_kept)]
    unit = pd.get_dummies(equation.unit, dtype=float).add_prefix("unit ")
    period = pd.get_dummies(equation.period, dtype=float).iloc[:, 1:].add_prefix("period ")
    model = sm.OLS(equation.y, pd.concat([X, controls, unit, period], axis=1))
    return model.fit(cov_type="cluster", cov_kwds={"groups": equation.cluster}, use_t=True)


def _season_of(periods: pd.PeriodIndex, code: str) -> np.ndarray:
    """Return the position of each period within its year, or of a day within its week, from 0."""
    if code == "D":
        return np.asarray(periods.day_of_week)
    if code == "W":
        return np.asarray(periods.asi8 % 52)
    return np.asarray(periods.month if code == "M" else periods.quarter) - 1


def _enough_rows(used: np.ndarray) -> np.ndarray:
    """Leave out units with a single row: their own effect fits it exactly."""
    return (used.sum(axis=0) >= 2)[None, :]


def _check_size(data: LinkData, unit: np.ndarray, period: np.ndarray) -> None:
    n_units, n_periods = len(np.unique(unit)), len(np.unique(period))
    if not len(unit):
        raise NotEstimable("no period has cause, effect and controls together", reason="too few rows")
    if 1 < n_units < FEWEST_UNITS:
        raise NotEstimable(
            f"only {n_units} units have data; {FEWEST_UNITS} are needed", reason="too few rows"
        )
    if n_units > 1 and n_periods < FEWEST_PANEL_PERIODS:
        said = f"only {n_periods} usable periods; {FEWEST_PANEL_PERIODS} are needed"
        raise NotEstimable(said, reason="too few rows")
    if n_units == 1 and n_periods < FEWEST_PERIODS + data.columns.shape[2]:
        raise NotEstimable(f"only {n_periods} usable periods of one unit", reason="too few rows")


def _clusters(cascade: Cascade, data: LinkData, unit: np.ndarray) -> np.ndarray:
    """Cluster by the level above where its units have 5 members or more, else by unit."""
    parents = [cascade.unit(name).parent for name in data.units]
    counted = Counter(parents[u] for u in np.unique(unit))
    if None in counted or len(counted) < FEWEST_UNITS or len(counted) == len(np.unique(unit)):
        return unit
    codes = {parent: code for code, parent in enumerate(dict.fromkeys(parents))}
    return np.array([codes[parents[u]] for u in unit])


def _single_series(equation: Equation) -> LinkFit:
    fit = regress(equation.y, equation.x[:, None], equation.controls, cov="HC3")
    one = t_inference(fit.coefficients, np.sqrt(np.diag(fit.covariance)), fit.df, fit.n_obs).only()
    return _link_fit(one, 1, 1, "HC3")


def _link_fit(one: Estimate, n_units: int, n_clusters: int, method: str) -> LinkFit:
    reach = float(special.stdtrit(one.df, 0.5 + NARROW / 2)) * one.std_error
    return LinkFit(
        one.estimate, one.std_error, one.statistic, one.p_value, one.conf_low, one.conf_high,
        one.estimate - reach, one.estimate + reach, one.df, one.n_obs, n_units, n_clusters, method,
    )  # fmt: skip
