"""Signs that a target is played: bunching just above it, never a miss, a spike at the end of the year.

Arrays in, numbers out. Each is a test with a p-value: how often honest values would look like this. None proves
anything; each says where to look.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

BIN_WIDTH = 0.5
LEAST_AT_TARGET = 20
LEAST_BESIDE = 8
LEAST_PERIODS = 24
LEAST_YEARS = 4
CONTINUITY = 0.5
LEAST_SHARE_KEPT = 0.8


@dataclass(frozen=True)
class Sign:
    """One sign of gaming.

    Attributes
    ----------
    size : float
        How strong: bunching as the factor by which values just above the target exceed what is expected; a
        spike in standard deviations of one-period noise.
    p_value : float
        One-sided; 0–1.
    n : int
        Values near the target, or years.
    """

    size: float
    p_value: float
    n: int


def bunching(distance: np.ndarray, blocks: np.ndarray) -> Sign | None:
    """Test whether values pile up just on the good side of the target.

    Parameters
    ----------
    distance : ndarray, shape (N,)
        From the target in standard deviations of the unit's one-period noise; 0 or more meets it.
    blocks : ndarray, shape (N,)
        Which values hang together (a unit's year); the counts' uncertainty is taken over them.

    Returns
    -------
    Sign or None
        None with fewer than 20 values within half a standard deviation of the target, or fewer than 8 in either
        of the next half.

    Notes
    -----
    A density test at the target in the manner of McCrary (2008), J. Econometrics 142, and of the binomial test of
    Cattaneo, Jansson & Ma (2020), JASA 115: the values in the bin above against those in the bin below. The
    slope of the density is taken off by the two bins beside them: the logarithms of a Gaussian's counts differ
    three times as much there, wherever its middle lies, so a unit that does well is no suspect.
    """
    edges = np.array([-2, -1, 0, 1, 2]) * BIN_WIDTH
    inside = (distance >= edges[0]) & (distance < edges[-1])
    bins = np.digitize(distance[inside], edges) - 1
    _, block = np.unique(blocks[inside], return_inverse=True)
    table = np.zeros((block.max(initial=-1) + 1, 4))
    np.add.at(table, (block, bins), 1)
    counts = table.sum(axis=0)
    if counts[1:3].sum() < LEAST_AT_TARGET or counts[[0, 3]].min() < LEAST_BESIDE:
        return None
    slopes = np.array([1 / 3, -1.0, 1.0, -1 / 3])
    filled = counts + CONTINUITY
    excess = float(slopes @ np.log(filled))
    own = float((slopes**2) @ (1 / filled))
    shared = _variance_over_blocks(table, filled, slopes)
    p_value = float(stats.norm.sf(excess / max(own, shared) ** 0.5))
    return Sign(float(np.exp(excess)), p_value, int(counts[1:3].sum()))


def _variance_over_blocks(table: np.ndarray, filled: np.ndarray, slopes: np.ndarray) -> float:
    """Return the variance of a contrast of log counts, values of a block hanging together."""
    influence = (table / filled) @ slopes
    n_blocks = len(table)
    return float(((influence - influence.mean()) ** 2).sum() * n_blocks / max(n_blocks - 1, 1))


def never_misses(distance: np.ndarray) -> np.ndarray:
    """Return, per unit, how probable it is that honest values with this margin and spread never miss.

    Parameters
    ----------
    distance : ndarray, shape (T, U)
        From the target in standard deviations of the unit's one-period noise, 0 or more meets it; NaN where
        nothing is known.

    Returns
    -------
    ndarray, shape (U,)
        1 for a unit that missed at least once; NaN with fewer than 24 values.

    Notes
    -----
    The larger of two probabilities, so that both have to be small. The first takes values as normal around their
    mean; of n with first autocorrelation r, n (1 − r) / (1 + r) count as independent. The second holds for lopsided
    values too: of those within half a standard deviation of the target, on either side, at least a fifth would
    miss if their density fell by no more than a factor of four from the bin above to the bin below.
    """
    known = ~np.isnan(distance)
    n = known.sum(axis=0)
    filled = np.where(known, distance, 0.0)
    mean = filled.sum(axis=0) / np.maximum(n, 1)
    centred = np.where(known, distance - mean, 0.0)
    square = (centred**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        lasting = np.clip((centred[1:] * centred[:-1]).sum(axis=0) / square, 0.0, 0.99)
        spread = np.sqrt(square / (n - 1))
        independent = np.maximum(n * (1 - lasting) / (1 + lasting), 1)
        clean = np.where(square > 0, stats.norm.cdf(mean / spread) ** independent, 1.0)
        hugging = (known & (distance >= 0) & (distance < BIN_WIDTH)).sum(axis=0)
        missed = (known & (distance < 0)).any(axis=0)
    both = np.maximum(clean, LEAST_SHARE_KEPT**hugging)
    return np.where(n >= LEAST_PERIODS, np.where(missed, 1.0, both), np.nan)


def year_end_spike(values: np.ndarray, is_year_end: np.ndarray) -> Sign | None:
    """Test whether the last month of the year stands above what the months around it lead to.

    Parameters
    ----------
    values : ndarray, shape (T, U)
        Monthly, in standard deviations of each unit's one-period noise, the good way up.
    is_year_end : ndarray of bool, shape (T,)

    Returns
    -------
    Sign or None
        None with fewer than four years in which any unit has the five months around the end of the year.

    Notes
    -----
    A value is compared with the cubic through two months on either side, so a trend and a smooth season leave
    nothing. Units of a year may share its weather: their mean is one observation of a t test over years.
    """
    ends = np.flatnonzero(is_year_end)
    ends = ends[(ends >= 2) & (ends < len(values) - 2)]
    expected = (4 * (values[ends - 1] + values[ends + 1]) - (values[ends - 2] + values[ends + 2])) / 6
    above = values[ends] - expected
    known = ~np.isnan(above)
    years = known.any(axis=1)
    if years.sum() < LEAST_YEARS:
        return None
    means = np.where(known, above, 0.0).sum(axis=1)[years] / known.sum(axis=1)[years]
    if np.ptp(means) == 0:
        return Sign(float(means.mean()), 1.0, len(means))
    p_value = float(stats.ttest_1samp(means, 0.0, alternative="greater").pvalue)
    return Sign(float(means.mean()), p_value, len(means))
