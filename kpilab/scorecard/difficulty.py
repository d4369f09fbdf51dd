"""How hard a target is, from history alone: own variation, own best, the probability of getting there.

Arrays in, arrays out. Nothing is known here of plans, links or actions: the question is how often a move
of this size, in this much time, has happened to this unit.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

FEWEST_CHANGES = 6
BEST_SHARE = 0.1


@dataclass(frozen=True)
class Record:
    """What units did before, each array of shape (U,).

    Attributes
    ----------
    variation : ndarray
        Root mean square of the changes over `lag` rows; NaN with fewer than six of them.
    n_changes : ndarray of int
    degrees : ndarray
        How many of the changes do not overlap, at least 2: degrees of freedom.
    lag : int
        Rows between the two ends of a change.
    """

    variation: np.ndarray
    n_changes: np.ndarray
    degrees: np.ndarray
    lag: int


def record_of(values: np.ndarray, horizon: int) -> Record:
    """Measure how far units move in `horizon` rows.

    Where history is too short for that, changes over the longest lag are taken of which there are six.

    Parameters
    ----------
    values : ndarray, shape (T, U)
        Values in the order of time; NaN where unknown.
    horizon : int
        From the last known value to the target, in rows; 1 or more.
    """
    lag = max(1, min(horizon, len(values) - FEWEST_CHANGES))
    changes = values[lag:] - values[:-lag]
    known = ~np.isnan(changes)
    n_changes = known.sum(axis=0)
    squares = np.where(known, changes, 0.0) ** 2
    mean = squares.sum(axis=0) / np.maximum(n_changes, 1)
    variation = np.where(n_changes >= FEWEST_CHANGES, np.sqrt(mean), np.nan)
    return Record(variation, n_changes, np.maximum((n_changes - 1) / lag + 1, 2), lag)


def probability_of_reaching(
    actual: np.ndarray, target: np.ndarray, record: Record, higher_is_better: bool
) -> np.ndarray:
    """Return the probability that a unit reaches its target if it goes on moving as it did, 0–1.

    Student's t with the unit's own variation, centred on where it stands: no trend is carried on, for in
    backtests on the example that made probabilities worse more often than better. NaN where history is
    too short.

    Examples
    --------
    >>> record = Record(np.array([0.02]), np.array([60]), np.array([5.0]), 12)
    >>> probability_of_reaching(np.array([0.90]), np.array([0.90]), record, True)
    array([0.5])
    """
    need = (target - actual) if higher_is_better else (actual - target)
    moves = record.variation > 0
    stretch = need / np.where(moves, record.variation, 1.0)
    varied = stats.t.sf(stretch, record.degrees)
    constant = np.where(need <= 0, 1.0, 0.0)
    return np.where(np.isnan(record.variation), np.nan, np.where(moves, varied, constant))


def best_tenth(values: np.ndarray, higher_is_better: bool) -> np.ndarray:
    """Return the value that each unit reached in the best tenth of its periods, (T, U) to (U,).

    NaN where no period is known.
    """
    ordered = np.sort(values, axis=0)  # what is missing comes last
    last = (~np.isnan(values)).sum(axis=0) - 1
    place = np.maximum(last, 0) * ((1 - BEST_SHARE) if higher_is_better else BEST_SHARE)
    below, above = np.floor(place).astype(int), np.ceil(place).astype(int)
    units = np.arange(values.shape[1])
    low, high = ordered[below, units], ordered[above, units]
    return low + (place - below) * (high - low)


def filled_variation(variation: np.ndarray, size: np.ndarray | None = None) -> np.ndarray:
    """Give units without a variation of their own the median of the others'.

    A unit that never changed gets a millionth of that, so that it moves last but can move.

    Parameters
    ----------
    variation : ndarray, shape (U,)
    size : ndarray, shape (U,), optional
        For what grows with a unit's size: the median is taken relative to it. A unit of size 0 counts as
        the smallest of the others.

    Returns
    -------
    ndarray, shape (U,)
        NaN everywhere when no unit has ever changed.

    Examples
    --------
    >>> filled_variation(np.array([2.0, 4.0, np.nan]), np.array([100.0, 200.0, 50.0]))
    array([2., 4., 1.])
    """
    scale = np.ones(len(variation)) if size is None else _without_zeros(np.abs(size))
    relative = variation / scale
    moved = relative[relative > 0]
    usual = float(np.median(moved)) if len(moved) else np.nan
    return np.where(np.isnan(relative), usual, np.maximum(relative, 1e-6 * usual)) * scale


def _without_zeros(size: np.ndarray) -> np.ndarray:
    some = size[size > 0]
    return np.where(size > 0, size, some.min() if len(some) else 1.0)
