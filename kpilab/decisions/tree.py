"""Where a KPI's numbers come from, ahead of history: which units stand for themselves, which add up."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Kpi
from kpilab.scorecard.panels import KpiPanel, part_names

FEWEST_VALUES = 3

Rule = Literal["add", "min", "max"]


@dataclass(frozen=True, eq=False)
class KpiTree:
    """The unit tree as one KPI sees it; positions are those of `units`.

    Attributes
    ----------
    units : tuple of str, length P
    own : ndarray of bool, shape (P,)
        Units with numbers of their own, recent enough to look ahead from.
    computed : ndarray of bool, shape (P,)
        Units whose numbers are those of their children, added up.
    parents : tuple of (position, positions of its children)
        Every unit with children that have the KPI, from the bottom up; where none of the children reports any
        more, those that did.
    share : ndarray, shape (H, P)
        What a unit counts in its parent: a parent is the sum of its children's values times their shares.
    rule : {"add", "min", "max"}
        How children make a parent.
    """

    units: tuple[str, ...]
    own: np.ndarray
    computed: np.ndarray
    parents: tuple[tuple[int, np.ndarray], ...]
    share: np.ndarray
    rule: Rule

    @property
    def known(self) -> np.ndarray:
        """Tell which units have the KPI ahead of history, shape (P,)."""
        return self.own | self.computed

    def up(self, values: np.ndarray, children: np.ndarray, periods: slice) -> np.ndarray:
        """Return a parent from its children: values of shape (h, P, …) give (h, …)."""
        below = values[:, children]
        if self.rule != "add":
            return below.min(axis=1) if self.rule == "min" else below.max(axis=1)
        share = self.share[periods, children]
        return np.einsum("hc,hc...->h...", share, below)


def kpi_tree(
    cascade: Cascade, history: History, kpi: Kpi, panel: KpiPanel, horizon: int, units: tuple[str, ...]
) -> KpiTree:
    """Lay out the unit tree for one KPI.

    Parameters
    ----------
    panel : KpiPanel
        The KPI at every unit of history, at the cascade's frequency.
    horizon : int
        Periods ahead, H.
    units : tuple of str
        The units that are wanted; one whose children are not all among them stands for itself.
    """
    at = np.array([history.units.index(unit) for unit in units], dtype=int)
    values, weight = panel.values[:, at], panel.denominator[:, at]
    place = {unit: position for position, unit in enumerate(units)}
    had, recent = (~np.isnan(values)).any(axis=0), _recent(values, cascade.periods_per_year)
    reports = _reports(history, kpi)[at]
    own, computed = recent.copy(), np.zeros(len(units), dtype=bool)
    parents = []
    rank = {level: position for position, level in enumerate(cascade.levels)}
    for unit in sorted(units, key=lambda name: -rank[cascade.unit(name).level]):
        children = [place.get(child.id, -1) for child in cascade.children(unit)]
        if -1 in children:
            continue
        position = place[unit]
        alive = [child for child in children if own[child] or computed[child]]
        below = alive or [child for child in children if had[child]]
        if not below or not had[position]:
            continue
        parents.append((position, np.array(below, dtype=int)))
        if alive and not reports[position]:
            own[position], computed[position] = False, True
    share = _shares(cascade, kpi, weight, parents, own, horizon)
    rule: Rule = "min" if kpi.kind == "min" else "max" if kpi.kind == "max" else "add"
    return KpiTree(units, own, computed, tuple(parents), share, rule)


def _recent(values: np.ndarray, periods_per_year: int) -> np.ndarray:
    """Tell which units have enough values, and one within the last year."""
    known = ~np.isnan(values)
    return (known.sum(axis=0) >= FEWEST_VALUES) & known[-periods_per_year:].any(axis=0)


def _reports(history: History, kpi: Kpi) -> np.ndarray:
    """Tell which units report the KPI's measures themselves, shape (U,)."""
    names = [name for name in part_names(kpi) if name in history.measures]
    if not names:
        return np.zeros(len(history.units), dtype=bool)
    known = ~np.isnan(np.stack([history.measure(name) for name in names]))
    return known.all(axis=0).any(axis=0)


def _shares(
    cascade: Cascade,
    kpi: Kpi,
    weight: np.ndarray,
    parents: list[tuple[int, np.ndarray]],
    own: np.ndarray,
    horizon: int,
) -> np.ndarray:
    """Return each unit's share in its parent, shape (H, P): with the weights of the same season a year before."""
    same = [cascade.measures[name].across == "same" for name in part_names(kpi) if name in cascade.measures]
    ahead = _a_year_later(weight, cascade.periods_per_year, horizon)
    share = np.ones_like(ahead)
    for parent, children in parents:
        if kpi.kind in ("ratio", "mean") and not any(same):
            itself = own[parent] and own[children].any()
            whole = ahead[:, parent] if itself else ahead[:, children].sum(axis=1)
            share[:, children] = ahead[:, children] / np.where(whole > 0, whole, np.inf)[:, None]
        elif kpi.kind in ("sum", "last") and any(same):
            share[:, children] = 1 / len(children)
    return share


def _a_year_later(weight: np.ndarray, periods_per_year: int, horizon: int) -> np.ndarray:
    """Carry weights forward by whole years, shape (T, P) to (H, P); gaps take the last one known."""
    n_periods = len(weight)
    filled = weight.copy()
    for row in range(1, n_periods):
        filled[row] = np.where(np.isnan(filled[row]), filled[row - 1], filled[row])
    length = min(periods_per_year, n_periods)
    rows = n_periods - length + np.arange(horizon) % length
    return np.nan_to_num(filled[rows])
