"""Half-panel jackknife: the bias that own lags and unit effects leave in short panels, removed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.regress.panel_rows import Effects, Floats, Rows, chosen_rows
from kpilab.evidence.regress.panels import positive_std_error
from kpilab.evidence.regress.within import Within, fit_within, within


@dataclass(frozen=True, eq=False)
class JackknifeEstimates:
    """Bias-corrected coefficients of the k columns of X: arrays of length k.

    Attributes
    ----------
    full_panel : (k,) array
        The estimates before the correction.
    covariance : (k, k) array
    scores : (G, k) array
        What each cluster contributes to the estimation error: ``covariance = scores.T @ scores``.
    n_obs, n_units : int
        Of the full panel.
    """

    estimate: Floats
    std_error: Floats
    statistic: Floats
    p_value: Floats
    conf_low: Floats
    conf_high: Floats
    df: float
    n_obs: int
    n_units: int
    full_panel: Floats
    covariance: Floats
    scores: Floats


def half_panel_jackknife(
    y: ArrayLike,
    X: ArrayLike,
    unit: ArrayLike,
    period: ArrayLike,
    effects: Effects = "both",
    confidence: float = 0.95,
    *,
    controls: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> JackknifeEstimates:
    """Correct a panel regression for the bias of order 1/T: 2 β̂ − (β̂₁ + β̂₂) / 2, the halves by time.

    Parameters
    ----------
    y, X, unit, period, effects, controls, cluster, weights
        As in `panel`.
    confidence : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    JackknifeEstimates
        Each unit's own rows are halved, so that in unbalanced panels too a half has half the length; with
        an odd number of rows both ways of halving are used and averaged (Dhaene & Jochmans 2015, section
        3). Standard errors from the clusters' sums of the corrected influence (Chudik, Pesaran & Yang
        2018), with Stata's small-sample factor and t(G−1).

    Raises
    ------
    NotEstimable
        As `panel`, for the panel or for one of its halves.

    References
    ----------
    Dhaene, G. & Jochmans, K. (2015). Split-panel jackknife estimation of fixed-effect models. Review of
    Economic Studies 82, 991–1030.
    Chudik, A., Pesaran, M. H. & Yang, J.-C. (2018). Half-panel jackknife fixed-effects estimation of linear
    panels with weakly exogenous regressors. Journal of Applied Econometrics 33, 816–836.
    """
    fit = within(y, X, unit, period, effects, controls=controls, cluster=cluster, weights=weights)
    return jackknife_inference(fit, confidence)


def jackknife_inference(fit: Within, confidence: float = 0.95) -> JackknifeEstimates:
    """Return the half-panel jackknife of a prepared regression; see `half_panel_jackknife`."""
    n_clusters = fit.rows.n_clusters
    if n_clusters < 2:
        raise NotEstimable("one cluster alone says nothing about its own variation", reason="too few rows")
    halves = [half for split in _splits(fit.rows) for half in split]
    estimate, influence = 2 * fit.estimate, 2 * fit.influence * fit.residuals[:, None]
    for half in halves:
        part = fit_within(chosen_rows(fit.rows, half, fit.effects), fit.effects)
        scores = np.zeros_like(influence)
        scores[np.flatnonzero(half)[part.rows.order]] = part.influence * part.residuals[:, None]
        estimate = estimate - part.estimate / len(halves)
        influence = influence - scores / len(halves)
    sums = fit.small_sample_factor**0.5 * fit.rows.sum_by_cluster(influence)
    covariance = sums.T @ sums
    std_error = positive_std_error(fit, covariance)
    df = float(n_clusters - 1)
    statistic = estimate / std_error
    reach = special.stdtrit(df, 0.5 + confidence / 2) * std_error
    p_value = np.minimum(1.0, 2 * special.stdtr(df, -np.abs(statistic)))
    return JackknifeEstimates(
        estimate, std_error, statistic, p_value, estimate - reach, estimate + reach, df,
        fit.n_obs, fit.rows.n_units, fit.estimate, covariance, sums,
    )  # fmt: skip


def _splits(rows: Rows) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """First and second half of each unit's rows; two splits where a unit has an odd number of rows."""
    order = np.lexsort((rows.period, rows.unit))
    starts = np.flatnonzero(np.diff(rows.unit[order], prepend=-1))
    length = np.diff(np.append(starts, len(order)))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.repeat(starts, length)
    size = length[rows.unit]
    short, long = place < size // 2, place < (size + 1) // 2
    return [(short, ~short)] if np.array_equal(short, long) else [(short, ~short), (long, ~long)]
