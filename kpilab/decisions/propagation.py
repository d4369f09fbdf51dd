"""A change carried along the arrows, all draws at once: arrays in, arrays out.

Everything is a deviation from the baseline, on the scale of the links, where an equation is linear and what
is common to all units in a period cancels out. KPIs come in the order of the arrows and take the whole
horizon in one go, from the first period in which a change can have come to them; where arrows form a loop its KPIs
take one period at a time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import networkx as nx
import numpy as np

NOWHERE = -1
_START = object()  # from where what is held comes


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

    def sources(self) -> list[tuple[str, int]]:
        """Return what it moves with, with the lag."""
        return [(flow.kpi, flow.lag) for flow in self.inflows] + [(part, 0) for part in self.parts]


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
    def adds(self) -> bool:
        """Tell whether anything is added."""
        return bool(self.added.any())


def propagate(
    motions: Mapping[str, Motion],
    held: Mapping[str, Held],
    shape: tuple[int, int, int],
    wanted: frozenset[str] | None = None,
) -> dict[str, np.ndarray]:
    """Carry held KPIs along the arrows.

    Parameters
    ----------
    motions : mapping of KPI to Motion
        KPIs without one stay where they are unless they are held.
    held : mapping of KPI to Held
        While it is held a KPI does not listen to its causes.
    shape : (H, P, R)
        Periods ahead, units, draws.
    wanted : set of str, optional
        Only these KPIs, and what they need on the way; default: all that are reached.

    Returns
    -------
    dict of KPI to ndarray, shape (H, P, R)
        Deviations on the scale of links; a held KPI that nothing moves, and one that is reached after the horizon
        only, have one draw, (H, P, 1).
    """
    graph = arrows(motions)
    graph.add_nodes_from(held)
    arrivals = _arrivals(graph, held)
    if wanted is not None:
        needed = set(wanted).union(*(nx.ancestors(graph, kpi) for kpi in wanted if kpi in graph))
        arrivals = {kpi: first for kpi, first in arrivals.items() if kpi in needed}
    run = _Run(motions, held, shape, arrivals)
    late = [kpi for kpi, first in arrivals.items() if first >= shape[0]]
    for block in _blocks(nx.DiGraph(graph.subgraph(arrivals.keys() - set(late)))):
        run.take(block)
    return run.deviations | {kpi: np.zeros((*shape[:2], 1)) for kpi in late}


class _Run:
    """One run: the deviations found so far."""

    def __init__(
        self,
        motions: Mapping[str, Motion],
        held: Mapping[str, Held],
        shape: tuple[int, int, int],
        arrivals: Mapping[str, int],
    ) -> None:
        self.motions, self.held, self.shape, self.arrivals = motions, held, shape, arrivals
        self.deviations: dict[str, np.ndarray] = {}
        self.free: dict[str, np.ndarray] = {}

    def take(self, block: tuple[str, ...]) -> None:
        """Compute a KPI from its first change to the horizon, or the KPIs of a loop period by period."""
        first = min(self.arrivals[kpi] for kpi in block)
        for kpi in block:
            moved = kpi in self.motions
            draws = self.shape[2] if moved else 1
            self.deviations[kpi] = np.zeros((*self.shape[:2], draws))
            if moved and kpi in self.held and self.held[kpi].adds:
                self.free[kpi] = np.zeros_like(self.deviations[kpi])
        if len(block) == 1 and not (block[0] in self.held and block[0] in self.motions):
            self._advance(block[0], slice(first, self.shape[0]))
            return
        for period in range(first, self.shape[0]):
            for kpi in block:
                self._advance(kpi, slice(period, period + 1))

    def _advance(self, kpi: str, periods: slice) -> None:
        """Bring one KPI forward over some periods."""
        found = self.deviations[kpi]
        motion, held = self.motions.get(kpi), self.held.get(kpi)
        if motion is None:
            found[periods] = held.deviation[periods][:, :, None] if held is not None else 0.0
            return
        if motion.computed is not None:
            found[periods] = motion.computed(self.deviations, periods)
            return
        free = self.free.get(kpi, found)
        self._respond(free, motion, periods)
        by_equation, by_hand = np.zeros((2, found.shape[1]), dtype=bool)
        by_equation[motion.places] = True
        if held is not None:
            mask = held.mask[periods]
            free[periods] = np.where(mask[:, :, None], held.deviation[periods][:, :, None], free[periods])
            by_hand = np.asarray(mask.any(axis=0))
        free[periods] = motion.spread(free[periods], periods, by_equation, by_hand)
        if held is not None and free is not found:
            total = free[periods] + held.added[periods][:, :, None]
            found[periods] = motion.spread(total, periods, np.zeros_like(held.places), held.places)

    def _respond(self, found: np.ndarray, motion: Motion, periods: slice) -> None:
        """Add up what causes and own past bring, period by period where the own past counts.

        The rows of these periods are nothing so far: they take the inflow first and the own past on top, in place
        where the equation holds everywhere.
        """
        memory = min(max((lag for lag, _ in motion.own), default=0), periods.start)
        seen = found[periods.start - memory : periods.stop]
        whole = np.array_equal(motion.places, np.arange(found.shape[1]))
        rows = seen if whole else seen[:, motion.places]
        for flow in motion.inflows:
            source = self.deviations.get(flow.kpi)
            if source is not None:
                _arrive(rows[memory:], source, flow, periods)
        past = np.empty_like(rows[0])
        for row in range(memory, len(rows)):
            for lag, weight in motion.own:
                if row >= lag:
                    rows[row] += np.multiply(weight, rows[row - lag], out=past)
        if not whole:
            found[periods, motion.places] = rows[memory:]


def _arrive(inflow: np.ndarray, source: np.ndarray, flow: Inflow, periods: slice) -> None:
    """Add what a cause's deviation does at the effect to the inflow, shape (h, E, R)."""
    aligned = np.array_equal(flow.holder, np.arange(source.shape[1]))
    there = (flow.holder >= 0)[:, None]
    weight = flow.weight / flow.width
    for back in range(flow.lag, flow.lag + flow.width):
        first = max(periods.start, back)
        if first >= periods.stop:
            break
        arriving = source[first - back : periods.stop - back]
        if not aligned:
            arriving = np.where(there, arriving[:, np.maximum(flow.holder, 0)], 0.0)
        inflow[first - periods.start :] += weight * arriving


def _arrivals(graph: nx.DiGraph, held: Mapping[str, Held]) -> dict[str, int]:
    """Return the first period in which what is held can have moved each KPI that it reaches."""
    timed = graph.copy()
    for kpi, one in held.items():
        busy = one.mask.any(axis=1) | (one.deviation != 0).any(axis=1) | (one.added != 0).any(axis=1)
        timed.add_edge(_START, kpi, lag=int(busy.argmax()) if busy.any() else len(busy))
    first = nx.single_source_dijkstra_path_length(timed, _START, weight="lag")
    return {kpi: int(period) for kpi, period in first.items() if kpi != _START}


def arrows(motions: Mapping[str, Motion]) -> nx.DiGraph:
    """Draw what moves what; each arrow knows its shortest lag."""
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(motions)
    for kpi, motion in motions.items():
        for source, lag in motion.sources():
            if not graph.has_edge(source, kpi) or graph.edges[source, kpi]["lag"] > lag:
                graph.add_edge(source, kpi, lag=lag)
    return graph


def _blocks(graph: nx.DiGraph) -> list[tuple[str, ...]]:
    """Order KPIs along the arrows; those of a loop stand together, in the order of their arrows without lag."""
    whole = nx.condensation(graph)
    blocks = []
    for component in nx.lexicographical_topological_sort(whole, key=lambda n: min(whole.nodes[n]["members"])):
        names = whole.nodes[component]["members"]
        if len(names) == 1:
            blocks.append(tuple(names))
            continue
        members = graph.subgraph(names)
        at_once: nx.DiGraph = nx.DiGraph()
        at_once.add_nodes_from(members)
        at_once.add_edges_from(edge for edge in members.edges if members.edges[edge]["lag"] == 0)
        blocks.append(tuple(nx.lexicographical_topological_sort(at_once)))
    return blocks
