"""The line from an action to the top: along which arrows, how strong, how late, on what evidence."""

from collections.abc import Mapping
from itertools import islice

import networkx as nx
import pandas as pd

from kpilab.decisions.interventions import Intervention, of_action
from kpilab.decisions.scenario import Scenario
from kpilab.decisions.whatif import what_if
from kpilab.evidence.links import LinkResult, LinkResults
from kpilab.model.cascade import Cascade
from kpilab.model.history import History
from kpilab.model.nouns import Action
from kpilab.problems import did_you_mean, one_problem
from kpilab.scorecard.panels import part_names

COLUMNS = [
    "action", "kpi", "objective", "reaches", "path", "n_arrows", "strength", "lag_from", "lag_to", "evidence",
]  # fmt: skip
MOST_PATHS = 200
LONGEST_PATH = 8
_WEAKEST_FIRST = ("contradicted", "untestable", "inconclusive", "supported", "arithmetic")


def action_paths(cascade: Cascade, links: LinkResults, *, action: str | None = None) -> pd.DataFrame:
    """List the paths of actions along the map to every objective.

    Parameters
    ----------
    cascade : Cascade
    links : LinkResults
    action : str, optional
        Default: every action that promises something.

    Returns
    -------
    DataFrame
        One row per path: the action, the KPI it moves, the objective and the KPI through which it is reached,
        the path, the product of the tested direct effects along it (``strength``: of the last KPI per unit of the
        first, on the scale of the links; NaN where an arrow has no estimate or is arithmetic), its delay in
        periods, and its weakest evidence. An action that reaches no objective has one row without one.

    Raises
    ------
    InputError
        When there is no such action.
    """
    chosen = [a for a in cascade.actions if a.expects and action in (None, a.id)]
    if action is not None and cascade.named("actions", action) is None:
        known = [a.id for a in cascade.actions]
        raise one_problem("action", f"unknown action '{action}'; {did_you_mean(action, known)}")
    graph = _graph(cascade, links)
    rows = [row for one in chosen for row in _paths_of(cascade, graph, one)]
    return pd.DataFrame(rows, columns=COLUMNS)


def action_scenarios(
    cascade: Cascade, history: History, links: LinkResults, *, horizon: int = 12, unit: str | None = None
) -> Mapping[str, Scenario]:
    """Run every action that promises something, one scenario each, for `strategy_map(…, scenario=…)`.

    An action whose start lies in the past is run as if it began with the next period, and its scenario says so.
    Computed KPIs among what it promises are left to their parts.
    """
    found = {}
    where = unit or cascade.roots()[0].id
    first = history.periods[-1] + 1
    for action in cascade.actions:
        promised = of_action(cascade, action.id) if action.expects else []
        changes = [
            _within(one.anew(cascade, first), cascade) for one in promised if not cascade.kpi(one.kpi).formula
        ]
        if changes:
            found[action.name] = what_if(cascade, history, links, changes, horizon=horizon, units=where)
    return found


def _within(change: Intervention, cascade: Cascade) -> Intervention:
    """Forget an end that lies before the start: what is over is shown as if it ran for good."""
    over = (
        change.began
        and change.end
        and cascade.period(change.end) < cascade.period(change.start or change.end)
    )
    return change.model_copy(update={"end": None}) if over else change


def _graph(cascade: Cascade, links: LinkResults) -> nx.DiGraph:
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(kpi.id for kpi in cascade.kpis)
    for result in links:
        graph.add_edge(result.cause, result.effect, result=result)
    for kpi in cascade.kpis:
        for part in part_names(kpi) if kpi.formula else ():
            if cascade.named("kpis", part) and part != kpi.id:
                graph.add_edge(part, kpi.id, result=None)
    return graph


def _paths_of(cascade: Cascade, graph: nx.DiGraph, action: Action) -> list[list[object]]:
    rows: list[list[object]] = []
    for start in action.expects:
        for end in [start, *sorted(nx.descendants(graph, start))]:
            objective = cascade.objective_of(cascade.kpi(end))
            if objective is None:
                continue
            ways = [[start]] if end == start else nx.all_simple_paths(graph, start, end, cutoff=LONGEST_PATH)
            rows += [
                [action.id, start, objective.id, end, *_facts(graph, way)] for way in islice(ways, MOST_PATHS)
            ]
    nothing = [action.id, ", ".join(action.expects), "", "", "", 0, float("nan"), 0, 0, ""]
    return rows or [nothing]


def _facts(graph: nx.DiGraph, way: list[str]) -> list[object]:
    """Return path, arrows, strength, delay and evidence."""
    results: list[LinkResult | None] = [
        graph.edges[a, b]["result"] for a, b in zip(way, way[1:], strict=False)
    ]
    strength, first, last = 1.0, 0, 0
    for result in results:
        strength *= float("nan") if result is None else result.estimate
        first += result.link.lag[0] if result else 0
        last += result.link.lag[1] if result else 0
    verdicts = [result.verdict if result else "arithmetic" for result in results]
    weakest = min(verdicts, key=_WEAKEST_FIRST.index) if verdicts else "promised"
    return [" → ".join(way), len(results), strength, first, last, weakest]
