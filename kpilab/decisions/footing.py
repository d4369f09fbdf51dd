"""What a KPI rests on: the way from it to an objective, and what history says of it.

A KPI that is itself the outcome of an objective, or adds up to one, needs no evidence: *arithmetic*. Any other
rests on arrows, and a way is as good as its weakest arrow; of several ways the best one counts. A KPI from
which no arrow leads to an outcome is *untested*: nobody has even claimed why it should matter.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import networkx as nx

from kpilab.model.cascade import Cascade
from kpilab.model.formula import formula_names
from kpilab.model.nouns import Kpi
from kpilab.scorecard.kpi_quality import TestedLink

Footing = Literal["arithmetic", "supported", "inconclusive", "untested", "contradicted"]
FOOTINGS: tuple[Footing, ...] = get_args(Footing)
_OF_VERDICT: dict[str, Footing] = {
    "supported": "supported",
    "inconclusive": "inconclusive",
    "contradicted": "contradicted",
    "untestable": "untested",
}


@dataclass(frozen=True)
class Basis:
    """What one KPI rests on.

    Attributes
    ----------
    footing : {"arithmetic", "supported", "inconclusive", "untested", "contradicted"}
        That of the weakest arrow on the best way.
    path : tuple of str
        KPIs from this one to an outcome; only itself where it is one, empty where no way leads there.
    objective : str
        Id of the objective reached, ``""`` for none.
    """

    footing: Footing
    path: tuple[str, ...]
    objective: str


def bases(cascade: Cascade, links: Iterable[TestedLink] | None) -> dict[str, Basis]:
    """Find, for every KPI, the best-founded way to the outcome of an objective.

    Parameters
    ----------
    cascade : Cascade
    links : LinkResults, optional
        Without them every arrow is untested.

    Returns
    -------
    dict of KPI id to Basis
    """
    footing = arrows(cascade, links)
    outcomes = outcome_kpis(cascade)
    found: dict[str, Basis] = {}
    for rank, best in enumerate(FOOTINGS):
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_nodes_from(kpi.id for kpi in cascade.kpis)
        graph.add_edges_from(edge for edge, each in footing.items() if FOOTINGS.index(each) <= rank)
        for kpi in cascade.kpis:
            if kpi.id not in found and (path := _nearest(graph, kpi.id, outcomes)):
                found[kpi.id] = Basis(best, path, outcomes[path[-1]])
    return {kpi.id: found.get(kpi.id, Basis("untested", (), "")) for kpi in cascade.kpis}


def arrows(cascade: Cascade, links: Iterable[TestedLink] | None) -> dict[tuple[str, str], Footing]:
    """Return what each arrow of the map rests on; one assumed at several levels on the best of its verdicts."""
    verdicts: dict[tuple[str, str], list[Footing]] = {}
    for tested in links or ():
        verdicts.setdefault((tested.cause, tested.effect), []).append(_OF_VERDICT[tested.verdict])
    footing: dict[tuple[str, str], Footing] = {}
    for link in cascade.links:
        each = verdicts.get((link.cause, link.effect), ["untested"])
        footing[(link.cause, link.effect)] = min(each, key=FOOTINGS.index)
    known = {kpi.id for kpi in cascade.kpis}
    for kpi in cascade.kpis:
        parts = formula_names(kpi.formula) if kpi.formula else ()
        footing |= {(part, kpi.id): "arithmetic" for part in parts if part in known and part != kpi.id}
    return footing


def outcome_kpis(cascade: Cascade) -> dict[str, str]:
    """Return the KPIs in which objectives are read off, with the objective: the lagging ones.

    An objective none of whose KPIs is called lagging is read off in those from which no arrow leads on.
    """
    serving: dict[str, list[Kpi]] = {}
    for kpi in cascade.kpis:
        objective = cascade.objective_of(kpi)
        if objective is not None:
            serving.setdefault(objective.id, []).append(kpi)
    leading_on = {link.cause for link in cascade.links}
    found: dict[str, str] = {}
    for objective_id, kpis in serving.items():
        lagging = [kpi for kpi in kpis if kpi.timing == "lagging"]
        ends = lagging or [kpi for kpi in kpis if kpi.timing is None and kpi.id not in leading_on]
        found |= {kpi.id: objective_id for kpi in ends}
    return found


def _nearest(graph: nx.DiGraph, start: str, goals: dict[str, str]) -> tuple[str, ...]:
    """Return the shortest way from a KPI to any outcome; of equally short ones the first in order."""
    ways = nx.single_source_shortest_path(graph, start)
    reached = [tuple(ways[goal]) for goal in goals if goal in ways]
    return min(reached, key=len) if reached else ()
