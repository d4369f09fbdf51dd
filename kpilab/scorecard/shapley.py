"""What each name in a formula contributed to its change: exact Shapley values."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kpilab.model.formula import additive_terms, evaluate_formula, formula_names

MOST_NAMES = 16


@dataclass(frozen=True)
class FormulaShares:
    """Shapley values of a formula's names.

    Attributes
    ----------
    names : tuple of str, length P
    contribution : ndarray, shape (P,)
        Adds up to the change of the formula.
    slope : ndarray, shape (P,)
        Contribution per unit of the name's own change, also where that is zero.
    """

    names: tuple[str, ...]
    contribution: np.ndarray
    slope: np.ndarray


def formula_shares(formula: str, start: Mapping[str, float], end: Mapping[str, float]) -> FormulaShares:
    """Divide the change of a formula among its names.

    A name's Shapley value is what its change moves the formula by, averaged over all orders in which the names
    can go from start to end. Orders that pass a point where the formula has no value (a division by zero) are
    left out of the average. Terms that are added are treated one by one, which changes nothing and is fast.

    Parameters
    ----------
    formula : str
    start, end : mapping of name to float

    Raises
    ------
    ValueError
        When one term has more than 16 names, or no order leads from start to end.

    References
    ----------
    Shapley (1953), A value for n-person games; Shorrocks (2013), Decomposition procedures for distributional
    analysis.

    Examples
    --------
    >>> formula_shares("orders * basket", {"orders": 2, "basket": 3}, {"orders": 4, "basket": 5}).contribution
    array([8., 6.])
    """
    names = formula_names(formula)
    contribution, slope = np.zeros(len(names)), np.zeros(len(names))
    for term in additive_terms(formula):
        inner = formula_names(term)
        at = [names.index(name) for name in inner]
        before, after = ({name: float(each[name]) for name in inner} for each in (start, end))
        contribution[at] += _term_values(term, before, after)
        slope[at] += _term_slopes(term, before, after)
    return FormulaShares(names, contribution, slope)


def _term_values(term: str, start: dict[str, float], end: dict[str, float]) -> np.ndarray:
    names = list(start)
    if len(names) > MOST_NAMES:
        raise ValueError(f"'{term}' has {len(names)} names; split it into formulas of {MOST_NAMES} at most")
    chosen = _subsets(len(names))
    values = {
        name: np.where(chosen[:, position], end[name], start[name]) for position, name in enumerate(names)
    }
    game = np.broadcast_to(evaluate_formula(term, values), len(chosen))
    return _shapley_values(game)


def _term_slopes(term: str, start: dict[str, float], end: dict[str, float]) -> np.ndarray:
    """Return each Shapley value per unit of change; for a name that stood still, of a very small change."""
    slopes = np.empty(len(start))
    for position, name in enumerate(start):
        moved = dict(end)
        size = max(abs(start[name]), abs(end[name]))
        if abs(end[name] - start[name]) <= 1e-12 * size:
            moved[name] = start[name] + 1e-6 * (size or 1.0)
        slopes[position] = _term_values(term, start, moved)[position] / (moved[name] - start[name])
    return slopes


def _subsets(n: int) -> np.ndarray:
    """Return all subsets of n players as rows of bits, shape (2**n, n)."""
    return (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1


def _shapley_values(game: np.ndarray) -> np.ndarray:
    """Return the Shapley values of a game given by its value for every subset, shape (2**n,) to (n,).

    A subset without a value (NaN) is no stop on any way: the average is over the orders that avoid it.
    """
    n = int(len(game)).bit_length() - 1
    defined = ~np.isnan(game)
    forward, backward = _ways(defined, n), _ways(defined[::-1], n)[::-1]
    n_orders = forward[-1]
    if n_orders == 0:
        raise ValueError("the formula has no value on any way from start to end")
    number, worth = np.arange(len(game)), np.where(defined, game, 0.0)
    values = np.empty(n)
    for player in range(n):
        without = number[(number >> player) & 1 == 0]
        joined = without | (1 << player)
        orders = forward[without] * backward[joined]
        values[player] = (orders * (worth[joined] - worth[without])).sum() / n_orders
    return values


def _ways(defined: np.ndarray, n: int) -> np.ndarray:
    """Return in how many orders each subset can be reached from the empty one over defined subsets."""
    ways = defined.astype(float)
    number = np.arange(len(defined))
    sizes = np.bitwise_count(number)
    for size in range(1, n + 1):
        here = number[sizes == size]
        reached = sum(
            np.where((here >> player) & 1 == 1, ways[here & ~(1 << player)], 0.0) for player in range(n)
        )
        ways[here] = np.where(defined[here], reached, 0.0)
    return ways
