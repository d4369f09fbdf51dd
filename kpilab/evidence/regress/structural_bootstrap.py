"""How far an intervention's t statistic strays where nothing happened: a parametric bootstrap.

The variances of a structural model are estimated, and its errors take them as known. Series that the fitted model
could have made show what that costs: every one is estimated anew, on a grid of variances, all at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from kpilab.evidence.regress.linear import Floats
from kpilab.evidence.regress.structural import (
    Intervention,
    autocorrelation,
    checked_columns,
    distances,
    random_walk,
)

LOG_RATIOS = (-14.0, -7.0, -5.5, -4.0, -3.0, -2.0, -1.0, 0.5, 3.0)
RHOS = (-0.3, 0.0, 0.3, 0.5, 0.7, 0.85, 0.95)


def bootstrap_statistics(
    y: ArrayLike,
    shape: ArrayLike,
    regressors: ArrayLike | None,
    fit: Intervention,
    *,
    draws: int = 199,
    seed: int = 0,
) -> Floats:
    """Return t statistics of an intervention without effect, in series that the fitted model could have made.

    Parameters
    ----------
    y, shape, regressors
        As given to `intervention`; of `y` only counts where it is known.
    fit : Intervention
        Of the same, with an irregular of order one.
    draws, seed : int

    Returns
    -------
    (draws,) array
        They follow the fit's own statistic about its true size, whatever that is: level, regressors and size are
        removed exactly.

    References
    ----------
    Stoffer, D. S. & Wall, K. D. (1991). Bootstrapping state-space models. JASA 86, 1024–1033.
    """
    series, columns = checked_columns(y, shape, regressors)
    rows = np.flatnonzero(np.isfinite(series))
    design = np.column_stack([np.ones(len(rows)), columns[rows]])
    walk, apart = random_walk(rows), distances(rows)
    noise = fit.irregular_sd**2 / (1 - fit.ar**2)
    made = np.linalg.cholesky(noise * autocorrelation(apart, fit.ar) + fit.level_sd**2 * walk)
    paths = made @ np.random.default_rng(seed).normal(size=(len(rows), draws))
    deviance = np.full(draws, np.inf)
    statistic = np.zeros(draws)
    for rho in RHOS:
        correlation = autocorrelation(apart, rho)
        for log_ratio in LOG_RATIOS:
            found, t = _whitened(np.linalg.cholesky(correlation + np.exp(log_ratio) * walk), design, paths)
            better = found < deviance
            deviance, statistic = np.where(better, found, deviance), np.where(better, t, statistic)
    return statistic


def _whitened(factor: Floats, design: Floats, paths: Floats) -> tuple[Floats, Floats]:
    """Return minus twice the restricted log-likelihood of every path and its last t statistic, one model given."""
    n_obs, n_columns = design.shape
    white = linalg.solve_triangular(factor, np.column_stack([paths, design]), lower=True, check_finite=False)
    basis, triangle = np.linalg.qr(white[:, -n_columns:])
    white = white[:, :-n_columns]
    projected = basis.T @ white
    df = n_obs - n_columns
    variance = ((white**2).sum(axis=0) - (projected**2).sum(axis=0)) / df
    log_size = 2 * (np.log(np.diag(factor)).sum() + np.log(np.abs(np.diag(triangle))).sum())
    sign = np.sign(triangle[-1, -1])
    return log_size + df * np.log(variance), sign * projected[-1] / np.sqrt(variance)
