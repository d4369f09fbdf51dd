"""What is weak between the levels: goals that lead nowhere, priorities without weight or money, orphaned KPIs."""

from collections.abc import Iterator, Mapping

from kpilab.model.cascade import Cascade
from kpilab.model.levers import Levers
from kpilab.model.nouns import Kpi
from kpilab.model.priorities import (
    budget_by_objective,
    inversions,
    level_of,
    support_status,
    supporters,
    upward_path,
)
from kpilab.model.tracing import Paths
from kpilab.problems import Finding
from kpilab.show import count_of, listed

_SHARE_OF = {
    "weight_share": ("priority_against_weights", "the weight", "weights"),
    "budget_share": ("priority_against_budget", "the budget", "budgets"),
    "bonus_share": ("priority_against_bonus", "the bonus money", "bonus money"),
}


def findings(cascade: Cascade, bonus: Mapping[str, float] | None = None) -> list[Finding]:
    """List what is weak between the levels of a cascade.

    Parameters
    ----------
    cascade : Cascade
    bonus : mapping of objective to number, optional
        Bonus money per objective, as amounts or shares.
    """
    found = [*_goals(cascade), *_goals_not_carried_down(cascade), *_priorities(cascade, bonus)]
    return [*found, *_stray_budget(cascade), *_untraced_kpis(cascade), *_without_lever(cascade)]


def _goals(cascade: Cascade) -> Iterator[Finding]:
    for objective in cascade.objectives:
        where = cascade.where("objectives", objective.id, "supports")
        named = f"objective '{objective.id}' of level '{level_of(cascade, objective)}'"
        status = support_status(cascade, objective)
        above = cascade.named("objectives", objective.supports)
        if status == "missing":
            remedy = "name in `supports` the objective of a level above that it serves"
            yield Finding("warning", "objective_untraced", where, f"{named} supports none above", remedy)
        elif status == "circular":
            what = f"objectives support each other in a circle: {objective.id} > "
            what += " > ".join(upward_path(cascade, objective))
            yield Finding("error", "objective_circle", where, what, "let the highest of them support none")
        elif status == "wrong level" and above is not None:
            what = f"{named} supports '{above.id}', which is of level '{level_of(cascade, above)}'"
            remedy = "let it support an objective of a level above, or correct one of the two levels"
            yield Finding("error", "objective_wrong_level", where, what, remedy)


def _goals_not_carried_down(cascade: Cascade) -> Iterator[Finding]:
    """Report goals that no lower level takes up: neither an objective below nor a KPI that exists below."""
    lowest = max((cascade.levels.index(level_of(cascade, o)) for o in cascade.objectives), default=0)
    for objective in cascade.objectives:
        rank = cascade.levels.index(level_of(cascade, objective))
        if rank >= lowest or supporters(cascade, objective):
            continue
        served = [k for k in cascade.kpis if (o := cascade.objective_of(k)) and o.id == objective.id]
        deepest = max((cascade.levels.index(cascade.levels_of(kpi)[-1]) for kpi in served), default=-1)
        if served and deepest <= rank:
            what = f"objective '{objective.id}' stops at level '{cascade.levels[rank]}'"
            what += ": no objective below supports it and none of its KPIs exists below"
            where = cascade.where("objectives", objective.id)
            remedy = "give a lower level an objective that supports it, or a KPI"
            yield Finding("warning", "objective_not_carried_down", where, what, remedy)


def _priorities(cascade: Cascade, bonus: Mapping[str, float] | None) -> Iterator[Finding]:
    for kind, objective, rival, own, other in inversions(cascade, bonus):
        rule, share, plural = _SHARE_OF[kind]
        first, second = (cascade.named("objectives", each) for each in (objective, rival))
        what = (
            f"objective '{objective}' has priority {first.priority} and {100 * own:.0f} % of {share}; "
            f"'{rival}' has priority {second.priority} and {100 * other:.0f} %"
        )
        where = cascade.where("objectives", objective, "priority")
        yield Finding("warning", rule, where, what, f"change the priorities, or the {plural}")


def _stray_budget(cascade: Cascade) -> Iterator[Finding]:
    budget = budget_by_objective(cascade)
    stray, total = budget.get("", 0.0), sum(budget.values())
    if stray > 0 and cascade.objectives:
        what = f"{100 * stray / total:.0f} % of the budget of actions ({stray:,.0f}) reaches no objective"
        remedy = "say under `expects` which KPIs the actions move, or give them a process that carries KPIs"
        yield Finding("warning", "budget_without_objective", cascade.where("actions"), what, remedy)


def _untraced_kpis(cascade: Cascade) -> Iterator[Finding]:
    paths = Paths(cascade)
    for kpi in cascade.kpis:
        where = cascade.where("kpis", kpi.id)
        places = [place for place in paths.graph if place[0] == kpi.id]
        for _, level in filter(paths.is_orphan, places):
            what = f"kpi '{kpi.id}' of level '{level}' leads to no KPI above"
            remedy = "give it a parent, draw its link, or let it exist at the level above"
            yield Finding("warning", "kpi_orphan", where, what, remedy)
        for _, level in filter(paths.is_blind_spot, places):
            below = cascade.levels[cascade.levels.index(level) + 1]
            what = (
                f"kpi '{kpi.id}' is not carried below level '{level}': no KPI of level '{below}' leads to it"
            )
            remedy = "cascade it further, or give it a child or a cause there; leave it if nobody below can move it"
            yield Finding("note", "kpi_blind_spot", where, what, remedy)


def _without_lever(cascade: Cascade) -> Iterator[Finding]:
    """Report KPIs that somebody answers for but cannot move: the owner, or those to whom it is copied."""
    levers = Levers(cascade)
    for kpi in cascade.kpis:
        where = cascade.where("kpis", kpi.id, "owner")
        knowable = kpi.process is not None or levers.graph.in_degree(kpi.id) > 0
        if kpi.owner is not None and knowable and not levers.of_owner(kpi.owner, kpi):
            what = f"'{kpi.owner}' owns kpi '{kpi.id}' but no process, action or link path that moves it"
            remedy = (
                "name an owner who can move it, or say what this one does: an action, a link, a procedure"
            )
            yield Finding("warning", "owner_without_lever", where, what, remedy)
        yield from _same_for_all(cascade, kpi)
        yield from _copied(cascade, levers, kpi)


def _same_for_all(cascade: Cascade, kpi: Kpi) -> Iterator[Finding]:
    """Report a KPI that has, by definition, one value for all units of a level, copied to each of them."""
    same = {name for name, rule in cascade.measures.items() if rule.across == "same"}
    if not _measures(kpi) <= same:
        return
    for level in cascade.levels_of(kpi):
        units = cascade.units_at(level)
        if len(units) > 1:
            what = f"kpi '{kpi.id}' has the same value at all {len(units)} units of level '{level}'"
            what += ": none of them can move it alone"
            remedy = "keep it at the level above, and give these units a KPI of their own that leads to it"
            yield Finding("warning", "kpi_copied", cascade.where("kpis", kpi.id, "levels"), what, remedy)


def _copied(cascade: Cascade, levers: Levers, kpi: Kpi) -> Iterator[Finding]:
    """Report a KPI copied down to people at the end of the line who have nothing to move it with.

    Whoever has units of the KPI below answers for people, not for the number alone: that is a lever.
    """
    for level in cascade.levels_of(kpi)[1:]:
        held = [
            unit
            for unit in cascade.units_at(level)
            if unit.owner is not None
            and not any(child.level in cascade.levels_of(kpi) for child in cascade.children(unit.id))
            and unit.owner != kpi.owner
            and not levers.of_owner(unit.owner, kpi)
        ]
        if held and not levers.has_driver(kpi, level):
            people = listed([unit.owner for unit in held if unit.owner], most=3)
            what = f"kpi '{kpi.id}' is copied to {count_of(len(held), 'unit')} of level '{level}' ({people})"
            what += ", where no process, action or link moves it"
            remedy = "drop it at that level, or add the KPI there through which these people move it"
            yield Finding("warning", "kpi_copied", cascade.where("kpis", kpi.id, "levels"), what, remedy)


def _measures(kpi: Kpi) -> set[str]:
    """Return the measures of a KPI's own definition; a formula has none that can be told here."""
    if kpi.ratio:
        return {kpi.ratio.of, kpi.ratio.per}
    if kpi.mean:
        return {kpi.mean.of}
    return {f"= {kpi.formula}" if kpi.formula else str(getattr(kpi, kpi.kind))}
