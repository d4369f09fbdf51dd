"""A break at an unknown date in the coefficients of one regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .hansen1997 import SUP_F
from .linear import DEPENDENT, EXACT_FIT, Floats, NotEstimable, orthonormal_basis, partial_out


@dataclass(frozen=True, eq=False)
class SupF:
    """The largest of the Chow tests.

    Attributes
    ----------
    statistic : float
        In chi-square form (the F statistic times the number of coefficients), as R's strucchange has it.
    p_value : float
    last_before : int
        Row (0 is the first) of y after which the break fits best.
    candidates : (m,) array of int
        Rows tried; `path` (m,) holds the statistic at each.
    coefficients : int
        How many coefficients may change, the constant included.
    n_obs : int
    """

    statistic: float
    p_value: float
    last_before: int
    candidates: np.ndarray
    path: Floats
    coefficients: int
    n_obs: int


def sup_f(y: ArrayLike, X: ArrayLike, trim: float = 0.15) -> SupF:
    """Test that all coefficients are the same throughout, against one break at an unknown date.

    Parameters
    ----------
    y : array-like, shape (T,)
        In time order; rows with a missing value are left out.
    X : array-like, shape (T, k)
        A constant is added unless the columns already span one; redundant columns are dropped.
        At most 40 remain.
    trim : float
        Share of the rows kept clear of candidates at either end, above 0 and below 0.5.

    Returns
    -------
    SupF

    Raises
    ------
    NotEstimable
        Too few rows, or y without variation or fitted exactly.
    ValueError
        If `trim` or a shape makes no sense.

    Notes
    -----
    Andrews (1993) test, p-value by the response surface of Hansen (1997), as ``sctest`` does in R's
    strucchange. Assumes constant variance.

    References
    ----------
    Andrews, D. W. K. (1993). Tests for parameter instability and structural change with unknown change
    point. Econometrica 61, 821–856.
    Hansen, B. E. (1997). Approximate asymptotic p values for structural-change tests. Journal of Business
    & Economic Statistics 15, 60–67.

    Examples
    --------
    >>> level = np.r_[np.zeros(20), np.ones(20)] + 0.1 * np.cos(np.arange(40))
    >>> sup_f(level, np.ones((40, 1))).last_before
    19
    """
    if not 0 < trim < 0.5:
        raise ValueError(f"trim must lie between 0 and 0.5, not {trim}")
    effect, columns, rows = _complete(y, X)
    n_obs = len(effect)
    basis = _basis(columns)
    k = basis.shape[1]
    if k > len(SUP_F):
        raise ValueError(f"Hansen's p-values reach to {len(SUP_F)} coefficients, not {k}")
    first, last = _range(n_obs, k, trim)
    path = _chow_path(effect, basis, first, last)
    best = int(path.argmax())
    spread = (n_obs - first) * last / (first * (n_obs - last))
    return SupF(
        float(path[best]),
        hansen_p(float(path[best]), k, 1 / (1 + np.sqrt(spread))),
        int(rows[first - 1 + best]),
        rows[first - 1 : last],
        path,
        k,
        n_obs,
    )


def hansen_p(statistic: float, coefficients: int, trim: float) -> float:
    """Return Hansen's (1997) approximate p-value of a sup-F statistic in chi-square form.

    Parameters
    ----------
    statistic : float
    coefficients : int
        1 to 40.
    trim : float
        Share trimmed at either end, up to 0.5; between the tabulated shares the p-value is interpolated.
    """
    table = np.array(SUP_F[coefficients - 1])
    scaled = np.maximum(table[:, 0] + table[:, 1] * statistic, 0.0)
    p_values = special.chdtrc(table[:, 2], scaled)
    known_date = float(special.chdtrc(coefficients, statistic))
    if trim >= 0.5:
        return known_date
    if trim <= 0.01:
        return float(p_values[-1])
    if trim >= 0.49:
        return float(100 * ((0.5 - trim) * p_values[0] + (trim - 0.49) * known_date))
    place = (0.51 - trim) * 50
    lower = int(place)
    return float((lower + 1 - place) * p_values[lower - 1] + (place - lower) * p_values[lower])


def _complete(y: ArrayLike, X: ArrayLike) -> tuple[Floats, Floats, np.ndarray]:
    """Return the complete rows and their places."""
    effect, columns = np.asarray(y, float), np.asarray(X, float)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if effect.ndim != 1 or columns.ndim != 2 or len(columns) != len(effect):
        raise ValueError(f"y and X must have the same rows, not shapes {effect.shape}, {columns.shape}")
    if np.isinf(effect).any() or np.isinf(columns).any():
        raise ValueError("y and X must not hold infinite values")
    rows = np.flatnonzero(~np.isnan(effect) & ~np.isnan(columns).any(axis=1))
    if len(rows) and np.ptp(effect[rows]) <= 1e-12 * np.abs(effect[rows]).max():
        raise NotEstimable(f"y does not vary over the {len(rows)} usable rows", reason="no variation")
    return effect[rows], columns[rows], rows


def _basis(columns: Floats) -> Floats:
    """Orthonormal columns spanning X and the constant; redundant columns are dropped."""
    n_obs, given = columns.shape
    if n_obs <= given + 1:
        raise NotEstimable(f"{n_obs} usable rows are too few for a break test", reason="too few rows")
    return orthonormal_basis(columns, constant=True)


def _range(n_obs: int, k: int, trim: float) -> tuple[int, int]:
    """First and last length of the earlier regime, leaving a degree of freedom in either regime."""
    kept = int(np.floor(trim * n_obs))
    first, last = max(kept, k + 1), min(n_obs - kept, n_obs - k - 1)
    if first > last:
        raise NotEstimable(
            f"{n_obs} usable rows are too few for a break in {k} coefficients", reason="too few rows"
        )
    return first, last


def _chow_path(y: Floats, basis: Floats, first: int, last: int) -> Floats:
    """Chow statistic for every candidate at once.

    With orthonormal columns Q and full-sample residuals e, a split after row s lowers the residual sum of
    squares by b' A⁻¹ (I − A)⁻¹ b, where A and b are the sums of q q' and q e over the first s rows.
    """
    n_obs, k = basis.shape
    residuals = partial_out(y, basis)
    total = float(residuals @ residuals)
    if np.sqrt(total) <= EXACT_FIT * np.linalg.norm(y - y.mean()):
        raise NotEstimable("y is fitted exactly: an identity, not a relation to test", reason="identity")
    squares = np.cumsum(basis[:, :, None] * basis[:, None, :], axis=0)[first - 1 : last]
    sums = np.cumsum(basis * residuals[:, None], axis=0)[first - 1 : last]
    values, vectors = np.linalg.eigh(squares)
    inside = (values > DEPENDENT) & (values < 1 - DEPENDENT)
    weight = np.where(inside, values * (1 - values), 1.0)
    turned = np.einsum("sij,si->sj", vectors, sums)
    gain = (np.where(inside, turned**2, 0.0) / weight).sum(axis=1)
    path: Floats = gain * (n_obs - 2 * k) / np.maximum(total - gain, np.finfo(float).tiny)
    return path
