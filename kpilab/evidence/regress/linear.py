"""Ordinary least squares with heteroskedasticity-consistent inference, shared by every test of a link.

The columns whose coefficients are of interest (*tested*) are kept apart from the columns that only have
to be held constant (*others*). Redundant columns among the others are dropped, because they change
neither the tested coefficients nor the residuals; a redundancy that involves a tested column has no
answer and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Covariance = Literal["HC3", "HC2", "HC1", "HC0", "classical", "OLS", "HAC"]
Reason = Literal["too few rows", "no variation", "collinear", "identity"]
Floats = NDArray[np.float64]

COVARIANCES = ("HC3", "HC2", "HC1", "HC0", "classical", "OLS", "HAC")
DEPENDENT = 1e-8
EXACT_FIT = 1e-10


class NotEstimable(ValueError):
    """Say in one sentence why the data cannot answer.

    Attributes
    ----------
    reason : str
        One of ``too few rows``, ``no variation``, ``collinear``, ``identity``.
    """

    def __init__(self, message: str, *, reason: Reason) -> None:
        super().__init__(message)
        self.reason: Reason = reason


@dataclass(frozen=True)
class Estimate:
    """One coefficient with its inference; every field is a float, `n_obs` counts the rows used."""

    estimate: float
    std_error: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    df: float
    n_obs: int


@dataclass(frozen=True, eq=False)
class Estimates:
    """Coefficients of k columns: arrays of length k, with `df` and `n_obs` of the regression."""

    estimate: Floats
    std_error: Floats
    statistic: Floats
    p_value: Floats
    conf_low: Floats
    conf_high: Floats
    df: float | Floats
    n_obs: int

    def only(self, column: int = 0) -> Estimate:
        """Return the coefficient of one column as floats."""
        return Estimate(
            float(self.estimate[column]),
            float(self.std_error[column]),
            float(self.statistic[column]),
            float(self.p_value[column]),
            float(self.conf_low[column]),
            float(self.conf_high[column]),
            float(np.broadcast_to(self.df, self.estimate.shape)[column]),
            self.n_obs,
        )


@dataclass(frozen=True, eq=False)
class Fit:
    """A regression seen from its k tested columns.

    Attributes
    ----------
    coefficients : (k,) array
    covariance : (k, k) array
    influence : (n, k) array
        Row t is observation t's contribution to the estimation error under the chosen covariance, so
        that for HC covariances ``covariance = influence.T @ influence``.
    target, tested : (n,) and (n, k) arrays
        What is left of y and of the tested columns once the others are held constant.
    df : float
        Rows minus rank.
    """

    coefficients: Floats
    covariance: Floats
    influence: Floats
    target: Floats
    tested: Floats
    df: float
    n_obs: int


def t_inference(
    estimate: ArrayLike,
    std_error: ArrayLike,
    df: float | Floats,
    n_obs: int,
    confidence: float = 0.95,
) -> Estimates:
    """Return estimates with two-sided p-values and intervals from Student's t.

    Parameters
    ----------
    estimate, std_error : array-like, shape (k,)
    df : float or array of shape (k,)
        Degrees of freedom, above 0.
    confidence : float
        Coverage of the interval, between 0 and 1.

    Raises
    ------
    ValueError
        If `confidence` does not lie between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    value, error = np.atleast_1d(np.asarray(estimate, float)), np.atleast_1d(np.asarray(std_error, float))
    statistic = value / error
    p_value = np.minimum(1.0, 2.0 * special.stdtr(df, -np.abs(statistic)))
    reach = special.stdtrit(df, 0.5 + confidence / 2) * error
    return Estimates(value, error, statistic, p_value, value - reach, value + reach, df, n_obs)


def ols(
    y: ArrayLike,
    X: ArrayLike,
    cov: Covariance = "HC3",
    confidence: float = 0.95,
    constant: bool = False,
    hac_lags: int | None = None,
) -> Estimates:
    """Estimate a linear regression by least squares.

    Parameters
    ----------
    y : array-like, shape (n,)
    X : array-like, shape (n, k)
    cov : str
        ``HC0`` to ``HC3`` (White 1980; MacKinnon & White 1985), ``classical`` (also ``OLS``) or ``HAC``
        (Newey & West 1987, Bartlett kernel, no small-sample factor).
    constant : bool
        Add a constant that is not reported.
    hac_lags : int, optional
        Bandwidth of ``HAC`` in rows; by default the integer part of 4 (n/100)^(2/9).

    Returns
    -------
    Estimates
        Arrays of length k, inference with t(n − rank).

    Raises
    ------
    NotEstimable
        If there are too few rows, no variation, or linearly dependent columns.

    References
    ----------
    MacKinnon, J. G. & White, H. (1985). Some heteroskedasticity-consistent covariance matrix estimators
    with improved finite sample properties. Journal of Econometrics 29, 305–325.

    Examples
    --------
    >>> fit = ols([1.0, 2.0, 2.0, 5.0], [[0.0], [1.0], [2.0], [3.0]], cov="classical", constant=True)
    >>> fit.estimate.round(3).tolist(), fit.df
    ([1.2], 2.0)
    """
    target, tested = np.asarray(y, float), np.asarray(X, float)
    tested = tested[:, None] if tested.ndim == 1 else tested
    others = np.empty((len(target), 0))
    fit = regress(target, tested, others, cov=cov, constant=constant, hac_lags=hac_lags)
    return t_inference(fit.coefficients, np.sqrt(np.diag(fit.covariance)), fit.df, fit.n_obs, confidence)


def regress(
    y: Floats,
    tested: Floats,
    others: Floats,
    cov: Covariance = "HC3",
    constant: bool = True,
    hac_lags: int | None = None,
    period: NDArray[np.int_] | None = None,
) -> Fit:
    """Regress y on tested and other columns by partialling the others out (Frisch & Waugh 1933).

    Parameters
    ----------
    y : array, shape (n,)
    tested : array, shape (n, k)
    others : array, shape (n, q)
        May be linearly dependent among themselves; the degrees of freedom count their rank.
    constant : bool
        Hold a constant fixed as well.
    period : array of int, shape (n,), optional
        Time of each row, so that ``HAC`` does not pair rows across a gap. Default: no gaps.

    Raises
    ------
    NotEstimable
        Too few rows for the coefficients; y or a tested column constant; a tested column that is a
        linear combination of the other columns, or carried by one single row; y fitted exactly.
    ValueError
        On an unknown `cov`, arrays of different length, or values that are not finite.
    """
    _check_arrays(y, tested, others, cov)
    _check_variation(y, tested, constant)
    basis = orthonormal_basis(others, constant)
    rank, n_obs = basis.shape[1] + tested.shape[1], len(y)
    if n_obs <= rank:
        raise NotEstimable(f"{n_obs} usable rows are too few for {rank} coefficients", reason="too few rows")
    left_y, left_tested = partial_out(y, basis), partial_out(tested, basis)
    _check_independent(tested, left_tested, constant)
    scale = np.linalg.norm(left_tested, axis=0)
    directions, triangle = np.linalg.qr(left_tested / scale)
    _check_triangle(triangle)
    scores = directions.T @ left_y
    residuals = left_y - directions @ scores
    _check_not_exact(y, residuals, constant)
    to_coefficients = np.linalg.inv(triangle).T / scale
    own_leverage = (directions**2).sum(axis=1)
    leverage = (basis**2).sum(axis=1) + own_leverage
    weights = _residual_weights(residuals, leverage, own_leverage, rank, cov)
    influence = (directions * weights[:, None]) @ to_coefficients
    if cov in ("classical", "OLS"):
        covariance = weights[0] ** 2 * to_coefficients.T @ to_coefficients
    elif cov == "HAC":
        covariance = _newey_west(influence, hac_lags, period)
    else:
        covariance = influence.T @ influence
    return Fit(
        to_coefficients.T @ scores, covariance, influence, left_y, left_tested, float(n_obs - rank), n_obs
    )


def partial_out(values: Floats, basis: Floats) -> Floats:
    """Remove an orthonormal basis from each column; done twice, which is as exact as arithmetic allows."""
    once = values - basis @ (basis.T @ values)
    left: Floats = once - basis @ (basis.T @ once)
    return left


def orthonormal_basis(columns: Floats, constant: bool = True) -> Floats:
    """Return an orthonormal basis (n, rank) of the columns' span, with the constant if asked.

    Dependence is judged on centred columns of unit length, so that units of measure do not matter.
    """
    n_obs = len(columns)
    ones = np.full((n_obs, int(constant)), 1.0 / np.sqrt(n_obs)) if n_obs else np.empty((0, int(constant)))
    centred = columns - columns.mean(axis=0) if constant and n_obs else columns
    length = np.linalg.norm(centred, axis=0)
    varies = length > 1e-12 * np.abs(columns).max(axis=0, initial=0.0) * np.sqrt(n_obs)
    unit = centred[:, varies] / length[varies]
    unit = unit - ones @ (ones.T @ unit)
    if unit.shape[1] < n_obs:
        directions, triangle = np.linalg.qr(unit)
        if unit.shape[1] == 0 or np.abs(np.diag(triangle)).min() > DEPENDENT:
            return np.hstack([ones, directions])
    return _independent_directions(ones, unit)


def _independent_directions(basis: Floats, unit: Floats) -> Floats:
    """Gram–Schmidt column by column, skipping what is already spanned."""
    for column in unit.T:
        left = partial_out(column, basis)
        length = np.linalg.norm(left)
        if length > DEPENDENT and basis.shape[1] < len(column):
            left = partial_out(left / length, basis)
            basis = np.column_stack([basis, left / np.linalg.norm(left)])
    return basis


def _residual_weights(
    residuals: Floats, leverage: Floats, own_leverage: Floats, rank: int, cov: Covariance
) -> Floats:
    """Residuals as the covariance weighs them; a row fitted exactly by its own dummy weighs nothing."""
    n_obs = len(residuals)
    if cov in ("classical", "OLS"):
        return np.full(n_obs, np.sqrt(residuals @ residuals / (n_obs - rank)))
    if cov in ("HC0", "HAC"):
        return residuals
    if cov == "HC1":
        return residuals * np.sqrt(n_obs / (n_obs - rank))
    alone = leverage > 1 - 1e-10
    if np.any(own_leverage[alone] > 1e-8):
        raise NotEstimable("one single row determines the coefficient of x", reason="no variation")
    power = 1.0 if cov == "HC3" else 0.5
    weights: Floats = np.where(alone, 0.0, residuals / np.where(alone, 1.0, 1.0 - leverage) ** power)
    return weights


def _newey_west(influence: Floats, lags: int | None, period: NDArray[np.int_] | None) -> Floats:
    """Bartlett-weighted sum of autocovariances on the calendar, gaps counted as gaps."""
    n_obs = len(influence)
    when = np.arange(n_obs) if period is None else period - period.min()
    on_calendar = np.zeros((int(when.max()) + 1, influence.shape[1]))
    on_calendar[when] = influence
    bandwidth = int(4 * (n_obs / 100) ** (2 / 9)) if lags is None else lags
    covariance = on_calendar.T @ on_calendar
    for lag in range(1, min(bandwidth, len(on_calendar) - 1) + 1):
        cross = on_calendar[lag:].T @ on_calendar[:-lag]
        covariance = covariance + (1 - lag / (bandwidth + 1)) * (cross + cross.T)
    return covariance


def _check_arrays(y: Floats, tested: Floats, others: Floats, cov: str) -> None:
    if cov not in COVARIANCES:
        raise ValueError(f"cov must be one of {', '.join(COVARIANCES)}, not {cov!r}")
    if not len(y) == len(tested) == len(others):
        raise ValueError(f"y has {len(y)} rows, the columns have {len(tested)} and {len(others)}")
    if not all(np.isfinite(values).all() for values in (y, tested, others)):
        raise ValueError("y and the columns must be finite numbers: drop rows with missing values first")
    if len(y) < 2:
        raise NotEstimable(f"{len(y)} usable rows are too few for a regression", reason="too few rows")


def _is_constant(values: Floats) -> NDArray[np.bool_]:
    spread = np.ptp(values, axis=0)
    constant: NDArray[np.bool_] = np.asarray(spread <= 1e-12 * np.abs(values).max(axis=0))
    return constant


def _check_variation(y: Floats, tested: Floats, constant: bool) -> None:
    if _is_constant(y):
        raise NotEstimable(f"y does not vary over the {len(y)} usable rows", reason="no variation")
    if constant and _is_constant(tested).any():
        raise NotEstimable(f"x does not vary over the {len(y)} usable rows", reason="no variation")


def _check_independent(tested: Floats, left: Floats, constant: bool) -> None:
    size = np.linalg.norm(tested - tested.mean(axis=0) if constant else tested, axis=0)
    if np.any(np.linalg.norm(left, axis=0) <= DEPENDENT * size):
        raise NotEstimable("x is a linear combination of the other columns", reason="collinear")


def _check_triangle(triangle: Floats) -> None:
    if np.abs(np.diag(triangle)).min() <= DEPENDENT:
        raise NotEstimable("the columns of x are linear combinations of each other", reason="collinear")


def _check_not_exact(y: Floats, residuals: Floats, constant: bool) -> None:
    size = np.linalg.norm(y - y.mean() if constant else y)
    if np.linalg.norm(residuals) <= EXACT_FIT * size:
        raise NotEstimable("y is fitted exactly: an identity, not a relation to test", reason="identity")
