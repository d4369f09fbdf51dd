"""One target split among children: arrays in, arrays out, one line of moves per method.

Every method moves all children along straight lines, ``start + k · slope``, each stopping at its own bounds.
The roll-up never falls as `k` grows, so that one `k` gives the target, and the answer does not depend on
the order of the children.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.optimize import brentq

POLISHING_STEPS = 8
MOST_DOUBLINGS = 1000


@dataclass(frozen=True)
class Lines:
    """How far each child would go for each step of `k`.

    Attributes
    ----------
    start, slope : ndarray, shape (C,)
        A slope of 0 is a child that a method cannot move.
    coefficient : ndarray, shape (C,)
        What the parent gains per unit of the child: shares that sum to 1 for a mean, ones for a sum, effects
        for drivers. ``coefficient * slope`` is 0 or more.
    low, high : ndarray, shape (C,)
        Bounds, both included; equal where a child is locked.
    """

    start: np.ndarray
    slope: np.ndarray
    coefficient: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def at(self, k: float) -> np.ndarray:
        """Return where the children stand, shape (C,)."""
        return np.clip(self.start + k * self.slope, self.low, self.high)

    def rolled_up(self, k: float) -> float:
        """Return the parent's value."""
        return float(self.coefficient @ self.at(k))

    def reach(self) -> tuple[float, float]:
        """Return the lowest and the highest value of the parent within bounds."""
        moves = (self.slope != 0) & (self.coefficient != 0)
        still = self.at(0.0)
        least = np.where(self.coefficient >= 0, self.low, self.high)
        most = np.where(self.coefficient >= 0, self.high, self.low)
        ends = [_weighed(self.coefficient, np.where(moves, end, still)) for end in (least, most)]
        return ends[0], ends[1]


class OutOfReach(Exception):
    """Say that no step along the lines gives the target.

    Attributes
    ----------
    low, high : float
        What can be reached.
    """

    def __init__(self, low: float, high: float):
        super().__init__(f"only {low} to {high} can be reached")
        self.low, self.high = low, high


def split(lines: Lines, target: float) -> np.ndarray:
    """Return the children's targets, whose roll-up is the parent's, shape (C,).

    Raises
    ------
    OutOfReach
        When bounds, or children that the method cannot move, are in the way.
    """
    low, high = lines.reach()
    slack = 1e-12 * max(1.0, abs(target))
    if not low - slack <= target <= high + slack:
        raise OutOfReach(low, high)
    inside = min(max(target, low), high)
    below, above = _bracket(lines, inside)
    if lines.rolled_up(below) >= inside:
        return lines.at(below)
    if lines.rolled_up(above) <= inside:
        return lines.at(above)
    k = float(
        brentq(
            lambda step: lines.rolled_up(step) - inside,
            below,
            above,
            xtol=1e-15 * (above - below),
            rtol=1e-14,
        )
    )
    return _polished(lines, inside, k)


def proportional(lines: Lines, target: float, bounded: bool) -> Lines:
    """Give every child the same relative improvement.

    For a KPI `bounded` by 0 and 1 the distance to the bound shrinks by the same factor: to 1 on the way up,
    to 0 on the way down.

    Examples
    --------
    >>> ones = np.ones(2)
    >>> family = Lines(np.array([0.8, 0.9]), ones, ones / 2, 0 * ones, ones)
    >>> split(proportional(family, 0.925, bounded=True), 0.925)
    array([0.9 , 0.95])
    """
    if bounded and target >= lines.rolled_up(0.0):
        return replace(lines, slope=np.maximum(1 - lines.start, 0))
    return replace(lines, slope=np.abs(lines.start))


def equal(lines: Lines) -> Lines:
    """Give every child the same level."""
    return replace(lines, start=np.zeros_like(lines.start), slope=np.ones_like(lines.start))


def toward_best(lines: Lines, best: np.ndarray) -> Lines:
    """Close the same share of every child's gap to the best; none is asked for more than that.

    Parameters
    ----------
    best : ndarray, shape (C,)
        The frontier, on the better side of every start.
    """
    gap = best - lines.start
    locked = lines.low == lines.high
    low = np.where((gap < 0) & ~locked, np.maximum(lines.low, np.minimum(best, lines.high)), lines.low)
    high = np.where((gap > 0) & ~locked, np.minimum(lines.high, np.maximum(best, lines.low)), lines.high)
    return replace(lines, slope=np.abs(gap), low=low, high=high)


def least_stretch(
    lines: Lines, target: float, variation: np.ndarray, volume: np.ndarray, best: np.ndarray
) -> Lines:
    """Ask for the least total stretch: the sum of squared moves in units of each child's own variation.

    Up to its own best a child can be asked for what it has already shown; nobody is asked for more while
    the others still have room. What is then missing is spread by the same rule beyond everybody's best.

    Parameters
    ----------
    variation : ndarray, shape (C,)
        Standard deviation of a child's own changes, greater than 0.
    volume : ndarray, shape (C,)
        What each child counts for in the total, greater than 0; in proportion to its size, so that nothing
        changes for the others when a child is divided in two.
    best : ndarray, shape (C,)
        What a child reached in the best tenth of its own history.

    Notes
    -----
    The optimum of Σ v ((t − x) / σ)² under Σ a t = T and bounds lies where t = clip(x + k a σ² / v) for one
    multiplier k (Brucker 1984, an O(n) algorithm for quadratic knapsack problems). It is unique: children
    alike get targets alike, which a linear programme does not promise.

    Examples
    --------
    >>> ones = np.ones(2)
    >>> family = Lines(np.array([0.8, 0.8]), ones, ones / 2, 0 * ones, ones)
    >>> wide_and_narrow = least_stretch(family, 0.85, np.array([0.04, 0.02]), ones, ones)
    >>> split(wide_and_narrow, 0.85)
    array([0.88, 0.82])
    """
    pull = lines.coefficient * variation**2 / volume
    scale = float(np.abs(pull).max(initial=0.0))
    pulled = replace(lines, slope=pull / scale if scale > 0 else pull)
    upward = target >= pulled.rolled_up(0.0)
    rises = (pull >= 0) == upward
    ceiling = np.where(rises, np.maximum(best, lines.start), lines.high)
    floor = np.where(rises, lines.low, np.minimum(best, lines.start))
    within = replace(
        pulled,
        low=np.clip(floor, lines.low, lines.high),
        high=np.clip(ceiling, lines.low, lines.high),
    )
    low, high = within.reach()
    if low <= target <= high:
        return within
    return replace(pulled, start=np.where(rises, within.high, within.low))


def split_extreme(
    start: np.ndarray, low: np.ndarray, high: np.ndarray, target: float, rule: Literal["min", "max"]
) -> np.ndarray:
    """Return children's targets whose smallest (or largest) is the parent's, moving as few as possible.

    Raises
    ------
    OutOfReach
        When a bound keeps a child on the wrong side of the target, or all of them away from it.

    Examples
    --------
    >>> free = np.full(3, np.inf)
    >>> split_extreme(np.array([3.0, 5.0, 9.0]), -free, free, 6.0, "min")
    array([6., 6., 9.])
    """
    if rule == "max":
        return -split_extreme(-start, -high, -low, -target, "min")
    if not low.min() <= target <= high.min():
        raise OutOfReach(float(low.min()), float(high.min()))
    moved = np.clip(np.maximum(start, target), np.maximum(low, target), high)
    if moved.min() > target:
        nearest = np.where(low <= target, moved, np.inf) == moved[low <= target].min()
        moved = np.where(nearest, target, moved)
    return moved


def _weighed(coefficient: np.ndarray, ends: np.ndarray) -> float:
    """Return the roll-up of bounds, of which some may be infinite."""
    counts = coefficient != 0
    return float(coefficient[counts] @ ends[counts])


def _bracket(lines: Lines, target: float) -> tuple[float, float]:
    """Return two steps between which the target lies, by doubling."""
    below, above = -1.0, 1.0
    for _ in range(MOST_DOUBLINGS):
        if lines.rolled_up(below) <= target:
            break
        below *= 2
    for _ in range(MOST_DOUBLINGS):
        if lines.rolled_up(above) >= target:
            break
        above *= 2
    return below, above


def _polished(lines: Lines, target: float, k: float) -> np.ndarray:
    """Solve exactly for the children that are between their bounds, given which these are."""
    moved = lines.at(k)
    for _ in range(POLISHING_STEPS):
        gap = target - float(lines.coefficient @ moved)
        free = (lines.low < moved) & (moved < lines.high)
        gain = float((lines.coefficient * lines.slope)[free].sum())
        if gain <= 0:
            break
        step = np.where(free, moved + gap / gain * lines.slope, moved)
        moved = np.clip(step, lines.low, lines.high)
    return moved
