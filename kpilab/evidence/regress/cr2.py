"""Bias-reduced cluster-robust covariance with Satterthwaite degrees of freedom."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from kpilab.evidence.regress.absorb import dummy_gram
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.regress.panel_rows import Floats
from kpilab.evidence.regress.within import Within

SINGULAR = 1e-11
SMALL = 1e-9


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
    """Influence (n, k), in each cluster times the inverse symmetric root of I − leverage.

    The leverage is that of the columns, ``own own'``, and that of the crossing dummies, ``D S⁻ D'`` with S
    their cross-products over all clusters. Where a cluster's own cross-products are c S, as in balanced
    panels, the latter is c times a projection, and only the columns' part in and beside it needs a root.
    """
    adjusted = np.empty_like(fit.influence)
    factor = _DummyFactor(fit)
    for rows in fit.rows.cluster_slices():
        own, values = fit.directions[rows], fit.influence[rows]
        share = factor.share_of(rows)
        if share is None:
            loadings = np.hstack([own, factor.loadings(rows)])
            adjusted[rows] = inverse_root_times(loadings, values)
        else:
            adjusted[rows] = _beside_projection(own, factor.projected(rows, share), share, values)
    return adjusted


def inverse_root_times(loadings: Floats, values: Floats) -> Floats:
    """Return (I − L L')^(-1/2) V for L (n, r) and V (n, k), by the smaller of the two eigenproblems.

    Directions that L L' explains entirely are left out (Moore–Penrose).
    """
    n_rows, rank = loadings.shape
    if n_rows <= rank:
        value, vector = np.linalg.eigh(np.eye(n_rows) - loadings @ loadings.T)
        return (vector * _inverse_root(value)) @ (vector.T @ values)
    value, vector = np.linalg.eigh(loadings.T @ loadings)
    small = value < SMALL
    change = np.where(small, 0.5, (_inverse_root(1 - value) - 1) / np.where(small, 1.0, value))
    product: Floats = values + loadings @ ((vector * change) @ (vector.T @ (loadings.T @ values)))
    return product


def _beside_projection(own: Floats, inside: Floats, share: float, values: Floats) -> Floats:
    """Return (I − own own' − share P)^(-1/2) V for V in the span of own; `inside` is P own."""
    bases = [_orthonormal(inside), _orthonormal(own - inside)]
    basis = np.hstack(bases)
    along = basis.T @ own
    explained = np.repeat([share, 0.0], [part.shape[1] for part in bases])
    value, vector = np.linalg.eigh(np.diag(1 - explained) - along @ along.T)
    product: Floats = basis @ ((vector * _inverse_root(value)) @ (vector.T @ (basis.T @ values)))
    return product


def _orthonormal(columns: Floats) -> Floats:
    left, length, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, length > SMALL * max(1.0, float(length.max(initial=0.0)))]


def _inverse_root(value: Floats) -> Floats:
    return np.where(value > SINGULAR, 1.0 / np.sqrt(np.maximum(value, SINGULAR)), 0.0)


class _DummyFactor:
    """The crossing dummies' part of each cluster's leverage."""

    def __init__(self, fit: Within) -> None:
        self._fit = fit
        self._gram = fit.absorber.gram

    @cached_property
    def _root(self) -> Floats:
        """R (J, rank) with R R' the generalised inverse of the dummies' cross-products."""
        value, vector = np.linalg.eigh(self._gram)
        keep = value > 1e-10 * max(float(value.max(initial=0.0)), 1e-300)
        root: Floats = vector[:, keep] / np.sqrt(value[keep])
        return root

    def share_of(self, rows: slice) -> float | None:
        """Return c where a cluster's cross-products are c times those of all; None where they are not."""
        absorber = self._fit.absorber
        if absorber.group is None:
            return 0.0
        unit = None if absorber.unit is None else absorber.unit[rows]
        own = dummy_gram(absorber.group[rows], unit, absorber.root_weight[rows] ** 2, absorber.n_groups)
        share = float(np.trace(own) / np.trace(self._gram))
        alike = np.abs(own - share * self._gram).max() <= 1e-12 * np.abs(self._gram).max()
        return share if alike else None

    def loadings(self, rows: slice) -> Floats:
        """Return D R (n, rank)."""
        return _cluster_dummies(self._fit, rows) @ self._root

    def projected(self, rows: slice, share: float) -> Floats:
        """Return D S⁻ D' own / share: the columns' projection on the cluster's dummies."""
        own = self._fit.directions[rows]
        if share == 0.0:
            return np.zeros_like(own)
        dummies = _cluster_dummies(self._fit, rows)
        inside: Floats = dummies @ self._fit.absorber.solver.solve(dummies.T @ own) / share
        return inside


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
