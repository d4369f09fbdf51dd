"""The unit tree as arrays: whose values are added up into whose, generation by generation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Generation:
    """The parents of one level and their children, by their positions among all units.

    Attributes
    ----------
    parents : ndarray of int, shape (P,)
    children : ndarray of int
        The children of the first parent, then those of the second, and so on.
    sizes : ndarray of int, shape (P,)
        How many children each parent has, 1 or more.
    """

    parents: np.ndarray
    children: np.ndarray
    sizes: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """Return where each parent's children begin, as the reduceat of a ufunc wants it."""
        return np.cumsum(self.sizes) - self.sizes

    def only(self, chosen: np.ndarray) -> "Generation":
        """Return the parents for which `chosen`, shape (P,), is true."""
        children = self.children[np.repeat(chosen, self.sizes)]
        return Generation(self.parents[chosen], children, self.sizes[chosen])


def generations(parent: Sequence[int], depth: Sequence[int]) -> tuple[Generation, ...]:
    """Return the parents of each level with their children, the deepest first.

    Parameters
    ----------
    parent : sequence of int, one per unit
        Position of the unit above, −1 where there is none.
    depth : sequence of int, one per unit
        Rank of the unit's level, 0 at the top.

    Examples
    --------
    >>> [(g.parents.tolist(), g.children.tolist()) for g in generations([-1, 0, 0, 1], [0, 1, 1, 2])]
    [([1], [3]), ([0], [1, 2])]
    """
    above, rank = np.asarray(parent, dtype=np.int64), np.asarray(depth, dtype=np.int64)
    children = np.flatnonzero(above >= 0)
    children = children[np.argsort(above[children], kind="stable")]
    parents, sizes = np.unique(above[children], return_counts=True)
    whole = Generation(parents, children, sizes)
    return tuple(whole.only(rank[parents] == level) for level in np.unique(rank[parents])[::-1])
