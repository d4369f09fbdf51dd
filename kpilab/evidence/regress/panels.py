"""Panel regressions with unit and period effects and inference that survives dependence within clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from kpilab.evidence.regress.cr2 import bias_reduced
from kpilab.evidence.regress.fixed_b import fixed_b_critical_value, fixed_b_p_value
from kpilab.evidence.regress.linear import Estimate, NotEstimable
from kpilab.evidence.regress.panel_rows import Effects, Floats
from kpilab.evidence.regress.within import Within, within

PanelCovariance = Literal["cluster", "cr2", "driscoll_kraay"]


@dataclass(frozen=True, eq=False)
class PanelEstimates:
    """Coefficients of the k columns of X, without the constant: arrays of length k.

    Attributes
    ----------
    df : float or (k,) array
        Degrees of freedom of Student's t: clusters − 1; one per coefficient with ``cr2``. With
        ``driscoll_kraay`` periods − 1, for information only: p-value and interval are fixed-b.
    n_obs, n_units, n_periods, n_clusters : int
        What is left once missing and singleton rows are left out.
    n_missing, n_singletons : int
        Rows left out because a value is missing, or because their unit or period has no other row.
    covariance : (k, k) array
    residuals : (n,) array
        In the order of the rows of the input, NaN where a row was left out (see `used`).
    lags : int or None
        Bandwidth of ``driscoll_kraay`` in periods.
    """

    estimate: Floats
    std_error: Floats
    statistic: Floats
    p_value: Floats
    conf_low: Floats
    conf_high: Floats
    df: float | Floats
    n_obs: int
    n_units: int
    n_periods: int
    n_clusters: int
    n_missing: int
    n_singletons: int
    covariance: Floats
    residuals: Floats
    used: NDArray[np.bool_]
    effects: Effects
    cov_type: PanelCovariance
    lags: int | None

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


def panel(
    y: ArrayLike,
    X: ArrayLike,
    unit: ArrayLike,
    period: ArrayLike,
    effects: Effects = "both",
    cov: PanelCovariance = "cluster",
    lags: int | None = None,
    confidence: float = 0.95,
    *,
    controls: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> PanelEstimates:
    """Estimate a panel regression by least squares.

    Parameters
    ----------
    y : array-like, shape (n,)
    X : array-like, shape (n, k)
        Without a constant. Rows with a missing value in y, X, controls or weights are left out.
    unit, period : array-like, shape (n,)
        Labels; the panel may be unbalanced and have gaps. Whole numbers, dates and pandas Periods are
        calendar time, in which a gap is a gap; other labels are sorted and taken as consecutive.
    effects : str
        ``both``, ``unit``, ``period`` or ``none`` (then a constant is added). Rows that are alone in
        their unit or period are fitted exactly by its effect and are left out (Correia 2015).
    cov : str
        ``cluster``: Liang & Zeger (1986) with Stata's factor G/(G−1) · (n−1)/(n−K) and t(G−1), where K
        counts columns, constant and period dummies but not unit effects, which lie inside the clusters
        (as Stata's ``xtreg, fe`` and reghdfe do).
        ``cr2``: Bell & McCaffrey (2002) with Satterthwaite degrees of freedom for each coefficient; unit
        effects are absorbed, period dummies are kept (Pustejovsky & Tipton 2018), which equals
        clubSandwich on the regression with all dummies.
        ``driscoll_kraay``: Driscoll & Kraay (1998), Bartlett kernel, no small-sample factor (as Stata's
        ``xtscc`` for pooled regressions and plm's ``vcovSCC``), with fixed-b p-values and intervals for
        b = (lags + 1) / T (Kiefer & Vogelsang 2005; Vogelsang 2012), T the number of periods observed.
    lags : int, optional
        Of ``driscoll_kraay``; by default the whole part of 4 (T/100)^(2/9).
    confidence : float
        Coverage of the interval, between 0 and 1.
    controls : array-like, shape (n, q), optional
        Columns held constant and not reported; redundant ones are left out.
    cluster : array-like, shape (n,), optional
        Labels of a level above the units; by default the units.
    weights : array-like, shape (n,), optional
        Positive precision weights. ``cr2`` then takes 1/weight as the working variance.

    Returns
    -------
    PanelEstimates

    Raises
    ------
    NotEstimable
        If the data cannot answer: too few rows, clusters or periods, no variation, collinear columns.
    ValueError
        On arguments that do not fit together.

    References
    ----------
    Pustejovsky, J. E. & Tipton, E. (2018). Small-sample methods for cluster-robust variance estimation
    and hypothesis testing in fixed effects models. Journal of Business & Economic Statistics 36, 672–683.
    Driscoll, J. C. & Kraay, A. C. (1998). Consistent covariance matrix estimation with spatially dependent
    panel data. Review of Economics and Statistics 80, 549–560.
    Vogelsang, T. J. (2012). Heteroskedasticity, autocorrelation, and spatial correlation robust inference
    in linear panel models with fixed-effects. Journal of Econometrics 166, 303–319.

    Examples
    --------
    >>> y = [1.0, 2.0, 4.0, 2.0, 3.0, 3.5, 0.0, 2.0, 1.0]
    >>> x = [0.0, 1.0, 3.0, 1.0, 2.0, 2.0, 0.0, 1.0, 1.0]
    >>> unit, period = [1, 1, 1, 2, 2, 2, 3, 3, 3], [1, 2, 3, 1, 2, 3, 1, 2, 3]
    >>> fit = panel(y, x, unit, period, effects="unit")
    >>> fit.estimate.round(3).tolist(), fit.df, fit.n_obs
    ([1.083], 2.0, 9)
    """
    fit = within(y, X, unit, period, effects, controls=controls, cluster=cluster, weights=weights)
    return panel_inference(fit, cov, lags, confidence)


def panel_inference(
    fit: Within, cov: PanelCovariance = "cluster", lags: int | None = None, confidence: float = 0.95
) -> PanelEstimates:
    """Return the estimates of a prepared regression; see `panel` for the parameters."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    if cov == "driscoll_kraay":
        return _driscoll_kraay_inference(fit, lags, confidence)
    if fit.rows.n_clusters < 2:
        raise NotEstimable("one cluster alone says nothing about its own variation", reason="too few rows")
    df: float | Floats
    if cov == "cluster":
        covariance, df = cluster_covariance(fit), float(fit.rows.n_clusters - 1)
    elif cov == "cr2":
        covariance, df = bias_reduced(fit)
    else:
        raise ValueError(f"cov must be cluster, cr2 or driscoll_kraay, not {cov!r}")
    std_error = positive_std_error(fit, covariance)
    statistic = fit.estimate / std_error
    p_value = np.minimum(1.0, 2.0 * special.stdtr(df, -np.abs(statistic)))
    critical = special.stdtrit(df, 0.5 + confidence / 2)
    return _collect(fit, covariance, statistic, p_value, critical, df, cov, None)


def cluster_covariance(fit: Within) -> Floats:
    """Return the cluster-robust covariance (k, k) with Stata's small-sample factor."""
    scores = fit.rows.sum_by_cluster(fit.influence * fit.residuals[:, None])
    return fit.small_sample_factor * scores.T @ scores


def driscoll_kraay_covariance(fit: Within, lags: int) -> Floats:
    """Return the Bartlett-weighted covariance (k, k) of the cross-sectional sums of scores.

    Two periods are `lags` + 1 or more apart on the calendar, or they count.
    """
    calendar = fit.rows.calendar
    scores = np.zeros((len(calendar), fit.influence.shape[1]))
    np.add.at(scores, fit.rows.period, fit.influence * fit.residuals[:, None])
    distance = np.abs(calendar[:, None] - calendar)
    kernel = np.maximum(0.0, 1.0 - distance / (lags + 1))
    covariance: Floats = scores.T @ kernel @ scores
    return covariance


def positive_std_error(fit: Within, covariance: Floats) -> Floats:
    """Return the standard errors (k,), refusing those that are zero but for rounding.

    That happens where one cluster alone determines an estimate: its scores add up to nothing.
    """
    std_error: Floats = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    size = np.abs(fit.influence * fit.residuals[:, None]).sum(axis=0)
    if not np.all(std_error > 1e-10 * size):
        raise NotEstimable(
            "one cluster alone determines the estimate, so that its precision cannot be judged",
            reason="no variation",
        )
    return std_error


def _driscoll_kraay_inference(fit: Within, lags: int | None, confidence: float) -> PanelEstimates:
    n_periods = len(fit.rows.calendar)
    if n_periods < 2:
        raise NotEstimable("Driscoll–Kraay needs two periods or more", reason="too few rows")
    bandwidth = int(4 * (n_periods / 100) ** (2 / 9)) if lags is None else lags
    bandwidth = min(bandwidth, n_periods - 1) if lags is None else bandwidth
    if not 0 <= bandwidth < n_periods:
        raise ValueError(f"lags must lie between 0 and {n_periods - 1}, not {lags}")
    covariance, b = driscoll_kraay_covariance(fit, bandwidth), (bandwidth + 1) / n_periods
    statistic = fit.estimate / positive_std_error(fit, covariance)
    p_value = np.array([fixed_b_p_value(float(t), b) for t in statistic])
    critical = fixed_b_critical_value(b, confidence)
    df = float(n_periods - 1)
    return _collect(fit, covariance, statistic, p_value, critical, df, "driscoll_kraay", bandwidth)


def _collect(
    fit: Within,
    covariance: Floats,
    statistic: Floats,
    p_value: Floats,
    critical: float | Floats,
    df: float | Floats,
    cov: PanelCovariance,
    lags: int | None,
) -> PanelEstimates:
    rows = fit.rows
    std_error = np.sqrt(np.diag(covariance))
    residuals = np.full(len(rows.used), np.nan)
    residuals[rows.order] = fit.residuals / rows.root_weight
    return PanelEstimates(
        fit.estimate, std_error, statistic, p_value,
        fit.estimate - critical * std_error, fit.estimate + critical * std_error, df,
        fit.n_obs, rows.n_units, len(rows.calendar), rows.n_clusters, rows.n_missing, rows.n_singletons,
        covariance, residuals, rows.used, fit.effects, cov, lags,
    )  # fmt: skip
