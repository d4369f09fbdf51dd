"""Loops of the map that feed themselves: which, by how much per turn, and where.

Arrows say what they do by their equations; a formula says it by its slopes at the forecast, unit by unit. Where a
loop goes up and down the unit tree, its units make one system, with what each counts in the unit above.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice

import networkx as nx
import numpy as np
from scipy.sparse.linalg import LinearOperator, eigs

from kpilab.decisions.baseline import Baseline
from kpilab.decisions.motions import Motion
from kpilab.decisions.propagation import arrows
from kpilab.decisions.system import System, holder_of
from kpilab.evidence.joint import EffectEquation
from kpilab.problems import Problem
from kpilab.show import number

MOST_LOOPS = 2000
EXPLODES = 1.0 + 1e-6
NUDGE = 1e-4
DENSE = 600

Slopes = Mapping[str, Mapping[str, float]]


def exploding_loops(system: System, equations: Mapping[str, EffectEquation]) -> Iterator[Problem]:
    """Name every loop of two KPIs or more that feeds itself, with its gain per turn and per period, or has no lag.

    Parameters
    ----------
    system : System
        Whose formulas are laid straight at the baseline, at every unit of the loop's equations.
    equations : mapping of effect to EffectEquation
    """
    at_once = same_period_loop(system.motions)
    if at_once:
        said = (
            f"the loop {' → '.join(at_once)} has no lag; let one of its arrows take a period or more (lag: 1)"
        )
        yield Problem("links", said)
        return
    graph = nx.DiGraph(
        (link.cause, effect) for effect, equation in equations.items() for link in equation.links
    )
    for kpi, motion in system.motions.items():
        graph.add_edges_from((part, kpi) for part in motion.parts)
    for members in nx.strongly_connected_components(graph):
        if len(members) < 2:
            continue
        inside = {kpi: equations[kpi] for kpi in sorted(members) if kpi in equations}
        computed = sorted(kpi for kpi in members if kpi not in equations)
        if _goes_between_levels(system, inside, members):
            whole = together(system, inside, computed)
            growth = spectral_radius(whole.lagged)
            if growth > EXPLODES:
                loop, gain = _strongest(graph, members, whole.gain)
                yield Problem("links", _said(loop, gain, growth, "", system.cascade.frequency))
            continue
        worst, slopes = 0.0, {}
        unit = ""
        for candidate, found in _slopes(system, inside, computed).items():
            growth = largest_root(inside, found)
            if growth > worst:
                worst, slopes, unit = growth, found, candidate
        if worst > EXPLODES:
            loop, gain = _strongest(graph, members, partial(loop_gain, inside, slopes))
            at = unit if computed else ""
            yield Problem("links", _said(loop, gain, worst, at, system.cascade.frequency))


def _strongest(
    graph: nx.DiGraph, members: set[str], gain_of: Callable[[list[str]], float]
) -> tuple[list[str], float]:
    """Return the loop with the largest gain per turn."""
    loops = islice(nx.simple_cycles(graph.subgraph(members)), MOST_LOOPS)
    return max(((loop, gain_of(loop)) for loop in loops), key=lambda pair: abs(pair[1]))


def same_period_loop(motions: Mapping[str, Motion]) -> list[str]:
    """Return a loop of arrows and formulas that turns within one period, its first KPI again at the end; or none."""
    whole = arrows(motions)
    at_once = nx.DiGraph([edge for edge in whole.edges if whole.edges[edge]["lag"] == 0])
    if nx.is_directed_acyclic_graph(at_once):
        return []
    loop = [cause for cause, _ in nx.find_cycle(at_once)]
    first = loop.index(min(loop))
    return [*loop[first:], *loop[:first], loop[first]]


def _said(loop: list[str], gain: float, growth: float, unit: str, frequency: str) -> str:
    first = loop.index(min(loop))
    names = [*loop[first:], *loop[:first], loop[first]]
    turn = f"each turn multiplies a change by {number(gain)}" if np.isfinite(gain) else "a change never fades"
    where = f" (its formulas taken at the forecast of {unit})" if unit else ""
    return (
        f"the loop {' → '.join(names)} explodes: {turn}, and {number(growth)} times per {frequency}{where}; "
        "leave out inconclusive arrows (inconclusive='out'), or redraw one of these"
    )


def _slopes(
    system: System, equations: Mapping[str, EffectEquation], computed: list[str]
) -> dict[str, dict[str, dict[str, float]]]:
    """Return, for every unit of the equations, what each computed KPI does per unit of each of its parts."""
    baseline, cascade = system.baseline, system.cascade
    if not computed:
        return {"": {}}
    tables = {kpi: slopes_of_formula(baseline, system.motions[kpi]) for kpi in computed}
    places = sorted({int(place) for effect in equations for place in system.motions[effect].places})
    found = {}
    for place in places:
        unit = baseline.units[place]
        holders = {kpi: holder_of(cascade, kpi, unit) or unit for kpi in computed}
        found[unit] = {
            kpi: {
                part: float(slope[baseline.units.index(holders[kpi])]) for part, slope in tables[kpi].items()
            }
            for kpi in computed
        }
    return found


def slopes_of_formula(baseline: Baseline, motion: Motion) -> dict[str, np.ndarray]:
    """Return the slopes of a computed KPI at the baseline, on the scale of links: part → (P,), mean over the horizon.

    A unit without a forecast has slope 0.
    """
    if motion.computed is None:
        raise ValueError("only what is computed from parts has slopes")
    whole = slice(0, baseline.horizon)
    found = {}
    for part in motion.parts:
        sizes = np.abs(baseline.values(part))
        nudge = NUDGE * (float(np.nanmedian(sizes)) or 1.0) if baseline.scale(part) is None else NUDGE
        step = np.full((*sizes.shape, 1), nudge)
        rise = motion.computed({part: step}, whole) - motion.computed({part: -step}, whole)
        found[part] = rise[:, :, 0].mean(axis=0) / (2 * nudge)
    return found


@dataclass(frozen=True, eq=False)
class Together:
    """The units of a loop as one system.

    Attributes
    ----------
    lagged : ndarray, shape (longest + 1, n, n)
        What a deviation does so many periods later, on the scale of links.
    rows : dict of KPI to slice
        Where the units of a KPI stand.
    persistence : dict of KPI to float
        Sum of the own lags; 0 for computed KPIs.
    """

    lagged: np.ndarray
    rows: dict[str, slice]
    persistence: dict[str, float]

    def gain(self, loop: list[str]) -> float:
        """Return what is left of a lasting change after one turn, all units together: the product's largest root."""
        whole = self.lagged.sum(axis=0)
        turn = np.eye(self.rows[loop[0]].stop - self.rows[loop[0]].start)
        for cause, effect in zip(loop, [*loop[1:], loop[0]], strict=True):
            left = 1 - self.persistence[effect]
            if left <= 0:
                return float("inf")
            turn = whole[self.rows[effect], self.rows[cause]] @ turn / left
        return float(np.abs(np.linalg.eigvals(turn)).max())


def _goes_between_levels(system: System, equations: Mapping[str, EffectEquation], members: set[str]) -> bool:
    """Tell whether a loop leaves the unit in which it starts."""
    motions = [system.motions[kpi] for kpi in equations]
    at = {tuple(motion.places.tolist()) for motion in motions}
    return len(at) > 1 or any(
        kernel.kpi in members and not np.array_equal(kernel.holder, motion.places)
        for motion in motions
        for kernel in motion.kernels
    )


def together(system: System, equations: Mapping[str, EffectEquation], computed: list[str]) -> Together:
    """Lay a loop straight over all its units, with roll-ups, at the forecast of the first period ahead.

    Parameters
    ----------
    equations : mapping of effect to EffectEquation
    computed : list of str
        KPIs of the loop that are formulas.
    """
    n_places = len(system.baseline.units)
    reach = {kpi: _reach(system, kpi) for kpi in equations} | {kpi: np.eye(n_places) for kpi in computed}
    ends = np.cumsum([0, *(found.shape[1] for found in reach.values())])
    rows = {kpi: slice(*ends[place : place + 2].tolist()) for place, kpi in enumerate(reach)}
    longest = max((t.lag + t.width for equation in equations.values() for t in equation.terms), default=1)
    lagged = np.zeros((longest + 1, ends[-1], ends[-1]))
    for effect, equation in equations.items():
        holders = {flow.kpi: flow.holder for flow in system.motions[effect].inflows}
        for term, weight in zip(equation.terms, equation.estimate, strict=True):
            if term.kpi == effect:
                lagged[term.lag, rows[effect], rows[effect]] += weight * np.eye(
                    len(system.motions[effect].places)
                )
            elif term.kpi in reach:
                holder = holders[term.kpi]
                block = np.where(holder[:, None] >= 0, reach[term.kpi][holder], 0.0) * weight / term.width
                lagged[term.lag : term.lag + term.width, rows[effect], rows[term.kpi]] += block
    for kpi in computed:
        for part, slope in slopes_of_formula(system.baseline, system.motions[kpi]).items():
            if part in reach:
                lagged[0, rows[kpi], rows[part]] += slope[:, None] * reach[part]
    persistence = {kpi: one.persistence for kpi, one in equations.items()}
    return Together(lagged, rows, dict.fromkeys(computed, 0.0) | persistence)


def _reach(system: System, kpi: str) -> np.ndarray:
    """Return what one unit's deviation does at every unit, by roll-up and downward: (P, units of the equation)."""
    motion, baseline = system.motions[kpi], system.baseline
    n_places, n_own = len(baseline.units), len(motion.places)
    sizes = np.abs(baseline.values(kpi))
    nudge = NUDGE * (float(np.nanmedian(sizes)) or 1.0) if baseline.scale(kpi) is None else NUDGE
    by_equation, by_hand = np.zeros((2, n_places), dtype=bool)
    by_equation[motion.places] = True
    ends = []
    for size in (nudge, -nudge):
        deviation = np.zeros((1, n_places, n_own))
        deviation[:, motion.places, np.arange(n_own)] = size
        ends.append(motion.spread(deviation, slice(0, 1), by_equation.copy(), by_hand.copy())[0])
    return np.asarray(np.nan_to_num((ends[0] - ends[1]) / (2 * nudge)))


def largest_root(equations: Mapping[str, EffectEquation], slopes: Slopes) -> float:
    """Return by what a deviation within a loop grows per period in the long run (spectral radius).

    Parameters
    ----------
    equations : mapping of effect to EffectEquation
    slopes : mapping of computed KPI to (mapping of part to slope)
        What happens at once.
    """
    longest = max((t.lag + t.width for equation in equations.values() for t in equation.terms), default=1)
    place = {kpi: position for position, kpi in enumerate([*equations, *slopes])}
    size = len(place)
    lagged = np.zeros((longest + 1, size, size))
    for effect, equation in equations.items():
        for term, weight in zip(equation.terms, equation.estimate, strict=True):
            if term.kpi in place:
                for ago in range(term.lag, term.lag + term.width):
                    lagged[ago, place[effect], place[term.kpi]] += weight / term.width
    for kpi, parts in slopes.items():
        for part, slope in parts.items():
            if part in place:
                lagged[0, place[kpi], place[part]] += slope
    return spectral_radius(lagged)


def spectral_radius(lagged: np.ndarray) -> float:
    """Return by what x[t] = Σ lagged[k] · x[t−k] grows per period in the long run; lagged: (longest + 1, n, n)."""
    longest, size = len(lagged) - 1, lagged.shape[1]
    now = np.linalg.inv(np.eye(size) - lagged[0])
    steps = np.hstack([now @ lagged[ago] for ago in range(1, longest + 1)])
    if size * longest <= DENSE:
        companion = np.zeros((size * longest, size * longest))
        companion[:size] = steps
        companion[size:, :-size] = np.eye(size * (longest - 1))
        return float(np.abs(np.linalg.eigvals(companion)).max())

    def one_period(state: np.ndarray) -> np.ndarray:
        return np.concatenate([steps @ state.ravel(), state.ravel()[:-size]])

    operator = LinearOperator((size * longest, size * longest), matvec=one_period, dtype=float)
    found = eigs(operator, k=1, v0=np.ones(size * longest), return_eigenvectors=False)
    return float(np.abs(found).max())


def loop_gain(equations: Mapping[str, EffectEquation], slopes: Slopes, loop: list[str]) -> float:
    """Return what is left of a lasting change after one turn: the product of the long-run responses."""
    gain = 1.0
    for cause, effect in zip(loop, [*loop[1:], loop[0]], strict=True):
        if effect in slopes:
            gain *= slopes[effect][cause]
            continue
        left = 1 - equations[effect].persistence
        gain *= equations[effect].window(cause)[0] / left if left > 0 else float("inf")
    return gain
