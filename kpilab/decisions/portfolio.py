"""Which initiatives, under which budget: those that make it likeliest that the targets are met."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd

from kpilab.decisions.choice import Demands, Program, choose
from kpilab.decisions.interventions import of_action
from kpilab.decisions.options import DRAWS, SEED
from kpilab.decisions.plan import COLUMNS, FRONTIER_COLUMNS, ActionPlan, Goal
from kpilab.decisions.whatif import WhatIf, prepare_what_if
from kpilab.evidence.links import LinkResults
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Action
from kpilab.model.periods import period_text
from kpilab.problems import InputError, Problem, did_you_mean, one_problem, stop_on
from kpilab.show import number

Objective = Literal["probability", "value"]

PROGRAM_DRAWS = 200
FRONTIER_POINTS = 9
NOTICEABLE = 0.0005


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Actions that can be planned, and those that cannot with the reason."""

    actions: tuple[Action, ...]
    cost: np.ndarray
    unfit: dict[str, str]


def plan_actions(
    cascade: Cascade,
    history: History,
    links: LinkResults,
    *,
    budget: float,
    targets: Iterable[str] | None = None,
    unit: str | None = None,
    period: object = None,
    actions: Iterable[str] | None = None,
    costs: Mapping[str, float] | None = None,
    objective: Objective = "probability",
    worth: Mapping[str, float] | None = None,
    inconclusive: Literal["in", "out"] = "in",
    draws: int = DRAWS,
    seed: int = SEED,
) -> ActionPlan:
    """Choose initiatives under a budget, with what they require and exclude.

    Parameters
    ----------
    budget : float
        In the currency of the actions' costs, 0 or more.
    targets : iterable of str, optional
        KPIs whose targets are to be met; default: every KPI with a target in force at the unit that any of
        the candidates moves.
    unit : str, optional
        Where the targets are to be met; default: the highest unit.
    period : str, optional
        When; default: a year ahead.
    actions : iterable of str, optional
        Candidates; default: initiatives that start after the end of history.
    costs : mapping of action to float, optional
        Instead of what the cascade says.
    objective : {"probability", "value"}
        Make it likeliest that all targets are met together; or make the expected value largest.
    worth : mapping of KPI to float, optional
        For `value`: what one unit of a KPI, in the direction that is better, is worth per period in money.
        Without it the value is the share of the gap to each target that is closed. Both are taken at the
        median of the draws: with few clusters their tails are so long that a mean means nothing.
    inconclusive, draws, seed
        As in `what_if`.

    Returns
    -------
    ActionPlan
        Where no set of initiatives gives any chance of meeting all targets together, the expected number of
        targets that are met is made largest instead, and the plan says so.

    Raises
    ------
    InputError
        No candidate, unknown names, a budget or cost below zero, no target in force.

    Notes
    -----
    What actions do is added up, which is exact where no KPI has a transform or a formula; the probability of
    the chosen set is that of running its actions together.
    """
    when = _period(cascade, history, period)
    where = unit or cascade.roots()[0].id
    if objective not in ("probability", "value"):
        raise one_problem("objective", f"'{objective}' is not known; use probability or value")
    _check(cascade, where, budget, costs or {})
    horizon = when.ordinal - history.periods[-1].ordinal
    prepared = prepare_what_if(
        cascade,
        history,
        links,
        horizon=horizon,
        units=where,
        inconclusive=inconclusive,
        draws=draws,
        seed=seed,
    )
    candidates = _candidates(prepared, actions, costs or {})
    paths = [_path(prepared, [action]) for action in candidates.actions]
    goals = _goals(prepared, where, targets, paths)
    candidates, paths = _moving(candidates, paths, goals)
    whole = _program(prepared, candidates, goals, paths, objective, worth)
    solver = _Solver(whole, _thinned(whole), budget, candidates)
    table = solver.table(prepared, goals)
    chosen = [candidates.actions[place] for place in np.flatnonzero(solver.best.chosen)]
    without = whole.gap <= 0
    together = _distances(goals, _path(prepared, chosen)) >= 0 if chosen else without
    return ActionPlan(
        cascade=cascade,
        budget=float(budget),
        unit=where,
        period=period_text(when),
        goals=goals,
        objective=objective,
        together=solver.together,
        probability=_all_met(together),
        probability_without=_all_met(without),
        number_met=float(together.sum(axis=0).mean()),
        number_met_without=float(without.sum(axis=0).mean()),
        value=float(whole.worth[solver.best.chosen].sum()),
        table=table,
        points=solver.frontier(),
        draws=draws,
        seed=seed,
        n_inconclusive=prepared.dynamics.count("inconclusive"),
    )


def _all_met(met: np.ndarray) -> float:
    """Return the share of draws in which every goal is met, shape (goals, draws); NaN without goals."""
    return float(met.all(axis=0).mean()) if len(met) else float("nan")


class _Solver:
    """The program, solved for the budget, for others along the frontier, and with each rejected action forced in."""

    def __init__(self, whole: Program, thinned: Program, budget: float, candidates: _Candidates):
        self.whole, self.budget, self.candidates = whole, budget, candidates
        first = choose(thinned, Demands(budget))
        self.together = not thinned.goals or thinned.share(first.chosen) > 0
        if not self.together:
            each = tuple((goal,) for goal in range(len(whole.gap)))
            thinned, self.whole = replace(thinned, goals=each), replace(whole, goals=each)
            first = choose(thinned, Demands(budget))
        self.program, self.best = thinned, first

    def score(self, chosen: np.ndarray) -> float:
        """Return what a choice achieves over all draws."""
        return self.whole.share(chosen) if self.whole.goals else float(self.whole.worth[chosen].sum())

    def table(self, prepared: WhatIf, goals: tuple[Goal, ...]) -> pd.DataFrame:
        """Return one row per action: chosen or not, what it costs, what it does alone, and why not."""
        rows: list[tuple[object, ...]] = []
        for place, action in enumerate(self.candidates.actions):
            alone = np.arange(len(self.candidates.actions)) == place
            chosen = bool(self.best.chosen[place])
            rows.append((
                action.id, action.name, chosen, float(self.candidates.cost[place]), action.status,
                self.score(alone), self.score(alone) - self.score(alone & False),
                self._why_chosen(place) if chosen else self._why_not(place),
            ))  # fmt: skip
        cascade = prepared.cascade
        for action_id, why in self.candidates.unfit.items():
            action = cascade.named("actions", action_id)
            cost = float("nan") if action.cost is None else float(action.cost)
            rows.append((action_id, action.name, False, cost, action.status, float("nan"), float("nan"), why))
        return pd.DataFrame(rows, columns=COLUMNS)

    def frontier(self) -> pd.DataFrame:
        """Return what each budget buys, without the points that cost more and achieve no more."""
        total = float(self.candidates.cost.sum())
        budgets = sorted({0.0, self.budget, *np.linspace(0, total, FRONTIER_POINTS)})
        rows: list[tuple[float, float, int, str]] = []
        best = -np.inf
        for budget in budgets:
            choice = choose(self.program, Demands(budget))
            score, cost = self.score(choice.chosen), float(self.candidates.cost[choice.chosen].sum())
            if choice.feasible and (score > best + NOTICEABLE or not rows):
                names = [self.candidates.actions[place].id for place in np.flatnonzero(choice.chosen)]
                rows.append((cost, score, len(names), ", ".join(names)))
                best = score
        return pd.DataFrame(rows, columns=FRONTIER_COLUMNS).drop_duplicates("cost", keep="last")

    def _why_chosen(self, place: int) -> str:
        without = choose(self.program, Demands(self.budget, {place: False}))
        lost = self.score(self.best.chosen) - self.score(without.chosen)
        return (
            f"without it {self._said(self.score(without.chosen))}"
            if lost > NOTICEABLE
            else "needed by another"
        )

    def _why_not(self, place: int) -> str:
        """Say why an action is rejected: by its cost, by others, or by what the best plan with it achieves."""
        cost, action = self.candidates.cost[place], self.candidates.actions[place]
        if cost > self.budget:
            return f"costs {number(float(cost))}, more than the whole budget of {number(float(self.budget))}"
        forced = choose(self.program, Demands(self.budget, {place: True}))
        if not forced.feasible:
            return f"what it requires ({', '.join(action.requires)}) cannot be had within the budget"
        with_it, best = self.score(forced.chosen), self.score(self.best.chosen)
        ruled_out = [
            self.candidates.actions[other].id
            for pair in self.program.excludes
            for other in pair
            if place in pair and other != place and self.best.chosen[other]
        ]
        reason = f"excludes {', '.join(ruled_out)}, which is chosen; " if ruled_out else ""
        if best - with_it <= NOTICEABLE:
            return f"{reason}adds nothing: {self._said(with_it)} with it at best"
        return f"{reason}the best plan with it: {self._said(with_it)} instead of {self._said(best)}"

    def _said(self, score: float) -> str:
        if not self.whole.goals:
            return f"a value of {number(score)}"
        if self.together:
            return f"{100 * score:.1f} %"
        return f"{number(score * len(self.whole.gap))} targets met"


def _candidates(prepared: WhatIf, actions: Iterable[str] | None, costs: Mapping[str, float]) -> _Candidates:
    """Sort out which actions can be planned: initiatives with a cost and a promise, ahead of history."""
    cascade = prepared.cascade
    last = prepared.history.periods[-1]
    known = [action.id for action in cascade.actions]
    asked = None if actions is None else tuple(actions)
    stop_on(
        Problem("actions", f"unknown action '{name}'; {did_you_mean(name, known)}")
        for name in (*(asked or ()), *costs)
        if name not in known
    )
    if asked is None:
        ahead = [a for a in cascade.actions if a.kind == "initiative" and cascade.period(a.start) > last]
    else:
        ahead = [cascade.named("actions", name) for name in asked]
    if not ahead:
        raise one_problem(
            "actions",
            f"no initiative starts after {period_text(last)}, where history ends; plan one in cascade.yaml "
            "(start, cost, expects), or name candidates with actions=",
        )
    fit, unfit = [], {}
    for action in ahead:
        cost = costs.get(action.id, action.cost)
        reason = _unfit(prepared, action, cost)
        if reason:
            unfit[action.id] = reason
        else:
            fit.append(action.model_copy(update={"cost": cost}))
    names = {action.id for action in fit}
    for action in list(fit):
        lacking = [other for other in action.requires if other not in names]
        if lacking:
            unfit[action.id] = f"requires {', '.join(lacking)}, which is no candidate"
            fit.remove(action)
    return _Candidates(tuple(fit), np.array([float(a.cost or 0) for a in fit]), unfit)


def _unfit(prepared: WhatIf, action: Action, cost: float | None) -> str:
    if cost is None:
        return "its cost is not known: write it in cascade.yaml or pass costs="
    if not action.expects:
        return "it promises nothing: write under expects which KPI it moves"
    try:
        prepared.read(None, action.id)
    except InputError as error:
        return str(error.problems[0])
    return ""


def _path(prepared: WhatIf, actions: Iterable[Action]) -> dict[str, np.ndarray]:
    """Return the draws of every KPI that some actions reach, at the last period and the unit asked for."""
    interventions = [one for action in actions for one in of_action(prepared.cascade, action.id)]
    deviations = prepared.system.run(interventions)
    place = [p for p, unit in enumerate(prepared.baseline.units) if unit in prepared.shown][0]
    outcomes = prepared.system.outcomes(deviations, list(deviations))
    return {kpi: outcome[-1, place] for kpi, outcome in outcomes.items()}


def _goals(
    prepared: WhatIf, unit: str, targets: Iterable[str] | None, paths: list[dict[str, np.ndarray]]
) -> tuple[Goal, ...]:
    cascade, place = prepared.cascade, prepared.baseline.units.index(unit)
    known = [kpi.id for kpi in cascade.kpis]
    asked = None if targets is None else ((targets,) if isinstance(targets, str) else tuple(targets))
    stop_on(
        Problem("targets", f"unknown KPI '{name}'; {did_you_mean(name, known)}")
        for name in asked or ()
        if name not in known
    )
    moved = {kpi for path in paths for kpi in path}
    found = []
    for kpi in asked or [name for name in known if name in moved]:
        target = float(prepared.targets(kpi)[-1, place])
        if np.isfinite(target):
            still = prepared.system.outcomes({}, [kpi])[kpi][-1, place]
            found.append(Goal(cascade.kpi(kpi), target, still))
        elif asked:
            raise one_problem("targets", f"'{kpi}' has no target in force at {unit} then; set one in targets")
    if not found:
        raise one_problem("targets", f"none of the candidates moves a KPI with a target in force at {unit}")
    return tuple(found)


def _moving(
    candidates: _Candidates, paths: list[dict[str, np.ndarray]], goals: tuple[Goal, ...]
) -> tuple[_Candidates, list[dict[str, np.ndarray]]]:
    """Set aside candidates that move none of the targets and that no other requires."""
    needed = {other for action in candidates.actions for other in action.requires}
    kept = [
        place
        for place, action in enumerate(candidates.actions)
        if action.id in needed or any(goal.kpi.id in paths[place] for goal in goals)
    ]
    idle = {
        a.id: "no arrow leads from it to a target" for p, a in enumerate(candidates.actions) if p not in kept
    }
    actions = tuple(candidates.actions[place] for place in kept)
    return _Candidates(actions, candidates.cost[kept], candidates.unfit | idle), [
        paths[place] for place in kept
    ]


def _program(
    prepared: WhatIf,
    candidates: _Candidates,
    goals: tuple[Goal, ...],
    paths: list[dict[str, np.ndarray]],
    objective: Objective,
    worth: Mapping[str, float] | None,
) -> Program:
    still = _distances(goals, {})
    gain = np.array([_distances(goals, path) - still for path in paths]).reshape(len(paths), *still.shape)
    place = {action.id: position for position, action in enumerate(candidates.actions)}
    pairs = {
        name: tuple(
            (place[action.id], place[other])
            for action in candidates.actions
            for other in getattr(action, name)
            if other in place
        )
        for name in ("requires", "excludes")
    }
    together = (tuple(range(len(goals))),) if objective == "probability" else ()
    value = _worth(prepared, goals, gain, paths, worth)
    return Program(candidates.cost, -still, gain, value, together, pairs["requires"], pairs["excludes"])


def _distances(goals: tuple[Goal, ...], path: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return by how much each goal is met in each draw, shape (G, R); negative is missing."""
    return np.array([goal.distance(path.get(goal.kpi.id, goal.still)) for goal in goals])


def _worth(
    prepared: WhatIf,
    goals: tuple[Goal, ...],
    gain: np.ndarray,
    paths: list[dict[str, np.ndarray]],
    worth: Mapping[str, float] | None,
) -> np.ndarray:
    """Return the expected value of each action: money where a unit has a worth, else the share of the gaps closed."""
    if worth is None:
        gaps = np.array([max(-float(np.median(goal.distance(goal.still))), 0.0) for goal in goals])
        open_gaps = gaps > 0
        if not open_gaps.any():
            return np.zeros(len(gain))
        closed = np.median(gain[:, open_gaps], axis=2) / gaps[open_gaps]
        return np.asarray(np.minimum(closed, 1.0).mean(axis=1))
    cascade, place = (
        prepared.cascade,
        [p for p, u in enumerate(prepared.baseline.units) if u in prepared.shown][0],
    )
    found = np.zeros(len(paths))
    for kpi_id, price in worth.items():
        if cascade.named("kpis", kpi_id) is None:
            known = [kpi.id for kpi in cascade.kpis]
            raise one_problem("worth", f"unknown KPI '{kpi_id}'; {did_you_mean(kpi_id, known)}")
        sign = -1.0 if cascade.kpi(kpi_id).better == "lower" else 1.0
        still = prepared.system.outcomes({}, [kpi_id])[kpi_id][-1, place]
        for position, path in enumerate(paths):
            if kpi_id in path:
                found[position] += sign * price * float(np.median(path[kpi_id] - still))
    return found


def _thinned(program: Program) -> Program:
    """Keep some of the draws, evenly spread, for the integer program."""
    n_draws = program.gap.shape[1]
    kept = np.unique(np.linspace(0, n_draws - 1, min(PROGRAM_DRAWS, n_draws)).astype(int))
    return replace(program, gap=program.gap[:, kept], gain=program.gain[:, :, kept])


def _period(cascade: Cascade, history: History, period: object) -> pd.Period:
    last = history.periods[-1]
    try:
        when = last + cascade.periods_per_year if period is None else cascade.period(period)
    except ValueError as error:
        raise one_problem("period", str(error)) from error
    if when <= last:
        raise one_problem("period", f"{period_text(when)} is not ahead: history ends in {period_text(last)}")
    return when


def _check(cascade: Cascade, unit: str, budget: Any, costs: Mapping[str, float]) -> None:
    problems = []
    units = [each.id for each in cascade.units]
    if unit not in units:
        problems.append(Problem("unit", f"unknown unit '{unit}'; {did_you_mean(unit, units)}"))
    if not _is_amount(budget):
        problems.append(Problem("budget", f"is {budget}; write an amount of 0 or more"))
    for name, cost in costs.items():
        if not _is_amount(cost):
            problems.append(Problem("costs", f"'{name}' costs {cost}; write an amount of 0 or more"))
    stop_on(problems)


def _is_amount(value: object) -> bool:
    return isinstance(value, Real) and 0 <= float(value) < np.inf
