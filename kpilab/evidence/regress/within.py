"""A panel regression after its unit and period effects are partialled out, shared by all panel inference.

It is computed once per regression; covariances, bootstrap, jackknife and leave-one-out estimates all start
from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from kpilab.evidence.regress.absorb import Absorber
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.evidence.regress.panel_rows import Effects, Floats, Rows, usable_rows

EFFECTS = ("both", "unit", "period", "none")
DEPENDENT = 1e-8
EXACT_FIT = 1e-10


@dataclass(frozen=True, eq=False)
class Within:
    """Least squares after the effects: everything that inference needs, nothing that it has to redo.

    Attributes
    ----------
    rows : Rows
    effects : str
    absorber : Absorber
    target : (n,) array
        y without effects, times the root weight.
    directions : (n, p) array
        Orthonormal basis of the columns without effects, controls first.
    influence : (n, k) array
        ``influence.T @ target`` are the k coefficients of X; ``inv(influence.T @ influence)`` are the
        cross-products of X once everything else is held constant.
    estimate : (k,) array
    residuals : (n,) array
        Times the root weight.
    controls_kept : tuple of int
        Controls that are not a combination of the effects and of the controls before them.
    n_coefficients : int
        Columns, controls, constant and period dummies: what a regression clustered by unit counts.
        Unit effects lie inside the clusters and are not counted (Stata's ``xtreg, fe``; reghdfe).
    """

    rows: Rows
    effects: Effects
    absorber: Absorber
    target: Floats
    directions: Floats
    influence: Floats
    estimate: Floats
    residuals: Floats
    controls_kept: tuple[int, ...]
    n_coefficients: int

    @property
    def n_obs(self) -> int:
        """Rows used."""
        return len(self.target)

    @property
    def small_sample_factor(self) -> float:
        """Stata's G/(G−1) · (n−1)/(n−K)."""
        n_clusters = self.rows.n_clusters
        return n_clusters / (n_clusters - 1) * (self.n_obs - 1) / (self.n_obs - self.n_coefficients)


def within(
    y: ArrayLike,
    X: ArrayLike,
    unit: ArrayLike,
    period: ArrayLike | None,
    effects: Effects = "both",
    *,
    controls: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Within:
    """Partial effects out of a panel and fit it by least squares.

    Parameters
    ----------
    y : array-like, shape (n,)
    X : array-like, shape (n, k)
        Columns to be estimated, without a constant.
    unit, period : array-like, shape (n,)
        Labels. Whole numbers, dates and pandas Periods are calendar time, in which a gap is a gap; other
        labels are sorted and taken as consecutive. `period` may be None where no effect needs it.
    effects : str
        ``both``, ``unit``, ``period`` or ``none`` (a constant).
    controls : array-like, shape (n, q), optional
        Columns to be held constant and not reported; redundant ones are left out.
    cluster : array-like, shape (n,), optional
        Labels of the clusters, by default the units.
    weights : array-like, shape (n,), optional
        Positive precision weights; by default all rows count the same.

    Returns
    -------
    Within

    Raises
    ------
    NotEstimable
        Too few rows or no row left; y or a column of X without variation beyond the effects; a column
        of X that is a combination of the others; y fitted exactly.
    ValueError
        Shapes that do not agree, unknown `effects`, infinite values, missing labels, weights that are
        not positive, or units that lie in more than one cluster while there are unit effects.
    """
    if effects not in EFFECTS:
        raise ValueError(f"effects must be one of {', '.join(EFFECTS)}, not {effects!r}")
    rows = usable_rows(y, X, unit, period, effects, controls=controls, cluster=cluster, weights=weights)
    return fit_within(rows, effects)


def fit_within(rows: Rows, effects: Effects) -> Within:
    """Partial effects out of usable rows and fit them by least squares."""
    absorber = Absorber(effects, rows.unit, rows.period, rows.root_weight)
    n_controls, n_nested = rows.controls.shape[1], rows.n_units if absorber.unit is not None else 0
    _check_rows(len(rows.y), rows.X.shape[1] + absorber.rank + n_nested)
    left, length = _without_effects(rows, absorber, effects)
    varying = [int(j) for j in np.flatnonzero(length[1 : n_controls + 1])]
    unit_columns = left[:, 1:] / np.where(length[1:] > 0, length[1:], 1.0)
    kept, directions, triangle = _independent(unit_columns, varying, n_controls)
    rank = directions.shape[1] + absorber.rank
    _check_rows(len(left), rank + n_nested)
    residuals = left[:, 0] - directions @ (directions.T @ left[:, 0])
    residuals = residuals - directions @ (directions.T @ residuals)
    if np.linalg.norm(residuals) <= EXACT_FIT * length[0]:
        raise NotEstimable("y is fitted exactly: an identity, not a relation to test", reason="identity")
    selector = np.eye(directions.shape[1])[:, len(kept) :]
    back = linalg.solve_triangular(triangle, selector, trans="T")
    influence = directions @ back / length[1 + n_controls :]
    return Within(
        rows,
        effects,
        absorber,
        left[:, 0],
        directions,
        influence,
        influence.T @ left[:, 0],
        residuals,
        tuple(kept),
        rank + (1 if n_nested else 0),
    )


def _without_effects(rows: Rows, absorber: Absorber, effects: Effects) -> tuple[Floats, Floats]:
    """Return y, controls and X without effects and their lengths, 0 for an absorbed control."""
    columns = np.column_stack([rows.y, rows.controls, rows.X])
    largest = np.abs(columns).max(axis=0)
    columns = (columns - columns.mean(axis=0)) * rows.root_weight[:, None]
    size = np.linalg.norm(columns, axis=0)
    left = absorber.absorb(columns)
    length = np.linalg.norm(left, axis=0)
    varies = (length > DEPENDENT * size) & (size > 1e-12 * largest * len(left) ** 0.5)
    _check_variation(varies, rows.controls.shape[1], effects)
    return left, np.where(varies, length, 0.0)


def _independent(unit_columns: Floats, kept: list[int], n_controls: int) -> tuple[list[int], Floats, Floats]:
    """QR of controls and tested columns, leaving out controls that depend on those before them."""
    tested = list(range(n_controls, unit_columns.shape[1]))
    while True:
        _check_rows(len(unit_columns), len(kept) + len(tested))
        directions, triangle = np.linalg.qr(unit_columns[:, kept + tested])
        dependent = np.flatnonzero(np.abs(np.diag(triangle)) <= DEPENDENT)
        if len(dependent) == 0:
            return kept, directions, triangle
        if dependent[0] >= len(kept):
            raise NotEstimable(
                f"column {dependent[0] - len(kept)} of X is a linear combination of the other columns "
                "and the effects",
                reason="collinear",
            )
        kept = kept[: dependent[0]] + kept[dependent[0] + 1 :]


def _check_rows(n_obs: int, n_coefficients: int) -> None:
    if n_obs <= n_coefficients:
        raise NotEstimable(
            f"{n_obs} usable rows are too few for {n_coefficients} coefficients and effects",
            reason="too few rows",
        )


def _check_variation(varies: NDArray[np.bool_], n_controls: int, effects: Effects) -> None:
    beyond = {
        "both": " beyond unit and period effects", "unit": " within units",
        "period": " within periods", "none": "",
    }[effects]  # fmt: skip
    if not varies[0]:
        raise NotEstimable(f"y does not vary{beyond}", reason="no variation")
    constant = np.flatnonzero(~varies[1 + n_controls :])
    if len(constant):
        raise NotEstimable(f"column {constant[0]} of X does not vary{beyond}", reason="no variation")
