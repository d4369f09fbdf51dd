"""How each KPI of a map moves and what is held still: the nouns of a change carried along the arrows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

NOWHERE = -1


@dataclass(frozen=True, eq=False)
class Inflow:
    """One regressor in action.

    Attributes
    ----------
    kpi : str
    lag, width : int
        The mean over `width` periods from `lag` periods ago backwards.
    weight : ndarray, shape (R,)
        Its coefficient in each draw.
    holder : ndarray of int, shape (E,)
        Position of the unit whose value counts, for each unit of the equation; `NOWHERE` where none does.
    """

    kpi: str
    lag: int
    width: int
    weight: np.ndarray
    holder: np.ndarray


@dataclass(frozen=True, eq=False)
class Motion:
    """How one KPI moves: an equation at some units, or a computation from its parts.

    Attributes
    ----------
    inflows : tuple of Inflow
        From its causes.
    own : tuple of (lag, weight of shape (R,))
        From its own past.
    places : ndarray of int, shape (E,)
        Positions of the units at which the equation holds.
    computed : callable, optional
        For a computed KPI: deviations of its parts, a slice of periods → its own deviation (h, P, R).
    parts : tuple of str
        What a computed KPI is made of.
    spread : callable
        Fills in the units above and below from those at which something happens: deviation (h, P, R), slice
        of periods, which units have the equation, which are held → deviation.
    """

    inflows: tuple[Inflow, ...]
    own: tuple[tuple[int, np.ndarray], ...]
    places: np.ndarray
    spread: Callable[[np.ndarray, slice, np.ndarray, np.ndarray], np.ndarray]
    computed: Callable[[Mapping[str, np.ndarray], slice], np.ndarray] | None = None
    parts: tuple[str, ...] = ()

    @cached_property
    def kernels(self) -> tuple["Kernel", ...]:
        """Return what each cause brings, all its lags together."""
        groups: dict[tuple[str, bytes], list[Inflow]] = {}
        for flow in self.inflows:
            groups.setdefault((flow.kpi, flow.holder.tobytes()), []).append(flow)
        return tuple(_kernel(flows) for flows in groups.values())

    @cached_property
    def reach(self) -> int:
        """Return how many periods back it looks at most."""
        own = [lag for lag, _ in self.own]
        return max([0, *own, *(kernel.lag + len(kernel.weights) - 1 for kernel in self.kernels)])

    def sources(self) -> list[tuple[str, int]]:
        """Return what it moves with, with the lag."""
        return [(flow.kpi, flow.lag) for flow in self.inflows] + [(part, 0) for part in self.parts]


@dataclass(frozen=True, eq=False)
class Kernel:
    """All that one cause brings to an equation.

    Attributes
    ----------
    kpi : str
    lag : int
        The shortest.
    weights : ndarray, shape (L, R)
        In each draw, the longest lag first.
    holder : ndarray of int, shape (E,)
        As in `Inflow`.
    """

    kpi: str
    lag: int
    weights: np.ndarray
    holder: np.ndarray

    @cached_property
    def absent(self) -> np.ndarray | None:
        """Tell for which units nobody holds the cause; None where somebody always does."""
        missing = self.holder < 0
        return missing if missing.any() else None


def _kernel(flows: list[Inflow]) -> Kernel:
    first, last = min(flow.lag for flow in flows), max(flow.lag + flow.width for flow in flows)
    weights = np.zeros((last - first, len(flows[0].weight)))
    for flow in flows:
        for ago in range(flow.lag, flow.lag + flow.width):
            weights[last - 1 - ago] += flow.weight / flow.width
    return Kernel(flows[0].kpi, first, weights, flows[0].holder)


@dataclass(frozen=True, eq=False)
class Held:
    """What an intervention does to a KPI.

    Attributes
    ----------
    deviation : ndarray, shape (H, P)
        While it is held; for a KPI that nothing else moves, at the units above too.
    mask : ndarray of bool, shape (H, P)
        Where and when it is held, whatever its causes do.
    added : ndarray, shape (H, P)
        What is added to whatever its causes do; its own past does not carry that on, so that a step stays one.
    places : ndarray of bool, shape (P,)
        Units that stand for themselves: the others add up from these.
    """

    deviation: np.ndarray
    mask: np.ndarray
    added: np.ndarray
    places: np.ndarray

    @property
    def begins(self) -> int:
        """Return the first period in which anything is held or added; the horizon where nothing is."""
        busy = (self.mask | (self.deviation != 0) | (self.added != 0)).any(axis=1)
        return int(busy.argmax()) if busy.any() else len(busy)

    @property
    def adds(self) -> bool:
        """Tell whether anything is added."""
        return bool(self.added.any())
