"""A target taken down the unit tree, family by family: bounds travel upward first, targets downward then.

Each unit's bounds are narrowed to what its own children can add up to before anything is split, so that a
lock far down is known at the top, and what is split at the top can always be split below.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from kpilab.problems import InputError, one_problem
from kpilab.scorecard.allocation import (
    Lines,
    OutOfReach,
    equal,
    least_stretch,
    proportional,
    split,
    split_extreme,
    toward_best,
)
from kpilab.scorecard.composition import Rule
from kpilab.show import listed
from kpilab.words import SplitMethod

SLACK = 1e-12


@dataclass(frozen=True, eq=False)
class Siblings:
    """Children of one parent, all as positions of units."""

    parent: int
    children: np.ndarray


@dataclass(frozen=True, eq=False)
class Split:
    """What is to be split among whom; arrays of shape (U,) in the order of the units.

    Attributes
    ----------
    families : tuple of Siblings
        Parents before their children.
    low, high : ndarray
        Bounds of the units themselves; equal where one is locked.
    weight : ndarray
        Denominators of a mean.
    best : ndarray
        What a unit reached in the best tenth of its history, in the direction of the target.
    frontier : ndarray
        The best of a unit's level (of a sum: the best that the unit ever had).
    bounded : bool
        The KPI lies between 0 and 1.
    said : mapping of position to str
        The constraints that a user set, in words.
    """

    method: SplitMethod
    rule: Rule
    families: tuple[Siblings, ...]
    actual: np.ndarray
    weight: np.ndarray
    low: np.ndarray
    high: np.ndarray
    variation: np.ndarray
    best: np.ndarray
    frontier: np.ndarray
    bounded: bool
    units: tuple[str, ...]
    said: Mapping[int, str]
    write: Callable[[float], str]

    def roll_up(self, family: Siblings, values: np.ndarray) -> float:
        """Return the parent's value from its children's, which stand in an array of shape (U,)."""
        below = values[family.children]
        if self.rule in ("min", "max"):
            return float(below.min() if self.rule == "min" else below.max())
        return float(self.coefficients(family) @ below)

    def coefficients(self, family: Siblings) -> np.ndarray:
        """Return what the parent gains per unit of each child."""
        weight = self.weight[family.children]
        return weight / weight.sum() if self.rule == "mean" else np.ones(len(weight))

    def volumes(self, family: Siblings) -> np.ndarray:
        """Return what each child counts for in a total of stretches: its weight, or for a sum its size."""
        if self.rule == "mean":
            return self.weight[family.children]
        size = np.abs(self.actual[family.children])
        return np.where(size > 0, size, self.variation[family.children])


def taken_down(given: Split, target: float) -> np.ndarray:
    """Return every unit's target, shape (U,); NaN where a unit has no part in it.

    Raises
    ------
    InputError
        Naming the locks and bounds that are in the way.
    """
    low, high = given.low.copy(), given.high.copy()
    for family in reversed(given.families):
        _narrow(given, family, low, high)
    targets = np.full(len(given.units), np.nan)
    targets[given.families[0].parent] = target
    for family in given.families:
        wanted = float(targets[family.parent])
        try:
            targets[family.children] = _split_one(given, family, wanted, low, high)
        except OutOfReach as out:
            raise _in_the_way(given, family, wanted, out, low, high) from out
    return targets


def _narrow(given: Split, family: Siblings, low: np.ndarray, high: np.ndarray) -> None:
    """Narrow the parent's bounds, in place, to what its children can add up to."""
    least, most = _reach(given, family, low, high)
    parent = family.parent
    slack = SLACK * max(1.0, abs(least) if np.isfinite(least) else 1.0)
    if parent != given.families[0].parent and (low[parent] > most + slack or high[parent] < least - slack):
        asked = low[parent] if low[parent] > most else high[parent]
        raise _in_the_way(given, family, float(asked), OutOfReach(least, most), low, high)
    low[parent], high[parent] = max(low[parent], least), min(high[parent], most)
    if low[parent] > high[parent]:  # equal but for rounding
        low[parent] = high[parent]


def _reach(given: Split, family: Siblings, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    below = family.children
    if given.rule == "min":
        return float(low[below].min()), float(high[below].min())
    if given.rule == "max":
        return float(low[below].max()), float(high[below].max())
    down = _lines(given, family, -np.inf, low, high).reach()[0]
    return down, _lines(given, family, np.inf, low, high).reach()[1]


def _split_one(
    given: Split, family: Siblings, target: float, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    below = family.children
    if given.rule in ("min", "max"):
        start = np.full(len(below), target) if given.method == "equal" else given.actual[below]
        return split_extreme(start, low[below], high[below], target, given.rule)
    return split(_lines(given, family, target, low, high), target)


def _lines(given: Split, family: Siblings, target: float, low: np.ndarray, high: np.ndarray) -> Lines:
    below = family.children
    still = Lines(
        given.actual[below], np.zeros(len(below)), given.coefficients(family), low[below], high[below]
    )
    if given.method == "proportional":
        return proportional(still, target, given.bounded)
    if given.method == "equal":
        return equal(still)
    if given.method == "gap_to_best":
        return toward_best(still, given.frontier[below])
    return least_stretch(still, target, given.variation[below], given.volumes(family), given.best[below])


def _in_the_way(
    given: Split, family: Siblings, wanted: float, out: OutOfReach, low: np.ndarray, high: np.ndarray
) -> InputError:
    """Say which constraints keep the children from adding up to the target."""
    too_high = wanted > out.high
    limit, most = (out.high, "at most") if too_high else (out.low, "at least")
    edge, own = (high, given.high) if too_high else (low, given.low)
    named = [given.said[child] for child in family.children if child in given.said]
    narrowed = [child for child in family.children if _is_narrowed(given, family, child, edge, own)]
    below = [
        f"{given.units[child]}, whose own children allow {most} {given.write(edge[child])}"
        + "".join(f" ({words})" for words in [listed(_said_below(given, child), most=3)] if words)
        for child in narrowed
    ]
    rest = _about_the_rest(given, family, set(narrowed) | given.said.keys(), own, too_high)
    constraints = listed([*named, *below, *rest], most=8)
    return one_problem(
        "target",
        f"{given.units[family.parent]} cannot get to {given.write(wanted)}: {most} {given.write(limit)} is "
        f"possible with {constraints}; loosen one of them, or ask for {most} that",
    )


def _is_narrowed(given: Split, family: Siblings, child: int, edge: np.ndarray, own: np.ndarray) -> bool:
    """Tell whether it is what stands below a child that bounds it."""
    if child in given.said or edge[child] == own[child] or np.isclose(edge[child], own[child]):
        return False
    best = given.frontier[child]
    frontier_is_nearer = abs(best - given.actual[child]) < abs(edge[child] - given.actual[child])
    return not (given.method == "gap_to_best" and frontier_is_nearer)


def _said_below(given: Split, unit: int) -> list[str]:
    """Return the user's constraints on everything below a unit, in words."""
    found: list[str] = []
    for family in given.families:
        if family.parent == unit:
            for child in family.children:
                found += [given.said[child]] if child in given.said else _said_below(given, child)
    return found


def _about_the_rest(
    given: Split, family: Siblings, named: AbstractSet[int], own: np.ndarray, too_high: bool
) -> list[str]:
    """Name what else bounds the children: the KPI's own bound, the frontier, children that cannot move."""
    others = [child for child in family.children if child not in named]
    if given.method == "gap_to_best" and given.rule in ("sum", "mean"):
        return ["the best that was reached as the limit of all (method gap_to_best)"]
    if not others:
        return []
    if given.method == "proportional" and (given.actual[others] == 0).all():
        return ["children that stand at 0, which no relative change can move"]
    side, natural = ("upper", own[others].max()) if too_high else ("lower", own[others].min())
    whose = "the others" if named & set(family.children) else "the children"
    return [f"the {side} bound {given.write(float(natural))} of {whose}"]
