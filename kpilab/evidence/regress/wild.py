"""Wild cluster restricted bootstrap: inference with few clusters, from cross-products instead of refits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from kpilab.evidence.regress.cr2 import cluster_group_sums
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.regress.panel_rows import Effects, Floats
from kpilab.evidence.regress.panels import cluster_covariance, positive_std_error
from kpilab.evidence.regress.within import Within, within

WildWeights = Literal["webb", "rademacher"]

TIE = 1e-9
WEBB = np.sqrt(np.array([0.5, 1.0, 1.5]))
FAR, HALVINGS, NARROW_AFTER = 1e4, 30, 6


@dataclass(frozen=True, eq=False)
class _Draws:
    """Bootstrap draws under every null at once: five numbers each, arrays of shape (draws,).

    Under the null β = β̂ + δ the restricted residuals are û − δ x̃, linear in δ (x̃: the tested column once
    everything else is held constant). A draw's numerator ``top − δ slope`` is then linear in δ and its
    variance ``constant − 2δ linear + δ² square`` quadratic.
    """

    top: Floats
    slope: Floats
    constant: Floats
    linear: Floats
    square: Floats
    std_error: float

    def extreme(self, distance: float) -> NDArray[np.bool_]:
        """Tell which draws have |t*| ≥ |t| under the null at this distance from the estimate."""
        numerator = np.abs(self.top - distance * self.slope)
        variance = np.maximum(self.constant - 2 * distance * self.linear + distance**2 * self.square, 0.0)
        bar = abs(distance) / self.std_error
        found: NDArray[np.bool_] = numerator >= (bar - TIE * max(1.0, bar)) * np.sqrt(variance)
        return found

    def some(self, chosen: NDArray[np.bool_]) -> _Draws:
        """Return some of the draws."""
        return _Draws(
            self.top[chosen],
            self.slope[chosen],
            self.constant[chosen],
            self.linear[chosen],
            self.square[chosen],
            self.std_error,
        )


@dataclass(frozen=True)
class WildEstimate:
    """One coefficient with p-value and interval from the bootstrap.

    Attributes
    ----------
    conf_low, conf_high : float
        Values that the bootstrap test does not reject; infinite where no value can be rejected, as with
        Rademacher weights and five clusters at 95 %.
    df : float
        Clusters − 1, for information.
    draws : int
        Draws used: 2^G where all sign patterns are enumerated.
    """

    estimate: float
    std_error: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    df: float
    n_obs: int
    n_units: int
    n_clusters: int
    draws: int
    weights: WildWeights
    seed: int
    enumerated: bool


def wild_cluster(
    y: ArrayLike,
    X: ArrayLike,
    unit: ArrayLike,
    column: int,
    period: ArrayLike | None = None,
    effects: Effects = "none",
    weights: WildWeights = "webb",
    draws: int = 9999,
    seed: int = 0,
    *,
    confidence: float = 0.95,
    controls: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    row_weights: ArrayLike | None = None,
) -> WildEstimate:
    """Test one coefficient of a panel regression by the wild cluster restricted bootstrap-t.

    Parameters
    ----------
    y : array-like, shape (n,)
    X : array-like, shape (n, k)
        Without a constant; one is added where `effects` is ``none``.
    unit, period : array-like, shape (n,)
        Labels, as in `panel`; `period` is needed for period effects only.
    column : int
        Column of X whose coefficient is tested, from 0.
    effects : str
        ``none``, ``unit``, ``period`` or ``both``; partialled out of every draw exactly.
    weights : str
        ``webb``: six points (Webb 2014), for few clusters; ``rademacher``: ±1, all 2^G sign patterns
        where that is fewer than `draws`.
    draws, seed : int
        Number of bootstrap draws, and the seed they come from.
    confidence : float
        Coverage of the interval, which inverts the bootstrap test: the nearest value on each side of the
        estimate that is rejected. It leaves out 0 exactly where p ≤ 1 − confidence.
    controls, cluster, row_weights : array-like, optional
        As `controls`, `cluster` and `weights` of `panel`.

    Returns
    -------
    WildEstimate
        Statistic with the standard error of ``panel(..., cov="cluster")``; `p_value` is the share of
        draws with |t*| ≥ |t|, ties within 1e-9 counted.

    Raises
    ------
    NotEstimable
        As `panel`; also with one cluster.
    ValueError
        On arguments that do not fit together.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. & Miller, D. L. (2008). Bootstrap-based improvements for inference with
    clustered errors. Review of Economics and Statistics 90, 414–427.
    MacKinnon, J. G. & Webb, M. D. (2018). The wild bootstrap for few (treated) clusters. Econometrics
    Journal 21, 114–135.
    MacKinnon, J. G. (2023). Fast cluster bootstrap methods for linear regression models. Econometrics and
    Statistics 26, 52–71.

    Examples
    --------
    >>> y = [1.0, 2.0, 4.0, 2.0, 3.0, 3.5, 0.0, 2.0, 1.0]
    >>> x = [0.0, 1.0, 3.0, 1.0, 2.0, 2.0, 0.0, 1.0, 1.0]
    >>> test = wild_cluster(y, x, [1, 1, 1, 2, 2, 2, 3, 3, 3], 0, weights="rademacher")
    >>> test.p_value, test.draws, test.enumerated
    (0.25, 8, True)
    """
    fit = within(y, X, unit, period, effects, controls=controls, cluster=cluster, weights=row_weights)
    return wild_inference(fit, column, weights, draws, seed, confidence)


def wild_inference(
    fit: Within,
    column: int = 0,
    weights: WildWeights = "webb",
    draws: int = 9999,
    seed: int = 0,
    confidence: float = 0.95,
) -> WildEstimate:
    """Bootstrap one coefficient of a prepared regression; see `wild_cluster` for the parameters."""
    n_clusters = fit.rows.n_clusters
    _check_arguments(fit, column, weights, draws, confidence)
    estimate = float(fit.estimate[column])
    std_error = float(positive_std_error(fit, cluster_covariance(fit))[column])
    sampled, enumerated = cluster_weights(n_clusters, weights, draws, seed)
    drawn = _drawn(fit, column, sampled, std_error)
    low, high = _inverted(drawn, estimate, n_clusters, 1 - confidence)
    p_value = float(drawn.extreme(-estimate).mean())
    return WildEstimate(
        estimate, std_error, estimate / std_error, p_value, low, high, float(n_clusters - 1),
        fit.n_obs, fit.rows.n_units, n_clusters, len(sampled), weights, seed, enumerated,
    )  # fmt: skip


def wild_interval(
    fit: Within,
    column: int = 0,
    weights: WildWeights = "webb",
    draws: int = 9999,
    seed: int = 0,
    confidence: float = 0.90,
) -> tuple[float, float]:
    """Return the interval alone, at another level than that of `wild_inference`; see `wild_cluster`."""
    _check_arguments(fit, column, weights, draws, confidence)
    std_error = float(positive_std_error(fit, cluster_covariance(fit))[column])
    sampled, _ = cluster_weights(fit.rows.n_clusters, weights, draws, seed)
    drawn = _drawn(fit, column, sampled, std_error)
    return _inverted(drawn, float(fit.estimate[column]), fit.rows.n_clusters, 1 - confidence)


@lru_cache(maxsize=4)
def cluster_weights(n_clusters: int, weights: WildWeights, draws: int, seed: int) -> tuple[Floats, bool]:
    """Return read-only bootstrap weights (draws, G), and whether they are all sign patterns there are."""
    enumerated = weights == "rademacher" and n_clusters < 63 and 2**n_clusters < draws
    sampled: Floats
    if enumerated:
        pattern = np.arange(2**n_clusters)[:, None] >> np.arange(n_clusters) & 1
        sampled = np.asarray(2.0 * pattern - 1.0, np.float64)
    else:
        points: Floats = np.concatenate([-WEBB, WEBB]) if weights == "webb" else np.array([-1.0, 1.0])
        drawn = np.random.default_rng(seed).integers(len(points), size=(draws, n_clusters))
        sampled = points[drawn]
    sampled.setflags(write=False)
    return sampled, bool(enumerated)


def _drawn(fit: Within, column: int, sampled: Floats, std_error: float) -> _Draws:
    """Boil each draw of cluster weights down to five numbers, without refitting."""
    influence = fit.influence[:, column]
    tested = influence / (influence @ influence)
    sums = fit.rows.sum_by_cluster(np.column_stack([influence * fit.residuals, influence * tested]))
    top, slope = (sampled @ sums).T
    base = sampled @ _score_map(fit, influence, fit.residuals, sums[:, 0]).T
    tilt = sampled @ _score_map(fit, influence, tested, sums[:, 1]).T
    factor = fit.small_sample_factor
    constant, linear, square = (
        factor * np.einsum("ij,ij->i", a, b) for a, b in ((base, base), (base, tilt), (tilt, tilt))
    )
    return _Draws(top, slope, constant, linear, square, std_error)


def _score_map(fit: Within, influence: Floats, residuals: Floats, own: Floats) -> Floats:
    """Matrix (G, G) that takes cluster weights to the cluster scores of a draw after refitting.

    Refitting projects the draw off all columns: each cluster keeps its own score, less what the draw's
    residuals in all clusters h load on the columns, times what the tested column loads on them in g.
    """
    rows = fit.rows
    load = rows.sum_by_cluster(fit.directions * influence[:, None])
    drawn = rows.sum_by_cluster(fit.directions * residuals[:, None])
    scores = np.diag(own) - load @ drawn.T
    if fit.absorber.group is not None:
        sums = cluster_group_sums(fit, np.column_stack([influence, residuals]))
        scores -= sums[:, :, 0] @ fit.absorber.solver.solve(sums[:, :, 1].T)
    return scores


def _inverted(drawn: _Draws, estimate: float, n_clusters: int, level: float) -> tuple[float, float]:
    """Bounds of the values that are not rejected, found by bisection on each side of the estimate.

    Zero is one of the values tried, so that interval and p-value agree about it.
    """
    start = float(special.stdtrit(n_clusters - 1, 1 - level / 2)) * drawn.std_error
    bounds = []
    for side in (-1.0, 1.0):
        first = abs(estimate) if side * estimate < 0 else start
        bounds.append(estimate + side * _reach(drawn, side, first, level))
    return bounds[0], bounds[1]


def _reach(drawn: _Draws, side: float, first: float, level: float) -> float:
    """Distance from the estimate to the first rejected value on one side, infinite if there is none.

    Once the bracket is narrow, draws on which both its ends agree are not looked at again.
    """
    inside, outside = 0.0, first
    at_inside, at_outside = drawn.extreme(0.0), drawn.extreme(side * outside)
    while at_outside.mean() > level:
        if outside > FAR * max(first, drawn.std_error):
            return float(np.inf)
        inside, at_inside = outside, at_outside
        outside = 2 * outside
        at_outside = drawn.extreme(side * outside)
    size, settled = len(at_inside), 0
    for step in range(HALVINGS):
        middle = (inside + outside) / 2
        at_middle = drawn.extreme(side * middle)
        if (settled + at_middle.sum()) / size > level:
            inside, at_inside = middle, at_middle
        else:
            outside, at_outside = middle, at_middle
        if step >= NARROW_AFTER:
            unsettled = at_inside != at_outside
            settled += int(at_inside[~unsettled].sum())
            drawn, at_inside, at_outside = drawn.some(unsettled), at_inside[unsettled], at_outside[unsettled]
    return inside


def _check_arguments(fit: Within, column: int, weights: str, draws: int, confidence: float) -> None:
    if weights not in ("webb", "rademacher"):
        raise ValueError(f"weights must be webb or rademacher, not {weights!r}")
    if not 0 <= column < len(fit.estimate):
        raise ValueError(f"column must lie between 0 and {len(fit.estimate) - 1}, not {column}")
    if draws < 1:
        raise ValueError(f"draws must be 1 or more, not {draws}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    if fit.rows.n_clusters < 2:
        raise NotEstimable("one cluster alone says nothing about its own variation", reason="too few rows")
