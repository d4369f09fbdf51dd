"""Which KPI leads to which across the levels, upward and back: `kl.trace`.

A KPI at a level is carried upward by four things: the same KPI one level up, its ``parent``, a formula it is
part of, and a link to another KPI. What is not carried to any level above is an *orphan*; what nothing below
leads to is a *blind spot*.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import networkx as nx
import pandas as pd

from kpilab.model.cascade import Cascade
from kpilab.model.formula import formula_names
from kpilab.model.nouns import Kpi
from kpilab.model.priorities import OBJECTIVE_COLUMNS, objective_rows
from kpilab.show import Result, count_of, listed

COLUMNS = [
    "kpi", "level", "status", "above", "above_by", "below", "below_by", "n_units", "objective", "owner",
]  # fmt: skip

Place: TypeAlias = tuple[str, str]  # a KPI and a level


@dataclass(frozen=True, eq=False)
class Trace(Result):
    """Every KPI at every level with what it leads to above and what leads to it below.

    `tidy()` has ``kpi, level, status`` (traced, orphan, blind spot, orphan and blind spot), ``above, above_by,
    below, below_by`` (the nearest KPIs at other levels or beside it, and what joins them), ``n_units, objective,
    owner``; `objectives()` has one row per objective, with priority, weight, budget and bonus money.
    """

    cascade: Cascade
    table: pd.DataFrame
    bonus: Mapping[str, float] | None = None

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the name of the cascade."""
        return f"{self.cascade.name}: trace across levels"

    def tidy(self) -> pd.DataFrame:
        """Return one row per KPI and level, top down."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: how many KPIs and levels, how many orphans and blind spots."""
        return pd.DataFrame(
            {
                "n_kpis": [self.table["kpi"].nunique()],
                "n_levels": [self.table["level"].nunique()],
                "n_orphans": [len(self.orphans())],
                "n_blind_spots": [len(self.blind_spots())],
            }
        )

    @property
    def text(self) -> str:
        """Return how much is traced, then the orphans and the blind spots."""
        n_traced = int((self.table["status"] == "traced").sum())
        lines = [
            f"{n_traced} of {count_of(len(self.table), 'row')} (a KPI at a level) are traced up and down."
        ]
        for name, rows in (
            ("Orphans, leading to nothing above", self.orphans()),
            ("Blind spots, with nothing below that leads to them", self.blind_spots()),
        ):
            if len(rows):
                lines.append(f"{name}: {listed([_said(pair) for pair in _places(rows)], most=8)}.")
        return "\n".join(lines)

    def at(self, level: str) -> "Trace":
        """Return the rows of one level.

        Raises
        ------
        InputError
            When the cascade has no such level.
        """
        rows = self.table[self.table["level"] == self.cascade.known_level(level)].reset_index(drop=True)
        return Trace(self.cascade, rows, self.bonus)

    def orphans(self) -> pd.DataFrame:
        """Return the KPIs that lead to nothing at any level above."""
        return self.table[self.table["status"].str.contains("orphan")].reset_index(drop=True)

    def blind_spots(self) -> pd.DataFrame:
        """Return the KPIs that nothing at any level below leads to."""
        return self.table[self.table["status"].str.contains("blind spot")].reset_index(drop=True)

    def objectives(self) -> pd.DataFrame:
        """Return one row per objective: level, what it supports, KPIs, priority, weight, budget, bonus money."""
        return pd.DataFrame(objective_rows(self.cascade, self.bonus), columns=OBJECTIVE_COLUMNS)


def trace(cascade: Cascade, *, bonus: Mapping[str, float] | None = None) -> Trace:
    """Trace every KPI to the levels above and below it, and every objective to the one it supports.

    Parameters
    ----------
    cascade : Cascade
    bonus : mapping of objective to number, optional
        Bonus money per objective, as amounts or shares, for the table of objectives.

    Returns
    -------
    Trace

    Raises
    ------
    InputError
        When `bonus` names an objective that the cascade does not have, or a negative amount.
    """
    objective_rows(cascade, bonus)
    paths = Paths(cascade)
    rows = [paths.row(kpi, level) for level in cascade.levels for kpi in paths.kpis_at(level)]
    return Trace(cascade, pd.DataFrame(rows, columns=COLUMNS), bonus)


@dataclass(frozen=True)
class Paths:
    """The graph of KPIs at levels; an edge points to what a KPI leads to."""

    cascade: Cascade

    @cached_property
    def graph(self) -> nx.DiGraph:
        """Return the graph; nodes are pairs of KPI and level, edges say ``by`` what they lead."""
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_nodes_from((kpi.id, level) for kpi in self.cascade.kpis for level in self._levels_of(kpi))
        for below, above, by in self._steps():
            if not graph.has_edge(below, above):
                graph.add_edge(below, above, by=by)
        return graph

    def kpis_at(self, level: str) -> Iterator[Kpi]:
        """Return the KPIs that exist at a level that has units."""
        return (kpi for kpi in self.cascade.kpis if (kpi.id, level) in self.graph)

    def is_orphan(self, place: Place) -> bool:
        """Tell whether a KPI below the top leads to nothing at any level above."""
        rank = self._ranks[place[1]]
        return rank > min(self._ranks_in_use, default=rank) and not any(
            self._ranks[level] < rank for _, level in nx.descendants(self.graph, place)
        )

    def is_blind_spot(self, place: Place) -> bool:
        """Tell whether a KPI above the lowest level has nothing at any level below that leads to it."""
        rank = self._ranks[place[1]]
        return rank < max(self._ranks_in_use, default=rank) and not any(
            self._ranks[level] > rank for _, level in nx.ancestors(self.graph, place)
        )

    def row(self, kpi: Kpi, level: str) -> list[object]:
        """Return the row of `Trace.tidy()`."""
        place = (kpi.id, level)
        found = [
            word
            for word, there in (
                ("orphan", self.is_orphan(place)),
                ("blind spot", self.is_blind_spot(place)),
            )
            if there
        ]
        above = [(other, self.graph.edges[place, other]["by"]) for other in self.graph.successors(place)]
        below = [(other, self.graph.edges[other, place]["by"]) for other in self.graph.predecessors(place)]
        objective = self.cascade.objective_of(kpi)
        return [
            kpi.id, level, " and ".join(found) or "traced", *_joined(above), *_joined(below),
            len(self.cascade.units_at(level)), objective.id if objective else "", kpi.owner or "",
        ]  # fmt: skip

    def _steps(self) -> Iterator[tuple[Place, Place, str]]:
        for kpi in self.cascade.kpis:
            levels = self._levels_of(kpi)
            for upper, lower in zip(levels, levels[1:], strict=False):
                yield (kpi.id, lower), (kpi.id, upper), "same KPI"
            if kpi.parent is not None:
                yield from self._to(kpi.id, kpi.parent, "parent")
            for name in formula_names(kpi.formula) if kpi.formula else ():
                yield from self._to(name, kpi.id, "formula")
        for link in self.cascade.links:
            yield from self._to(link.cause, link.effect, "link", link.at)

    def _to(
        self, source: str, target: str, by: str, at: str | None = None
    ) -> Iterator[tuple[Place, Place, str]]:
        """Join a KPI at each of its levels to another at the same level, or at the nearest one above."""
        ends = [self.cascade.named("kpis", kpi_id) for kpi_id in (source, target)]
        if None in ends or source == target:
            return
        there = self._levels_of(ends[1])
        for level in self._levels_of(ends[0]):
            reachable = [upper for upper in there if self._ranks[upper] <= self._ranks[level]]
            if reachable and at in (None, level):
                yield (source, level), (target, reachable[-1]), by

    def _levels_of(self, kpi: Kpi) -> tuple[str, ...]:
        return tuple(level for level in self.cascade.levels_of(kpi) if self.cascade.units_at(level))

    @cached_property
    def _ranks(self) -> dict[str, int]:
        return {level: position for position, level in enumerate(self.cascade.levels)}

    @cached_property
    def _ranks_in_use(self) -> frozenset[int]:
        return frozenset(self._ranks[level] for kpi in self.cascade.kpis for level in self._levels_of(kpi))


def _joined(steps: list[tuple[Place, str]]) -> tuple[str, str]:
    return ", ".join(_said(place) for place, _ in steps), ", ".join(dict.fromkeys(by for _, by in steps))


def _places(rows: pd.DataFrame) -> list[Place]:
    return list(zip(rows["kpi"], rows["level"], strict=True))


def _said(place: Place) -> str:
    return f"{place[0]} at {place[1]}"
