"""How a change divides among those who make it, exactly: arrays in, arrays out.

Every function returns contributions that add up to the change of the whole; nothing is left as interaction.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sums:
    """The two sums of a ratio or a weighted mean.

    Attributes
    ----------
    numerator, denominator : ndarray, shape (C,), or float for the whole
        NaN where nothing is known; counts as nothing.
    """

    numerator: np.ndarray
    denominator: np.ndarray


@dataclass(frozen=True)
class RateAndMix:
    """Contributions of each child to the change of a ratio, shape (C,).

    Attributes
    ----------
    rate : ndarray
        What came from the child's own ratio; zero where it has none at one of the two ends.
    mix : ndarray
        What came from its share of the denominator: growing, shrinking, entering, leaving.
    """

    rate: np.ndarray
    mix: np.ndarray


def sum_contributions(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return each child's contribution to the change of their sum, shape (C,).

    Examples
    --------
    >>> sum_contributions(np.array([1.0, np.nan]), np.array([3.0, 5.0]))
    array([2., 5.])
    """
    return np.nan_to_num(end) - np.nan_to_num(start)


def rate_and_mix(
    start: Sums, end: Sums, whole_start: Sums, whole_end: Sums, *, matched: np.ndarray | None = None
) -> RateAndMix:
    """Divide the change of a ratio of sums into a rate and a mix effect of every child.

    With w a child's share of the denominator, r its ratio, R the ratio of the whole and bars the means of
    start and end, a child contributes w̄ Δr by its rate and Δw (r̄ − R̄) by its weight. One that is there at one
    end only contributes ±w (r − R̄): what it pulled the whole away from its mean.

    Parameters
    ----------
    start, end : Sums, shape (C,)
    whole_start, whole_end : Sums
        Of the parent; must be the sums of the children.
    matched : ndarray of bool, shape (C,), optional
        Children whose ratio may be compared; default: those with a positive denominator at both ends.

    References
    ----------
    Kitagawa (1955), Components of a difference between two rates; with entry and exit Griliches & Regev (1995),
    Firm productivity in Israeli industry 1979–1988. Both effects are the Shapley values of rate and weight.

    Examples
    --------
    >>> half = np.array([1.0, 1.0])
    >>> parts = rate_and_mix(
    ...     Sums(np.array([0.2, 0.4]), half), Sums(np.array([0.3, 0.4]), half), Sums(0.6, 2.0), Sums(0.7, 2.0)
    ... )
    >>> parts.rate.round(3), parts.mix.round(3)
    (array([0.05, 0.  ]), array([0., 0.]))
    """
    share_start, share_end = _shares(start, whole_start), _shares(end, whole_end)
    mean_of_whole = _mean(
        whole_start.numerator / whole_start.denominator, whole_end.numerator / whole_end.denominator
    )
    pull = _pull(end, whole_end) - _pull(start, whole_start)
    total = pull - mean_of_whole * (share_end - share_start)
    there = (np.nan_to_num(start.denominator) > 0) & (np.nan_to_num(end.denominator) > 0)
    matched = there if matched is None else matched & there
    rate = np.where(matched, _mean(share_start, share_end) * (_rates(end) - _rates(start)), 0.0)
    return RateAndMix(rate, total - rate)


def quotient_contributions(start: Sums, end: Sums) -> tuple[float, float]:
    """Divide the change of one quotient between its numerator and its denominator (Shapley values).

    Examples
    --------
    >>> quotient_contributions(Sums(1.0, 2.0), Sums(3.0, 4.0))
    (0.75, -0.5)
    """
    before, after = 1 / start.denominator, 1 / end.denominator
    by_numerator = (end.numerator - start.numerator) * _mean(before, after)
    by_denominator = _mean(start.numerator, end.numerator) * (after - before)
    return float(by_numerator), float(by_denominator)


@dataclass(frozen=True)
class Handover:
    """What moved a minimum or maximum.

    Attributes
    ----------
    first, last : int
        Positions of the child that was the extreme at the start and at the end.
    by_first, by_last : float
        What the two children's own changes contributed; the second is zero when they are one.
    by_handover : float
        What came from one taking over from the other.
    """

    first: int
    last: int
    by_first: float
    by_last: float
    by_handover: float


def extreme_contributions(start: np.ndarray, end: np.ndarray, *, largest: bool) -> Handover:
    """Divide the change of a minimum or maximum between the children that bind and the handover between them.

    When the binding child changes from a to b, the way may lead over a's change and then the handover at the
    end, or over the handover at the start and then b's change: both count half (Shapley values). Where one of
    the two children is unknown at the other end, only one way exists.

    Parameters
    ----------
    start, end : ndarray, shape (C,)
        NaN where a child is unknown; at least one is known at each end.

    Examples
    --------
    >>> extreme_contributions(np.array([5.0, 3.0]), np.array([4.0, 6.0]), largest=True)
    Handover(first=0, last=1, by_first=-0.5, by_last=1.5, by_handover=0.0)
    """
    pick = np.nanargmax if largest else np.nanargmin
    first, last = int(pick(start)), int(pick(end))
    change = end[last] - start[first]
    if first == last:
        return Handover(first, last, float(change), 0.0, 0.0)
    own_first, own_last = end[first] - start[first], end[last] - start[last]
    n_ways = int(np.isfinite(own_first)) + int(np.isfinite(own_last))
    by_first, by_last = (float(own / n_ways) if np.isfinite(own) else 0.0 for own in (own_first, own_last))
    return Handover(first, last, by_first, by_last, float(change - by_first - by_last))


def is_simpsons_paradox(rate_change: np.ndarray, change: float) -> bool:
    """Tell whether every child's rate moved one way, or stood still, and the whole moved the other way.

    Parameters
    ----------
    rate_change : ndarray, shape (C,)
        Of the children that have a rate at both ends.
    change : float
        Of the whole.

    References
    ----------
    Simpson (1951), The interpretation of interaction in contingency tables.

    Examples
    --------
    >>> is_simpsons_paradox(np.array([0.1, 0.02]), -0.05)
    True
    """
    if len(rate_change) < 2 or change == 0:
        return False
    against = -np.sign(change) * rate_change
    return bool((against >= 0).all() and (against > 0).any())


def _shares(sums: Sums, whole: Sums) -> np.ndarray:
    return np.nan_to_num(sums.denominator) / whole.denominator


def _pull(sums: Sums, whole: Sums) -> np.ndarray:
    return np.nan_to_num(sums.numerator) / whole.denominator


def _rates(sums: Sums) -> np.ndarray:
    """Return each child's ratio, zero where it has none."""
    numerator, denominator = np.nan_to_num(sums.numerator), np.nan_to_num(sums.denominator)
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _mean(a, b):  # type: ignore[no-untyped-def]
    return 0.5 * (a + b)
