"""The map as a system that moves: estimated equations, exact formulas and exact roll-ups, ready to run.

It is put together once for a strategy, its history and the verdicts on its arrows; a change then only takes
the multiplication.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from kpilab.decisions.baseline import Baseline, back, forward
from kpilab.decisions.interventions import Intervention
from kpilab.decisions.motions import NOWHERE, Held, Inflow, Motion
from kpilab.decisions.propagation import Course, propagate
from kpilab.decisions.tree import KpiTree
from kpilab.evidence.joint import EffectEquation
from kpilab.model.cascade import Cascade
from kpilab.model.formula import evaluate_formula
from kpilab.model.nouns import Kpi
from kpilab.problems import Problem, stop_on
from kpilab.show import quantity


@dataclass(frozen=True, eq=False)
class System:
    """The moving map over some units.

    Attributes
    ----------
    cascade : Cascade
    baseline : Baseline
    motions : dict of KPI to Motion
    """

    cascade: Cascade
    baseline: Baseline
    motions: dict[str, Motion]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return periods ahead, units, draws."""
        return self.baseline.horizon, len(self.baseline.units), self.baseline.draws

    @cached_property
    def course(self) -> Course:
        """Return the order in which KPIs move."""
        return Course(self.motions)

    def run(
        self, interventions: Iterable[Intervention], wanted: frozenset[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the deviation of every KPI that is reached, on the scale of its links: see `propagate`."""
        return propagate(self.motions, self.held(interventions), self.shape, wanted, course=self.course)

    def held(self, interventions: Iterable[Intervention]) -> dict[str, Held]:
        """Return what interventions do to their own KPIs.

        Raises
        ------
        InputError
            When a KPI would leave the range of its scale.
        """
        found: dict[str, Held] = {}
        problems: list[Problem] = []
        for one in interventions:
            deviation, mask = _imposed(self, one, problems)
            before = found.get(one.kpi) or self._nothing_held(one.kpi)
            if one.added and one.kpi in self.motions:
                found[one.kpi] = replace(before, added=before.added + deviation)
            else:
                both = before.deviation + deviation
                found[one.kpi] = replace(before, deviation=both, mask=before.mask | mask)
        stop_on(problems)
        return {kpi: self._spread_by_hand(kpi, held) for kpi, held in found.items()}

    def _nothing_held(self, kpi: str) -> Held:
        nothing = np.zeros(self.shape[:2])
        return Held(nothing, nothing.astype(bool), nothing, self.baseline.tree(kpi).own)

    def _spread_by_hand(self, kpi: str, held: Held) -> Held:
        if kpi in self.motions:
            return held
        spread = spreader(self.baseline, self.baseline.kpi(kpi))
        nobody = np.zeros(held.mask.shape[1], dtype=bool)
        whole = slice(0, len(held.mask))
        moved = spread(held.deviation[:, :, None].copy(), whole, nobody, np.asarray(held.mask.any(axis=0)))
        return replace(held, deviation=moved[:, :, 0])

    def outcomes(self, deviations: Mapping[str, np.ndarray], kpis: Iterable[str]) -> dict[str, np.ndarray]:
        """Return what KPIs may become, shape (H, P, R), computed ones from the outcomes of their parts."""
        found: dict[str, np.ndarray] = {}
        for kpi in kpis:
            self._outcome(kpi, deviations, found)
        return {kpi: found[kpi] for kpi in kpis}

    def _outcome(self, name: str, deviations: Mapping[str, np.ndarray], found: dict[str, np.ndarray]) -> None:
        if name in found:
            return
        kpi = self.baseline.kpi(name)
        if not kpi.formula:
            found[name] = self.baseline.outcome(name, deviations.get(name))
            return
        for factor in self.motions[name].parts if name in self.motions else _factors(self.baseline, kpi):
            self._outcome(factor, deviations, found)
        found[name] = self.baseline.outcome_of_formula(kpi, found)

    def effects(self, kpi: str, deviation: np.ndarray) -> np.ndarray:
        """Return the change of a KPI against its point forecast, in its own unit of measure."""
        scale = self.baseline.scale(kpi)
        if scale is None:
            return deviation
        base = self.baseline.values(kpi)[:, :, None]
        moved = back(scale, forward(scale, base) + deviation) - base
        return np.where(deviation == 0, 0.0, moved)  # there and back is not quite the same in floating point


def build_system(
    cascade: Cascade,
    baseline: Baseline,
    equations: Mapping[str, EffectEquation],
    coefficients: Mapping[str, np.ndarray],
    claimed: Callable[[str, str], frozenset[str]],
) -> System:
    """Put equations and formulas together over the baseline's units.

    Parameters
    ----------
    equations : mapping of effect to EffectEquation
    coefficients : mapping of effect to ndarray, shape (k, R)
    claimed : callable
        (cause, effect) → the units at which the arrow is claimed.
    """
    motions = {
        effect: _equation_motion(cascade, baseline, equation, coefficients[effect], claimed)
        for effect, equation in equations.items()
    }
    for kpi in cascade.kpis:
        if kpi.formula:
            motions[kpi.id] = _formula_motion(baseline, kpi)
    return System(cascade, baseline, motions)


def _equation_motion(
    cascade: Cascade,
    baseline: Baseline,
    equation: EffectEquation,
    coefficients: np.ndarray,
    claimed: Callable[[str, str], frozenset[str]],
) -> Motion:
    place = {unit: position for position, unit in enumerate(baseline.units)}
    units = [unit for unit in baseline.units if cascade.unit(unit).level == equation.level]
    inflows, own = [], []
    for term, weight in zip(equation.terms, coefficients, strict=True):
        if term.kpi == equation.effect:
            own.append((term.lag, weight))
            continue
        there = claimed(term.kpi, equation.effect)
        holders = [holder_of(cascade, term.kpi, unit) if unit in there else None for unit in units]
        at = np.array([place.get(holder or "", NOWHERE) for holder in holders], dtype=int)
        inflows.append(Inflow(term.kpi, term.lag, term.width, weight, at))
    places = np.array([place[unit] for unit in units], dtype=int)
    return Motion(tuple(inflows), tuple(own), places, spreader(baseline, baseline.kpi(equation.effect)))


def holder_of(cascade: Cascade, kpi_id: str, unit: str) -> str | None:
    """Return the unit itself, or the nearest one above it that has the KPI."""
    levels = cascade.levels_of(cascade.kpi(kpi_id))
    current: str | None = unit
    while current is not None and cascade.unit(current).level not in levels:
        current = cascade.unit(current).parent
    return current


def _factors(baseline: Baseline, kpi: Kpi) -> tuple[str, ...]:
    return tuple(dict.fromkeys(factor for factors in baseline.parts(kpi).values() for factor in factors))


def _formula_motion(baseline: Baseline, kpi: Kpi) -> Motion:
    """Evaluate a formula on baseline plus deviation of its parts, and take off its own baseline."""
    factors = _factors(baseline, kpi)
    made_of = baseline.parts(kpi)

    def computed(deviations: Mapping[str, np.ndarray], periods: slice) -> np.ndarray:
        if baseline.balances(kpi.id):
            return np.zeros((*baseline.values(kpi.id)[periods].shape, 1))
        now = {}
        for name in factors:
            base = baseline.values(name)[periods][:, :, None]
            scale = baseline.scale(name)
            moved = deviations[name][periods] if name in deviations else 0.0
            now[name] = back(scale, forward(scale, base) + moved)
        parts = {
            name: np.prod(np.broadcast_arrays(*(now[f] for f in made_of[name])), axis=0) for name in made_of
        }
        value = evaluate_formula(kpi.formula or "", parts)
        base = baseline.values(kpi.id)[periods][:, :, None]
        return np.nan_to_num(forward(kpi.transform, value) - forward(kpi.transform, base))

    def as_it_is(deviation: np.ndarray, periods: slice, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return deviation

    nowhere = np.empty(0, dtype=int)
    return Motion((), (), nowhere, as_it_is, computed=computed, parts=factors)


def spreader(
    baseline: Baseline, kpi: Kpi
) -> Callable[[np.ndarray, slice, np.ndarray, np.ndarray], np.ndarray]:
    """Return how a KPI's deviation goes up and down the unit tree.

    Downward, a unit below the level at which something happens follows the one above it: by the same points,
    or by the same percentage where values add up. Upward, a parent is computed from its children, unless
    something happens at the parent itself.
    """

    def spread(
        deviation: np.ndarray, periods: slice, by_equation: np.ndarray, by_hand: np.ndarray
    ) -> np.ndarray:
        tree: KpiTree = baseline.tree(kpi.id)
        known = by_equation | by_hand
        for parent, children in reversed(tree.parents):
            if known[parent]:
                for child in children[~known[children]]:
                    deviation[:, child] = deviation[:, parent] * _ratio(baseline, kpi, child, parent, periods)
                    known[child] = True
        touched = by_hand.copy()
        for parent, children in tree.parents:
            stirred = bool(touched[children].any())
            if not by_hand[parent] and (stirred or not by_equation[parent]):
                if not known[children].any():
                    continue
                deviation[:, parent] = _risen(baseline, kpi, tree, deviation, parent, children, periods)
                touched[parent] |= stirred
                known[parent] = True
        return deviation

    return spread


def _ratio(baseline: Baseline, kpi: Kpi, child: int, parent: int, periods: slice) -> np.ndarray:
    """Return what part of its parent's deviation a child takes, shape (h, 1)."""
    if kpi.transform or kpi.kind in ("ratio", "mean"):
        return np.ones((periods.stop - periods.start, 1))
    values = baseline.values(kpi.id)[periods]
    whole = values[:, parent]
    return np.divide(values[:, child], whole, out=np.zeros(len(whole)), where=whole != 0)[:, None]


def _risen(
    baseline: Baseline,
    kpi: Kpi,
    tree: KpiTree,
    deviation: np.ndarray,
    parent: int,
    children: np.ndarray,
    periods: slice,
) -> np.ndarray:
    """Return a parent's deviation from its children's, shape (h, R): exact on the KPI's own unit of measure."""
    if (kpi.transform is None and tree.rule == "add") or not tree.known[children].any():
        return tree.up(deviation, children, periods)
    base = baseline.values(kpi.id)[periods][:, :, None]
    moved = back(kpi.transform, forward(kpi.transform, base) + deviation)
    still = np.broadcast_to(base, moved.shape)
    change = tree.up(moved, children, periods) - tree.up(still, children, periods)
    whole = base[:, parent]
    return forward(kpi.transform, whole + change) - forward(kpi.transform, whole)


def _imposed(
    system: System, intervention: Intervention, problems: list[Problem]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the deviation (H, P) that an intervention sets, and where and when it does."""
    baseline, cascade = system.baseline, system.cascade
    kpi = baseline.kpi(intervention.kpi)
    part, held = intervention.profile(cascade, baseline.periods)
    touched = intervention.units(cascade)
    tree = baseline.tree(kpi.id)
    places = np.array([unit in touched for unit in baseline.units]) & tree.own
    amount = _amounts(system, intervention, places) * part[:, None]
    if kpi.transform is None:
        deviation = amount
    else:
        base = baseline.values(kpi.id)
        deviation = forward(kpi.transform, base + amount) - forward(kpi.transform, base)
        lost = places & (np.isnan(deviation) & ~np.isnan(base)).any(axis=0)
        if lost.any():
            unit = baseline.units[int(np.flatnonzero(lost)[0])]
            value = quantity(float((base + amount)[-1, lost][0]), kpi.unit_of_measure)
            said = f"would bring it to {value} at {unit}, where its scale ({kpi.transform}) ends; change it by less"
            problems.append(Problem(f"change of '{kpi.id}'", said))
    mask = held[:, None] & places[None, :]
    return np.where(mask, np.nan_to_num(deviation), 0.0), mask


def _amounts(system: System, intervention: Intervention, places: np.ndarray) -> np.ndarray:
    """Return the full change at each unit, shape (H, P), in the KPI's unit of measure.

    An absolute change of a KPI that adds up, asked of a unit that is a sum, is shared out among the units
    below in proportion to their forecasts.
    """
    baseline, kpi = system.baseline, system.baseline.kpi(intervention.kpi)
    change = intervention.change
    if change.relative:
        return baseline.values(kpi.id) * change.amount
    amount = np.full((baseline.horizon, len(places)), change.amount)
    if kpi.kind not in ("sum", "last") or not intervention.at:
        return amount
    base = baseline.values(kpi.id)
    for unit in _sums_asked(system, intervention):
        below = places & np.array(
            [name in system.cascade.with_descendants([unit]) for name in baseline.units]
        )
        part = base[:, below]
        total = np.broadcast_to(part.sum(axis=1, keepdims=True), part.shape)
        amount[:, below] = change.amount * np.divide(part, total, out=np.zeros_like(part), where=total != 0)
    return amount


def _sums_asked(system: System, intervention: Intervention) -> list[str]:
    cascade, tree = system.cascade, system.baseline.tree(intervention.kpi)
    named: list[str] = []
    for place in intervention.at:
        named += [unit.id for unit in cascade.units_at(place)] if place in cascade.levels else [place]
    computed = {unit for unit, is_sum in zip(tree.units, tree.computed, strict=True) if is_sum}
    return [unit for unit in named if unit in computed]
