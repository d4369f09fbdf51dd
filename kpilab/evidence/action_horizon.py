"""When the promised effect of an action can be told from none."""

import numpy as np

from kpilab.evidence.action_data import Trial
from kpilab.evidence.action_designs import Effect
from kpilab.evidence.action_verdicts import ALPHA, Size


def periods_needed(effect: Effect, trial: Trial, size: Size) -> int | None:
    """Return how many periods from the start on tell the promised effect from none, with 80 % power.

    The standard error is projected from the one that was found: what treated and control units differ by
    before the start is taken as autocorrelated of order one, so that the mean of more periods is more precise,
    as far as it goes. None: nothing is promised, or no number of periods within the window is enough.
    """
    spans = trial.spans
    if np.isnan(size.expected) or size.expected == 0 or effect.smallest_p >= ALPHA or not size.detectable > 0:
        return None
    if effect.method == "structural":
        return effect.n_after if size.detectable <= abs(size.expected) else None
    before = effect.gap[effect.since < 0]
    rho = _autocorrelation(before[np.isfinite(before)])
    base = min(spans.base, effect.n_before)
    now = _mean_variance(rho, effect.n_after) + _mean_variance(rho, base)
    for periods in range(spans.fewest_after, spans.after + 1):
        then = _mean_variance(rho, periods) + _mean_variance(rho, base)
        if size.detectable * np.sqrt(then / now) <= abs(size.expected):
            return periods
    return None


def _autocorrelation(series: np.ndarray) -> float:
    """Return the first autocorrelation, between 0 and 0.95."""
    if len(series) < 4 or not series.std() > 0:
        return 0.0
    centred = series - series.mean()
    return float(np.clip(centred[1:] @ centred[:-1] / (centred @ centred), 0.0, 0.95))


def _mean_variance(rho: float, n: int) -> float:
    """Return the variance of the mean of n values, autocorrelated of order one, in units of their own."""
    lags = np.arange(1, n)
    return float((1 + 2 * ((1 - lags / n) * rho**lags).sum()) / n)
