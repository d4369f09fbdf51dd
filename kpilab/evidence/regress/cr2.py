"""Bias-reduced cluster-robust covariance with Satterthwaite degrees of freedom."""

from __future__ import annotations

import numpy as np

from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.regress.panel_rows import Floats
from kpilab.evidence.regress.within import Within

SINGULAR = 1e-11


def bias_reduced(fit: Within) -> tuple[Floats, Floats]:
    """Return the CR2 covariance (k, k) and the degrees of freedom (k,).

    Parameters
    ----------
    fit : Within
        Unit effects are absorbed; period dummies (or the constant) are part of each cluster's leverage.

    Returns
    -------
    tuple of arrays
        The covariance of the k tested columns, and for each its Satterthwaite degrees of freedom under
        independent errors of equal variance.

    Raises
    ------
    NotEstimable
        If one cluster alone determines a coefficient.

    References
    ----------
    Bell, R. M. & McCaffrey, D. F. (2002). Bias reduction in standard errors for linear regression with
    multi-stage samples. Survey Methodology 28, 169–181.
    Pustejovsky, J. E. & Tipton, E. (2018). Journal of Business & Economic Statistics 36, 672–683.
    """
    adjusted = _adjusted_influence(fit)
    scores = fit.rows.sum_by_cluster(adjusted * fit.residuals[:, None])
    covariance = scores.T @ scores
    return covariance, _satterthwaite(fit, adjusted)


def _adjusted_influence(fit: Within) -> Floats:
    """Influence (n, k), in each cluster times the inverse symmetric root of I − leverage."""
    adjusted = np.empty_like(fit.influence)
    for rows in fit.rows.cluster_slices():
        dummies = _cluster_dummies(fit, rows)
        own = fit.directions[rows]
        unexplained = np.eye(len(own)) - own @ own.T
        if dummies.shape[1]:
            unexplained -= dummies @ fit.absorber.solver.solve(dummies.T)
        value, vector = np.linalg.eigh(unexplained)
        root = np.where(value > SINGULAR, 1.0 / np.sqrt(np.maximum(value, SINGULAR)), 0.0)
        adjusted[rows] = (vector * root) @ (vector.T @ fit.influence[rows])
    return adjusted


def _cluster_dummies(fit: Within, rows: slice) -> Floats:
    """Dummies of the crossing effects in one cluster, without unit means, times the root weight."""
    absorber = fit.absorber
    if absorber.group is None:
        return np.empty((rows.stop - rows.start, 0))
    root_weight = absorber.root_weight[rows]
    dummies = np.zeros((rows.stop - rows.start, absorber.n_groups))
    dummies[np.arange(len(dummies)), absorber.group[rows]] = root_weight
    if absorber.unit is not None:
        unit = absorber.unit[rows] - absorber.unit[rows.start]
        member = np.zeros((len(dummies), int(unit.max()) + 1))
        member[np.arange(len(dummies)), unit] = root_weight
        dummies -= member @ ((member.T @ dummies) / (member**2).sum(axis=0)[:, None])
    return dummies


def _satterthwaite(fit: Within, adjusted: Floats) -> Floats:
    """Degrees of freedom from the cross-products of the clusters' adjusted influence."""
    along = cluster_group_sums(fit, adjusted)
    degrees = np.empty(adjusted.shape[1])
    for column in range(adjusted.shape[1]):
        own = fit.rows.sum_by_cluster(fit.directions * adjusted[:, [column]])
        cross = -own @ own.T
        if along.shape[1]:
            cross -= along[:, :, column] @ fit.absorber.solver.solve(along[:, :, column].T)
        cross[np.diag_indices_from(cross)] += fit.rows.sum_by_cluster(adjusted[:, column] ** 2)
        spread = float((cross**2).sum())
        if spread <= 0 or np.trace(cross) <= 1e-10 * float((fit.influence[:, column] ** 2).sum()):
            raise NotEstimable("one cluster alone determines the estimate", reason="no variation")
        degrees[column] = np.trace(cross) ** 2 / spread
    return degrees


def cluster_group_sums(fit: Within, values: Floats) -> Floats:
    """Cross-products (G, J, m) of each cluster's dummies with columns (n, m) that have no unit means."""
    absorber, rows = fit.absorber, fit.rows
    if absorber.group is None:
        return np.empty((rows.n_clusters, 0, values.shape[1]))
    cell = rows.cluster * absorber.n_groups + absorber.group
    size = rows.n_clusters * absorber.n_groups
    sums = [np.bincount(cell, weights=column, minlength=size) for column in (values.T * absorber.root_weight)]
    cells: Floats = np.stack(sums, axis=1, dtype=float).reshape(
        rows.n_clusters, absorber.n_groups, values.shape[1]
    )
    return cells
