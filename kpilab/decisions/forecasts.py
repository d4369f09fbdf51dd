"""One series ahead: exponential smoothing where the series has no gap, a structural model where it has.

A forecast is its mean, how far a shock of one period reaches into later ones, and the shocks that history
saw. What is drawn from it are paths, so that neighbouring periods belong together.
"""

import warnings
from dataclasses import dataclass

import numpy as np
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
        One-step errors of the past, centred; NaN where there is none.
    model : str
    """

    mean: np.ndarray
    carry: np.ndarray
    errors: np.ndarray
    model: str

    def paths(self, shocks: np.ndarray) -> np.ndarray:
        """Return deviations from the mean, shape (S, R), from shocks of the same shape."""
        steps = np.arange(len(self.carry))
        reach = steps[:, None] - steps[None, :]
        return np.where(reach >= 0, self.carry[np.maximum(reach, 0)], 0.0) @ shocks


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
        and with a season where AICc prefers them; local level with a fixed season (Kalman filter) where there
        are gaps; the last value, with the changes that history saw, where there are fewer than ten values.

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
    if len(known) < FEWEST_FOR_A_MODEL or np.ptp(series[~np.isnan(series)]) == 0:
        mean, carry, errors, model = _last_value(series, steps)
    elif np.isnan(series).any():
        mean, carry, errors, model = _structural(series, steps, season if seasonal else 1)
    else:
        mean, carry, errors, model = _smoothed(series, steps, season if seasonal else 1)
    placed = np.full(len(values), np.nan)
    placed[first : last + 1] = errors - np.nanmean(errors)
    return Forecast(mean, carry, placed, model)


def _last_value(series: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    known = ~np.isnan(series)
    errors = np.full(len(series), np.nan)
    errors[known] = np.diff(series[known], prepend=series[known][0])
    errors[0] = np.nan if known.sum() > 1 else 0.0
    return np.full(steps, series[-1]), np.ones(steps), errors, "last value"


def _smoothed(series: np.ndarray, steps: int, season: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    options: list[dict[str, object]] = [{}, {"trend": "add", "damped_trend": True}]
    if season > 1:
        options = [{**option, "seasonal": "add", "seasonal_periods": season} for option in options]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an optimum on the border is an optimum
        fits = [
            ETSModel(series, error="add", initialization_method="heuristic", **option).fit(disp=False)
            for option in options
        ]
        best = min(fits, key=lambda fit: fit.aicc)
        mean = np.asarray(best.forecast(steps))
    found = dict(zip(best.param_names, best.params, strict=True))
    carry = _carried(found, steps, season)
    name = "exponential smoothing" + (", damped trend" if "smoothing_trend" in found else "")
    widened = np.sqrt(len(series) / (len(series) - len(found)))
    return (
        mean,
        carry,
        widened * np.asarray(best.resid),
        name + (f", season of {season}" if season > 1 else ""),
    )


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


def _structural(
    series: np.ndarray, steps: int, season: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
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
    return mean, carry, errors, "local level" + (f", season of {season}" if season > 1 else "")
