"""Objectives against their priorities: where KPI weights, action budgets and bonus money go."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.nouns import Action, Objective
from kpilab.problems import Problem, did_you_mean, stop_on

OBJECTIVE_COLUMNS = [
    "objective", "level", "supports", "status", "n_supported_by", "n_kpis", "priority",
    "weight_share", "budget", "budget_share", "bonus_share",
]  # fmt: skip
NOT_STATED = float("nan")


def objective_rows(cascade: Cascade, bonus: Mapping[str, float] | None = None) -> list[list[object]]:
    """Return one row per objective, in the order of `OBJECTIVE_COLUMNS`.

    Shares are of the objectives of the same level, 0–1, and NaN where nothing is stated: no weight, no cost,
    no bonus. Of dated weights the last counts. Budget and bonus of an objective include those of the objectives
    that support it.
    """
    _check_bonus(cascade, bonus)
    budget = _with_supporters(cascade, budget_by_objective(cascade))
    money = _with_supporters(cascade, dict(bonus)) if bonus else {}
    weights = {o.id: weight for o in cascade.objectives if (weight := _last_weight(cascade, o)) is not None}
    shares = [_shares(cascade, amounts) for amounts in (weights, budget, money)]
    n_kpis: dict[str, int] = defaultdict(int)
    for kpi in cascade.kpis:
        served = cascade.objective_of(kpi)
        n_kpis[served.id if served else ""] += 1
    return [
        [
            o.id, level_of(cascade, o), o.supports or "", support_status(cascade, o),
            len(supporters(cascade, o)), n_kpis[o.id], o.priority, shares[0].get(o.id, NOT_STATED),
            budget.get(o.id, 0.0), shares[1].get(o.id, NOT_STATED), shares[2].get(o.id, NOT_STATED),
        ]
        for o in cascade.objectives
    ]  # fmt: skip


def inversions(
    cascade: Cascade, bonus: Mapping[str, float] | None = None
) -> Iterator[tuple[str, str, str, float, float]]:
    """Yield (kind of share, objective, less important objective that gets most more, the two shares).

    Priority 1 comes first. Only objectives of the same level are compared.
    """
    table = pd.DataFrame(objective_rows(cascade, bonus), columns=OBJECTIVE_COLUMNS)
    table = table[table["priority"].notna()]
    for kind in ("weight_share", "budget_share", "bonus_share"):
        for _, group in table[table[kind].notna()].groupby("level", sort=False):
            for row in group.to_dict("records"):
                rivals = group[(group["priority"] > row["priority"]) & (group[kind] > row[kind] + 1e-9)]
                if len(rivals):
                    most = rivals.loc[rivals[kind].idxmax()]
                    yield (
                        kind,
                        str(row["objective"]),
                        str(most["objective"]),
                        float(row[kind]),
                        float(most[kind]),
                    )


def level_of(cascade: Cascade, objective: Objective) -> str:
    """Return the level of an objective; one that states none belongs to the top."""
    return objective.level or cascade.levels[0]


def supporters(cascade: Cascade, objective: Objective) -> tuple[Objective, ...]:
    """Return the objectives that support an objective directly."""
    return tuple(other for other in cascade.objectives if other.supports == objective.id)


def support_status(cascade: Cascade, objective: Objective) -> str:
    """Return ``top``, ``traced``, or what is wrong: ``missing``, ``wrong level``, ``circular``."""
    if objective.id in upward_path(cascade, objective):
        return "circular"
    above = cascade.named("objectives", objective.supports)
    rank = cascade.levels.index(level_of(cascade, objective))
    if above is None:
        return "missing" if rank else "top"
    return "traced" if cascade.levels.index(level_of(cascade, above)) < rank else "wrong level"


def upward_path(cascade: Cascade, objective: Objective) -> tuple[str, ...]:
    """Return the objectives above one, nearest first; ends at the top or where a circle closes."""
    path: list[str] = []
    above = cascade.named("objectives", objective.supports)
    while above is not None and above.id not in path:
        path.append(above.id)
        above = cascade.named("objectives", above.supports)
    return tuple(path)


def budget_by_objective(cascade: Cascade) -> dict[str, float]:
    """Return the cost of actions per objective; ``""`` holds what reaches none.

    An action serves the objectives of the KPIs it expects to move, else those of its process's KPIs, each an
    equal part.
    """
    budget: dict[str, float] = defaultdict(float)
    for action in cascade.actions:
        served = objectives_of_action(cascade, action) or ("",)
        for objective in served:
            budget[objective] += (action.cost or 0.0) / len(served)
    return dict(budget)


def objectives_of_action(cascade: Cascade, action: Action) -> tuple[str, ...]:
    """Return the objectives that an action serves."""
    moved = [cascade.named("kpis", kpi_id) for kpi_id in action.expects]
    if not moved and action.process is not None:
        moved = [kpi for kpi in cascade.kpis if kpi.process == action.process]
    served = [cascade.objective_of(kpi) for kpi in moved if kpi is not None]
    return tuple(dict.fromkeys(objective.id for objective in served if objective is not None))


def _last_weight(cascade: Cascade, objective: Objective) -> float | None:
    """Return the weight of an objective; of dated ones the last."""
    if not isinstance(objective.weight, tuple):
        return objective.weight
    return max(objective.weight, key=lambda dated: cascade.period(dated.start)).weight


def _with_supporters(cascade: Cascade, amounts: Mapping[str, float]) -> dict[str, float]:
    """Add to each objective what goes to the objectives that support it, directly or through others."""
    total = dict(amounts)
    for objective in cascade.objectives:
        for above in upward_path(cascade, objective):
            if above != objective.id:
                total[above] = total.get(above, 0.0) + amounts.get(objective.id, 0.0)
    return total


def _shares(cascade: Cascade, amounts: Mapping[str, float]) -> dict[str, float]:
    """Return shares within each level; a level in which nothing is stated has none."""
    shares: dict[str, float] = {}
    for level in cascade.levels:
        ids = [o.id for o in cascade.objectives if level_of(cascade, o) == level]
        total = sum(amounts.get(objective, 0.0) for objective in ids)
        if total > 0:
            shares |= {objective: amounts.get(objective, 0.0) / total for objective in ids}
    return shares


def _check_bonus(cascade: Cascade, bonus: Mapping[str, float] | None) -> None:
    known = [objective.id for objective in cascade.objectives]
    problems = []
    for objective, amount in (bonus or {}).items():
        if objective not in known:
            hint = did_you_mean(objective, known)
            problems.append(Problem("bonus", f"unknown objective '{objective}'; {hint}"))
        elif not 0 <= amount < float("inf"):
            problems.append(Problem("bonus", f"'{objective}' gets {amount}; give an amount of 0 or more"))
    stop_on(problems)
