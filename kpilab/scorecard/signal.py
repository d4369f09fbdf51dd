"""How much of a series is signal: one-period noise, signal-to-noise, seasonal strength. Arrays in, numbers out."""

from dataclasses import dataclass

import numpy as np
from statsmodels.tsa.seasonal import STL

LEAST_PERIODS = 12
LEAST_SEASONS = 3


@dataclass(frozen=True)
class Signal:
    """What a series without gaps says of itself.

    Attributes
    ----------
    n_periods : int
    noise_sd : float
        Standard deviation of what does not last beyond one period, in units of the series.
    signal_to_noise : float
        Variance of trend and season over that of one-period noise, 0 or more; NaN without noise.
    seasonality : float
        Share of the variance around the trend that is season, 0–1; NaN with fewer than three seasons.
    """

    n_periods: int
    noise_sd: float
    signal_to_noise: float
    seasonality: float


def signal_of(values: np.ndarray, season_length: int) -> Signal | None:
    """Measure signal and noise of one series, over its longest run without a gap.

    Parameters
    ----------
    values : ndarray, shape (T,)
        NaN where nothing is known.
    season_length : int
        Periods to a season; 1 when there is none.

    Returns
    -------
    Signal or None
        None when the longest run has fewer than 12 periods.

    References
    ----------
    Noise: Gasser, Sroka & Jennen-Steinmetz (1986), Biometrika 73(3), 625–633: the distance of each value from the
    line through its neighbours, whose variance is 1.5 times that of the noise. Season: STL, Cleveland et al.
    (1990), J. Official Statistics 6, with a season that stays the same. Strength: Wang, Smith & Hyndman (2006),
    Data Mining and Knowledge Discovery 13; Hyndman & Athanasopoulos (2021), Forecasting 3rd ed., 4.3.
    """
    run = longest_run(values)
    if len(run) < LEAST_PERIODS:
        return None
    seasonal, strength = np.zeros(len(run)), float("nan")
    lost = 0
    if season_length > 1 and len(run) >= LEAST_SEASONS * season_length:
        seasonal, strength = seasonal_part(run, season_length)
        lost = season_length - 1
    noise = noise_variance(run - seasonal) * len(run) / (len(run) - lost)
    if noise <= 1e-20 * max(float(run @ run) / len(run), 1e-300):
        return Signal(len(run), 0.0, float("nan"), strength)
    ratio = max(0.0, float(run.var(ddof=1)) - noise) / noise
    return Signal(len(run), float(noise**0.5), ratio, strength)


def seasonal_part(run: np.ndarray, season_length: int) -> tuple[np.ndarray, float]:
    """Return the season of a series without gaps, shape (T,), and its strength F_S, 0–1."""
    window, every = 10 * len(run) + 1, len(run)
    fitted = STL(
        run,
        period=season_length,
        seasonal=window,
        seasonal_deg=0,
        seasonal_jump=every,
        trend_jump=5,
        low_pass_jump=5,
    ).fit(inner_iter=2)  # as in R's stl: enough without robust weights
    around = float(np.var(fitted.seasonal + fitted.resid))
    if around <= 1e-20 * max(float(run @ run) / len(run), 1e-300):
        return fitted.seasonal, 0.0
    return fitted.seasonal, max(0.0, 1 - float(np.var(fitted.resid)) / around)


def noise_variance(run: np.ndarray) -> float:
    """Return the variance of one-period noise of a series without gaps.

    Examples
    --------
    >>> noise_variance(np.array([1.0, 2.0, 3.0, 4.0]))  # a straight line has none
    0.0
    """
    off_the_line = run[1:-1] - (run[:-2] + run[2:]) / 2
    return float((off_the_line**2).mean() / 1.5)


def noise_sd(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of one-period noise per unit, shape (T, U) to (U,), robust to jumps.

    From the median absolute distance of each value from the line through its neighbours; NaN where fewer than
    three such distances are known.
    """
    if len(values) < 3:
        return np.full(values.shape[1], np.nan)
    distance = np.abs(values[1:-1] - (values[:-2] + values[2:]) / 2)
    enough = (~np.isnan(distance)).sum(axis=0) >= 3
    medians = np.nanmedian(np.where(enough, distance, 0.0), axis=0)
    return np.where(enough, medians * 1.4826 / 1.5**0.5, np.nan)


def break_shift(values: np.ndarray, position: int, window: int) -> np.ndarray:
    """Return each unit's shift of level at a period, in standard deviations of its one-period noise.

    The median of the `window` periods from `position` on less that of those before; NaN where fewer than half
    of either is known or there is no noise to compare with. Shape (T, U) to (U,).
    """
    before, after = values[max(position - window, 0) : max(position, 0)], values[position : position + window]
    if position < 0 or not len(before) or not len(after):
        return np.full(values.shape[1], np.nan)
    known = [(~np.isnan(part)).sum(axis=0) >= window / 2 for part in (before, after)]
    both = known[0] & known[1]
    levels = [np.nanmedian(np.where(both, part, 0.0), axis=0) for part in (before, after)]
    noise = noise_sd(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(both & (noise > 0), (levels[1] - levels[0]) / noise, np.nan)


def longest_run(values: np.ndarray) -> np.ndarray:
    """Return the longest run of known values; of equally long ones the last.

    Examples
    --------
    >>> longest_run(np.array([1.0, np.nan, 2.0, 3.0, np.nan]))
    array([2., 3.])
    """
    known = np.concatenate([[False], ~np.isnan(values), [False]])
    edges = np.flatnonzero(np.diff(known.astype(int)))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return values[:0]
    longest = len(starts) - 1 - int((stops - starts)[::-1].argmax())
    return values[starts[longest] : stops[longest]]
