"""One series ahead: exponential smoothing where the series has no gap, a structural model where it has.

A forecast is its mean, how far a shock of one period reaches into later ones, and the shocks that history
saw, widened for what was estimated: a season is eleven numbers or more. What is drawn from it are paths, so
that neighbouring periods belong together.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.statespace.structural import UnobservedComponents

FEWEST_FOR_A_MODEL = 10
SEASONS_FOR_A_PATTERN = 3
MOST_SEASONS = 53


@dataclass(frozen=True, eq=False)
class Forecast:
    """A series ahead of its last value.

    Attributes
    ----------
    mean : ndarray, shape (S,)
        1, 2, … S steps ahead.
    carry : ndarray, shape (S,)
        What is left of a shock of size one 0, 1, … steps later.
    errors : ndarray, shape (T,)
        One-step errors of the past, centred, widened by what the fit has used up; NaN where there is none.
    df : float
        Degrees of freedom that are left for the size of the errors: with few of them it is itself uncertain.
    season : int
        Periods of the season in the model; 1 for none.
    season_error : float
        Error of the estimated season of one period, as a share of an error's size.
    model : str
    """

    mean: np.ndarray
    carry: np.ndarray
    errors: np.ndarray
    df: float
    season: int
    season_error: float
    model: str

    def paths(
        self, shocks: np.ndarray, season_shocks: np.ndarray | None = None, rank: np.ndarray | None = None
    ) -> np.ndarray:
        """Return deviations from the mean, shape (S, R).

        Parameters
        ----------
        shocks : ndarray, shape (S, R)
        season_shocks : ndarray, shape (season or more, R), optional
            Shocks that stand for what is not known of the season.
        rank : ndarray, shape (R,), optional
            Where in its distribution the size of the errors lies, 0–1: paths then are Student's t, not normal.
        """
        steps = np.arange(len(self.carry))
        reach = steps[:, None] - steps[None, :]
        found = np.where(reach >= 0, self.carry[np.maximum(reach, 0)], 0.0) @ shocks
        if season_shocks is not None and self.season > 1:
            found = found + self.season_error * season_shocks[steps % self.season]
        return found if rank is None else found * np.sqrt(self.df / special.chdtri(self.df, rank))


@dataclass(frozen=True, eq=False)
class _Fit:
    """One model of one series: as `Forecast`, with errors of the series alone; `criterion` the smaller the better."""

    mean: np.ndarray
    carry: np.ndarray
    errors: np.ndarray
    n_used: int
    season: int
    criterion: float
    model: str


def forecast(values: np.ndarray, steps: int, season: int = 1) -> Forecast:
    """Look ahead from the last known value of a series.

    Parameters
    ----------
    values : ndarray, shape (T,)
        NaN where nothing is known; at least one value must be.
    steps : int
        1 or more.
    season : int
        Periods of a season; 1 for none.

    Returns
    -------
    Forecast
        Additive exponential smoothing (Hyndman, Koehler, Ord & Snyder 2008) with level, with a damped trend
        and with a season where AICc prefers them, a season counted as the many numbers that it is; local level
        with a fixed season (Kalman filter) where there are gaps; the last value, with the changes that history
        saw, where there are fewer than ten values.

    Examples
    --------
    >>> ahead = forecast(np.array([3.0, 5.0, 4.0, 6.0]), 2)
    >>> ahead.mean, ahead.model
    (array([6., 6.]), 'last value')
    """
    known = np.flatnonzero(~np.isnan(values))
    first, last = known[0], known[-1]
    series = values[first : last + 1]
    seasonal = 1 < season <= MOST_SEASONS and len(series) >= SEASONS_FOR_A_PATTERN * season
    seasons = (1, season) if seasonal else (1,)
    if len(known) < FEWEST_FOR_A_MODEL or np.ptp(series[~np.isnan(series)]) == 0:
        best = _last_value(series, steps)
    elif np.isnan(series).any():
        best = min((_structural(series, steps, periods, max(seasons)) for periods in seasons), key=_criterion)
    else:
        level = min((_smoothing(series, periods) for periods in seasons), key=_criterion)
        best = min(level, _smoothing(series, level.season, trend=True), key=_criterion).fit(steps)
    placed = np.full(len(values), np.nan)
    found = best.errors - np.nanmean(best.errors)
    n_errors = int((~np.isnan(found)).sum())
    df = max(n_errors - best.n_used, 1)
    placed[first : last + 1] = np.sqrt(n_errors / df) * found
    season_error = np.sqrt(best.season / len(known))
    return Forecast(best.mean, best.carry, placed, df, best.season, season_error, best.model)


def _criterion(one: "_Fit | _Smoothing") -> float:
    return one.criterion


def _last_value(series: np.ndarray, steps: int) -> _Fit:
    known = ~np.isnan(series)
    errors = np.full(len(series), np.nan)
    errors[known] = np.diff(series[known], prepend=series[known][0])
    errors[0] = np.nan if known.sum() > 1 else 0.0
    return _Fit(np.full(steps, series[-1]), np.ones(steps), errors, 0, 1, 0.0, "last value")


@dataclass(frozen=True, eq=False)
class _Smoothing:
    """Exponential smoothing with its parameters estimated: what is compared before anything else is computed."""

    model: ETSModel
    params: np.ndarray
    n_used: int
    season: int
    criterion: float
    name: str

    def fit(self, steps: int) -> _Fit:
        """Look ahead with it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            smoothed = self.model.smooth(self.params)
            mean = np.asarray(smoothed.forecast(steps))
        found = dict(zip(self.model.param_names, self.params, strict=True))
        carry, errors = _carried(found, steps, self.season), np.asarray(smoothed.resid)
        return _Fit(mean, carry, errors, self.n_used, self.season, self.criterion, self.name)


def _smoothing(series: np.ndarray, season: int, trend: bool = False) -> _Smoothing:
    options: dict[str, Any] = {"trend": "add", "damped_trend": True} if trend else {}
    if season > 1:
        options |= {"seasonal": "add", "seasonal_periods": season}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an optimum on the border is an optimum
        model = ETSModel(series, error="add", initialization_method="heuristic", **options)
        params = np.asarray(model.fit(disp=False, return_params=True))
        likelihood = float(model.loglike(params))
    n_used = len(params) + 1 + trend + (season - 1)
    name = "exponential smoothing" + (", damped trend" if trend else "") + _of_season(season)
    return _Smoothing(model, params, n_used, season, _aicc(likelihood, n_used + 1, len(series)), name)


def _aicc(log_likelihood: float, n_used: int, n_obs: int) -> float:
    left = n_obs - n_used - 1
    return np.inf if left <= 0 else -2 * log_likelihood + 2 * n_used + 2 * n_used * (n_used + 1) / left


def _of_season(season: int) -> str:
    return f", season of {season}" if season > 1 else ""


def _carried(found: dict[str, float], steps: int, season: int) -> np.ndarray:
    """Return what a shock leaves behind, from the smoothing parameters (Hyndman et al. 2008, table 6.2)."""
    later = np.arange(1, steps)
    carry = np.full(steps - 1, found["smoothing_level"])
    if "smoothing_trend" in found:
        damping = found["damping_trend"] ** later
        carry = carry + found["smoothing_trend"] * np.cumsum(damping)
    if "smoothing_seasonal" in found:
        carry = carry + found["smoothing_seasonal"] * (later % season == 0)
    return np.concatenate([[1.0], carry])


def _structural(series: np.ndarray, steps: int, season: int, longest: int) -> _Fit:
    """Fit a local level; models are compared by how they predict what lies beyond the longest season."""
    pattern = {"seasonal": season, "stochastic_seasonal": False} if season > 1 else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = UnobservedComponents(series, "local level", **pattern).fit(disp=False)
        mean = np.asarray(fit.forecast(steps))
    found = dict(zip(fit.param_names, fit.params, strict=True))
    ratio = found["sigma2.level"] / max(found["sigma2.irregular"], 1e-300)
    gain = 2 * ratio / (ratio + np.sqrt(ratio * ratio + 4 * ratio)) if ratio > 0 else 0.0
    filtered = fit.filter_results
    spread = np.sqrt(filtered.forecasts_error_cov[0, 0, -1])
    errors = np.asarray(filtered.standardized_forecasts_error[0]) * spread
    errors[: int(fit.loglikelihood_burn)] = np.nan
    errors[np.isnan(series)] = np.nan
    carry = np.concatenate([[1.0], np.full(steps - 1, gain)])
    predicted = float(np.nansum(fit.llf_obs[longest + 1 :]))
    return _Fit(mean, carry, errors, len(found), season, -predicted, "local level" + _of_season(season))
