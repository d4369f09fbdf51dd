"""From performance to payout along a curve: exactly for statements, on arrays for distributions."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np

from kpilab.model.pay_plan import Curve

NOTHING = Decimal(0)


def payout(curve: Curve, performance: Decimal) -> Decimal:
    """Return the payout of one performance, as a share of target pay, without rounding.

    Examples
    --------
    >>> curve = Curve(threshold=(0.8, 0.5), target=(1.0, 1.0), maximum=(1.2, 2.0))
    >>> [str(payout(curve, Decimal(x))) for x in ("0.79", "0.8", "0.9", "1", "1.2", "2")]
    ['0', '0.5', '0.75', '1.0', '2.0', '2.0']
    """
    side = -1 if curve.falls else 1
    reached = [mark for mark in curve.marks if side * mark[0] <= side * performance]
    if not reached:
        return NOTHING
    place, paid = reached[-1]
    if curve.shape == "stepped" or len(reached) == len(curve.marks):
        return paid
    next_place, next_paid = curve.marks[len(reached)]
    return paid + (next_paid - paid) * (performance - place) / (next_place - place)


@dataclass(frozen=True)
class CurveArrays:
    """A curve for arrays of performances.

    Attributes
    ----------
    curve : Curve
    """

    curve: Curve

    @cached_property
    def side(self) -> float:
        """Return 1 where higher performance is better, −1 where lower is."""
        return -1.0 if self.curve.falls else 1.0

    @cached_property
    def places(self) -> np.ndarray:
        """Return the places of the marks, turned so that they rise; shape (m,)."""
        return self.side * np.array([float(place) for place, _ in self.curve.marks])

    @cached_property
    def paid(self) -> np.ndarray:
        """Return the payouts of the marks, shape (m,)."""
        return np.array([float(paid) for _, paid in self.curve.marks])

    def payout(self, performance: np.ndarray) -> np.ndarray:
        """Return the payouts of performances of any shape; NaN stays NaN."""
        x = self.side * performance
        if self.curve.shape != "stepped":
            return np.interp(x, self.places, self.paid, left=0.0)  # which leaves NaN as it is
        steps = np.concatenate([[0.0], self.paid])
        return np.where(np.isnan(x), np.nan, steps[np.searchsorted(self.places, x, side="right")])

    def slopes(self, performance: float) -> tuple[float, float]:
        """Return what one unit of performance more pays, seen to the left and to the right of a performance.

        Where they differ the curve has a kink there. Jumps are no slopes: see `cliffs`.
        """
        x = self.side * performance
        if self.curve.shape == "stepped":
            return 0.0, 0.0
        rises = np.diff(self.paid) / np.diff(self.places)
        segments = np.concatenate([[0.0], rises, [0.0]])
        left = segments[np.searchsorted(self.places, x, side="left")]
        right = segments[np.searchsorted(self.places, x, side="right")]
        return self.side * float(left), self.side * float(right)

    def cliffs(self) -> list[tuple[float, float]]:
        """Return where the payout jumps, and by how much: at the threshold, and at every step."""
        heights = np.diff(np.concatenate([[0.0], self.paid]))
        jumps = range(len(heights)) if self.curve.shape == "stepped" else range(1)
        return [(float(self.side * self.places[i]), float(heights[i])) for i in jumps if heights[i] > 0]
