"""A change carried along the arrows, all draws at once: arrays in, arrays out.

Everything is a deviation from the baseline, on the scale of the links, where an equation is linear and what
is common to all units in a period cancels out. KPIs come in the order of the arrows and take all periods
since the change can arrive in one go; where arrows form a loop its KPIs take one period at a time.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

import networkx as nx
import numpy as np

from kpilab.decisions.motions import Held, Kernel, Motion


def propagate(
    motions: Mapping[str, Motion],
    held: Mapping[str, Held],
    shape: tuple[int, int, int],
    wanted: frozenset[str] | None = None,
    *,
    course: "Course | None" = None,
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
        Only these KPIs and what computed ones are made of; default: all that are reached.
    course : Course, optional
        That of `motions`, where it is known already.

    Returns
    -------
    dict of KPI to ndarray, shape (H, P, R)
        Deviations on the scale of links; a held KPI that nothing moves, and one that is reached after the horizon
        only, have one draw, (H, P, 1).
    """
    course = Course(motions) if course is None else course
    arrivals = course.arrivals(held)
    reached = course.blocks_between(held, wanted)
    late = [block for block in reached if min(arrivals[kpi] for kpi in block) >= shape[0]]
    blocks = [block for block in reached if block not in late]
    kept = None if wanted is None else course.with_parts(wanted)
    last_read = {} if kept is None else _last_read(motions, blocks)
    run = _Run(motions, held, shape, arrivals)
    for position, block in enumerate(blocks):
        run.take(block)
        if kept is not None:
            run.forget(kpi for kpi in last_read.get(position, ()) if kpi not in kept)
    return run.deviations | {kpi: np.zeros((*shape[:2], 1)) for block in late for kpi in block}


class Course:
    """In which order the KPIs of a map move, whatever is changed: found once."""

    def __init__(self, motions: Mapping[str, Motion]) -> None:
        self.motions = motions
        self.graph = arrows(motions)
        self.blocks = _blocks(self.graph)
        self.delays = lru_cache(maxsize=None)(self._delays)
        self.before = lru_cache(maxsize=None)(self._before)

    def blocks_between(
        self, held: Iterable[str], wanted: frozenset[str] | None = None
    ) -> list[tuple[str, ...]]:
        """Return the blocks that held KPIs reach, and of these only what leads to wanted ones."""
        reached = set(held).union(*(self.delays(kpi) for kpi in held))
        if wanted is not None:
            reached &= set(wanted).union(*(self.before(kpi) for kpi in wanted))
        apart = [(kpi,) for kpi in sorted(reached) if kpi not in self.graph]
        return apart + [block for block in self.blocks if reached.issuperset(block)]

    def with_parts(self, kpis: Iterable[str]) -> frozenset[str]:
        """Return KPIs and, of the computed ones, all that they are made of."""
        found: set[str] = set()
        waiting = list(kpis)
        while waiting:
            kpi = waiting.pop()
            if kpi not in found:
                found.add(kpi)
                waiting += self.motions[kpi].parts if kpi in self.motions else ()
        return frozenset(found)

    def arrivals(self, held: Mapping[str, Held]) -> dict[str, int]:
        """Return the first period in which each KPI that is reached can move: before, it is exactly still."""
        found: dict[str, int] = {}
        for kpi, what in held.items():
            begins = what.begins
            for reached, delay in self.delays(kpi).items():
                found[reached] = min(found.get(reached, begins + delay), begins + delay)
        return found

    def _delays(self, kpi: str) -> dict[str, int]:
        """Return how many periods it takes at least from one KPI to each that it leads to, itself included."""
        if kpi not in self.graph:
            return {kpi: 0}
        return dict(nx.single_source_dijkstra_path_length(self.graph, kpi, weight="lag"))

    def _before(self, kpi: str) -> frozenset[str]:
        return frozenset(nx.ancestors(self.graph, kpi)) if kpi in self.graph else frozenset()


def _last_read(motions: Mapping[str, Motion], blocks: list[tuple[str, ...]]) -> dict[int, list[str]]:
    """Return, for each block, the KPIs that no later block needs."""
    last: dict[str, int] = {}
    for position, block in enumerate(blocks):
        for kpi in block:
            last[kpi] = position
            for source, _ in motions[kpi].sources() if kpi in motions else ():
                last[source] = position
    found: dict[int, list[str]] = {}
    for kpi, position in last.items():
        found.setdefault(position, []).append(kpi)
    return found


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
        self._still = max((motion.reach for motion in motions.values()), default=0)
        self._whole: dict[str, np.ndarray] = {}
        self._product = np.empty(int(np.prod(shape)))
        self._spare: list[np.ndarray] = []

    def take(self, block: tuple[str, ...]) -> None:
        """Compute a KPI from its arrival to the horizon, or the KPIs of a loop period by period."""
        for kpi in block:
            moved = kpi in self.motions
            draws = self.shape[2] if moved else 1
            self._whole[kpi] = self._stillness(draws)
            self.deviations[kpi] = self._whole[kpi][self._still :]
            if moved and kpi in self.held and self.held[kpi].adds:
                self.free[kpi] = np.zeros_like(self._whole[kpi])
        first = min(self.arrivals[kpi] for kpi in block)
        if len(block) == 1 and not (block[0] in self.held and block[0] in self.motions):
            self._advance(block[0], slice(first, self.shape[0]))
            return
        for period in range(first, self.shape[0]):
            for kpi in block:
                self._advance(kpi, slice(period, period + 1))

    def forget(self, kpis: Iterable[str]) -> None:
        """Let go of KPIs that nobody asks for any more: what follows finds their memory warm."""
        for kpi in kpis:
            self.deviations.pop(kpi, None)
            self._spare += [memory.pop(kpi) for memory in (self._whole, self.free) if kpi in memory]

    def _stillness(self, draws: int) -> np.ndarray:
        """Return zeros for the periods before the horizon and in it; memory that was let go is used again."""
        shape = (self._still + self.shape[0], self.shape[1], draws)
        if self._spare and self._spare[-1].shape == shape:
            found = self._spare.pop()
            found.fill(0.0)
            return found
        return np.zeros(shape)

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
        whole = self.free.get(kpi, self._whole[kpi])
        free = whole[self._still :]
        self._respond(whole, motion, periods)
        by_equation, by_hand = np.zeros((2, found.shape[1]), dtype=bool)
        by_equation[motion.places] = True
        if held is not None:
            mask = held.mask[periods]
            free[periods] = np.where(mask[:, :, None], held.deviation[periods][:, :, None], free[periods])
            by_hand = np.asarray(mask.any(axis=0))
        free[periods] = motion.spread(free[periods], periods, by_equation, by_hand)
        if held is not None and kpi in self.free:
            total = free[periods] + held.added[periods][:, :, None]
            found[periods] = motion.spread(total, periods, np.zeros_like(held.places), held.places)

    def _respond(self, whole: np.ndarray, motion: Motion, periods: slice) -> None:
        """Add up what causes and own past bring, period by period where the own past counts.

        `whole` begins with the periods before the horizon, in which all is still. Where the equation holds at
        every unit it is filled in place.
        """
        everywhere = np.array_equal(motion.places, np.arange(whole.shape[1]))
        places = slice(None) if everywhere else motion.places
        now = slice(periods.start + self._still, periods.stop + self._still)
        n_periods = periods.stop - periods.start
        moved = whole[now] if everywhere else np.zeros((n_periods, len(motion.places), self.shape[2]))
        for kernel in motion.kernels:
            if kernel.kpi in self._whole:
                self._arrive(moved, self._whole[kernel.kpi], kernel, now)
        back = max((lag for lag, _ in motion.own), default=0)
        rows = [*whole[now.start - back : now.start, places], *moved]
        if moved.shape[1] == 1:
            rows = [row[0] for row in rows]
        product = np.empty_like(rows[-1])
        for place in range(back, len(rows)):
            for lag, weight in motion.own:
                rows[place] += np.multiply(weight, rows[place - lag], product)
        if not everywhere:
            whole[now, places] = moved

    def _arrive(self, inflow: np.ndarray, source: np.ndarray, kernel: Kernel, now: slice) -> None:
        """Add what a cause's deviation does at the effect to the inflow, shape (h, E, R)."""
        n_lags = len(kernel.weights)
        rows = source[now.start - kernel.lag - n_lags + 1 : now.stop - kernel.lag]
        if not np.array_equal(kernel.holder, np.arange(source.shape[1])):
            rows = np.take(rows, kernel.holder, axis=1)
        lagged = _windows(rows, n_lags)
        product = self._product[: inflow.size].reshape(inflow.shape)
        np.einsum("lr,lher->her", kernel.weights, lagged, out=product)
        if kernel.absent is not None:
            product[:, kernel.absent] = 0.0
        inflow += product


def _windows(rows: np.ndarray, length: int) -> np.ndarray:
    """Return `length` views of rows, shape (h + length − 1, E, R), each one later: (length, h, E, R)."""
    step = rows.strides[0]
    shape = (length, len(rows) - length + 1, *rows.shape[1:])
    return np.ndarray(shape, rows.dtype, rows, 0, (step, *rows.strides))


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
