"""What each cluster contributes: the estimates without it, from cross-products instead of refits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kpilab.evidence.regress.absorb import DummySolver, dummy_gram
from kpilab.evidence.regress.cr2 import cluster_group_sums
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.regress.panel_rows import Floats
from kpilab.evidence.regress.within import Within


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Estimates without one cluster at a time.

    Attributes
    ----------
    left_out : (m,) array
        Labels of the clusters without which the coefficients can be estimated.
    estimate : (m, k) array
        Row g: the coefficients without cluster ``left_out[g]``.
    indispensable : array
        Labels of the clusters without which they cannot: the clustered standard error of such an estimate
        rests on one cluster and is not to be trusted.
    """

    left_out: NDArray[Any]
    estimate: Floats
    indispensable: NDArray[Any]


def leave_one_cluster_out(fit: Within) -> LeaveOneOut:
    """Re-estimate the k coefficients without each cluster, effects included.

    Parameters
    ----------
    fit : Within
        Of two clusters or more.

    Returns
    -------
    LeaveOneOut
        Equal to refitting on the other clusters' rows. Controls that only the left-out cluster
        identified (an action's dummy) drop out.

    Raises
    ------
    NotEstimable
        With one cluster.

    Notes
    -----
    The columns without effects and the period dummies span what they spanned before, so that the
    cross-products of the rest are those of the whole minus those of the cluster. Clusters observed in the
    same periods share one inverse.
    """
    if fit.rows.n_clusters < 2:
        raise NotEstimable("leaving the only cluster out leaves nothing", reason="too few rows")
    grams, targets = _remaining_cross_products(fit)
    n_clusters, n_tested = fit.rows.n_clusters, fit.influence.shape[1]
    value, vector = np.linalg.eigh(grams)
    keep = value > 1e-10
    inverse = np.einsum("gij,gj,gkj->gik", vector, np.where(keep, 1 / np.where(keep, value, 1), 0), vector)
    coefficients = np.einsum("gij,gj->gi", inverse, targets)
    back = fit.directions.T @ fit.influence
    identified = np.einsum("gij,gjk,kl->gil", inverse, grams, back)
    lost = np.abs(identified - back).max(axis=1) > 1e-6 * np.abs(back).max(axis=0)
    estimable = ~lost.any(axis=1)
    labels = fit.rows.cluster_labels
    estimate = (coefficients @ back).reshape(n_clusters, n_tested)
    return LeaveOneOut(labels[estimable], estimate[estimable], labels[~estimable])


def _remaining_cross_products(fit: Within) -> tuple[Floats, Floats]:
    """Cross-products (G, p, p) and (G, p) of directions and target once a cluster is gone."""
    rows, directions = fit.rows, fit.directions
    own = np.stack([directions[block].T @ directions[block] for block in rows.cluster_slices()])
    own_target = rows.sum_by_cluster(directions * fit.target[:, None])
    grams = np.eye(directions.shape[1]) - own
    targets = directions.T @ fit.target - own_target
    if fit.absorber.group is None:
        return grams, targets
    sums = cluster_group_sums(fit, np.column_stack([directions, fit.target]))
    shared = _shared_dummy_grams(fit)
    for gram, members in shared:
        solved = _solve_together(gram, sums[members])
        loss = np.einsum("gji,gjk->gik", sums[members], solved)
        grams[members] -= loss[:, :-1, :-1]
        targets[members] -= loss[:, :-1, -1]
    return grams, targets


def _solve_together(gram: Floats, sums: Floats) -> Floats:
    """Solve for all members of a pattern (m, J, p) with one factor."""
    n_members, n_groups, width = sums.shape
    flat = sums.transpose(1, 0, 2).reshape(n_groups, n_members * width)
    solved: Floats = DummySolver(gram).solve(flat).reshape(n_groups, n_members, width).transpose(1, 0, 2)
    return solved


def _shared_dummy_grams(fit: Within) -> list[tuple[Floats, list[int]]]:
    """Return the dummies' cross-products once a cluster is gone, with the clusters sharing them."""
    absorber, rows = fit.absorber, fit.rows
    weight = rows.root_weight**2
    patterns: dict[bytes, tuple[Floats, list[int]]] = {}
    for cluster, block in enumerate(rows.cluster_slices()):
        if absorber.group is None:
            continue
        group = absorber.group[block]
        unit = None if absorber.unit is None else absorber.unit[block]
        within_cluster = b"" if unit is None else (unit - unit[0]).tobytes()
        key = group.tobytes() + within_cluster + weight[block].tobytes()
        if key not in patterns:
            own = dummy_gram(group, unit, weight[block], absorber.n_groups)
            patterns[key] = (absorber.gram - own, [])
        patterns[key][1].append(cluster)
    return list(patterns.values())
