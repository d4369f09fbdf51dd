"""Who can move what: an owner's levers on a KPI, so that nobody answers for a number they cannot influence."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import networkx as nx

from kpilab.model.cascade import Cascade
from kpilab.model.formula import formula_names
from kpilab.model.nouns import Kpi


@dataclass(frozen=True)
class Levers:
    """What each owner holds that moves a KPI.

    A lever is: a process or one of its procedures, an action, line authority over whoever runs the process, or
    a path of links, formulas and parents that begins at a KPI on which one of these is held.
    """

    cascade: Cascade

    def of_owner(self, owner: str, kpi: Kpi) -> str:
        """Return the lever that an owner has on a KPI, ``""`` when there is none."""
        direct = self._direct(owner, kpi)
        if direct:
            return direct
        for cause in sorted(nx.ancestors(self.graph, kpi.id)):
            if self._direct(owner, self.cascade.kpi(cause)):
                return f"path from {cause}"
        return ""

    def has_driver(self, kpi: Kpi, level: str) -> bool:
        """Tell whether something at a level moves a KPI there: an earlier KPI, or that it is an activity itself."""
        causes = (self.cascade.kpi(cause) for cause in self.graph.predecessors(kpi.id))
        return kpi.timing == "leading" or any(level in self.cascade.levels_of(cause) for cause in causes)

    @cached_property
    def graph(self) -> nx.DiGraph:
        """Return which KPI moves which: links, formulas, children to parents."""
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_nodes_from(kpi.id for kpi in self.cascade.kpis)
        graph.add_edges_from(
            (cause, effect) for cause, effect in self._arrows() if {cause, effect} <= set(graph)
        )
        return graph

    def _arrows(self) -> Iterator[tuple[str, str]]:
        yield from ((link.cause, link.effect) for link in self.cascade.links)
        for kpi in self.cascade.kpis:
            if kpi.parent is not None:
                yield kpi.id, kpi.parent
            yield from ((name, kpi.id) for name in (formula_names(kpi.formula) if kpi.formula else ()))

    def _direct(self, owner: str, kpi: Kpi) -> str:
        process = self.cascade.named("processes", kpi.process)
        if process is not None:
            runners = {process.owner, *(procedure.owner for procedure in process.procedures)}
            if owner in runners:
                return f"process {process.id}"
            if any(self._stands_above(owner, runner) for runner in runners):
                return f"authority over process {process.id}"
        for action in self.cascade.actions:
            reaches = kpi.id in action.expects or (process is not None and action.process == process.id)
            if action.owner == owner and reaches:
                return f"action {action.id}"
        return ""

    def _stands_above(self, owner: str, other: str | None) -> bool:
        """Tell whether an owner's unit is the top of the organisation or stands above another owner's unit."""
        own = self.cascade.named("owners", owner)
        if own is None or own.unit is None or other is None:
            return False
        if any(root.id == own.unit for root in self.cascade.roots()):
            return True
        below = self.cascade.named("owners", other)
        return below is not None and below.unit in self.cascade.with_descendants([own.unit]) - {own.unit}
