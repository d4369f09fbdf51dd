"""Constant, unit and period effects removed from columns: exactly, and directly rather than by iteration.

Unit means are removed first, then the period dummies through their normal equations (Frisch & Waugh
1933), which is exact in unbalanced panels too.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from kpilab.evidence.regress.panel_rows import Effects, Floats, Ints


class Absorber:
    """Partials out constant, unit and period effects from columns scaled by the root weights.

    Unit effects lie inside clusters and are removed by demeaning. What crosses clusters (`group`: the
    periods, or one group for the constant) is removed through its normal equations `gram`, so that its
    part of every projection remains available.

    Attributes
    ----------
    group : (n,) int array or None
        Code of the dummy that each row belongs to; None with unit effects alone.
    gram : (J, J) array
        Cross-products of the J dummies after the unit effects.
    rank : int
        Rank of the dummies after the unit effects.
    """

    def __init__(
        self,
        effects: Effects,
        unit: Ints,
        period: Ints,
        root_weight: Floats,
        n_groups: int | None = None,
    ) -> None:
        self.root_weight = root_weight
        self.unit = unit if effects in ("unit", "both") else None
        self.group = _crossing_group(effects, period)
        self.n_groups = 0
        self.gram = np.empty((0, 0))
        weight = root_weight**2
        if self.unit is not None:
            self._unit_starts = np.flatnonzero(np.diff(unit, prepend=-1))
            self._unit_weight = np.add.reduceat(weight, self._unit_starts)
        if self.group is not None:
            self.n_groups = int(self.group.max()) + 1 if n_groups is None else n_groups
            self.gram = dummy_gram(self.group, self.unit, weight, self.n_groups)
        self.solver = DummySolver(self.gram)
        self.rank = self.solver.rank

    def absorb(self, values: Floats) -> Floats:
        """Return the columns (n, m) without the effects; done twice, as exact as arithmetic allows."""
        for _ in range(2):
            values = self.demean_units(values)
            if self.group is not None:
                level = self.solver.solve(self.group_sums(values))
                values = values - self.demean_units(level[self.group] * self.root_weight[:, None])
        return values

    def demean_units(self, values: Floats) -> Floats:
        """Remove the weighted mean of each unit, where there are unit effects."""
        if self.unit is None:
            return values
        scaled = values * self.root_weight[:, None]
        mean = np.add.reduceat(scaled, self._unit_starts, axis=0) / self._unit_weight[:, None]
        return values - mean[self.unit] * self.root_weight[:, None]

    def group_sums(self, values: Floats) -> Floats:
        """Cross-products (J, m) of the dummies with columns that have no unit means left."""
        if self.group is None:
            return np.empty((0, values.shape[1]))
        scaled = (values * self.root_weight[:, None]).T
        return np.stack([np.bincount(self.group, column, self.n_groups) for column in scaled], axis=1)


class DummySolver:
    """Generalised inverse of the dummies' cross-products, which may be singular.

    After unit effects, period dummies add up to nothing once per connected part of the panel.
    """

    def __init__(self, gram: Floats) -> None:
        self._inverse: Floats | None = None
        self._factor: Floats | None = None
        size = len(gram)
        self.rank = size
        if size == 0:
            return
        diagonal = np.diag(gram)
        scale = float(diagonal.max(initial=0.0)) or 1.0
        if np.count_nonzero(gram) == np.count_nonzero(diagonal):
            self.rank = int((diagonal > 1e-10 * scale).sum())
            reciprocal = np.divide(1.0, diagonal, out=np.zeros(size), where=diagonal > 1e-10 * scale)
            self._inverse = np.diag(reciprocal)
            return
        try:
            self._factor = linalg.cholesky(gram + scale / size, lower=True, check_finite=False)
            connected = np.diag(self._factor).min() > 1e-4 * np.sqrt(scale)
        except linalg.LinAlgError:
            connected = False
        if connected:
            self.rank = size - 1
        else:
            self._factor, self._inverse, self.rank = None, *pseudo_inverse(gram)

    def solve(self, right: Floats) -> Floats:
        """Return the inverse times `right`, shape (J, m)."""
        if self._factor is not None:
            solution: Floats = linalg.cho_solve((self._factor, True), right, check_finite=False)
            return solution
        return right if self._inverse is None else self._inverse @ right


def pseudo_inverse(gram: Floats) -> tuple[Floats, int]:
    """Return the Moore–Penrose inverse of a symmetric non-negative matrix and its rank."""
    value, vector = np.linalg.eigh(gram)
    keep = value > 1e-10 * max(float(value.max(initial=0.0)), 1e-300)
    return (vector[:, keep] / value[keep]) @ vector[:, keep].T, int(keep.sum())


def dummy_gram(group: Ints, unit: Ints | None, weight: Floats, n_groups: int) -> Floats:
    """Cross-products of group dummies once unit means are removed: diag(w_t) − Σᵢ w_it w_is / w_i."""
    totals = np.bincount(group, weights=weight, minlength=n_groups)
    if unit is None:
        return np.diag(totals)
    first = int(unit.min())
    n_units = int(unit.max()) - first + 1
    cells = np.bincount(
        (unit - first) * n_groups + group, weights=weight, minlength=n_units * n_groups
    ).reshape(n_units, n_groups)
    share = cells / cells.sum(axis=1, keepdims=True)
    gram: Floats = np.diag(totals) - cells.T @ share
    return gram


def _crossing_group(effects: Effects, period: Ints) -> Ints | None:
    if effects == "unit":
        return None
    return np.zeros(len(period), np.int64) if effects == "none" else period
