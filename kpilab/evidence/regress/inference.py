"""What follows from an estimate: too small to matter, detectable at all, robust to what is unseen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special
from statsmodels.stats.multitest import multipletests

from .linear import Floats


@dataclass(frozen=True)
class FishersC:
    """Fisher's C: `statistic`, its chi-square degrees of freedom `df` (twice the claims) and `p_value`."""

    statistic: float
    df: int
    p_value: float


def tost(estimate: float, std_error: float, df: float, bound: float) -> float:
    """Test whether an effect lies within ±bound: too small to matter.

    Parameters
    ----------
    estimate, std_error : float
    df : float
        Degrees of freedom of Student's t.
    bound : float
        Smallest effect that matters, above 0, in units of the estimate.

    Returns
    -------
    float
        The larger of the two one-sided p-values; small means "within the bound".

    Raises
    ------
    ValueError
        If `std_error`, `df` or `bound` is not positive, or `estimate` is not a number.

    References
    ----------
    Schuirmann, D. J. (1987). A comparison of the two one-sided tests procedure and the power approach.
    Journal of Pharmacokinetics and Biopharmaceutics 15, 657–680.

    Examples
    --------
    >>> round(tost(0.0, 1.0, 30, 2.0), 4)
    0.0273
    """
    _finite(estimate=estimate)
    _positive(std_error=std_error, df=df, bound=bound)
    not_below = special.stdtr(df, -(estimate + bound) / std_error)
    not_above = special.stdtr(df, (estimate - bound) / std_error)
    return float(max(not_below, not_above))


def detectable_effect(std_error: float, df: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the smallest true effect that a two-sided t test finds with the given power.

    Exact solution with the noncentral t, both rejection regions counted; with one numerator degree of
    freedom this is what ``pwr.f2.test`` in R solves (to four digits). The usual approximation
    ``(t[1-alpha/2] + t[power]) · std_error`` differs from it by less than one per cent from 20 degrees of
    freedom on.

    Parameters
    ----------
    std_error : float
        Above 0, in units of the effect.
    df : float
        Degrees of freedom.
    power, alpha : float
        Shares; `power` between `alpha` and 1.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    References
    ----------
    Cohen, J. (1988). Statistical Power Analysis for the Behavioral Sciences, 2nd ed.

    Examples
    --------
    >>> round(detectable_effect(1.0, 50) ** 2 / 52, 6)
    0.156953
    """
    _positive(std_error=std_error, df=df)
    if not 0 < alpha < power < 1:
        raise ValueError(f"need 0 < alpha < power < 1, not alpha={alpha}, power={power}")
    critical = float(special.stdtrit(df, 1 - alpha / 2))

    def shortfall(noncentrality: float) -> float:
        below = float(special.nctdtr(df, noncentrality, -critical))
        above = 1.0 - float(special.nctdtr(df, noncentrality, critical))
        return above + (0.0 if np.isnan(below) else below) - power  # NaN where it underflows

    upper = critical + abs(float(special.stdtrit(df, power))) + 1.0
    while shortfall(upper) < 0:
        upper *= 2
    return float(optimize.brentq(shortfall, 0.0, upper, xtol=1e-12)) * std_error


def robustness_value(t: float, df: float, q: float = 1, alpha: float | None = None) -> float:
    """Return how strong an unseen confounder must be to overturn an estimate.

    The share (0–1) of the residual variance of both cause and effect that it would have to explain to
    bring the estimate down by the share `q` (1: to zero), or, with `alpha`, to insignificance.

    Parameters
    ----------
    t, df : float
        Statistic of the coefficient and residual degrees of freedom.
    q : float
        Share of the estimate to be explained away, above 0.
    alpha : float, optional
        Level of significance, between 0 and 1; None for the point estimate.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    References
    ----------
    Cinelli, C. & Hazlett, C. (2020). Making sense of sensitivity: extending omitted variable bias.
    Journal of the Royal Statistical Society B 82, 39–67.

    Examples
    --------
    The Darfur study of that paper:

    >>> round(robustness_value(4.18, 783), 3), round(robustness_value(4.18, 783, alpha=0.05), 3)
    (0.139, 0.076)
    """
    _finite(t=t)
    _positive(df=df, q=q)
    if alpha is not None and (not 0 < alpha <= 1 or df <= 1):
        raise ValueError(f"alpha must lie in (0, 1] with df above 1, not alpha={alpha}, df={df}")
    strength = q * abs(t) / np.sqrt(df)
    needed = 0.0
    if alpha is not None:
        needed = abs(float(special.stdtrit(df - 1, alpha / 2))) / np.sqrt(df - 1)
    excess = strength - needed
    if excess <= 0:
        return 0.0
    if needed > 0 and strength > 1 / needed:
        return float((strength**2 - needed**2) / (1 + strength**2))
    return float(0.5 * (np.sqrt(excess**4 + 4 * excess**2) - excess**2))


def e_value(risk_ratio: float) -> float:
    """Return the risk ratio an unseen confounder needs with both cause and effect to explain one away.

    References
    ----------
    VanderWeele, T. J. & Ding, P. (2017). Sensitivity analysis in observational research: introducing the
    E-value. Annals of Internal Medicine 167, 268–274.

    Raises
    ------
    ValueError
        If `risk_ratio` is not positive.

    Examples
    --------
    >>> round(e_value(3.9), 2), e_value(1.0)
    (7.26, 1.0)
    """
    _positive(risk_ratio=risk_ratio)
    ratio = max(risk_ratio, 1 / risk_ratio)
    return float(ratio + np.sqrt(ratio * (ratio - 1)))


def fishers_c(p_values: ArrayLike) -> FishersC:
    """Combine the p-values of a map's implied independencies into one test of the map.

    Parameters
    ----------
    p_values : array-like, shape (m,)
        Between 0 and 1, one per independence of the basis set, m at least 1.

    Returns
    -------
    FishersC
        −2 Σ ln p against chi-square with 2m degrees of freedom.

    Raises
    ------
    ValueError
        If there is no p-value or one lies outside 0–1.

    References
    ----------
    Shipley, B. (2000). A new inferential test for path models based on directed acyclic graphs.
    Structural Equation Modeling 7, 206–218.

    Examples
    --------
    >>> round(fishers_c([0.5, 0.5]).statistic, 4)
    2.7726
    """
    p = _shares(p_values)
    if p.size == 0:
        raise ValueError("Fisher's C needs at least one p-value: the map denies nothing")
    statistic = float(-2 * np.log(np.maximum(p, np.finfo(float).tiny)).sum())
    return FishersC(statistic, 2 * p.size, float(special.chdtrc(2 * p.size, statistic)))


def benjamini_hochberg(p_values: ArrayLike, strict: bool = False) -> Floats:
    """Return q-values: the false-discovery rate at which each finding would be kept.

    Parameters
    ----------
    p_values : array-like, shape (m,)
    strict : bool
        Benjamini–Yekutieli, valid under any dependence, instead of Benjamini–Hochberg.

    Raises
    ------
    ValueError
        If a p-value lies outside 0–1.

    References
    ----------
    Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the Royal
    Statistical Society B 57, 289–300.
    Benjamini, Y. & Yekutieli, D. (2001). Annals of Statistics 29, 1165–1188.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.02, 0.9]).round(4).tolist()
    [0.03, 0.03, 0.9]
    """
    p = _shares(p_values)
    if p.size == 0:
        return p
    q: Floats = multipletests(p, method="fdr_by" if strict else "fdr_bh")[1]
    return q


def _shares(p_values: ArrayLike) -> Floats:
    p = np.asarray(p_values, float).ravel()
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p-values must lie between 0 and 1")
    return p


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (value > 0 and np.isfinite(value)):
            raise ValueError(f"{name} must be above 0 and finite, not {value}")


def _finite(**values: float) -> None:
    for name, value in values.items():
        if not np.isfinite(value):
            raise ValueError(f"{name} must be finite, not {value}")
