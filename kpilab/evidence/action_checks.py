"""What is wrong with the actions before anything is estimated: they reach no KPI, no objective, no history.

And the other way round: KPIs that miss their target where no initiative works on them.
"""

from collections.abc import Iterator

from kpilab.evidence.action_data import level_of
from kpilab.evidence.action_rivals import SPANS, downstream, kpis_of
from kpilab.evidence.regress.linear import NotEstimable
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Action
from kpilab.model.periods import period_text
from kpilab.problems import Finding
from kpilab.scorecard.rollup import roll_up
from kpilab.show import count_of, listed


def findings(cascade: Cascade, history: History | None = None) -> list[Finding]:
    """List actions that reach no KPI, no objective, or begin where history does not."""
    steps = [_without_kpi, _without_objective, _out_of_reach]
    found = [finding for step in steps for finding in step(cascade)]
    if history is None:
        return found
    return [*found, *_outside_history(cascade, history), *_red_without_action(cascade, history)]


def _where(cascade: Cascade, action: Action, key: str = "") -> str:
    return cascade.where("actions", action.id, key) if key else cascade.where("actions", action.id)


def _without_kpi(cascade: Cascade) -> Iterator[Finding]:
    for action in cascade.actions:
        if not kpis_of(cascade, action):
            what = f"action '{action.id}' expects nothing to move, and no KPI belongs to its process"
            remedy = "add expects: {kpi: change}, or name a process that has KPIs"
            yield Finding("warning", "action_without_kpi", _where(cascade, action), what, remedy)


def _without_objective(cascade: Cascade) -> Iterator[Finding]:
    """Report initiatives whose KPIs serve no objective, themselves or along the map."""
    for action in cascade.actions:
        moved = kpis_of(cascade, action)
        if action.kind != "initiative" or not moved:
            continue
        reached = [cascade.kpi(kpi) for kpi in sorted(downstream(cascade, moved))]
        if not any(cascade.objective_of(kpi) for kpi in reached):
            what = f"action '{action.id}' moves {listed(moved)}, from where no objective is reached"
            remedy = "draw the links that lead to an objective, or ask what the action is for"
            yield Finding("warning", "action_without_objective", _where(cascade, action), what, remedy)


def _out_of_reach(cascade: Cascade) -> Iterator[Finding]:
    for action in cascade.actions:
        for kpi_id in (*kpis_of(cascade, action), *action.unaffected):
            try:
                level_of(cascade, action, cascade.kpi(kpi_id))
            except NotEstimable as error:
                what = f"action '{action.id}' cannot be seen in it: {error}"
                remedy = "expect a KPI of its own level, or give the KPI that level"
                key = (
                    "expects"
                    if kpi_id in action.expects
                    else "unaffected"
                    if kpi_id in action.unaffected
                    else ""
                )
                yield Finding("warning", "action_out_of_reach", _where(cascade, action, key), what, remedy)


def _outside_history(cascade: Cascade, history: History) -> Iterator[Finding]:
    """Report actions that history cannot judge, because it begins too late or ends too early."""
    spans = SPANS[cascade.frequency]
    first, last = period_text(history.periods[0]), period_text(history.periods[-1])
    for action in cascade.actions:
        row = history.position(cascade.period(action.start))
        where = _where(cascade, action, "start")
        if row < spans.fewest_before:
            what = f"action '{action.id}' starts in {action.start}, history in {first}: nothing to compare it with"
            remedy = f"add history: {spans.fewest_before} periods before the start are the least"
            yield Finding("warning", "action_before_history", where, what, remedy)
        elif row > len(history.periods) - spans.fewest_after:
            what = f"action '{action.id}' starts in {action.start}, history ends in {last}: it cannot be judged yet"
            remedy = f"judge it {spans.fewest_after} periods after its start at the earliest"
            yield Finding("note", "action_after_history", where, what, remedy)


def _red_without_action(cascade: Cascade, history: History) -> Iterator[Finding]:
    """Report KPIs that miss their target at units which no initiative for them, begun and not ended, reaches."""
    if not cascade.actions:
        return
    card = roll_up(cascade, history)
    missed = card.table[card.table["status"] == "missed"]
    at_work = _at_work(cascade, history)
    for kpi_id, rows in missed.groupby("kpi", sort=False):
        covered = frozenset().union(*(units for kpis, units in at_work if kpi_id in kpis))
        alone = [str(unit) for unit in rows["unit"] if unit not in covered]
        if alone:
            units = count_of(len(alone), "unit")
            what = f"kpi '{kpi_id}' misses its target at {units} ({listed(alone, most=3)}) in {card.span}, "
            what += "and no initiative moves it there"
            remedy = "start one, or say under expects of an action that it moves this KPI"
            yield Finding(
                "warning", "red_kpi_without_action", cascade.where("kpis", str(kpi_id)), what, remedy
            )


def _at_work(cascade: Cascade, history: History) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return, for each initiative not ended before history does, the KPIs it moves and the units it reaches.

    What an initiative does below a unit it does for that unit too.
    """
    found = []
    for action in cascade.actions:
        over = action.end is not None and cascade.period(action.end) < history.periods[-1]
        if action.kind != "initiative" or over:
            continue
        below = cascade.with_descendants(action.units or [root.id for root in cascade.roots()])
        found.append((downstream(cascade, kpis_of(cascade, action)), cascade.with_ancestors(below)))
    return found
