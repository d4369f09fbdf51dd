"""Who stands below whom, for one KPI: the nearest units that have it, and the worst of them."""

from dataclasses import dataclass

import numpy as np

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Kpi, Unit

_ADDITIVE = ("sum", "last")


@dataclass(frozen=True, eq=False)
class Family:
    """The units that have a KPI, and for each the nearest unit above that has it too.

    Attributes
    ----------
    units : tuple of Unit, length n
    positions : ndarray of int, shape (n,)
        Their places among all units of the cascade.
    parent : ndarray of int, shape (n,)
        Position among `units`; −1 where no unit above has the KPI.
    """

    units: tuple[Unit, ...]
    positions: np.ndarray
    parent: np.ndarray

    def share_of_parent(self, kpi: Kpi, actual: np.ndarray) -> np.ndarray:
        """Return the part of the nearest unit above, 0–1, for what adds up over units; else NaN."""
        if kpi.kind not in _ADDITIVE or not len(actual):
            return np.full(len(actual), np.nan)
        above = np.where(self.parent >= 0, actual[self.parent], np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(above != 0, actual / above, np.nan)


def family_of(cascade: Cascade, levels: tuple[str, ...]) -> Family:
    """Find the units of some levels, and for each the nearest one above among them."""
    parents = {unit.id: unit.parent for unit in cascade.units}
    chosen = [(i, unit) for i, unit in enumerate(cascade.units) if unit.level in levels]
    place = {unit.id: position for position, (_, unit) in enumerate(chosen)}
    above = np.full(len(chosen), -1)
    for position, (_, unit) in enumerate(chosen):
        ancestor = unit.parent
        while ancestor is not None and ancestor not in place:
            ancestor = parents[ancestor]
        above[position] = -1 if ancestor is None else place[ancestor]
    return Family(tuple(unit for _, unit in chosen), np.array([i for i, _ in chosen], dtype=int), above)


def worst_children(kpi: Kpi, family: Family, actual: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return the position of the worst child of each unit, −1 where none can be called worst.

    Children are compared by score; where none has a target, by their values if these do not grow with a
    unit's size and one way is better.
    """
    worst = np.full(len(family.units), -1)
    badness = -score
    if np.isnan(score).all():
        badness = _badness(kpi, actual)
    candidates = np.flatnonzero((family.parent >= 0) & ~np.isnan(badness))
    order = candidates[np.lexsort((-candidates, badness[candidates], family.parent[candidates]))]
    worst[family.parent[order]] = order  # the last of each parent, the worst, stays
    return worst


def _badness(kpi: Kpi, actual: np.ndarray) -> np.ndarray:
    if kpi.better is None or kpi.kind in (*_ADDITIVE, "formula"):
        return np.full(len(actual), np.nan)
    if kpi.better == "near":
        return np.abs(actual - kpi.near) if kpi.near is not None else np.full(len(actual), np.nan)
    return actual if kpi.better == "lower" else -actual
