"""Regressions on lag windows: the test of an arrow, and the total response over a window.

All of them are ordinary least squares in levels with one own lag more than needed ("lag augmentation"),
which keeps t and F tests valid whether the series are stationary or not, without a unit-root pretest.

References
----------
Jordà, Ò. (2005). Estimation and inference of impulse responses by local projections. American Economic
Review 95, 161–182.
Toda, H. Y. & Yamamoto, T. (1995). Statistical inference in vector autoregressions with possibly integrated
processes. Journal of Econometrics 66, 225–250.
Montiel Olea, J. L. & Plagborg-Møller, M. (2021). Local projection inference is simpler and more robust
than you think. Econometrica 89, 1789–1823.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from .linear import Covariance, Estimate, Fit, Floats, NotEstimable, regress, t_inference


@dataclass(frozen=True, eq=False)
class Design:
    """The columns of one regression, a row for every period of the series.

    `target` (T,), `tested` (T, k) and `others` (T, q) hold NaN where a lag or a value is missing, so that
    row t always belongs to period t. The constant is not among the columns.
    """

    target: Floats
    tested: Floats
    others: Floats

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Which rows have every value: shape (T,)."""
        present = np.isfinite(self.target) & np.isfinite(self.tested).all(axis=1)
        rows: NDArray[np.bool_] = present & np.isfinite(self.others).all(axis=1)
        return rows

    def fit(self, cov: Covariance = "HC3") -> Fit:
        """Regress over the complete rows."""
        rows = self.complete
        return regress(
            self.target[rows], self.tested[rows], self.others[rows], cov, period=np.flatnonzero(rows)
        )


@dataclass(frozen=True, eq=False)
class JointTest:
    """Joint test of k lags.

    `statistic` is the F form (the Wald statistic divided by k), `p_value` from F(`df_num`, `df`), `wald`
    the Wald statistic itself. The arrays have length k, lag 1 first; `covariance` is (k, k).
    """

    estimate: Floats
    std_error: Floats
    conf_low: Floats
    conf_high: Floats
    covariance: Floats
    statistic: float
    p_value: float
    wald: float
    df_num: int
    df: float
    n_obs: int


def lp_window(
    y: ArrayLike,
    x: ArrayLike,
    a: int,
    b: int,
    p: int,
    controls: ArrayLike | None = None,
    season: ArrayLike | None = None,
    cov: Covariance = "HC3",
    confidence: float = 0.95,
) -> Estimate:
    """Estimate the total response of y, averaged over the periods a to b ahead, to x now.

    ``mean(y[t+a..t+b]) ~ x[t] + x[t-1..t-p] + y[t..t-p] + Z[t..t-p] + season[t] + 1`` by least squares in
    levels; for ``a = 0`` without ``y[t]``. The coefficient is that of ``x[t]``.

    Parameters
    ----------
    y, x : array-like, shape (T,)
        In time order without omitted periods; NaN where a value is missing.
    a, b : int
        First and last period of the window, 0 ≤ a ≤ b.
    p : int
        Own lags, the augmentation lag included, 0 or more.
    controls : array-like, shape (T, m), optional
        Raw series Z, entering with their present value and p lags.
    season : array-like, shape (T, m), optional
        Row t is used as given for time t; without a constant.
    cov : str
        ``HC3`` by default (MacKinnon & White 1985); see `linear.ols`.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        In units of y per unit of x; inference with t(n − k).

    Raises
    ------
    NotEstimable
        Too few rows, no variation, collinear or exactly fitted; the sentence says which.
    ValueError
        On windows or shapes that make no sense.

    Notes
    -----
    This is the *total* response: where x moves m and m moves y, it finds x → y. To test an arrow, use
    `link_equation`. Jordà (2005); Toda & Yamamoto (1995); Montiel Olea & Plagborg-Møller (2021).
    """
    return _single(lp_design(y, x, a, b, p, controls, season).fit(cov), confidence)


def link_equation(
    y: ArrayLike,
    x: ArrayLike,
    a: int,
    b: int,
    controls: ArrayLike | None = None,
    season: ArrayLike | None = None,
    p: int = 2,
    cov: Covariance = "HC3",
    confidence: float = 0.95,
) -> Estimate:
    """Test an arrow: the direct effect on y of x over its lags a to b.

    ``y[t] ~ mean(x[t-a..t-b]) + x[t-b-1] + y[t-1..t-p] + controls[t] + season[t] + 1``; the coefficient is
    that of the mean. The x beyond the window is the lag augmentation.

    Parameters
    ----------
    y, x : array-like, shape (T,)
        In time order without omitted periods; NaN where a value is missing.
    a, b : int
        First and last lag of the window, 0 ≤ a ≤ b.
    controls, season : array-like, shape (T, m), optional
        Row t is used as given for time t: lags of controls are columns of their own.
    p : int
        Own lags of y, 0 or more.
    cov, confidence
        See `linear.ols`.

    Returns
    -------
    Estimate
        In units of y per unit of x held for the whole window; inference with t(n − k).

    Raises
    ------
    NotEstimable
        Too few rows, no variation, collinear or exactly fitted; the sentence says which.
    ValueError
        On windows or shapes that make no sense.

    References
    ----------
    Toda & Yamamoto (1995); MacKinnon & White (1985).
    """
    return _single(link_design(y, x, a, b, controls, season, p).fit(cov), confidence)


def joint_lags(
    y: ArrayLike,
    x: ArrayLike,
    k: int,
    augment: int = 1,
    controls: ArrayLike | None = None,
    season: ArrayLike | None = None,
    cov: Covariance = "HC3",
    confidence: float = 0.95,
) -> JointTest:
    """Test that lags 1 to k of x add nothing to y's own history.

    ``y[t] ~ x[t-1..t-k-augment] + y[t-1..t-k-augment] + controls[t] + season[t] + 1``; the `augment` last
    lags of x are included and not tested (Toda & Yamamoto 1995; Dolado & Lütkepohl 1996).

    Parameters
    ----------
    y, x : array-like, shape (T,)
    k : int
        Lags tested, 1 or more.
    augment : int
        Further lags of both series, 0 or more. With ``augment=0, cov="classical"`` this is Granger's F.
    controls, season : array-like, shape (T, m), optional
        Row t is used as given for time t.
    cov, confidence
        See `linear.ols`.

    Returns
    -------
    JointTest
        The F form of the Wald test, with F(k, n − rank).

    Raises
    ------
    NotEstimable
        Too few rows, no variation, collinear or exactly fitted; the sentence says which.
    ValueError
        On lags or shapes that make no sense.
    """
    if k < 1 or augment < 0:
        raise ValueError(f"k must be 1 or more and augment 0 or more, not {k} and {augment}")
    effect, cause = _aligned(y, x)
    depth = k + augment
    beyond = [lagged(cause, lag) for lag in range(k + 1, depth + 1)]
    own = [lagged(effect, lag) for lag in range(1, depth + 1)]
    tested = np.column_stack([lagged(cause, lag) for lag in range(1, k + 1)])
    design = Design(effect, tested, _beside(len(effect), beyond + own, controls, season))
    return _joint(design.fit(cov), confidence)


def lp_design(
    y: ArrayLike,
    x: ArrayLike,
    a: int,
    b: int,
    p: int,
    controls: ArrayLike | None = None,
    season: ArrayLike | None = None,
) -> Design:
    """Lay out the columns of `lp_window`, a row for every period."""
    effect, cause = _aligned(y, x)
    _check_window(a, b, p)
    target = np.mean([lagged(effect, -step) for step in range(a, b + 1)], axis=0)
    columns = [lagged(cause, lag) for lag in range(1, p + 1)]
    columns += [lagged(effect, lag) for lag in range(1 if a == 0 else 0, p + 1)]
    for series in _matrix(controls, len(effect), "controls").T:
        columns += [lagged(series, lag) for lag in range(p + 1)]
    return Design(target, cause[:, None], _beside(len(effect), columns, None, season))


def link_design(
    y: ArrayLike,
    x: ArrayLike,
    a: int,
    b: int,
    controls: ArrayLike | None = None,
    season: ArrayLike | None = None,
    p: int = 2,
) -> Design:
    """Lay out the columns of `link_equation`, a row for every period."""
    effect, cause = _aligned(y, x)
    _check_window(a, b, p)
    window = np.mean([lagged(cause, lag) for lag in range(a, b + 1)], axis=0)
    columns = [lagged(cause, b + 1)] + [lagged(effect, lag) for lag in range(1, p + 1)]
    return Design(effect, window[:, None], _beside(len(effect), columns, controls, season))


def lagged(series: Floats, lag: int) -> Floats:
    """Return the series `lag` periods earlier (later if negative), NaN where there is none.

    Examples
    --------
    >>> lagged(np.array([1.0, 2.0, 3.0]), 1).tolist()
    [nan, 1.0, 2.0]
    """
    moved = np.full(len(series), np.nan)
    if abs(lag) >= len(series):
        return moved
    if lag >= 0:
        moved[lag:] = series[: len(series) - lag]
    else:
        moved[:lag] = series[-lag:]
    return moved


def _aligned(y: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats]:
    effect, cause = np.asarray(y, float), np.asarray(x, float)
    if effect.ndim != 1 or effect.shape != cause.shape:
        raise ValueError(f"y and x must be series of one length, not shapes {effect.shape}, {cause.shape}")
    if np.isinf(effect).any() or np.isinf(cause).any():
        raise ValueError("y and x must not hold infinite values")
    return effect, cause


def _check_window(a: int, b: int, p: int) -> None:
    if not 0 <= a <= b:
        raise ValueError(f"the window must satisfy 0 <= a <= b, not a={a}, b={b}")
    if p < 0:
        raise ValueError(f"p must be 0 or more, not {p}")


def _matrix(values: ArrayLike | None, periods: int, name: str) -> Floats:
    """Return (T, m) columns, none for None."""
    if values is None:
        return np.empty((periods, 0))
    columns = np.asarray(values, float)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if columns.ndim != 2 or len(columns) != periods:
        raise ValueError(f"{name} must have {periods} rows, one per period, not shape {columns.shape}")
    if np.isinf(columns).any():
        raise ValueError(f"{name} must not hold infinite values")
    return columns


def _beside(
    periods: int, columns: list[Floats], controls: ArrayLike | None, season: ArrayLike | None
) -> Floats:
    lags = np.column_stack(columns) if columns else np.empty((periods, 0))
    return np.hstack([lags, _matrix(controls, periods, "controls"), _matrix(season, periods, "season")])


def _single(fit: Fit, confidence: float) -> Estimate:
    std_error = np.sqrt(np.diag(fit.covariance))
    return t_inference(fit.coefficients, std_error, fit.df, fit.n_obs, confidence).only()


def _joint(fit: Fit, confidence: float) -> JointTest:
    count = len(fit.coefficients)
    scale = np.sqrt(np.diag(fit.covariance))
    correlation = fit.covariance / np.outer(scale, scale)
    if np.linalg.matrix_rank(correlation, tol=1e-12, hermitian=True) < count:
        raise NotEstimable(
            f"the covariance of the {count} lags is singular: too few rows carry them", reason="too few rows"
        )
    t_values = fit.coefficients / scale
    wald = float(t_values @ np.linalg.solve(correlation, t_values))
    each = t_inference(fit.coefficients, scale, fit.df, fit.n_obs, confidence)
    p_value = float(special.fdtrc(count, fit.df, wald / count))
    return JointTest(
        fit.coefficients,
        scale,
        each.conf_low,
        each.conf_high,
        fit.covariance,
        wald / count,
        p_value,
        wald,
        count,
        fit.df,
        fit.n_obs,
    )
